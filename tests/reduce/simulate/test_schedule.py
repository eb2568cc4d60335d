from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from hcvo.errors import ConfigError
from reduce.simulate.geometry import Derotator, frame_geometry
from reduce.simulate.headers import iso
from reduce.simulate.instrument import FILTERS, FULL_WELL_ADU, GAIN, Filter
from reduce.simulate.night import DEMO_COMPANIONS, DEMO_TARGET, Night
from reduce.simulate.optics import make_optics
from reduce.simulate.scene import star_peak
from reduce.simulate.schedule import Options, plan_night, transit
from reduce.simulate.sky import local_sky

EARLY = date(2015, 4, 20)


def test_target_passes_the_meridian_at_its_transit() -> None:
    when = transit(DEMO_TARGET, date(2018, 4, 20))
    assert local_sky(DEMO_TARGET, [when]).hour_angle[0] == pytest.approx(0.0, abs=1e-3)
    assert date(2018, 4, 21) == when.date()


def test_daylight_transit_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"Sun at .*choose --date"):
        transit(DEMO_TARGET, date(2018, 10, 20))


def test_default_night_is_an_hour_around_the_meridian(default_plan: Night) -> None:
    science = [each for each in default_plan.plan if each.kind == "OBJECT"]
    assert sum(each.ndit for each in science) == 48
    assert timedelta(minutes=45) < science[-1].end - science[0].start < timedelta(minutes=75)
    angles = [
        each.angle
        for exposure in science
        for each in frame_geometry(exposure, DEMO_TARGET, (), default_plan.derotator)
    ]
    assert 40 < abs(angles[-1] - angles[0]) < 62
    assert (np.diff(angles) > 0).all()
    assert len({each.dither for each in science}) > 3


def test_files_follow_each_other_without_overlap(default_plan: Night) -> None:
    for before, after in zip(default_plan.plan, default_plan.plan[1:], strict=False):
        assert after.start > before.end
    kinds = [each.kind for each in default_plan.plan if each.on_sky]
    assert kinds[:2] == ["FLUX", "CENTER"]
    assert kinds[-3:] == ["CENTER", "FLUX", "SKY"]
    flats = {each.dit_s for each in default_plan.plan if each.kind == "FLAT"}
    assert len(flats) >= 5
    darks = {each.dit_s for each in default_plan.plan if each.kind == "DARK"}
    assert flats | {each.dit_s for each in default_plan.plan if each.on_sky} <= darks


def test_time_stamps_obey_the_documented_law(default_plan: Night) -> None:
    for exposure in default_plan.plan:
        start = datetime.fromisoformat(iso(exposure.start) + "00")
        end = datetime.fromisoformat(iso(exposure.end) + "00")
        step = (end - start) / exposure.ndit
        for frame in range(exposure.ndit):
            begin = start + frame * step + timedelta(seconds=exposure.delay_s)
            middle = begin + timedelta(seconds=exposure.realdit_s / 2)
            told = exposure.instants(frame, 7)
            assert abs(told[3] - middle) < timedelta(milliseconds=1)
            assert begin < told[0] < told[-1] < begin + timedelta(seconds=exposure.realdit_s)
        assert 0.9 * exposure.dit_s < exposure.realdit_s <= exposure.dit_s


def test_another_seed_is_another_night(default_plan: Night) -> None:
    other = Night(replace(default_plan.options, seed=2), DEMO_TARGET, (), FILTERS["DB_H23"])
    assert other.place.base != default_plan.place.base
    assert other.plan[0].start != default_plan.plan[0].start
    assert (other.detector.bad != default_plan.detector.bad).any()
    assert other.block.waffle != default_plan.block.waffle


def test_repaired_derotator_turns_nothing_though_begin_reads_late(default_plan: Night) -> None:
    derotator = Derotator(1.3, 0.0, default_plan.plan[0].start)
    science = next(each for each in default_plan.plan if each.kind == "OBJECT")
    assert derotator.lag(science) == 1.0
    assert derotator.error(science) == 0.0


@pytest.mark.parametrize("setup", FILTERS.values(), ids=FILTERS)
def test_flux_frames_stay_below_the_full_well(setup: Filter) -> None:
    optics = make_optics()
    left, right = (star_peak(optics, band, DEMO_TARGET.magnitude_h) for band in setup.bands)
    rng = np.random.default_rng(1)
    plan = plan_night(Options(seed=1, night=date(2018, 4, 20)), DEMO_TARGET, setup, (left, right), rng)
    flux = next(each for each in plan if each.kind == "FLUX")
    for peak, density in zip((left, right), setup.densities, strict=True):
        counts = peak * density.transmission(flux.density) * flux.dit_s / GAIN
        assert 30 < counts < 0.5 * FULL_WELL_ADU


def test_early_derotator_turns_the_field() -> None:
    night = Night(Options(seed=4, night=EARLY), DEMO_TARGET, DEMO_COMPANIONS, FILTERS["DB_H23"])
    science = next(each for each in night.plan if each.kind == "OBJECT")
    geometry = frame_geometry(science, DEMO_TARGET, DEMO_COMPANIONS, night.derotator)[0]
    assert 0.5 < abs(geometry.derotator_error) < 2.0
    assert geometry.derotator_error == night.derotator.lag(science)
    expected = geometry.parallactic + geometry.derotator_error + 135.99 - 1.75
    assert geometry.angle == pytest.approx(expected)


def test_companion_on_the_detector_turns_back_to_its_place_on_the_sky(default_plan: Night) -> None:
    science = next(each for each in default_plan.plan if each.kind == "OBJECT")
    geometry = frame_geometry(science, DEMO_TARGET, DEMO_COMPANIONS, default_plan.derotator)[2]
    for trail, companion in zip(geometry.trails[0], DEMO_COMPANIONS, strict=True):
        x, y = trail.x_mas[3], trail.y_mas[3]
        on_detector = np.degrees(np.arctan2(-x, y))
        found = (on_detector + geometry.angle + geometry.icrs_rotation) % 360.0
        assert np.hypot(x, y) == pytest.approx(companion.separation_mas)
        assert found == pytest.approx(companion.pa_deg, abs=1e-6)
        ends = np.degrees(np.arctan2(-trail.x_mas[[0, -1]], trail.y_mas[[0, -1]]))
        assert 0.5 < abs((ends[1] - ends[0] + 180) % 360 - 180) < 1.5
