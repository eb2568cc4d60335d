"""A plan in words and as JSON: what each science group was given, at which level, what not, what it lacks."""

from collections.abc import Iterator, Sequence
from typing import Any

from reduce.associate import Plan
from reduce.desk import Chosen, GroupPlan, Missing, Rejected

__all__ = ["as_json", "as_lines"]


def as_json(planned: Plan, bad: Sequence[str] = ()) -> dict[str, Any]:
    """A plan for programs.

    Parameters
    ----------
    planned : Plan
        The plan.
    bad : Sequence[str]
        Files that were left out, and why.

    Returns
    -------
    dict[str, Any]
        ``groups`` (observation, level, chosen, rejected, missing, warnings, refusal), ``tasks`` (key, recipe,
        number of inputs by role), ``refusals``, ``left`` (science of modes that are not reduced); a level
        null means that nothing is made.
    """
    return {
        "groups": [_group(group) for group in planned.groups],
        "tasks": [
            {
                "key": task.key,
                "recipe": task.recipe,
                "inputs": {role: len(used) for role, used in task.inputs.items()},
            }
            for task in planned.tasks
        ],
        "refusals": [*bad, *planned.refusals],
        "left": list(planned.left),
    }


def as_lines(planned: Plan) -> Iterator[str]:
    """A plan for people, without its refusals.

    Parameters
    ----------
    planned : Plan
        The plan.

    Yields
    ------
    str
        A line for each group, and below it, drawn in, one for each calibration; what is left alone.
    """
    for group in planned.groups:
        yield _head(group)
        yield from (f"  chosen   {_chosen_line(one)}" for one in group.chosen)
        yield from (f"  missing  {_missing_line(one)}" for one in group.missing)
        yield from (f"  rejected {one.role}: {_rejected_line(one)}" for one in group.rejected)
        yield from (f"  warning  {text}" for text in group.warnings)
    yield from (f"left alone: {text}" for text in planned.left)


def _head(group: GroupPlan) -> str:
    first = group.science.frames[0]
    planes = sum(frame.ndit for frame in group.science.frames)
    level = "nothing is made" if group.level is None else f"match level {group.level}"
    what = f"{first.filter}, {first.dit_s:g} s, {first.coronagraph or 'no coronagraph'}, {first.nd_filter}"
    size = f"{len(group.science.frames)} files, {planes} planes"
    return f"{group.observation} {first.target_name}: {what}, {size}: {level}"


def _chosen_line(one: Chosen) -> str:
    return (
        f"{one.role}: level {one.level}, {len(one.files)} {one.tag} from {one.files[0]}, "
        f"{one.hours:.1f} h from it"
    )


def _missing_line(one: Missing) -> str:
    made = "nothing is made" if one.level is None else f"level {one.level}"
    return f"{one.role}: {made}: {one.reason}"


def _rejected_line(one: Rejected) -> str:
    return str(one.what).replace(" rejected: ", ": ", 1)


def _group(group: GroupPlan) -> dict[str, Any]:
    first = group.science.frames[0]
    return {
        "observation": group.observation,
        "target": first.target_name,
        "night": first.night.isoformat(),
        "filter": first.filter,
        "dit_s": first.dit_s,
        "coronagraph": first.coronagraph,
        "nd_filter": first.nd_filter,
        "derotator_mode": first.derotator_mode,
        "science": [frame.dp_id for frame in group.science.frames],
        "planes": sum(frame.ndit for frame in group.science.frames),
        "level": group.level,
        "chosen": [
            {
                "role": one.role,
                "class": one.tag,
                "level": one.level,
                "hours": round(one.hours, 3),
                "files": list(one.files),
            }
            for one in group.chosen
        ],
        "rejected": [
            {
                "role": one.role,
                "class": one.what.tag,
                "first": one.what.first,
                "files": one.what.files,
                "reasons": list(one.what.reasons),
            }
            for one in group.rejected
        ],
        "missing": [
            {
                "role": one.role,
                "name": one.name,
                "wanted": list(one.wanted),
                "level": one.level,
                "dit_s": one.dit_s,
                "candidates": one.candidates,
                "differs": list(one.differs),
                "reason": one.reason,
            }
            for one in group.missing
        ],
        "warnings": list(group.warnings),
        "refusal": group.refusal,
    }
