"""Planted brightness of a star without a mask, found again, saturated or not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reduce.kernels.airy import airy
from reduce.kernels.frame_star import spot_flux, star_flux

_UNIT, _FWHM, _GAIN = 2.9, 3.0, 1.75
_BRIGHT = np.array([1.0, 0.95, 1.04, 0.7, 1.0, 1.01, 0.98])
_NEVER = np.full(_BRIGHT.size, np.inf)
_WANDER = 0.4 * np.array([(0, 0), (0.1, -0.1), (-0.08, 0.05), (0.05, 0.1), (0, 0.02), (0.1, 0.1), (-0.1, 0)])


def _frames(peak: float, well: float = np.inf, halo: float = 0.0) -> NDArray[np.float32]:
    """(time, y, x) adu: diffraction of planted brightness, what it lacks in a wide halo, photon noise."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[-40:41, -40:41].astype(float)
    made = []
    for bright, (dx, dy) in zip(_BRIGHT, _WANDER, strict=True):
        radius = np.hypot(x - dx, y - dy)
        light = peak * (
            bright * airy(radius, _UNIT, 0.14) + halo * (1.3 - bright) / (1.0 + (radius / 12.0) ** 2)
        )
        noisy = light + rng.normal(size=x.shape) * np.sqrt(light / _GAIN + 36.0)
        made.append(np.minimum(noisy, well))
    return np.array(made, np.float32)


def _relative(flux: NDArray[np.float64]) -> NDArray[np.float64]:
    return flux / np.median(flux)


def test_a_star_below_saturation_is_measured_to_half_a_per_cent() -> None:
    found = star_flux(_frames(2e4), _FWHM, _NEVER)
    assert _relative(found) == pytest.approx(_BRIGHT / np.median(_BRIGHT), abs=0.005)


def test_a_star_saturated_in_its_middle_is_measured_by_its_rings() -> None:
    limit = np.full(_BRIGHT.size, 35000.0)
    found = star_flux(_frames(2e5, well=50000.0), _FWHM, limit)
    assert _relative(found) == pytest.approx(_BRIGHT / np.median(_BRIGHT), abs=0.01)


def test_light_lost_to_the_halo_does_not_count() -> None:
    found = star_flux(_frames(2e5, well=50000.0, halo=1e-4), _FWHM, np.full(_BRIGHT.size, 35000.0))
    assert _relative(found) == pytest.approx(_BRIGHT / np.median(_BRIGHT), abs=0.02)


def test_what_is_saturated_in_one_frame_is_left_out_in_all() -> None:
    frames = _frames(2e4)
    frames[2, 40, 40] = 60000.0
    found = star_flux(frames, _FWHM, np.full(_BRIGHT.size, 35000.0))
    assert _relative(found) == pytest.approx(_BRIGHT / np.median(_BRIGHT), abs=0.02)


def test_gaps_are_left_out_and_a_frame_without_the_star_has_no_number() -> None:
    frames = _frames(2e4)
    frames[1, 38:40, 41] = np.nan
    frames[5] = np.nan
    found = star_flux(frames, _FWHM, _NEVER)
    assert np.isnan(found).all()  # no pixel is known in all frames
    frames[5] = 40000.0
    found = star_flux(frames, _FWHM, np.full(_BRIGHT.size, 35000.0))
    assert np.isnan(found[5])


_SPOTS = np.array([[30.0, 0.0], [0.0, 30.0], [-30.0, 0.0], [0.0, -30.0]])


def _spotted(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(time, y, x): spots (time, 4) of these heights on a sloping halo."""
    y, x = np.mgrid[-50:51, -50:51].astype(float)
    halo = 200.0 / (1.0 + np.hypot(x, y) / 20.0)
    shapes = [np.exp(-4 * np.log(2) * ((x - dx) ** 2 + (y - dy) ** 2) / _FWHM**2) for dx, dy in _SPOTS]
    return np.asarray(halo + np.einsum("ts,syx->tyx", heights, np.array(shapes)))


def test_spots_are_measured_above_the_halo() -> None:
    bright = np.array([1.0, 0.7, 1.3])
    light = spot_flux(_spotted(np.outer(bright, [900.0, 1000.0, 1100.0, 1000.0])), _SPOTS, _FWHM)
    assert light == pytest.approx(bright, abs=0.01)


def test_a_spot_on_bad_pixels_in_some_frames_and_one_beyond_the_edge_do_not_count() -> None:
    bright = np.array([1.0, 0.9, 1.1, 1.0, 1.0])
    heights = np.outer(bright, np.full(4, 1000.0))
    heights[:2, 1] *= 0.8
    away = _SPOTS.copy()
    away[3] = (0.0, -48.0)
    assert spot_flux(_spotted(heights), _SPOTS, _FWHM) == pytest.approx(bright, abs=0.01)
    even = _spotted(np.outer(bright, np.full(4, 1e3)))
    assert spot_flux(even, away, _FWHM) == pytest.approx(bright, abs=0.01)
    assert np.isnan(spot_flux(_spotted(heights), 3.0 * _SPOTS, _FWHM)).all()
