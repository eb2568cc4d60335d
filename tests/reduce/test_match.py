"""The match tables and the rule of choice: levels reached, order of preference, what is refused and why."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcvo.errors import AssociationError
from hcvo.model.frame import RawFrame
from reduce.instruments import sphere_irdis_match as irdis
from reduce.match import Choice, Class, DataSource, Decision, FrameGroup, Grade, Index
from tests.reduce.planned_frames import START_MJD, frame, night

_BACKGROUNDS = ("IRD_SKY_BG_RAW", "IRD_INS_BG_RAW", "IRD_DARK_RAW")


def _decide(source: DataSource, wanted: Sequence[RawFrame], frames: Sequence[RawFrame]) -> Decision:
    return Index(frames).decide(source, FrameGroup(wanted[0].frame_class, tuple(wanted)))


def _required(decision: Decision) -> Choice:
    if decision.choice is None:
        raise AssociationError(decision.reason())
    return decision.choice


def _choose(source: DataSource, wanted: RawFrame, frames: Sequence[RawFrame]) -> Choice:
    return _required(_decide(source, [wanted], frames))


_SCIENCE = frame("IRD_SCIENCE_DBI_RAW", 0.0)
_IN_K = frame("IRD_SCIENCE_DBI_RAW", 0.0, filter="DB_K12")


def _order(source: DataSource, wanted: RawFrame, frames: Sequence[RawFrame]) -> list[tuple[str, int]]:
    """Class and level of the choice, of the choice when its class is gone, and so on."""
    found = []
    while frames:
        choice = _choose(source, wanted, frames)
        found.append((choice.group.tag, choice.level))
        frames = [one for one in frames if one.frame_class != choice.group.tag]
    return found


def test_background_prefers_sky_then_instrument_then_dark() -> None:
    frames = [frame("IRD_DARK_RAW", 0.1), frame("IRD_INS_BG_RAW", 9.0), frame("IRD_SKY_BG_RAW", 2.0)]
    assert _order(irdis.BACKGROUND, _SCIENCE, frames) == [
        ("IRD_SKY_BG_RAW", 0), ("IRD_INS_BG_RAW", 0), ("IRD_DARK_RAW", 1),
    ]  # fmt: skip


def test_an_instrument_background_is_taken_behind_an_opaque_mask() -> None:
    """So it has neither the coronagraph nor the density of the science, but its filter and DIT."""
    shut = {"coronagraph": "N_NS_OPAQUE", "nd_filter": "OPEN"}
    flux = frame("IRD_FLUX_RAW", 0.0, nd_filter="ND_2.0", filter="DB_K12")
    for wanted, source in ((_IN_K, irdis.BACKGROUND_THERMAL), (flux, irdis.FLUX_BACKGROUND)):
        shown = frame("IRD_INS_BG_RAW", 9.0, filter="DB_K12", **shut)
        assert _order(source, wanted, [shown, frame("IRD_DARK_RAW", 9.0)])[0][0] == "IRD_INS_BG_RAW"
        with pytest.raises(AssociationError, match="filter 'DB_H23' instead of 'DB_K12'"):
            _choose(source, wanted, [frame("IRD_INS_BG_RAW", 9.0, **shut)])


def test_a_better_level_wins_over_a_better_class() -> None:
    """A sky of another block is certifiable, an instrument background of the night is the plan's."""
    frames = [frame("IRD_SKY_BG_RAW", 2.0, ob_id=2), frame("IRD_INS_BG_RAW", 9.0), frame("IRD_DARK_RAW", 0.1)]
    assert _order(irdis.BACKGROUND, _SCIENCE, frames) == [
        ("IRD_INS_BG_RAW", 0), ("IRD_SKY_BG_RAW", 1), ("IRD_DARK_RAW", 1),
    ]  # fmt: skip


def test_in_k_any_near_sky_is_better_than_what_does_not_see_the_telescope() -> None:
    k = {"filter": "DB_K12"}
    frames = [
        frame("IRD_SKY_BG_RAW", 2.0, ob_id=2, **k),
        frame("IRD_INS_BG_RAW", 9.0, **k),
        frame("IRD_DARK_RAW", 0.1),
    ]
    assert irdis.background_of("DB_K12") is irdis.BACKGROUND_THERMAL
    assert irdis.background_of("DB_H23") is irdis.BACKGROUND
    assert _order(irdis.BACKGROUND_THERMAL, _IN_K, frames) == [
        ("IRD_SKY_BG_RAW", 1), ("IRD_INS_BG_RAW", 1), ("IRD_DARK_RAW", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "nights_on", "level"),
    [
        (8.0, 0, 1),
        (20.0, 0, 2),
        (12.2, 1, 1),
        (12.3, 1, 2),
        (60.0, 2, 2),
        (20 * 24.0, 20, 3),
        (40 * 24.0, 40, None),
    ],
)
def test_levels_of_a_dark_by_distance_in_time(hours: float, nights_on: int, level: int | None) -> None:
    """Counted from the end of the science (0.24 h after its start): 12.2 h after its start is within 12."""
    dark = frame("IRD_DARK_RAW", hours, night=date(2018, 4, 20) + timedelta(nights_on))
    if level is None:
        with pytest.raises(AssociationError, match=r"40 days away, at most 30 days"):
            _choose(irdis.BACKGROUND, _SCIENCE, [dark])
    else:
        assert _choose(irdis.BACKGROUND, _SCIENCE, [dark]).level == level


@pytest.mark.parametrize(
    ("source", "tag", "level"),
    [
        (irdis.BACKGROUND, "IRD_INS_BG_RAW", 0),
        (irdis.BACKGROUND_THERMAL, "IRD_INS_BG_RAW", 2),
        (irdis.BACKGROUND_THERMAL, "IRD_DARK_RAW", 2),
        (irdis.FLUX_BACKGROUND, "IRD_DARK_RAW", 0),
    ],
)
def test_beyond_12_h_the_same_night_counts_only_for_what_the_plan_foresees(
    source: DataSource, tag: str, level: int
) -> None:
    assert _choose(source, _SCIENCE, [frame(tag, 20.0)]).level == level


def test_nearest_in_time_among_equals_on_either_side() -> None:
    after = frame("IRD_DARK_RAW", 100.0, night=date(2018, 4, 24))
    before = frame("IRD_DARK_RAW", -150.0, night=date(2018, 4, 14))
    nearer = frame("IRD_DARK_RAW", -90.0, night=date(2018, 4, 16))
    assert _choose(irdis.BACKGROUND, _SCIENCE, [before, after]).group.frames == (after,)
    assert _choose(irdis.BACKGROUND, _SCIENCE, [before, after, nearer]).group.frames == (nearer,)


def test_time_is_counted_from_the_whole_sequence() -> None:
    """The sequence ends at 6 h: a dark at 17 h is 11 h away, one at -10 h is 10 h away."""
    sequence = [frame("IRD_SCIENCE_DBI_RAW", 0.0), frame("IRD_SCIENCE_DBI_RAW", 6.0)]
    late = frame("IRD_DARK_RAW", 17.0, night=date(2018, 4, 21))
    early = frame("IRD_DARK_RAW", -10.0, night=date(2018, 4, 19))
    found = _required(_decide(irdis.BACKGROUND, sequence, [late]))
    assert found.level == 1
    assert found.hours == pytest.approx(10.76)
    assert _required(_decide(irdis.BACKGROUND, sequence, [late, early])).group.frames == (early,)
    within = frame("IRD_DARK_RAW", 3.0)
    assert _required(_decide(irdis.BACKGROUND, sequence, [within])).hours == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dit_s": 4.0}, "DIT 4 s instead of 16 s"),
        ({"filter": "DB_K12"}, "filter 'DB_K12' instead of 'DB_H23'"),
        ({"nd_filter": "ND_1.0"}, "density 'ND_1.0' instead of 'OPEN'"),
        ({"coronagraph": "N_NS_CLEAR"}, "coronagraph"),
        ({"readout": "Fowler"}, "readout mode 'Fowler' instead of 'Nondest'"),
    ],
)
def test_a_sky_that_does_not_fit_is_named_with_the_reason(changes: dict[str, object], words: str) -> None:
    with pytest.raises(AssociationError, match=words) as refusal:
        _choose(irdis.BACKGROUND, _SCIENCE, [frame("IRD_SKY_BG_RAW", 1.0, **changes)])
    assert "SPHER.IRD_SKY_BG_RAW.1.0" in str(refusal.value)


@settings(deadline=None)
@given(st.floats(-0.05, 0.05))
def test_same_dit_means_within_20_ms(difference: float) -> None:
    dark = frame("IRD_DARK_RAW", 1.0, dit_s=16.0 + difference)
    if abs(16.0 + difference - 16.0) <= 0.02:
        assert _choose(irdis.BACKGROUND, _SCIENCE, [dark]).level == 1
    else:
        with pytest.raises(AssociationError):
            _choose(irdis.BACKGROUND, _SCIENCE, [dark])


def test_a_dark_of_another_dit_serves_flux_and_center_frames_at_risk_the_nearest_dit_first() -> None:
    flux = frame("IRD_FLUX_RAW", 0.0, dit_s=2.0)
    darks = [frame("IRD_DARK_RAW", 1.0, dit_s=dit) for dit in (64.0, 4.0, 16.0)]
    choice = _choose(irdis.FLUX_BACKGROUND, flux, darks)
    assert (choice.group.frames[0].dit_s, choice.level) == (4.0, 3)
    center = frame("IRD_STAR_CENTER_WAFFLE_RAW", 0.0, dit_s=2.0)
    assert _choose(irdis.center_background_of("DB_K12"), center, darks).level == 3
    with pytest.raises(AssociationError, match=r"DIT 4 s instead of 2 s"):
        _choose(irdis.BACKGROUND, flux, darks)


def test_two_flats_are_too_few() -> None:
    flats = [one for one in night() if one.frame_class == "IRD_FLAT_FIELD_RAW"][:2]
    with pytest.raises(AssociationError, match="2 files, at least 3"):
        _choose(irdis.FLAT, _SCIENCE, flats)


def _lamps(hours: float, *dits: float, night_of: date = date(2018, 4, 20)) -> list[RawFrame]:
    return [
        frame("IRD_FLAT_FIELD_RAW", hours + n / 10, dit_s=dit_s, night=night_of)
        for n, dit_s in enumerate(dits)
    ]


def test_flats_of_one_dit_are_no_levels() -> None:
    near = _lamps(8.0, 1.0, 1.0, 1.0)
    with pytest.raises(AssociationError, match="1 different DIT in 3 files, at least 3") as told:
        _choose(irdis.FLAT, _SCIENCE, near)
    assert "3 files or more of different DIT" in str(told.value)
    good = _lamps(32.0, 1.0, 2.0, 3.0, night_of=date(2018, 4, 21))
    choice = _choose(irdis.FLAT, _SCIENCE, near + good)
    assert (choice.group.frames, choice.level) == (tuple(good), 2)


@pytest.mark.parametrize(
    ("dits", "count"),
    [
        ((1.0, 1.05, 1.09, 2.0), 2),
        ((2.0, 1.0, 1.105, 1.0), 3),
        ((4.0, 4.0, 2.0, 2.0, 2.0), 2),
        ((1.0, 2.0, 2.1, 4.0), 3),
    ],
)
def test_dits_count_where_they_differ_by_a_tenth(dits: tuple[float, ...], count: int) -> None:
    lack = irdis.FLAT.lack(FrameGroup("IRD_FLAT_FIELD_RAW", tuple(_lamps(8.0, *dits))))
    assert lack == ("" if count >= 3 else f"{count} different DIT in {len(dits)} files, at least 3")


def test_a_flat_of_another_filter_is_named() -> None:
    flats = [frame("IRD_FLAT_FIELD_RAW", 8 + n / 10, filter="BB_H", dit_s=n + 1.0) for n in range(5)]
    with pytest.raises(AssociationError, match="filter 'BB_H' instead of 'DB_H23'"):
        _choose(irdis.FLAT, _SCIENCE, flats)


def test_a_centre_of_another_block_does_not_serve() -> None:
    other = frame("IRD_STAR_CENTER_WAFFLE_RAW", 0.1, ob_id=2)
    with pytest.raises(AssociationError, match="observing block 2 instead of 1"):
        _choose(irdis.CENTER, _SCIENCE, [other])


def test_no_block_at_all_is_no_common_block() -> None:
    science, centre = (
        frame(tag, 0.0, ob_id=None) for tag in ("IRD_SCIENCE_DBI_RAW", "IRD_STAR_CENTER_WAFFLE_RAW")
    )
    with pytest.raises(AssociationError, match="observing block unknown"):
        _choose(irdis.CENTER, science, [centre])


def test_a_group_that_fits_and_is_not_taken_has_its_reason_too() -> None:
    frames = [
        frame("IRD_DARK_RAW", 9.0),
        frame("IRD_SKY_BG_RAW", 1.0),
        frame("IRD_SKY_BG_RAW", -2.0, ob_id=2),
        frame("IRD_INS_BG_RAW", 3.0),
    ]
    told = {one.first: one.reasons[0] for one in _decide(irdis.BACKGROUND, [_SCIENCE], frames).rejected}
    chosen = "IRD_SKY_BG_RAW from SPHER.IRD_SKY_BG_RAW.1.0"
    assert told == {
        "SPHER.IRD_SKY_BG_RAW.-2.0": f"fits at level 1, {chosen} at level 0",
        "SPHER.IRD_INS_BG_RAW.3.0": f"fits at level 0 as {chosen} does, whose class is preferred",
        "SPHER.IRD_DARK_RAW.9.0": f"fits at level 1, {chosen} at level 0",
    }


def test_what_is_rejected_is_told_for_the_nearest_and_counted_for_the_rest() -> None:
    darks = [frame("IRD_DARK_RAW", float(hour), dit_s=1.0 + hour) for hour in range(20)]
    decision = _decide(irdis.BACKGROUND, [_SCIENCE], [d for d in darks if d.dit_s != 16.0])
    assert (decision.choice, len(decision.rejected), decision.more) == (None, 4, 15)
    assert {one.first for one in decision.rejected} == {f"SPHER.IRD_DARK_RAW.{n}.0" for n in range(4)}
    assert "; and 15 more" in decision.reason()


_hours = st.floats(-800, 800).map(lambda h: round(h, 1))
_some = st.builds(
    lambda tag, hours, dit, block, band, later: frame(
        tag, hours, dit_s=dit, ob_id=block, filter=band,
        night=date(2018, 4, 20) + timedelta(days=round(hours // 24)),
        dp_id=f"SPHER.{tag}.{hours}.{dit}.{block}.{band}.{later}",
    ),
    st.sampled_from(_BACKGROUNDS), st.one_of(_hours, st.floats(-15, 15).map(lambda h: round(h, 1))),
    st.sampled_from([16.0, 16.01, 2.0]), st.sampled_from([1, 2, None]), st.sampled_from(["DB_H23", "DB_K12"]),
    st.integers(0, 3),
)  # fmt: skip
_pile = st.lists(_some, max_size=12, unique_by=lambda one: one.dp_id)
_source = st.sampled_from(
    [irdis.BACKGROUND, irdis.BACKGROUND_THERMAL, irdis.FLUX_BACKGROUND, irdis.CENTER_BACKGROUND]
)


def _by_hand(source: DataSource, wanted: RawFrame, frames: Sequence[RawFrame]) -> tuple[object, ...] | None:
    """The rule as it is written, with no index: the best rank there is."""
    ranks = []
    for place, kind in enumerate(source.classes):
        members = [one for one in frames if one.frame_class == kind.tag]
        for label in {_label(kind, one) for one in members}:
            group = sorted(
                (one for one in members if _label(kind, one) == label), key=lambda f: (f.mjd_obs, f.dp_id)
            )
            begin, end = wanted.mjd_obs, wanted.mjd_end
            hours = min(max(begin - f.mjd_obs, f.mjd_obs - end, 0.0) for f in group) * 24
            grade = next((g for g in kind.grades if hours <= g.hours and _fits(g, group[0], wanted)), None)
            if grade is not None and len(group) >= source.minimum:
                apart = abs(group[0].dit_s - wanted.dit_s) if grade.nearest else 0.0
                first = group[0]
                rank = (grade.level, place, apart, hours, -len(group), first.mjd_obs, first.dp_id)
                ranks.append((rank, tuple(group)))
    return min(ranks, key=lambda one: one[0]) if ranks else None


def _label(kind: Class, one: RawFrame) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in kind.group_by)


def _fits(grade: Grade, found: RawFrame, wanted: RawFrame) -> bool:
    for key in grade.keys:
        one, other = getattr(found, key), getattr(wanted, key)
        if key == "dit_s":
            if abs(one - other) > 0.02:
                return False
        elif one is None or one != other:
            return False
    return True


@settings(deadline=None)
@given(_source, _pile)
def test_the_choice_is_the_best_by_the_rule_as_written(source: DataSource, frames: list[RawFrame]) -> None:
    choice = _decide(source, [_SCIENCE], frames).choice
    best = _by_hand(source, _SCIENCE, frames)
    if best is None:
        assert choice is None
    else:
        assert choice is not None
        rank, group = best
        assert (choice.level, choice.hours, choice.group.frames) == (rank[0], pytest.approx(rank[3]), group)  # type: ignore[index]


@settings(deadline=None)
@given(_source, _pile, st.randoms(use_true_random=False))
def test_the_order_of_the_frames_does_not_matter(
    source: DataSource, frames: list[RawFrame], random: object
) -> None:
    first = _decide(source, [_SCIENCE], frames)
    random.shuffle(frames)  # type: ignore[attr-defined]
    assert _decide(source, [_SCIENCE], frames) == first


@settings(deadline=None)
@given(_source, _pile, _pile)
def test_more_frames_never_make_a_level_worse(
    source: DataSource, frames: list[RawFrame], others: list[RawFrame]
) -> None:
    few = _decide(source, [_SCIENCE], frames).choice
    known = {one.dp_id for one in frames}
    many = _decide(source, [_SCIENCE], [*frames, *(o for o in others if o.dp_id not in known)]).choice
    if few is not None:
        assert many is not None
        assert many.level <= few.level


@settings(deadline=None)
@given(_source, _pile)
def test_everything_is_chosen_told_or_counted(source: DataSource, frames: list[RawFrame]) -> None:
    decision = _decide(source, [_SCIENCE], frames)
    groups = Index(frames).groups(source)
    assert len(groups) == (decision.choice is not None) + len(decision.rejected) + decision.more
    assert all(one.reasons for one in decision.rejected)
    chosen = decision.choice.group.frames[0].dp_id if decision.choice else None
    assert chosen not in {one.first for one in decision.rejected}


@settings(deadline=None)
@given(_source, st.sampled_from(_BACKGROUNDS), st.floats(0, 1000), st.floats(0, 1000))
def test_farther_away_is_never_better(source: DataSource, tag: str, one: float, other: float) -> None:
    levels = []
    for hours in sorted((one, other)):
        only = frame(tag, hours, night=date(2018, 4, 20) + timedelta(days=int(hours // 24)))
        choice = _decide(source, [_SCIENCE], [only]).choice
        levels.append(9 if choice is None else choice.level)
    assert levels == sorted(levels)


def test_telemetry_is_that_of_the_time_of_the_sequence() -> None:
    files = [frame("SPH_SPARTA_RAW", hours, arm="") for hours in (-2.0, -0.5, 0.3, 1.0, 1.5)]
    begin, end = START_MJD, START_MJD + 1.1 / 24
    found = Index(files).during(irdis.SPARTA, begin, end)
    assert [one.dp_id for one in found] == [f"SPHER.SPH_SPARTA_RAW.{hours}" for hours in (-0.5, 0.3, 1.0)]
