"""The desk at which one science group gets its calibrations: what was chosen, rejected, and missed."""

from collections.abc import Sequence
from dataclasses import dataclass

from hcvo.model.frame import RawFrame
from reduce.match import Choice, DataSource, Decision, FrameGroup, Index, Rejection, Span

__all__ = ["Chosen", "Desk", "GroupPlan", "Missing", "Rejected"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A calibration that is used.

    Attributes
    ----------
    role : str
        What for: 'background', 'flat', 'center', 'flux background' ...
    tag : str
        Class of its frames.
    files : tuple[str, ...]
        Their names.
    level : int
        Match level.
    hours : float
        From the span of what is calibrated; 0 within it.
    """

    role: str
    tag: str
    files: tuple[str, ...]
    level: int
    hours: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """A calibration that could serve a role by its class and was not taken."""

    role: str
    what: Rejection


@dataclass(frozen=True, slots=True)
class Missing:
    """A calibration that the calibration plan foresees and that is not there, or only a distant one.

    Attributes
    ----------
    role : str
        As in `Chosen`.
    name : str
        The calibration in words.
    wanted : tuple[str, ...]
        Classes of frames that would serve.
    level : int | None
        Match level that a product reaches nevertheless; None: nothing is made.
    reason : str
        What there is, and why it does not do.
    candidates : int
        Groups of those classes, near or far.
    differs : tuple[str, ...]
        In what the nearest of them do not fit: fields, 'time', 'files'.
    dit_s : float
        Of the frames it would calibrate, s.
    """

    role: str
    name: str
    wanted: tuple[str, ...]
    level: int | None
    reason: str
    candidates: int
    differs: tuple[str, ...]
    dit_s: float


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What was planned for one science group, and why.

    Attributes
    ----------
    science : FrameGroup
        Frames that become one cube.
    observation : str
        Name of their observation.
    chosen, rejected, missing : tuple
        The calibrations.
    warnings : tuple[str, ...]
        What an operator should know: an observing block that was aborted.
    refusal : str
        Why nothing is made; '' where something is.
    """

    science: FrameGroup
    observation: str
    chosen: tuple[Chosen, ...]
    rejected: tuple[Rejected, ...]
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...]
    refusal: str

    @property
    def level(self) -> int | None:
        """Match level of the cube: the worst of all that goes into it; None where there is none."""
        if self.refusal:
            return None
        levels = [one.level for one in self.chosen]
        levels += [one.level for one in self.missing if one.level is not None]
        return max(levels, default=0)


class Desk:
    """Finds calibrations for one science group and keeps account.

    Parameters
    ----------
    index : Index
        All frames.
    science : FrameGroup
        The group.
    worst_unreported : int
        A calibration beyond this level is used, and reported as missing.
    """

    def __init__(self, index: Index, science: FrameGroup, worst_unreported: int) -> None:
        self.science = science
        self._index = index
        self._worst_unreported = worst_unreported
        self._chosen: dict[tuple[str, str], Chosen] = {}
        self._rejected: list[Rejected] = []
        self._missing: list[Missing] = []

    def find(self, role: str, source: DataSource, wanted: FrameGroup | None = None) -> Choice | None:
        """The best calibration for a role.

        Parameters
        ----------
        role : str
            What for.
        source : DataSource
            Its table.
        wanted : FrameGroup | None
            What is to be calibrated; None for the science itself.

        Returns
        -------
        Choice | None
            None where nothing fits; what the product cannot be made without is told by `lacking`.
        """
        decision = self._index.decide(source, wanted or self.science)
        self._rejected += [Rejected(role, one) for one in decision.rejected]
        choice = decision.choice
        if choice is None:
            self._miss(role, decision, source.without, decision.reason())
            return None
        names = tuple(frame.dp_id for frame in choice.group.frames)
        self._chosen[role, names[0]] = Chosen(role, choice.group.tag, names, choice.level, choice.hours)
        if choice.level > self._worst_unreported:
            used = f"{choice.group.tag} from {names[0]}, {choice.hours:.1f} h away"
            self._miss(role, decision, choice.level, f"{used}, serves at level {choice.level}")
        return choice

    def _miss(self, role: str, decision: Decision, level: int | None, reason: str) -> None:
        classes = tuple(kind.tag for kind in decision.source.classes)
        candidates = len(decision.rejected) + decision.more + (decision.choice is not None)
        differs = dict.fromkeys(key for one in decision.rejected for key in one.differs)
        name, dit_s = decision.source.name, decision.wanted.dit_s
        self._missing.append(Missing(role, name, classes, level, reason, candidates, tuple(differs), dit_s))

    def during(self, role: str, span: Span) -> list[RawFrame]:
        """Frames wanted for their time; none at all is reported.

        Parameters
        ----------
        role : str
            What for.
        span : Span
            Which.

        Returns
        -------
        list[RawFrame]
            In order of time.
        """
        begin, end = self.science.times[0], self.science.end
        found = self._index.during(span, begin, end)
        if found:
            names = tuple(frame.dp_id for frame in found)
            hours = FrameGroup(span.tag, tuple(found)).hours_from(begin, end)
            self._chosen[role, names[0]] = Chosen(role, span.tag, names, 0, hours)
        else:
            first = self.science.frames[0]
            reason = f"no {span.name} for {first.dp_id}: wanted {span.tag} begun while it ran"
            missing = Missing(role, span.name, (span.tag,), span.without, reason, 0, (), first.dit_s)
            self._missing.append(missing)
        return found

    def lacking(self) -> str:
        """What was looked for, is not there, and without which nothing can be made; '' for nothing."""
        return "; ".join(one.reason for one in self._missing if one.level is None)

    def level_of(self, source: DataSource, choice: Choice, wanted: FrameGroup) -> int:
        """Match level of a choice for other frames of the same sequence; no better than none at all."""
        level = self._index.level_of(source, choice.group, wanted)
        return choice.level if level is None else level

    def report(self, observation: str, warnings: Sequence[str], refusal: str = "") -> GroupPlan:
        """Everything that was found and missed."""
        return GroupPlan(
            self.science,
            observation,
            tuple(self._chosen.values()),
            tuple(self._rejected),
            tuple(self._missing),
            tuple(warnings),
            refusal,
        )
