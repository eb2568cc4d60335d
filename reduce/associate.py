"""Which recipe runs on what: tasks, made from raw frames by the match tables."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hcvo.errors import AssociationError
from hcvo.model.frame import RawFrame
from hcvo.model.observation import is_science, observation_key, opening_frame
from reduce.instruments import sphere_irdis_match as irdis
from reduce.match import Choice, FrameGroup, choose, group_frames

__all__ = ["Made", "Plan", "Raw", "Task", "plan", "same_target"]


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw frame as input, and how well it fits."""

    frame: RawFrame
    level: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """Products of one kind of another task as input, and how well they fit."""

    task: str
    kind: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a recipe to be.

    Attributes
    ----------
    key : str
        Unique in the plan, in words.
    recipe : str
        Name of the recipe.
    inputs : Mapping[str, tuple[Raw | Made, ...]]
        Role to inputs.
    """

    key: str
    recipe: str
    inputs: Mapping[str, tuple[Raw | Made, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks, and why some science frames have none."""

    tasks: tuple[Task, ...]
    refusals: tuple[str, ...]


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
        Tasks in no particular order; a refusal for each science group that lacks a calibration.
    """
    tasks: dict[str, Task] = {}
    refusals: list[str] = []
    groups = group_frames(frames, irdis.SCIENCE)
    wanted = [group for group in groups if target is None or same_target(group.frames[0], target)]
    if not wanted:
        of_whom = f" of {target!r}" if target else ""
        known = sorted({group.frames[0].target_name for group in groups})
        refusals.append(
            f"no IRDIS imaging science frames{of_whom} among {len(frames)} frames"
            + (f"; there is {', '.join(known)}" if known else f"; wanted {' or '.join(irdis.SCIENCE_TAGS)}")
        )
    for group in wanted:
        try:
            needed = _sequence(group, frames)
        except AssociationError as error:
            refusals.append(str(error))
        else:
            tasks.update((task.key, task) for task in needed)
    return Plan(tuple(tasks.values()), tuple(refusals))


def _sequence(group: FrameGroup, frames: Sequence[RawFrame]) -> list[Task]:
    """Tasks of one science group, calibrations first."""
    first = group.frames[0]
    named = (Raw(_names_observation(first, frames)),)
    flat_choice = choose(irdis.FLAT, first, frames)
    background, science_background = _background(first, frames)
    centre_choice = choose(irdis.CENTER, first, frames)
    flux_choice = choose(irdis.FLUX, first, frames)
    centre_dark, centre_background = _background(centre_choice.group.frames[0], frames)
    flux_dark, flux_background = _background(flux_choice.group.frames[0], frames)
    flat_tasks = _flat(flat_choice.group, frames)
    flat = (Made(flat_tasks[-1].key, "flat", flat_choice.level),)
    centre = Task(
        _key("ird_star_centre", centre_choice.group, first),
        "ird_star_centre",
        {"center": _raws(centre_choice), "background": centre_background, "flat": flat, "observation": named},
    )
    psf = Task(
        _key("ird_flux_psf", flux_choice.group, first),
        "ird_flux_psf",
        {
            "flux": _raws(flux_choice),
            "background": flux_background,
            "flat": flat,
            "observation": named,
            "science": (Raw(first),),
        },
    )
    cube = Task(
        _key("ird_level1", group, first),
        "ird_level1",
        {
            "science": tuple(Raw(frame) for frame in group.frames),
            "background": science_background,
            "flat": flat,
            "centres": (Made(centre.key, "centres", centre_choice.level),),
            "psf": (Made(psf.key, "psf", flux_choice.level),),
            "observation": named,
        },
    )
    return [background, centre_dark, flux_dark, *flat_tasks, centre, psf, cube]


def _background(wanted: RawFrame, frames: Sequence[RawFrame]) -> tuple[Task, tuple[Made, ...]]:
    choice = choose(irdis.BACKGROUND, wanted, frames)
    task = Task(_key("ird_master_dark", choice.group), "ird_master_dark", {"dark": _raws(choice)})
    return task, (Made(task.key, "dark", choice.level),)


def _flat(group: FrameGroup, frames: Sequence[RawFrame]) -> list[Task]:
    """The flat and the darks of its DITs; where a DIT has none, the fit's constant stands for it."""
    darks: dict[str, Task] = {}
    made: dict[str, Made] = {}
    for frame in group.frames:
        only_darks = [other for other in frames if other.frame_class == "IRD_DARK_RAW"]
        try:
            task, inputs = _background(frame, only_darks)
        except AssociationError:
            continue
        darks[task.key], made[task.key] = task, inputs[0]
    inputs_by_role: dict[str, tuple[Raw | Made, ...]] = {
        "flat": tuple(Raw(frame) for frame in group.frames),
        "dark": tuple(made.values()),
    }
    return [*darks.values(), Task(_key("ird_master_flat", group), "ird_master_flat", inputs_by_role)]


def _names_observation(first: RawFrame, frames: Sequence[RawFrame]) -> RawFrame:
    """The frame that names the observation, by the catalogue's own rule."""
    key = observation_key(first)
    same = (f for f in frames if f.arm == first.arm and is_science(f) and observation_key(f) == key)
    return opening_frame([first, *same])


def _raws(choice: Choice) -> tuple[Raw, ...]:
    return tuple(Raw(frame, choice.level) for frame in choice.group.frames)


def _key(recipe: str, group: FrameGroup, science: RawFrame | None = None) -> str:
    first = group.frames[0]
    words = [recipe, group.tag, first.dp_id, f"{first.dit_s:g} s", first.filter]
    if science is not None:
        words.append(f"for {science.dp_id}")
    return " ".join(word for word in words if word)


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "", name).casefold()
