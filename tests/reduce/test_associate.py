"""Plans: tasks in which nothing is missing, levels that reach the cube, refusals that say why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from hcvo.model.frame import CardValue, RawFrame
from reduce.associate import GroupPlan, Made, Plan, Raw, Task, plan
from reduce.instruments import sphere_irdis_match as irdis
from reduce.match import Index
from reduce.recipe import SourceFile
from reduce.recipes import REGISTRY
from tests.reduce.planned_frames import CALIBRATION, frame, night

_CENTER, _FLUX, _FLAT = "IRD_STAR_CENTER_WAFFLE_RAW", "IRD_FLUX_RAW", "IRD_FLAT_FIELD_RAW"


def _without(*tags: str, frames: Sequence[RawFrame] | None = None) -> list[RawFrame]:
    return [one for one in (night() if frames is None else frames) if one.frame_class not in tags]


def _task(made: Plan, recipe: str) -> Task:
    (task,) = (task for task in made.tasks if task.recipe == recipe)
    return task


def _made(made: Plan, recipe: str, role: str) -> Made:
    (one,) = _task(made, recipe).inputs[role]
    assert isinstance(one, Made)
    return one


def _group(made: Plan) -> GroupPlan:
    (group,) = made.groups
    return group


def _levels(made: Plan, recipe: str, role: str) -> set[int]:
    return {_level(one) for one in _task(made, recipe).inputs[role]}


def _level(one: Raw | Made | SourceFile) -> int:
    assert not isinstance(one, SourceFile)
    return one.level


def _kind(one: Made | SourceFile) -> str:
    assert isinstance(one, Made)
    return one.kind


def test_a_whole_night_is_associated() -> None:
    made = plan(night())
    assert made.refusals == ()
    counts = {task.recipe: 0 for task in made.tasks}
    for task in made.tasks:
        counts[task.recipe] += 1
    assert counts == {
        "ird_master_dark": 2,  # sky of 16 s, dark of 2 s: the flat's other DITs have none
        "ird_master_flat": 1,
        "ird_star_centre": 1,
        "ird_flux_psf": 1,
        "ird_level1": 1,
    }
    assert {role: len(used) for role, used in _task(made, "ird_level1").inputs.items()} == {
        "science": 2, "background": 1, "flat": 1, "centres": 1, "psf": 1, "observation": 1, "sparta": 1,
    }  # fmt: skip
    assert {role: len(used) for role, used in _task(made, "ird_star_centre").inputs.items()} == {
        "center": 2, "science": 2, "background": 1, "science_background": 0, "flat": 1, "observation": 1,
    }  # fmt: skip
    background = _made(made, "ird_level1", "background")
    assert ("IRD_SKY_BG_RAW" in background.task, background.level) == (True, 0)
    dark = _made(made, "ird_flux_psf", "background")
    assert ("IRD_DARK_RAW" in dark.task, "2 s" in dark.task, dark.level) == (True, True, 0)


def test_every_task_gives_its_recipe_what_it_declares() -> None:
    recipes = {recipe.name: recipe for recipe in REGISTRY}
    for frames in (night(), _without(_CENTER), _without(_FLUX), _without("SPH_SPARTA_RAW", _CENTER, _FLUX)):
        for task in plan(frames).tasks:
            consumes = {one.role: one for one in recipes[task.recipe].consumes}
            assert set(task.inputs) <= set(consumes), task.recipe
            for role, consume in consumes.items():
                used = task.inputs.get(role, ())
                assert consume.minimum <= len(used) <= consume.maximum, (task.recipe, role)
                kinds = {one.frame.frame_class if isinstance(one, Raw) else _kind(one) for one in used}
                assert kinds <= consume.classes, (task.recipe, role)


def test_no_flat_is_a_refusal_and_says_what_else_is_wrong_at_once() -> None:
    made = plan(_without(_FLAT))
    assert made.tasks == ()
    (refusal,) = made.refusals
    assert refusal.startswith("no flat for SPHER.IRD_SCIENCE_DBI_RAW.0.0")
    assert refusal.endswith(
        "wanted IRD_FLAT_FIELD_RAW (filter 'DB_H23', within 60 days, 3 files or more of different DIT); "
        "there is none at all; add such frames, reduce again"
    )
    group = _group(made)
    assert (group.level, [(one.role, one.level) for one in group.missing]) == (None, [("flat", None)])
    (both,) = plan(_without(_FLAT, "IRD_SKY_BG_RAW", "IRD_DARK_RAW")).refusals
    assert both.startswith("no flat for SPHER.IRD_SCIENCE_DBI_RAW.0.0")
    assert "; no background for SPHER.IRD_SCIENCE_DBI_RAW.0.0" in both


def test_a_filter_that_we_do_not_know_is_refused_by_name() -> None:
    (refusal,) = plan(night(filter="NB_XYZ")).refusals
    assert "SPHER.IRD_SCIENCE_DBI_RAW.0.0: its filter (INS COMB IFLT) is 'NB_XYZ', wanted one of" in refusal


def test_no_background_of_the_dit_is_a_refusal_that_names_the_wrong_dit() -> None:
    frames = [
        replace(one, dit_s=4.0) if one.frame_class in ("IRD_SKY_BG_RAW", "IRD_DARK_RAW") else one
        for one in night()
    ]
    (refusal,) = plan(frames).refusals
    assert "no background for" in refusal
    assert "DIT 4 s instead of 16 s" in refusal


def test_no_center_frames_leave_the_star_to_the_science_frames_at_level_3() -> None:
    made = plan(_without(_CENTER))
    assert (made.refusals, _group(made).level) == ((), 3)
    inputs = _task(made, "ird_star_centre").inputs
    assert (inputs["center"], len(inputs["science"])) == ((), 2)
    assert _levels(made, "ird_star_centre", "science") == {3}
    assert _made(made, "ird_level1", "centres").level == 3
    assert _made(made, "ird_star_centre", "background") == _made(made, "ird_level1", "background")
    missing = {one.role: one for one in _group(made).missing}
    assert (missing["center"].level, missing["center"].wanted) == (3, (_CENTER,))
    assert missing["center"].reason.startswith("no star centre for SPHER.IRD_SCIENCE_DBI_RAW.0.0")


def test_without_a_coronagraph_no_center_frames_are_wanted() -> None:
    made = plan(_without(_CENTER, frames=night(coronagraph="N_NS_CLEAR")))
    assert _made(made, "ird_level1", "centres").level == 0
    assert _levels(made, "ird_star_centre", "science") == {0}
    assert {one.role: one.level for one in _group(made).missing}["center"] == 0


def test_no_flux_frames_leave_the_contrast_unknown_at_level_3() -> None:
    made = plan(_without(_FLUX))
    assert (made.refusals, _group(made).level) == ((), 3)
    assert _task(made, "ird_level1").inputs["psf"] == ()
    assert _levels(made, "ird_level1", "science") == {3}
    assert "ird_flux_psf" not in {task.recipe for task in made.tasks}


def test_flux_frames_without_any_background_are_as_none() -> None:
    sky = [one for one in night() if one.frame_class == "IRD_SKY_BG_RAW"]
    made = plan([*_without("IRD_DARK_RAW", "IRD_SKY_BG_RAW"), *sky])
    assert _task(made, "ird_level1").inputs["psf"] == ()
    assert {one.role: one.level for one in _group(made).missing}["flux background"] == 3
    assert _levels(made, "ird_level1", "science") == {3}


def test_no_telemetry_costs_no_level() -> None:
    whole, made = plan(night()), plan(_without("SPH_SPARTA_RAW"))
    assert _task(made, "ird_level1").inputs["sparta"] == ()
    assert _group(made).level == _group(whole).level
    assert {one.role: one.level for one in _group(made).missing}["sparta"] == 0


def test_k_without_sky_is_reduced_with_the_dark_at_level_2_and_the_sky_is_missing() -> None:
    made = plan(_without("IRD_SKY_BG_RAW", frames=night(filter="DB_K12")))
    background = _made(made, "ird_level1", "background")
    assert ("IRD_DARK_RAW" in background.task, background.level) == (True, 2)
    missing = {one.role: one for one in _group(made).missing}
    assert missing["background"].level == 2
    assert "IRD_SKY_BG_RAW" in missing["background"].wanted
    assert "serves at level 2" in missing["background"].reason


def test_the_level_is_the_worst_of_what_goes_into_the_cube() -> None:
    assert _group(plan(night())).level == 1  # DITs of the lamp without darks
    complete = [frame("IRD_DARK_RAW", 9.2, dit_s=dit, **CALIBRATION) for dit in (1.0, 3.0, 4.0, 5.0)]
    assert _group(plan([*night(), *complete])).level == 0
    old = [
        replace(one, mjd_obs=one.mjd_obs - 30, mjd_end=one.mjd_end - 30, night=date(2018, 3, 21))
        if one.frame_class == _FLAT else one
        for one in night()
    ]  # fmt: skip
    made = plan([*old, *complete])
    assert _group(made).level == 3
    assert {
        _made(made, recipe, "flat").level for recipe in ("ird_level1", "ird_star_centre", "ird_flux_psf")
    } == {3}


def test_a_shared_calibration_says_nothing_of_who_asks_for_it() -> None:
    """The same dark, near for one star and far for another: its own product is the same."""
    far = [
        replace(
            one, mjd_obs=one.mjd_obs + 20, mjd_end=one.mjd_end + 20, night=date(2018, 5, 10), ob_id=5,
            dp_id=f"{one.dp_id}.far", target_name="HD 2", cards={"OBJECT": "HD 2"},
        )
        for one in night() if one.ob_id == 1 and one.frame_class != "IRD_SKY_BG_RAW"
    ]  # fmt: skip
    frames = [*night(), *far]
    both = {task.key: task for task in plan(frames).tasks}
    for target in ("HD 1", "HD 2"):
        for task in plan(frames, target).tasks:
            assert both[task.key] == task
    masters = [task for task in both.values() if task.recipe.startswith("ird_master")]
    darks = {level for task in masters if "dark" in task.inputs for level in map(_level, task.inputs["dark"])}
    assert len(masters) == 4  # sky, darks of 2 and 16 s, flat
    assert darks == {0}


def test_two_targets_of_a_night_and_the_next_night_share_what_they_can() -> None:
    """Three sequences, one set of calibrations: masters are made once."""
    frames = night()
    for number, hours in ((2, 3.0), (3, 26.0)):
        frames += [
            replace(
                one, mjd_obs=one.mjd_obs + hours / 24, mjd_end=one.mjd_end + hours / 24, ob_id=number,
                dp_id=f"{one.dp_id}.{number}", target_name=f"HD {number}", cards={"OBJECT": f"HD {number}"},
                night=date(2018, 4, 20) + timedelta(days=int(hours // 24)),
            )
            for one in _without("IRD_SKY_BG_RAW", "SPH_SPARTA_RAW") if one.ob_id == 1
        ]  # fmt: skip
    made = plan(frames)
    recipes = [task.recipe for task in made.tasks]
    assert recipes.count("ird_level1") == 3
    assert recipes.count("ird_master_flat") == 1
    assert recipes.count("ird_master_dark") == 2 + 1  # the second star of the night has the first's sky
    levels = {group.science.frames[0].target_name: group.level for group in made.groups}
    assert levels == {"HD 1": 1, "HD 2": 1, "HD 3": 2}


def test_several_dits_and_modes_of_one_night_are_several_groups() -> None:
    frames = [
        *night(),
        frame("IRD_SCIENCE_DBI_RAW", 0.7, dit_s=2.0),
        frame("IRD_SCIENCE_DBI_RAW", 0.8, nd_filter="ND_1.0"),
        frame("IRD_SCIENCE_DBI_RAW", 0.9, derotator_mode="SKY"),
        frame("IRD_SCIENCE_IMAGING_RAW", 1.0, filter="BB_H"),
    ]
    made = plan(frames)
    assert len(made.groups) == 5
    cubes = [task for task in made.tasks if task.recipe == "ird_level1"]
    assert sorted(len(task.inputs["science"]) for task in cubes) == [1, 1, 1, 2]
    (refusal,) = made.refusals
    assert "SPHER.IRD_SCIENCE_IMAGING_RAW.1.0" in refusal
    assert "filter 'DB_H23' instead of 'BB_H'" in refusal


def test_acquisition_and_foreign_frames_are_left_alone() -> None:
    others = [frame("SPH_ACQUISITION_RAW", 0.1), frame("IFS_SCIENCE_DR_RAW", 0.1, arm="IFS")]
    used = {
        one.frame.frame_class
        for task in plan([*night(), *others]).tasks
        for role in task.inputs.values()
        for one in role
        if isinstance(one, Raw)
    }
    assert not used & {"SPH_ACQUISITION_RAW", "IFS_SCIENCE_DR_RAW"}
    made = plan([*night(), *others])
    assert made.tasks == plan(night()).tasks
    (left,) = made.left
    assert left.startswith("1 IFS_SCIENCE_DR_RAW from SPHER.IFS_SCIENCE_DR_RAW.0.1: only IRD_SCIENCE_DBI_RAW")
    assert plan([*night(), *others], "HD 2").left == ()


def _template(number: int, total: int, **others: str) -> dict[str, CardValue]:
    cards: dict[str, CardValue] = {"OBJECT": "HD 1", "ESO TPL START": "a"}
    cards |= {"ESO TPL EXPNO": number, "ESO TPL NEXP": total}
    return cards | {key.replace("_", " "): value for key, value in others.items()}


@pytest.mark.parametrize(
    ("number", "total", "later", "warned"),
    [
        (2, 2, None, False),
        (2, 12, None, True),
        (2, 3, 3, False),
        (2, 12, 3, True),
        (11, 12, None, True),
    ],
)
def test_a_block_that_was_aborted_is_reduced_with_a_warning(
    number: int, total: int, later: int | None, *, warned: bool
) -> None:
    """What is announced is counted over science and the CENTER frames that follow in the same template."""
    frames = [
        replace(one, cards=_template(number, total)) if one.dp_id == "SPHER.IRD_SCIENCE_DBI_RAW.0.5" else one
        for one in night()
    ]
    if later is not None:
        frames.append(frame(_CENTER, 1.0, cards=_template(later, total)))
    made = plan([replace(one, category="SCIENCE") if one.ob_id == 1 else one for one in frames])
    assert made.refusals == ()
    assert bool(_group(made).warnings) is warned
    if warned:
        (text,) = _group(made).warnings
        assert f"exposure {later or number} of {total} is the last" in text
        assert "the 2 science files there are" in text


@pytest.mark.parametrize(
    ("numbers", "told"), [((3, 4), ""), ((3, 6), " 4, 5 "), ((2, 9), " 3, 4, 5, 6, 7 ... ")]
)
def test_exposures_that_are_missing_between_others_are_named(numbers: tuple[int, int], told: str) -> None:
    later = iter(numbers)
    frames = [
        replace(one, category="SCIENCE", cards=_template(next(later), numbers[1]))
        if one.frame_class == "IRD_SCIENCE_DBI_RAW"
        else one
        for one in night()
    ]
    warnings = _group(plan(frames)).warnings
    assert bool(warnings) is bool(told)
    for text in warnings:
        assert f"SPHER.IRD_SCIENCE_DBI_RAW.0.0: of its template's exposures{told}are missing" in text


def test_where_two_arms_take_turns_the_last_exposure_may_be_the_other_arms() -> None:
    frames = [
        replace(one, cards=_template(23, 24, ESO_TPL_ID="SPHERE_irdifs_obs"))
        if one.dp_id == "SPHER.IRD_SCIENCE_DBI_RAW.0.5"
        else one
        for one in night()
    ]
    assert _group(plan(frames)).warnings == ()


def test_only_the_target_asked_for() -> None:
    assert plan(night(), "hd_1").refusals == ()
    (refusal,) = plan(night(), "HD 2").refusals
    assert "'HD 2'" in refusal
    assert "HD 1" in refusal


def test_groups_of_one_block_share_its_name() -> None:
    frames = [*night(), frame("IRD_SCIENCE_DBI_RAW", 2.0, dit_s=2.0, nd_filter="ND_2.0")]
    made = plan(frames)
    named = [one for task in made.tasks if task.recipe == "ird_level1" for one in task.inputs["observation"]]
    assert {one.frame.dp_id for one in named if isinstance(one, Raw)} == {"SPHER.IRD_SCIENCE_DBI_RAW.0.0"}
    assert len({group.observation for group in made.groups}) == 1


_UNNAMED: dict[str, object] = {"ob_id": None, "cards": {}, "category": "SCIENCE"}


def _places(made: Plan) -> list[set[tuple[str, float]]]:
    tasks = [task for task in made.tasks if task.recipe == "ird_level1"]
    raws = [[one.frame for one in task.inputs["science"] if isinstance(one, Raw)] for task in tasks]
    return [{(str(one.target_name), float(one.dec_deg or 0.0)) for one in each} for each in raws]


@pytest.mark.parametrize(
    ("other", "cubes"),
    [
        ({"target_name": "HD 2", "dec_deg": 5.0}, 2),
        ({"target_name": "HD 2"}, 2),
        ({"dec_deg": 1.0 + 2 / 60}, 2),
        ({"ra_deg": 1.0 + 2 / 60}, 2),
        ({"dec_deg": 1.0 + 0.5 / 60}, 1),
        ({"ra_deg": None}, 1),
    ],
)
def test_stars_of_no_observing_block_are_told_apart_by_name_and_place(
    other: dict[str, object], cubes: int
) -> None:
    """By turns, as in a night without a block: the first star, the other, the first again."""
    calibrations = [one for one in night() if one.ob_id == 9 or one.frame_class == "SPH_SPARTA_RAW"]
    science = [
        frame("IRD_SCIENCE_DBI_RAW", 0.0, **_UNNAMED),
        frame("IRD_SCIENCE_DBI_RAW", 0.5, **_UNNAMED | other),
        frame("IRD_SCIENCE_DBI_RAW", 1.0, **_UNNAMED),
    ]
    made = plan([*calibrations, *science])
    assert made.refusals == ()
    assert [len(places) for places in _places(made)] == ([1, 1] if cubes == 2 else [len(_places(made)[0])])
    names = [group.observation for group in made.groups]
    assert len(set(names)) == len(names) == cubes
    assert {len(group.science.frames) for group in made.groups} == ({1, 2} if cubes == 2 else {3})


def test_center_and_flux_of_no_observing_block_are_of_their_star_and_serve_none() -> None:
    """None is equal to nothing: without an OB ID nobody says that they belong to the science."""
    near, far = _UNNAMED, _UNNAMED | {"dec_deg": 20.0}
    frames = [frame(_CENTER, hours, **place) for hours, place in ((0.0, near), (0.1, far), (0.2, near))]
    groups = Index(frames).groups(irdis.CENTER)
    assert [[one.dec_deg for one in group.frames] for group in groups] == [[1.0, 1.0], [20.0]]
    assert Index(frames).decide(irdis.CENTER, groups[0]).choice is None
