"""Which recipe runs on what: tasks, made from raw frames by the match tables."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from hcvo.errors import AssociationError
from hcvo.model.frame import RawFrame
from hcvo.model.observation import is_science, observation_id, observation_key, opening_frame
from reduce.block import warnings_of
from reduce.desk import Desk, GroupPlan
from reduce.instruments import sphere_irdis_match as irdis
from reduce.irdis_tasks import tasks_of
from reduce.match import FrameGroup, Index
from reduce.same_star import by_star
from reduce.task import Made, Raw, Task

__all__ = ["GroupPlan", "Made", "Plan", "Raw", "Task", "plan", "same_target"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks, why some science frames have none, and how each group came by its calibrations.

    Attributes
    ----------
    tasks : tuple[Task, ...]
        In no particular order.
    refusals : tuple[str, ...]
        Science groups that lack what they cannot do without.
    groups : tuple[GroupPlan, ...]
        What was chosen, rejected and missed for each science group.
    left : tuple[str, ...]
        Science frames of modes that are archived, not reduced.
    """

    tasks: tuple[Task, ...]
    refusals: tuple[str, ...]
    groups: tuple[GroupPlan, ...] = ()
    left: tuple[str, ...] = ()


def same_target(frame: RawFrame, target: str) -> bool:
    """True if the frame is of that target: case, blanks and punctuation do not count."""
    wanted = _plain(target)
    return wanted in (_plain(frame.target_name), _plain(str(frame.cards.get("OBJECT", ""))))


def plan(frames: Sequence[RawFrame], target: str | None = None) -> Plan:
    """Associate every IRDIS science group with its calibrations.

    Parameters
    ----------
    frames : Sequence[RawFrame]
        All there is: science and calibrations, of any class.
    target : str | None
        Only this target's science frames.

    Returns
    -------
    Plan
        Tasks; a refusal for each science group that lacks a calibration it cannot do without; for each group
        what was chosen, rejected and missed; what is left alone.
    """
    index = Index(frames)
    groups = index.groups(irdis.SCIENCE)
    wanted = [group for group in groups if target is None or same_target(group.frames[0], target)]
    left = tuple(_left_alone(frames, target))
    for line in left:
        structlog.get_logger().info("left alone", frames=line)
    if not wanted:
        return Plan((), (_nothing(groups, frames, target),), left=left)
    blocks = _Blocks(frames)
    tasks: dict[str, Task] = {}
    planned = []
    for group in wanted:
        made, account = _planned(group, index, blocks)
        tasks.update((task.key, task) for task in made)
        planned.append(account)
    refusals = tuple(account.refusal for account in planned if account.refusal)
    return Plan(tuple(tasks.values()), refusals, tuple(planned), left)


class _Blocks:
    """Frames by the execution of the observing block they were taken in."""

    def __init__(self, frames: Sequence[RawFrame]) -> None:
        self._found: dict[str, list[RawFrame]] = {}
        for frame in frames:
            if frame.category == "SCIENCE" or is_science(frame):
                self._found.setdefault(observation_key(frame), []).append(frame)

    def of(self, frame: RawFrame) -> list[RawFrame]:
        """All frames of a frame's block and arm, itself among them, in order of time."""
        found = sorted(self._found[observation_key(frame)], key=lambda other: (other.mjd_obs, other.dp_id))
        return next(group for group in by_star(found) if frame in group)


def _planned(group: FrameGroup, index: Index, blocks: _Blocks) -> tuple[list[Task], GroupPlan]:
    """Tasks of one science group, and its account."""
    block = blocks.of(group.frames[0])
    opening = opening_frame(block)
    name = opening.obs_id or observation_id(opening.instrument, opening.arm, opening.ob_id, opening.mjd_obs)
    warnings = warnings_of(group, block)
    for warning in warnings:
        structlog.get_logger().warning("sequence", observation=name, warning=warning)
    desk = Desk(index, group, irdis.BEST_OF_PLAN)
    try:
        return tasks_of(desk, opening), desk.report(name, warnings)
    except AssociationError as error:
        return [], desk.report(name, warnings, str(error))


def _left_alone(frames: Sequence[RawFrame], target: str | None) -> Iterator[str]:
    """Science of other modes and arms, by class."""
    found: dict[str, list[RawFrame]] = {}
    for frame in frames:
        other = is_science(frame) and frame.frame_class not in irdis.SCIENCE_TAGS
        if other and (target is None or same_target(frame, target)):
            found.setdefault(frame.frame_class, []).append(frame)
    for tag, members in sorted(found.items()):
        first = min(members, key=lambda frame: (frame.mjd_obs, frame.dp_id))
        yield f"{len(members)} {tag} from {first.dp_id}: only {' and '.join(irdis.SCIENCE_TAGS)} are reduced"


def _nothing(groups: Sequence[FrameGroup], frames: Sequence[RawFrame], target: str | None) -> str:
    """Why there is nothing to do: what was looked for, and what there is."""
    of_whom = f" of {target!r}" if target else ""
    known = sorted({group.frames[0].target_name for group in groups})
    counts = Counter(frame.frame_class for frame in frames)
    classes = ", ".join(f"{count} {tag}" for tag, count in sorted(counts.items())) or "none"
    there_is = f"there is {', '.join(known)}" if known else f"wanted {' or '.join(irdis.SCIENCE_TAGS)}"
    return f"no IRDIS imaging science frames{of_whom} among {len(frames)} frames ({classes}); {there_is}"


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "", name).casefold()
