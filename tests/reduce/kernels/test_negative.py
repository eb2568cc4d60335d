"""Negative companions: planted ones are cancelled where and as bright as they are, whatever the fit said."""

import numpy as np
import pytest

from reduce.kernels.channels import Algorithm, Channel, reduce_without
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.negative import negative_companion
from reduce.kernels.pca import pca_residual, reduce_pca
from reduce.kernels.reduction import Reduction, WholeReduction
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE, _FRAMES, _SEP, _PA = 61, 16, 17.0, 130.0
_ANGLES = np.linspace(20.0, 80.0, _FRAMES)
_PLACE = sky_pixel(_SIZE, _SEP, _PA)


def _pca(channel: Channel) -> Reduction:
    return reduce_pca(channel.cube, channel.angles_deg, 2)


def _whole(channel: Channel) -> Reduction:
    return WholeReduction(channel.cube, channel.angles_deg, lambda cube, _: pca_residual(cube, 2))


def _channels(*fluxes: float, fast: float = 0.05) -> list[Channel]:
    """Speckles and one companion, its flux in each channel given."""
    y, x = np.mgrid[-16:17, -16:17]
    psf = prepare_psf(airy(x, y) / airy_flux())
    shape = track(_SIZE, _SEP, _PA, _ANGLES) / airy_flux()
    cubes = [
        speckle_sequence(np.random.default_rng(30 + n), _FRAMES, _SIZE, fast=fast) + flux * shape
        for n, flux in enumerate(fluxes)
    ]
    return [Channel(cube.astype(np.float32), _ANGLES, psf, FWHM, 1e6) for cube in cubes]


def _negative(channels: list[Channel], told: Companion, algorithm: Algorithm = _pca) -> Companion:
    reductions = reduce_without(channels, [told], algorithm)
    return negative_companion(Scene(channels, reductions, np.full(len(channels), 1 / len(channels))), told)


@pytest.mark.parametrize(("dx", "dy", "factor"), [(0.0, 0.0, 1.0), (0.7, -0.5, 1.25), (-0.6, 0.4, 0.8)])
def test_it_finds_what_was_planted_though_the_fit_is_off(dx: float, dy: float, factor: float) -> None:
    told = Companion(_PLACE[0] + dx, _PLACE[1] + dy, (600.0 * factor,))
    found = _negative(_channels(600.0), told)
    assert (found.x, found.y) == pytest.approx(_PLACE, abs=0.1)
    assert found.flux == pytest.approx((600.0,), rel=0.04)


def test_each_channel_has_a_flux_of_its_own() -> None:
    told = Companion(_PLACE[0] + 0.2, _PLACE[1], (600.0, 350.0))
    found = _negative(_channels(700.0, 300.0), told)
    assert (found.x, found.y) == pytest.approx(_PLACE, abs=0.1)
    assert found.flux == pytest.approx((700.0, 300.0), rel=0.06)


def test_a_channel_without_the_companion_shows_none() -> None:
    """Its flux may come out on either side of nothing, by about the noise."""
    found = _negative(_channels(700.0, 0.0), Companion(*_PLACE, (700.0, 1.0)))
    assert found.flux[0] == pytest.approx(700.0, rel=0.05)
    assert abs(found.flux[1]) < 60.0


def test_the_fast_way_is_that_of_reducing_the_whole_cube_for_each_trial() -> None:
    channels, told = _channels(600.0), Companion(_PLACE[0] + 0.3, _PLACE[1] - 0.2, (550.0,))
    fast, slow = _negative(channels, told), _negative(channels, told, _whole)
    assert (fast.x, fast.y) == pytest.approx((slow.x, slow.y), abs=5e-3)
    assert fast.flux == pytest.approx(slow.flux, rel=2e-3)


def test_what_is_far_away_does_not_matter() -> None:
    """A source 4 FWHM further along the ring, left in the data, moves nothing that is looked at."""
    (channel,) = _channels(600.0)
    beside = track(_SIZE, _SEP, _PA + 70.0, _ANGLES) * (150.0 / airy_flux())
    other = Channel((channel.cube + beside).astype(np.float32), _ANGLES, channel.psf, FWHM, 1e6)
    alone, together = (_negative([c], Companion(*_PLACE, (600.0,))) for c in (channel, other))
    assert (alone.x, alone.y) == pytest.approx((together.x, together.y), abs=0.1)
    assert alone.flux == pytest.approx(together.flux, rel=0.05)
