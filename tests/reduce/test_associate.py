"""The match tables: levels reached, what is refused and why, and tasks in which nothing is missing."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcvo.errors import AssociationError
from hcvo.model.frame import RawFrame
from reduce.associate import Made, Plan, Raw, plan
from reduce.instruments import sphere_irdis_match as irdis
from reduce.match import choose

_START = 58229.1


def _frame(tag: str, hours: float, **changes: object) -> RawFrame:
    mjd = _START + hours / 24
    base = RawFrame(
        path=Path(f"/raw/{tag}{hours}.fits"),
        sha256=f"{tag}{hours}",
        size=1,
        dp_id=f"SPHER.{tag}.{hours}",
        instrument="SPHERE",
        arm="IRDIS",
        frame_class=tag,
        category="",
        kind="",
        technique="",
        mjd_obs=mjd,
        mjd_end=mjd + 0.01,
        night=date(2018, 4, 20),
        dit_s=16.0,
        ndit=4,
        filter="DB_H23",
        nd_filter="OPEN",
        coronagraph="N_ALC_YJH_S",
        derotator_mode="ELEV",
        readout="Nondest",
        ob_id=1,
        programme="",
        target_name="HD 1",
        ra_deg=1.0,
        dec_deg=1.0,
        cards={"OBJECT": "HD 1"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def _night() -> list[RawFrame]:
    calibration = {"ob_id": 9, "target_name": "", "cards": {}}
    flats = [_frame("IRD_FLAT_FIELD_RAW", 8 + n / 10, dit_s=n + 1.0, **calibration) for n in range(5)]
    return [
        _frame("IRD_FLUX_RAW", -0.3, dit_s=2.0, nd_filter="ND_2.0"),
        _frame("IRD_STAR_CENTER_WAFFLE_RAW", -0.2),
        _frame("IRD_SCIENCE_DBI_RAW", 0.0),
        _frame("IRD_SCIENCE_DBI_RAW", 0.5),
        _frame("IRD_STAR_CENTER_WAFFLE_RAW", 1.2),
        _frame("IRD_SKY_BG_RAW", 1.4),
        *flats,
        _frame("IRD_DARK_RAW", 9.0, dit_s=2.0, **calibration),
        _frame("IRD_DARK_RAW", 9.1, dit_s=16.0, **calibration),
        _frame("SPH_SPARTA_RAW", 0.0, arm="", dit_s=0.0),
    ]


def _without(tag: str) -> list[RawFrame]:
    return [frame for frame in _night() if frame.frame_class != tag]


def _inputs(made: Plan, recipe: str, role: str) -> list[Raw | Made]:
    return [one for task in made.tasks if task.recipe == recipe for one in task.inputs[role]]


def test_a_whole_night_is_associated() -> None:
    made = plan(_night())
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
    assert len(_inputs(made, "ird_star_centre", "center")) == 2
    (background,) = _inputs(made, "ird_level1", "background")
    assert isinstance(background, Made)
    assert "IRD_SKY_BG_RAW" in background.task
    assert background.level == 0
    (dark,) = _inputs(made, "ird_flux_psf", "background")
    assert isinstance(dark, Made)
    assert ("IRD_DARK_RAW" in dark.task, "2 s" in dark.task) == (True, True)


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("IRD_FLAT_FIELD_RAW", "no flat .* IRD_FLAT_FIELD_RAW; there is none at all"),
        ("IRD_STAR_CENTER_WAFFLE_RAW", "no star centre"),
        ("IRD_FLUX_RAW", "no flux calibration"),
    ],
)
def test_a_missing_calibration_is_a_refusal(tag: str, words: str) -> None:
    made = plan(_without(tag))
    assert made.tasks == ()
    (refusal,) = made.refusals
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(refusal)


def test_background_prefers_sky_then_instrument_then_dark() -> None:
    science = _frame("IRD_SCIENCE_DBI_RAW", 0.0)
    frames = [_frame("IRD_DARK_RAW", 0.1), _frame("IRD_INS_BG_RAW", 9.0), _frame("IRD_SKY_BG_RAW", 2.0)]
    tags = []
    while frames:
        choice = choose(irdis.BACKGROUND, science, frames)
        tags.append((choice.group.tag, choice.level))
        frames = [frame for frame in frames if frame.frame_class != choice.group.tag]
    assert tags == [("IRD_SKY_BG_RAW", 0), ("IRD_INS_BG_RAW", 0), ("IRD_DARK_RAW", 1)]


@pytest.mark.parametrize(
    ("hours", "night", "level"),
    [(8.0, 20, 1), (11.0, 21, 1), (60.0, 22, 2), (20 * 24.0, 30, 3), (40 * 24.0, 30, None)],
)
def test_levels_of_a_dark_by_distance_in_time(hours: float, night: int, level: int | None) -> None:
    science = _frame("IRD_SCIENCE_DBI_RAW", 0.0)
    dark = _frame("IRD_DARK_RAW", hours, night=date(2018, 4, night))
    if level is None:
        with pytest.raises(AssociationError, match=r"960\.0 h away, at most 720"):
            choose(irdis.BACKGROUND, science, [dark])
    else:
        assert choose(irdis.BACKGROUND, science, [dark]).level == level


def test_nearest_in_time_among_equals() -> None:
    science = _frame("IRD_SCIENCE_DBI_RAW", 0.0)
    near = _frame("IRD_DARK_RAW", 100.0, night=date(2018, 4, 24))
    far = _frame("IRD_DARK_RAW", -150.0, night=date(2018, 4, 14))
    assert choose(irdis.BACKGROUND, science, [far, near]).group.frames == (near,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dit_s": 4.0}, "dit_s 4.0 instead of 16.0"),
        ({"filter": "DB_K12"}, "filter 'DB_K12' instead of 'DB_H23'"),
        ({"nd_filter": "ND_1.0"}, "nd_filter"),
        ({"coronagraph": "N_NS_CLEAR"}, "coronagraph"),
    ],
)
def test_a_sky_that_does_not_fit_is_named_with_the_reason(changes: dict[str, object], words: str) -> None:
    with pytest.raises(AssociationError, match=words) as refusal:
        choose(
            irdis.BACKGROUND, _frame("IRD_SCIENCE_DBI_RAW", 0.0), [_frame("IRD_SKY_BG_RAW", 1.0, **changes)]
        )
    assert "SPHER.IRD_SKY_BG_RAW.1.0" in str(refusal.value)


@given(st.floats(-0.05, 0.05))
def test_same_dit_means_within_20_ms(difference: float) -> None:
    science, dark = _frame("IRD_SCIENCE_DBI_RAW", 0.0), _frame("IRD_DARK_RAW", 1.0, dit_s=16.0 + difference)
    if abs(16.0 + difference - 16.0) <= 0.02:
        assert choose(irdis.BACKGROUND, science, [dark]).level == 1
    else:
        with pytest.raises(AssociationError):
            choose(irdis.BACKGROUND, science, [dark])


def test_two_flats_are_too_few() -> None:
    flats = [frame for frame in _night() if frame.frame_class == "IRD_FLAT_FIELD_RAW"][:2]
    with pytest.raises(AssociationError, match="2 files, at least 3"):
        choose(irdis.FLAT, _frame("IRD_SCIENCE_DBI_RAW", 0.0), flats)


def test_a_centre_of_another_block_does_not_serve() -> None:
    other = _frame("IRD_STAR_CENTER_WAFFLE_RAW", 0.1, ob_id=2)
    with pytest.raises(AssociationError, match="ob_id 2 instead of 1"):
        choose(irdis.CENTER, _frame("IRD_SCIENCE_DBI_RAW", 0.0), [other])


def test_no_block_at_all_is_no_common_block() -> None:
    science, centre = (
        _frame(t, 0.0, ob_id=None) for t in ("IRD_SCIENCE_DBI_RAW", "IRD_STAR_CENTER_WAFFLE_RAW")
    )
    with pytest.raises(AssociationError, match="ob_id None"):
        choose(irdis.CENTER, science, [centre])


def test_only_the_target_asked_for() -> None:
    assert plan(_night(), "hd_1").refusals == ()
    (refusal,) = plan(_night(), "HD 2").refusals
    assert "'HD 2'" in refusal
    assert "HD 1" in refusal


def test_groups_of_one_block_share_its_name() -> None:
    frames = [*_night(), _frame("IRD_SCIENCE_DBI_RAW", 2.0, dit_s=2.0, nd_filter="ND_2.0")]
    named = _inputs(plan(frames), "ird_level1", "observation")
    assert {one.frame.dp_id for one in named if isinstance(one, Raw)} == {"SPHER.IRD_SCIENCE_DBI_RAW.0.0"}
