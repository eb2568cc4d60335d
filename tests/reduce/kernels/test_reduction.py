"""Patches with injections answer what reducing the whole injected cube answers."""

from collections.abc import Callable

import numpy as np
import pytest

from reduce.kernels.cadi import cadi_residual, reduce_cadi
from reduce.kernels.inject import companion_stamps, prepare_psf
from reduce.kernels.pca import pca_residual, reduce_pca
from reduce.kernels.reduction import Reduction, WholeReduction, cut
from tests.reduce.kernels.planted import airy, sky_pixel, speckle_sequence

_SIZE = 71
_Residual = Callable[[np.ndarray, np.ndarray], np.ndarray]
_ALGORITHMS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], Reduction], _Residual]] = {
    "cadi": (reduce_cadi, lambda cube, _: cadi_residual(cube)),
    "pca": (lambda cube, angles: reduce_pca(cube, angles, 4), lambda cube, _: pca_residual(cube, 4)),
}


@pytest.fixture(scope="module")
def angles() -> np.ndarray:
    return np.linspace(100.0, 155.0, 14)


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    return speckle_sequence(np.random.default_rng(7), 14, _SIZE)


@pytest.mark.parametrize("name", list(_ALGORITHMS))
@pytest.mark.parametrize("how", ["one", "two", "edge", "none"])
def test_a_patch_is_cut_from_the_whole_reduction(
    name: str, how: str, cube: np.ndarray, angles: np.ndarray
) -> None:
    y, x = np.mgrid[-12:13, -12:13]
    psf = prepare_psf(airy(x, y), 10)
    centre = (35.0, 35.0)
    places = {
        "one": [(*sky_pixel(_SIZE, 15.0, 40.0), 30.0)],
        "two": [(*sky_pixel(_SIZE, 15.0, 40.0), 80.0), (*sky_pixel(_SIZE, 12.0, 200.0), -50.0)],
        "edge": [(*sky_pixel(_SIZE, 33.0, 40.0), 30.0)],
        "none": [],
    }[how]
    parts = [(companion_stamps(psf, px, py, angles, centre, (_SIZE, _SIZE)), flux) for px, py, flux in places]
    px, py = places[0][:2] if places else (40.0, 50.0)
    fast, residual = _ALGORITHMS[name]
    reduction = fast(cube, angles)
    whole = WholeReduction(cube, angles, residual)
    if how == "edge":
        px, py = sky_pixel(_SIZE, 26.0, 40.0)
    ours = reduction.patch(parts, round(px), round(py), 6)
    truth = whole.patch(parts, round(px), round(py), 6)
    assert np.array_equal(np.isnan(ours), np.isnan(truth))
    assert np.nanmax(np.abs(ours - truth)) <= 2e-3 * np.nanstd(whole.image)


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_gaps_are_the_same_too(name: str, cube: np.ndarray, angles: np.ndarray) -> None:
    holed = cube.copy()
    holed[4, 45:49, 20:30] = np.nan
    holed[:, 33, 44] = np.nan
    y, x = np.mgrid[-8:9, -8:9]
    stamps = companion_stamps(prepare_psf(airy(x, y)), 44.0, 42.0, angles, (35.0, 35.0))
    fast, residual = _ALGORITHMS[name]
    reduction, whole = fast(holed, angles), WholeReduction(holed, angles, residual)
    assert np.array_equal(np.isnan(reduction.image), np.isnan(whole.image))
    ours, truth = (r.patch([(stamps, 20.0)], 44, 42, 6) for r in (reduction, whole))
    assert np.nanmax(np.abs(ours - truth)) <= 0.1 * np.nanstd(whole.image)


@pytest.mark.parametrize("place", [(3, 4), (0, 0), (6, 5), (-1, 2), (8, 9), (-5, 3), (3, 20)])
def test_a_cut_over_the_edge_has_no_data_there(place: tuple[int, int]) -> None:
    image = np.arange(42.0, dtype=np.float32).reshape(6, 7)
    wide = np.pad(image, 40, constant_values=np.nan)
    x, y = place
    np.testing.assert_array_equal(cut(image, x, y, 2), wide[y + 38 : y + 43, x + 38 : x + 43])
