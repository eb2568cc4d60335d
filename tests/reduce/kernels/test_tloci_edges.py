"""T-LOCI: zones and distance of references with lobed PSFs, slivers, frames that are not square."""

from functools import cache

import numpy as np
import pytest

from reduce.kernels.channels import Channel
from reduce.kernels.inject import prepare_psf
from reduce.kernels.tloci import Tloci, loss_distance, reduce_tloci, tloci_rings

_FWHM = 4.0


def _gauss(x: np.ndarray, y: np.ndarray, fwhm: float) -> np.ndarray:
    return np.asarray(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2))


def _lobed(x: np.ndarray, y: np.ndarray, place: float, width: float) -> np.ndarray:
    """A star and a lobe to the right of it."""
    return np.asarray(_gauss(x, y, _FWHM) + _gauss(x - place, y, width))


@cache
def _farthest(place: float, width: float, loss: float) -> float:
    """Last distance at which the aperture, anywhere around the star, holds more than the share: fine sums."""
    side = (np.arange(40) + 0.5) * 0.1 - 2.0
    fx, fy = np.meshgrid(side, side)
    fx, fy = fx[np.hypot(fx, fy) <= _FWHM / 2], fy[np.hypot(fx, fy) <= _FWHM / 2]
    turns = np.radians(np.arange(0.0, 360.0, 5.0))
    whole = _lobed(fx, fy, place, width).sum()
    share = np.inf
    distance = place + width
    while share > 1:  # from the outside inwards
        distance -= 0.02
        cx, cy = distance * np.cos(turns)[:, None], distance * np.sin(turns)[:, None]
        mean = _lobed(cx + fx, cy + fy, place, width).sum(axis=1).mean()
        share = 0.0 if mean > loss * whole else 2.0
    return distance


@pytest.mark.parametrize(
    ("place", "width", "loss"), [(8.0, 4.0, 0.06), (8.0, 4.0, 0.03), (24.0, 10.0, 0.03), (0.0, 4.0, 0.3)]
)
@pytest.mark.parametrize("flux", [0.01, 3.0])
def test_a_lobe_counts_by_its_share_of_the_circle(
    place: float, width: float, loss: float, flux: float
) -> None:
    y, x = np.mgrid[-32:33, -32:33].astype(float)
    found = loss_distance(prepare_psf(flux * _lobed(x, y, place, width)), _FWHM, loss)
    step = 0.02 * _FWHM
    assert found / step == pytest.approx(round(found / step), abs=1e-6)
    assert found == pytest.approx(_farthest(place, width, loss) + step / 2, abs=step / 2 + 0.03)


def test_a_zone_of_one_pixel_is_one_and_sectors_are_at_least_one() -> None:
    rings = tloci_rings((4.0, 40.0), _FWHM, Tloci(width=0.75, gap=0.5, depth=1.0, area=1e9))
    assert [ring.zone for ring in rings[:3]] == [
        ((9.0, 13.0),),
        ((4.0, 5.0), (12.0, 16.0)),
        ((4.0, 8.0), (15.0, 19.0)),
    ]
    assert {ring.sectors for ring in rings} == {1}


def test_a_field_without_room_is_told_with_its_limits() -> None:
    with pytest.raises(ValueError, match=r"separations 5\.0 to 41\.0 px leave no zone"):
        tloci_rings((5.0, 41.0), _FWHM, Tloci(gap=10.0))


@pytest.mark.parametrize("shape", [(25, 31), (31, 25)])
def test_frames_that_are_not_square_are_divided_as_they_are(shape: tuple[int, int]) -> None:
    cube = np.random.default_rng(1).normal(size=(6, *shape)).astype(np.float32)
    y, x = np.mgrid[-5:6, -5:6].astype(float)
    channel = Channel(cube, np.linspace(0.0, 90.0, 6), prepare_psf(_gauss(x, y, 3.0)), 3.0, 1e4)
    found = reduce_tloci(channel, (2.0, 12.0), Tloci(least=2, area=20.0))
    assert found.regions.number.shape == found.image.shape == shape
    rows, columns = np.indices(shape)
    radius = np.hypot(rows - shape[0] // 2, columns - shape[1] // 2)
    ring = found.regions.ring_of[found.regions.number]
    assert ((ring == 0) == (radius < 2.0 + 10.0 / 3)).all()
