from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from reduce.simulate.cosmics import cosmic_rays
from reduce.simulate.instrument import FIELDS, FILTERS
from reduce.simulate.optics import make_optics
from reduce.simulate.scene import aperture_flux, growth_curve
from reduce.simulate.thermal import UnsteadyThermal, draw_unsteady, illumination

K12 = FILTERS["DB_K12"].bands
FIRST = datetime(2018, 4, 21, 2, 0)  # noqa: DTZ001 - UTC throughout
MASKS = tuple(one.centre for one in FIELDS)


@pytest.fixture(scope="module")
def thermal() -> UnsteadyThermal:
    rng = np.random.default_rng(9)
    return draw_unsteady(illumination(rng), (MASKS[0], MASKS[1]), FIRST, rng)


def light(
    thermal: UnsteadyThermal, minutes: float, stage: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float32]:
    return thermal.light(K12, FIRST + timedelta(minutes=minutes), 1.0, stage, sky=True)


def test_scaled_sky_leaves_something(thermal: UnsteadyThermal) -> None:
    sky = np.mean([light(thermal, minutes) for minutes in (60, 61, 62)], axis=0)
    now = light(thermal, 30)
    for field, band in enumerate(K12):
        part = slice(200, 800), slice(field * 1024 + 200, field * 1024 + 800)
        scale = (now[part] * sky[part]).sum() / (sky[part] ** 2).sum()
        left = (now[part] - scale * sky[part]).std() / band.thermal
        assert 0.003 < left < 0.05


def test_shapes_change_over_minutes_not_seconds(thermal: UnsteadyThermal) -> None:
    start, soon, later = (light(thermal, minutes)[:, 1224:1824].ravel() for minutes in (20, 20.3, 35))
    assert (soon / start).std() < 0.35 * (later / start).std()


def test_glow_moves_with_the_stage(thermal: UnsteadyThermal) -> None:
    x, y = (round(each) for each in MASKS[1])
    still, moved = light(thermal, 20), light(thermal, 20, (2.0, 0.0))
    gradient = (moved - still)[y, 1024 + x - 60 : 1024 + x + 61]
    assert gradient[:50].mean() < 0 < gradient[70:].mean()


def test_instrument_alone_has_no_sky(thermal: UnsteadyThermal) -> None:
    warm = thermal.light(K12, FIRST, 1.0, (0.0, 0.0), sky=False)
    assert np.median(light(thermal, 0) - warm) == pytest.approx(np.mean([K12[0].sky, K12[1].sky]), rel=0.6)


def test_rays_lie_on_the_detector() -> None:
    hits = cosmic_rays(500, np.random.default_rng(3))
    assert ((hits[:, 0] >= 0) & (hits[:, 0] < 2048) & (hits[:, 1] >= 0) & (hits[:, 1] < 1024)).all()
    assert 500 < len(hits) < 2500
    assert len({(x, y) for x, y, _ in hits}) == len(hits)
    assert (hits[:, 2] > 0).all()
    assert len(cosmic_rays(0, np.random.default_rng(3))) == 0


def test_growth_curve_is_the_aperture_flux_on_the_sky() -> None:
    """The pixels' own sums differ by the anamorphism and by the halo only."""
    optics = make_optics()
    band = FILTERS["DB_H23"].bands[0]
    diameters = np.array([4.0, 8.0, 14.0])
    curve = growth_curve(optics, band, diameters)
    for diameter, flux in zip(diameters, curve, strict=True):
        assert flux == pytest.approx(aperture_flux(optics, band, diameter), rel=0.01)
    assert curve[-1] < optics.energy(band.wavelength_um)
    assert (np.diff(curve) > 0).all()
