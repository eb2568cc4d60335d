"""How well a calibration fits: grades of a table, and the choice among what there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hcvo.errors import AssociationError
from hcvo.model.frame import RawFrame

__all__ = ["Choice", "Class", "DataSource", "FrameGroup", "Grade", "choose", "group_frames"]

_DIT_TOLERANCE_S = 0.02  # ESO's and the SPHERE data centre's: same DIT within 20 ms


@dataclass(frozen=True, slots=True)
class Grade:
    """What reaches a match level.

    Attributes
    ----------
    level : int
        0 calibration plan, 1 certifiable, 2 probably good, 3 risk.
    hours : float
        Largest distance in time.
    keys : tuple[str, ...]
        Fields of RawFrame that must be equal.
    """

    level: int
    hours: float
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Class:
    """A class of frames that can serve, how its frames are grouped, and its grades, best first."""

    tag: str
    group_by: tuple[str, ...]
    grades: tuple[Grade, ...]


@dataclass(frozen=True, slots=True)
class DataSource:
    """A calibration that a task needs, with its classes in order of preference."""

    name: str
    classes: tuple[Class, ...]
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class FrameGroup:
    """Frames of one class that belong together, in order of time."""

    tag: str
    frames: tuple[RawFrame, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The calibration chosen and the match level it reaches."""

    group: FrameGroup
    level: int


def group_frames(frames: Iterable[RawFrame], source: DataSource) -> list[FrameGroup]:
    """Gather the frames that can serve a data source into groups.

    Parameters
    ----------
    frames : Iterable[RawFrame]
        Any frames.
    source : DataSource
        Its classes say which frames, and what parts them.

    Returns
    -------
    list[FrameGroup]
        In order of class and time.
    """
    found: dict[tuple[object, ...], list[RawFrame]] = {}
    order = {kind.tag: (rank, kind) for rank, kind in enumerate(source.classes)}
    for frame in sorted(frames, key=lambda f: (f.mjd_obs, f.dp_id)):
        if frame.frame_class in order:
            rank, kind = order[frame.frame_class]
            parts = tuple(_rounded(getattr(frame, name)) for name in kind.group_by)
            found.setdefault((rank, *parts), []).append(frame)
    groups = [FrameGroup(members[0].frame_class, tuple(members)) for members in found.values()]
    return sorted(groups, key=lambda g: (order[g.tag][0], g.frames[0].mjd_obs))


def choose(source: DataSource, wanted: RawFrame, frames: Iterable[RawFrame]) -> Choice:
    """The best calibration for a frame: lowest level, then class, then nearest in time.

    Parameters
    ----------
    source : DataSource
        What is needed.
    wanted : RawFrame
        The frame to be calibrated.
    frames : Iterable[RawFrame]
        What there is.

    Returns
    -------
    Choice
        A group and its level.

    Raises
    ------
    AssociationError
        If nothing fits; the text names what was rejected and why.
    """
    classes = [kind.tag for kind in source.classes]
    ranked: list[tuple[int, int, float, FrameGroup]] = []
    rejected: list[str] = []
    for group in group_frames(frames, source):
        kind = source.classes[classes.index(group.tag)]
        hours = min(abs(frame.mjd_obs - wanted.mjd_obs) for frame in group.frames) * 24.0
        level = _level(kind, group, wanted, hours)
        if level is None or len(group.frames) < source.minimum:
            rejected.append(_why(source, kind, group, wanted, hours))
        else:
            ranked.append((level, classes.index(group.tag), hours, group))
    if not ranked:
        there_is = "; ".join(rejected) or "there is none at all"
        raise AssociationError(
            f"no {source.name} for {wanted.dp_id} ({wanted.frame_class}, {wanted.filter}, "
            f"DIT {wanted.dit_s:g} s): wanted {' or '.join(classes)}; {there_is}"
        )
    level, _, _, group = min(ranked, key=lambda entry: entry[:3])
    return Choice(group, level)


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _level(kind: Class, group: FrameGroup, wanted: RawFrame, hours: float) -> int | None:
    for grade in kind.grades:
        if hours <= grade.hours and not _unequal(grade.keys, group.frames[0], wanted):
            return grade.level
    return None


def _unequal(keys: Sequence[str], frame: RawFrame, wanted: RawFrame) -> list[str]:
    return [key for key in keys if not _same(getattr(frame, key), getattr(wanted, key))]


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, float) and isinstance(wanted, float):
        return abs(found - wanted) <= _DIT_TOLERANCE_S
    return found is not None and found == wanted


def _why(source: DataSource, kind: Class, group: FrameGroup, wanted: RawFrame, hours: float) -> str:
    """Against the most lenient grade: what still does not fit."""
    last, first = kind.grades[-1], group.frames[0]
    reasons = [
        f"{key} {getattr(first, key)!r} instead of {getattr(wanted, key)!r}"
        for key in _unequal(last.keys, first, wanted)
    ]
    if hours > last.hours:
        reasons.append(f"{hours:.1f} h away, at most {last.hours:g}")
    if len(group.frames) < source.minimum:
        reasons.append(f"{len(group.frames)} files, at least {source.minimum}")
    return f"{len(group.frames)} {group.tag} from {first.dp_id} rejected: {', '.join(reasons)}"
