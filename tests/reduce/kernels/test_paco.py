"""PACO against the paper's formulae written out with numpy, and against planted companions."""

import numpy as np
import pytest

from reduce.kernels.channels import Channel
from reduce.kernels.fit import Scene, fit_companion
from reduce.kernels.inject import Psf, companion_stamps, inject, prepare_psf
from reduce.kernels.paco import PacoReduction, reduce_paco
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE, _FRAMES = 41, 24
_CENTRE = (20.0, 20.0)


@pytest.fixture(scope="module")
def psf() -> Psf:
    y, x = np.mgrid[-12:13, -12:13]
    return prepare_psf(airy(x, y) / airy_flux())


@pytest.fixture(scope="module")
def angles() -> np.ndarray:
    return np.linspace(100.0, 155.0, _FRAMES)


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    return speckle_sequence(np.random.default_rng(7), _FRAMES, _SIZE)


@pytest.fixture(scope="module")
def reduced(cube: np.ndarray, angles: np.ndarray, psf: Psf) -> PacoReduction:
    return reduce_paco(cube, angles, psf, FWHM)


_PATCH = [(j, i) for j in range(-3, 4) for i in range(-3, 4) if np.hypot(j, i) <= 0.9 * FWHM]


def _direct(cube: np.ndarray, angles: np.ndarray, x: int, y: int) -> tuple[float, float]:
    """a and b of Flasseur et al. 2018 with the PSF shifted to its place, nearest patches."""
    total = np.zeros(2)
    dy, dx = np.array(_PATCH).T
    for t, angle in enumerate(np.radians(angles)):
        px = 20 + np.cos(angle) * (x - 20) + np.sin(angle) * (y - 20)
        py = 20 + np.cos(angle) * (y - 20) - np.sin(angle) * (x - 20)
        rows, columns = round(py) + dy, round(px) + dx
        patches = cube[:, rows, columns].astype(np.float64)
        s = np.cov(patches.T, bias=True)
        square, diagonal = np.trace(s @ s), np.sum(np.diag(s) ** 2)
        rho = (square + np.trace(s) ** 2 - 2 * diagonal) / ((len(cube) + 1) * (square - diagonal))
        rho = min(max(rho, 0.0), 1.0)
        c = (1 - rho) * s + rho * np.diag(np.diag(s))
        h = airy(columns - px, rows - py) / airy_flux()
        w = np.linalg.solve(c, h)
        total += h @ w, w @ (patches[t] - patches.mean(axis=0))
    return float(total[0]), float(total[1])


def test_flux_is_that_of_the_papers_formula(
    cube: np.ndarray, angles: np.ndarray, reduced: PacoReduction
) -> None:
    places = [(31, 22), (12, 11), (20, 33), (27, 14), (14, 29), (29, 25)]
    direct = np.array([_direct(cube, angles, *p) for p in places])
    error = 1 / np.sqrt(direct[:, 0])
    ours = np.array([reduced.image[y, x] for x, y in places]) * reduced.response
    assert np.all(np.abs(ours - direct[:, 1] / direct[:, 0]) < 0.3 * error)


def test_a_patch_is_cut_from_the_whole_reduction(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    x, y = sky_pixel(_SIZE, 11.0, 40.0)
    stamps = companion_stamps(psf, x, y, angles, _CENTRE)
    whole = reduce_paco(inject(cube, angles, psf, [(x, y, 200.0)]), angles, psf, FWHM).image
    px, py = round(x), round(y)
    ours = reduced.patch([(stamps, 200.0)], px, py, 5)
    assert np.nanmax(np.abs(ours - whole[py - 5 : py + 6, px - 5 : px + 6])) <= 1e-4 * np.nanstd(whole)
    assert np.nanmax(np.abs(ours - reduced.image[py - 5 : py + 6, px - 5 : px + 6])) > np.nanstd(whole)


def test_mirrored_angles_give_the_mirrored_image(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    mirrored = reduce_paco(cube[:, :, ::-1].copy(), -angles, psf, FWHM).image[:, ::-1]
    assert np.array_equal(np.isnan(mirrored), np.isnan(reduced.image))
    assert np.nanmax(np.abs(mirrored - reduced.image)) <= 1e-4 * np.nanmax(np.abs(reduced.image))


def test_a_planted_companion_is_fitted_at_its_place(angles: np.ndarray, psf: Psf) -> None:
    cube = speckle_sequence(np.random.default_rng(11), _FRAMES, _SIZE)
    cube += (track(_SIZE, 11.0, 200.0, angles) * 1500.0 / airy_flux()).astype(np.float32)
    channel = Channel(cube, angles, psf, FWHM, 1e5)
    scene = Scene([channel], [reduce_paco(cube, angles, psf, FWHM)], np.ones(1))
    x, y = sky_pixel(_SIZE, 11.0, 200.0)
    fit = fit_companion(scene, [[]], round(x), round(y))
    assert fit.ok
    assert np.hypot(fit.companion.x - x, fit.companion.y - y) < 0.2
    assert fit.companion.flux[0] == pytest.approx(1500.0, rel=0.08)
