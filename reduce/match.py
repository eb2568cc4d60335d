"""How well a calibration fits: grades of a table, frames indexed once, and the choice among what there is.

The rule, in this order:

1. the lower match level wins;
2. at equal level the class that stands first in the table (SKY before instrument background before dark, the
   order in which ESO's workflow lists its alternatives);
3. where a grade lets a number differ (``Grade.nearest``), the nearest number;
4. the nearest in time: hours between the beginning of a calibration and the span of what is calibrated;
5. more files; the earlier; the name. So the choice does not depend on the order in which frames come.

Frames are sorted into groups once a class, and the groups into drawers by the fields that every grade wants
equal: a choice looks into one drawer, and no farther in time than the most lenient grade reaches.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from hcvo.model.frame import RawFrame
from reduce.match_words import conditions, difference, shortage, time_words
from reduce.same_star import by_star

__all__ = ["Choice", "Class", "DataSource", "Decision", "FrameGroup", "Grade", "Index", "Rejection", "Span"]

_DIT_TOLERANCE_S = 0.02  # ESO's and the SPHERE data centre's: same DIT within 20 ms
_TOLD = 4  # groups of a class that are named with the reason why they are not taken


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
        Fields of RawFrame that must be equal; none is equal to nothing.
    nearest : str
        A number of RawFrame that may differ; the nearest is preferred. '' for none.
    """

    level: int
    hours: float
    keys: tuple[str, ...]
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class Class:
    """A class of frames that can serve, how its frames are grouped, and its grades, best first.

    Frames grouped by observing block that are of none are grouped by their star: `reduce.same_star`.
    """

    tag: str
    group_by: tuple[str, ...]
    grades: tuple[Grade, ...]


@dataclass(frozen=True, slots=True)
class DataSource:
    """A calibration that a task needs.

    Attributes
    ----------
    name : str
        In words.
    classes : tuple[Class, ...]
        What can serve, in order of preference.
    minimum : int
        Files in a group, at least.
    differing : str
        A number of RawFrame of which the group must hold so many different values; '' for none.
    without : int | None
        Match level of a product made without it; None where it cannot be made.
    """

    name: str
    classes: tuple[Class, ...]
    minimum: int = 1
    differing: str = ""
    without: int | None = None

    def lack(self, group: "FrameGroup") -> str:
        """What a group has too little of, in words; '' when there is enough."""
        return shortage(group.frames, self.minimum, self.differing)


@dataclass(frozen=True, slots=True)
class Span:
    """Frames wanted for their time alone: those begun while the science ran, or so many hours before."""

    name: str
    tag: str
    before_h: float
    without: int = 0


@dataclass(frozen=True)
class FrameGroup:
    """Frames of one class that belong together, in order of time."""

    tag: str
    frames: tuple[RawFrame, ...]

    @cached_property
    def times(self) -> tuple[float, ...]:
        """Beginnings, MJD."""
        return tuple(frame.mjd_obs for frame in self.frames)

    @cached_property
    def end(self) -> float:
        """End of its last frame, MJD."""
        return max(frame.mjd_end for frame in self.frames)

    def hours_from(self, begin: float, end: float) -> float:
        """Hours from a span of time to the nearest beginning of a frame; 0 for one within it."""
        after = bisect_left(self.times, begin)
        if after < len(self.times) and self.times[after] <= end:
            return 0.0
        before = begin - self.times[after - 1] if after else math.inf
        behind = self.times[after] - end if after < len(self.times) else math.inf
        return min(before, behind) * 24.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The calibration chosen, the match level it reaches, and how far it lies from the science, hours."""

    group: FrameGroup
    level: int
    hours: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """A group that could serve by its class but was not taken.

    Attributes
    ----------
    tag, first : str
        Class, and name of its first frame.
    files : int
        How many.
    reasons : tuple[str, ...]
        Why not, in words that name frames and values.
    differs : tuple[str, ...]
        The same in words that name none: fields that are unequal, 'time', 'files'; empty for one that fits.
    """

    tag: str
    first: str
    files: int
    reasons: tuple[str, ...]
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.files} {self.tag} from {self.first} rejected: {', '.join(self.reasons)}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one need.

    Attributes
    ----------
    source : DataSource
        What was needed.
    wanted : RawFrame
        First frame of what is to be calibrated.
    choice : Choice | None
        The best that fits; None when nothing does.
    rejected : tuple[Rejection, ...]
        The nearest in time of each class that were not taken, and why.
    more : int
        Others, farther away, that were not taken either.
    """

    source: DataSource
    wanted: RawFrame
    choice: Choice | None
    rejected: tuple[Rejection, ...]
    more: int

    def reason(self) -> str:
        """Why nothing fits, in words."""
        there_is = "; ".join(map(str, self.rejected)) or "there is none at all"
        more = f"; and {self.more} more" if self.more else ""
        first = self.wanted
        what = f"{first.dp_id} ({first.frame_class}, {first.filter}, DIT {first.dit_s:g} s)"
        wanted = " or ".join(self._would_do(kind) for kind in self.source.classes)
        need = f"no {self.source.name} for {what}: wanted {wanted}"
        return f"{need}; {there_is}{more}; add such frames, reduce again"

    def _would_do(self, kind: Class) -> str:
        """Against the most lenient grade."""
        last = kind.grades[-1]
        what = conditions(last.keys, last.hours, self.source.minimum, self.wanted, self.source.differing)
        return f"{kind.tag} ({what})"


class Index:
    """All frames, sorted once.

    Parameters
    ----------
    frames : Iterable[RawFrame]
        Of any class, in any order.
    """

    def __init__(self, frames: Iterable[RawFrame]) -> None:
        self._by_class: dict[str, list[RawFrame]] = {}
        self._shelves: dict[Class, _Shelf] = {}
        for frame in sorted(frames, key=lambda f: (f.mjd_obs, f.dp_id)):
            self._by_class.setdefault(frame.frame_class, []).append(frame)

    def groups(self, source: DataSource) -> list[FrameGroup]:
        """The groups of a data source, in order of class and time."""
        return [group for kind in source.classes for group in self._shelf(kind).groups]

    def of_class(self, tag: str) -> Sequence[RawFrame]:
        """Frames of a class in order of time."""
        return self._by_class.get(tag, ())

    def during(self, span: Span, begin: float, end: float) -> list[RawFrame]:
        """Frames begun in a span of time, MJD, or up to so many hours before it."""
        frames = self.of_class(span.tag)
        low = bisect_left(frames, begin - span.before_h / 24.0, key=_begin)
        return list(frames[low : bisect_right(frames, end, key=_begin)])

    def decide(self, source: DataSource, wanted: FrameGroup) -> Decision:
        """Choose the best calibration for frames that belong together.

        Parameters
        ----------
        source : DataSource
            What is needed.
        wanted : FrameGroup
            What is to be calibrated; its first frame stands for all.

        Returns
        -------
        Decision
            The choice, or None, and what was rejected.
        """
        first, begin, end = wanted.frames[0], wanted.times[0], wanted.end
        ranked: list[tuple[_Rank, FrameGroup, float]] = []
        for place, kind in enumerate(source.classes):
            for group in self._shelf(kind).within_reach(first, begin, end):
                hours = group.hours_from(begin, end)
                grade = _grade(kind, group, first, hours)
                if grade is not None and not source.lack(group):
                    ranked.append((_rank(grade, place, group, first, hours), group, hours))
        ranked.sort(key=lambda entry: entry[0])
        choice = Choice(ranked[0][1], ranked[0][0][0], ranked[0][2]) if ranked else None
        rejected, more = self._rejected(source, first, (begin, end), ranked)
        return Decision(source, first, choice, tuple(rejected), more)

    def level_of(self, source: DataSource, group: FrameGroup, wanted: FrameGroup) -> int | None:
        """Match level at which a group that was chosen already fits other frames; None where it does not."""
        hours = group.hours_from(wanted.times[0], wanted.end)
        for kind in source.classes:
            if kind.tag == group.tag:
                grade = _grade(kind, group, wanted.frames[0], hours)
                return None if grade is None else grade.level
        return None

    def _rejected(
        self,
        source: DataSource,
        first: RawFrame,
        span: tuple[float, float],
        ranked: Sequence[tuple["_Rank", FrameGroup, float]],
    ) -> tuple[list[Rejection], int]:
        """The nearest of each class that were not taken; how many others there are."""
        fitting = {id(group): (rank, hours) for rank, group, hours in ranked}
        told: list[Rejection] = []
        total = 0
        for kind in source.classes:
            shelf = self._shelf(kind)
            total += len(shelf.groups)
            near = (group for group in shelf.nearest(*span) if not ranked or group is not ranked[0][1])
            for group in islice(near, _TOLD):
                if id(group) in fitting:
                    why = {"": _beaten(*fitting[id(group)], ranked[0])}
                else:
                    why = _why_not(source, kind, group, first, group.hours_from(*span))
                name, differs = group.frames[0].dp_id, tuple(filter(None, why))
                told.append(Rejection(kind.tag, name, len(group.frames), tuple(why.values()), differs))
        return told, total - len(told) - bool(ranked)

    def _shelf(self, kind: Class) -> "_Shelf":
        if kind not in self._shelves:
            self._shelves[kind] = _Shelf(kind, self.of_class(kind.tag))
        return self._shelves[kind]


_Rank = tuple[int, int, float, float, int, float, str]
"""Level, place of the class, distance of the number that may differ, hours, -files, begin, name."""


class _Shelf:
    """Groups of one class: all in order of time, and in drawers by what every grade wants equal."""

    def __init__(self, kind: Class, frames: Sequence[RawFrame]) -> None:
        found: dict[tuple[object, ...], list[RawFrame]] = {}
        for frame in frames:
            parts = tuple(_rounded(getattr(frame, name)) for name in kind.group_by)
            found.setdefault(parts, []).append(frame)
        parted = list(found.values())
        if "ob_id" in kind.group_by:
            parted = [star for members in parted for star in by_star(members)]
        self.groups = [FrameGroup(kind.tag, tuple(members)) for members in parted]
        self.groups.sort(key=lambda group: (group.times[0], group.frames[0].dp_id))
        self._begins = [group.times[0] for group in self.groups]
        self._longest = max((group.times[-1] - group.times[0] for group in self.groups), default=0.0)
        self._reach = max((grade.hours for grade in kind.grades), default=0.0) / 24.0
        wanted = [set(grade.keys) for grade in kind.grades]
        shared = set.intersection(*wanted) if wanted else set()
        self._labels = tuple(sorted(shared - {"dit_s"}))  # equal within a tolerance, so no label
        self._drawers: dict[tuple[object, ...], list[FrameGroup]] = {}
        for group in self.groups:
            label = tuple(getattr(group.frames[0], key) for key in self._labels)
            self._drawers.setdefault(label, []).append(group)

    def within_reach(self, wanted: RawFrame, begin: float, end: float) -> Sequence[FrameGroup]:
        """Groups that the most lenient grade might let pass."""
        drawer = self._drawers.get(tuple(getattr(wanted, key) for key in self._labels), [])
        low = bisect_left(drawer, begin - self._reach - self._longest, key=_group_begin)
        return drawer[low : bisect_right(drawer, end + self._reach, key=_group_begin)]

    def nearest(self, begin: float, end: float) -> Iterable[FrameGroup]:
        """All groups, by and large the nearest in time first."""
        middle = (begin + end) / 2
        right = bisect_left(self._begins, middle)
        left = right - 1
        while left >= 0 or right < len(self.groups):
            before = middle - self._begins[left] if left >= 0 else math.inf
            behind = self._begins[right] - middle if right < len(self.groups) else math.inf
            if before < behind:
                yield self.groups[left]
                left -= 1
            else:
                yield self.groups[right]
                right += 1


def _begin(frame: RawFrame) -> float:
    return frame.mjd_obs


def _group_begin(group: FrameGroup) -> float:
    return group.times[0]


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _grade(kind: Class, group: FrameGroup, wanted: RawFrame, hours: float) -> Grade | None:
    for grade in kind.grades:
        if hours <= grade.hours and not _unequal(grade.keys, group.frames[0], wanted):
            return grade
    return None


def _rank(grade: Grade, place: int, group: FrameGroup, wanted: RawFrame, hours: float) -> _Rank:
    first = group.frames[0]
    apart = abs(getattr(first, grade.nearest) - getattr(wanted, grade.nearest)) if grade.nearest else 0.0
    return grade.level, place, apart, hours, -len(group.frames), first.mjd_obs, first.dp_id


def _unequal(keys: Sequence[str], frame: RawFrame, wanted: RawFrame) -> list[str]:
    return [key for key in keys if not _same(getattr(frame, key), getattr(wanted, key))]


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, float) and isinstance(wanted, float):
        return abs(found - wanted) <= _DIT_TOLERANCE_S
    return found is not None and found == wanted


def _beaten(rank: _Rank, hours: float, taken: tuple[_Rank, FrameGroup, float]) -> str:
    """Why a group that fits was not taken."""
    best, group, best_hours = taken
    chosen = f"{group.tag} from {group.frames[0].dp_id}"
    if rank[0] > best[0]:
        return f"fits at level {rank[0]}, {chosen} at level {best[0]}"
    if rank[1] > best[1]:
        return f"fits at level {rank[0]} as {chosen} does, whose class is preferred"
    if rank[2] > best[2]:
        return f"fits at level {rank[0]}, {chosen} is nearer in what may differ"
    if rank[3] > best[3]:
        return f"fits at level {rank[0]}, {hours:.1f} h away; {chosen} {best_hours:.1f} h"
    return f"fits as well as {chosen}, which has more files or is earlier"


def _why_not(
    source: DataSource, kind: Class, group: FrameGroup, wanted: RawFrame, hours: float
) -> dict[str, str]:
    """Against the most lenient grade: what still does not fit, and how."""
    last, first = kind.grades[-1], group.frames[0]
    reasons = {key: difference(key, first, wanted) for key in _unequal(last.keys, first, wanted)}
    if hours > last.hours:
        reasons["time"] = f"{time_words(hours)} away, at most {time_words(last.hours)}"
    if lack := source.lack(group):
        reasons["files"] = lack
    return reasons
