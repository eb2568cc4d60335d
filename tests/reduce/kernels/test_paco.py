"""PACO against the paper's formulae written out with numpy, and against planted companions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels import paco_sums
from reduce.kernels.aperture import aperture_flux
from reduce.kernels.channels import Channel
from reduce.kernels.fit import Scene, fit_companion
from reduce.kernels.inject import Psf, companion_stamps, inject, prepare_psf
from reduce.kernels.paco import PacoReduction, reduce_paco
from reduce.kernels.paco_sums import Sequence, learn, sums_along
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE, _FRAMES = 41, 24
_CENTRE = (20.0, 20.0)
_DY, _DX = np.array([(j, i) for j in range(-4, 5) for i in range(-4, 5) if np.hypot(j, i) <= 0.85 * FWHM]).T


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


def _weights(patches: np.ndarray, h: np.ndarray) -> np.ndarray:
    """C^-1 h of Flasseur et al. 2018."""
    s = np.cov(patches.T, bias=True)
    square, diagonal = np.trace(s @ s), np.sum(np.diag(s) ** 2)
    rho = (square + np.trace(s) ** 2 - 2 * diagonal) / ((len(patches) + 1) * (square - diagonal))
    rho = min(max(rho, 0.0), 1.0)
    return np.asarray(np.linalg.solve((1 - rho) * s + rho * np.diag(np.diag(s)), h))


def _places(angles: np.ndarray, x: float, y: float) -> list[tuple[float, float]]:
    turn = np.exp(-1j * np.radians(angles)) * (x - 20 + 1j * (y - 20))
    return [(float(p.real) + 20, float(p.imag) + 20) for p in turn]


def _direct(cube: np.ndarray, angles: np.ndarray, x: int, y: int) -> tuple[float, float]:
    """a and b of the paper: nearest patches, the PSF shifted to its place in them."""
    total = np.zeros(2)
    for t, (px, py) in enumerate(_places(angles, x, y)):
        rows, columns = round(py) + _DY, round(px) + _DX
        patches = cube[:, rows, columns].astype(np.float64)
        h = airy(columns - px, rows - py) / airy_flux()
        w = _weights(patches, h)
        total += h @ w, w @ (patches[t] - patches.mean(axis=0))
    return float(total[0]), float(total[1])


def test_flux_and_its_variance_are_those_of_the_papers_formulae(
    cube: np.ndarray, angles: np.ndarray, reduced: PacoReduction
) -> None:
    places = [(31, 22), (12, 11), (20, 33), (27, 14), (14, 29), (29, 25), (8, 20), (25, 31)]
    sky = np.array([y * _SIZE + x for x, y in places])
    learned = learn(reduced.sequence, reduced.sequence.targets(sky))
    b, a, _ = sums_along(reduced.sequence, sky, learned)
    direct = np.array([_direct(cube, angles, *p) for p in places])
    assert np.max(np.abs(a / direct[:, 0] - 1)) < 0.04
    assert np.mean(a / direct[:, 0]) == pytest.approx(1.0, abs=0.01)
    assert np.max(np.abs(b / a - direct[:, 1] / direct[:, 0]) * np.sqrt(direct[:, 0])) < 0.35
    shown = np.array([reduced.image[y, x] for x, y in places]) * reduced.response
    np.testing.assert_allclose(shown, b / a, rtol=1e-4)


@pytest.mark.parametrize("noise", ["white", "speckles"])
def test_the_flux_of_a_source_between_pixels_is_right_to_one_per_cent(
    noise: str, cube: np.ndarray, angles: np.ndarray, reduced: PacoReduction
) -> None:
    """Weights of one sequence, applied to a source alone: nothing but the steps between pixels is left."""
    sequence = reduced.sequence
    if noise == "white":
        white = np.random.default_rng(2).normal(size=cube.shape).astype(np.float32)
        sequence = replace(sequence, cube=white)
    places = [(31, 22), (12, 11), (20, 33), (27, 14), (14, 29), (29, 25), (8, 20), (25, 31)]
    ratios = []
    for x, y in places:
        sky = np.array([y * _SIZE + x])
        learned = learn(sequence, sequence.targets(sky))
        learned.mean[:] = 0.0
        source = track(_SIZE, np.hypot(x - 20, y - 20), np.degrees(np.arctan2(20 - x, y - 20)), angles)
        alone = replace(sequence, cube=(source / airy_flux()).astype(np.float32))
        b, a, _ = sums_along(alone, sky, learned)[:, 0]
        ratios.append(b / a)
    assert np.max(np.abs(np.array(ratios) - 1)) < 0.01
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.006)


@pytest.mark.parametrize("noise", ["white", "correlated"])
def test_noise_has_unit_variance_in_the_native_signal_to_noise(noise: str, psf: Psf) -> None:
    rng, turn = np.random.default_rng(8), np.linspace(0.0, 50.0, 16)
    squares = []
    for _ in range(24):
        cube = rng.normal(size=(16, 51, 51))
        if noise == "correlated":
            cube = 0.3 * cube + 6 * ndimage.gaussian_filter(
                rng.normal(size=cube.shape), (0, 1.7, 1.7), mode="wrap"
            )
        squares.append(np.nanmean(reduce_paco(cube.astype(np.float32), turn, psf, FWHM).snr ** 2))
    assert np.sqrt(np.mean(squares)) == pytest.approx(1.0, abs=0.03)


def test_in_white_noise_a_faint_companion_keeps_its_aperture_sum(psf: Psf) -> None:
    """All but what the mean over time takes, which is little where the field turns far."""
    rng, turn = np.random.default_rng(4), np.linspace(0.0, 170.0, 60)
    cube = rng.normal(size=(60, 61, 61)).astype(np.float32)
    x, y = sky_pixel(61, 21.0, 70.0)
    source = track(61, 21.0, 70.0, turn) * 2.0 / airy_flux()
    whole, without = (reduce_paco(c, turn, psf, FWHM) for c in (cube + source.astype(np.float32), cube))
    through = aperture_flux(whole.image - without.image, FWHM, x, y) / 2.0
    assert 0.85 < through < 1.0


def test_a_patch_is_cut_from_the_whole_reduction(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    places = [(*sky_pixel(_SIZE, 11.0, 40.0), 200.0), (*sky_pixel(_SIZE, 9.0, 75.0), -150.0)]
    parts = [(companion_stamps(psf, x, y, angles, _CENTRE), flux) for x, y, flux in places]
    for number in (1, 2):
        whole = reduce_paco(inject(cube, angles, psf, places[:number]), angles, psf, FWHM).image
        px, py = round(places[0][0]), round(places[0][1])
        cut = (slice(py - 5, py + 6), slice(px - 5, px + 6))
        ours = reduced.patch(parts[:number], px, py, 5)
        assert np.nanmax(np.abs(ours - whole[cut])) <= 1e-4 * np.nanstd(whole)
        assert np.nanmax(np.abs(ours - reduced.image[cut])) > np.nanstd(whole)
    np.testing.assert_array_equal(reduced.patch([], px, py, 5), reduced.image[cut])


def test_a_patch_over_the_edge_has_nothing_beyond_it(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    x, y = sky_pixel(_SIZE, 17.0, 265.0)
    stamps = companion_stamps(psf, x, y, angles, _CENTRE)
    whole = reduce_paco(inject(cube, angles, psf, [(x, y, 500.0)]), angles, psf, FWHM).image
    padded = np.pad(whole, 10, constant_values=np.nan)
    for px, py in ((round(x), round(y)), (1, 20), (20, 39), (38, 2)):
        ours = reduced.patch([(stamps, 500.0)], px, py, 6)
        truth = padded[py + 4 : py + 17, px + 4 : px + 17]
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(truth))
        np.testing.assert_allclose(ours, truth, atol=1e-4 * float(np.nanstd(whole)))


def test_mirrored_angles_give_the_mirrored_image(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    mirrored = reduce_paco(cube[:, :, ::-1].copy(), -angles, psf, FWHM)
    assert np.array_equal(np.isnan(mirrored.image[:, ::-1]), np.isnan(reduced.image))
    for ours, other in ((reduced.image, mirrored.image), (reduced.raw_snr, mirrored.raw_snr)):
        assert np.nanmax(np.abs(other[:, ::-1] - ours)) <= 1e-4 * np.nanmax(np.abs(ours))
    assert (
        np.nanmax(np.abs(mirrored.snr[:, ::-1] - reduced.snr)) < 0.05
    )  # other patches of a ring are looked at


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_units_of_the_cube_do_not_matter(
    factor: float, cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    scaled = reduce_paco((cube * factor).astype(np.float32), angles, psf, FWHM)
    assert np.nanmax(np.abs(scaled.snr - reduced.snr)) < 5e-3
    assert np.nanmax(np.abs(scaled.image / factor - reduced.image)) < 5e-3 * np.nanstd(reduced.image)
    holed = cube.copy()
    holed[5, 28, 9:13] = holed[11, 12, 25] = np.nan
    truth = reduce_paco(holed, angles, psf, FWHM)
    scaled = reduce_paco((holed * factor).astype(np.float32), angles, psf, FWHM)
    assert np.nanmax(np.abs(scaled.raw_snr - truth.raw_snr)) < 5e-3


def test_frames_need_not_be_square(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    y, x = np.indices((_SIZE, _SIZE)) - 20
    near = np.hypot(x, y) < 9
    for cut in (np.s_[3:-3, :], np.s_[:, 3:-3]):
        part = reduce_paco(cube[(slice(None), *cut)], angles, psf, FWHM)
        np.testing.assert_allclose(part.image[near[cut]], reduced.image[cut][near[cut]], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(part.snr[near[cut]], reduced.snr[cut][near[cut]], atol=0.05)
        assert part.rings.y.dtype.kind == part.rings.x.dtype.kind == "i"


def test_only_what_is_wanted_is_reduced(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    y, x = np.indices((_SIZE, _SIZE)) - 20
    ring = (np.hypot(x, y) >= 8) & (np.hypot(x, y) <= 13)
    part = reduce_paco(cube, angles, psf, FWHM, ring)
    assert np.array_equal(np.isfinite(part.image), ring & np.isfinite(reduced.image))
    np.testing.assert_allclose(part.image[ring], reduced.image[ring], rtol=1e-5, atol=1e-5)
    patch = part.patch([], 30, 20, 4)
    np.testing.assert_array_equal(np.isfinite(patch), ring[16:25, 26:35])
    assert np.isfinite(part.snr[ring]).all()


def test_places_whose_patches_leave_every_frame_have_no_value(
    angles: np.ndarray, reduced: PacoReduction
) -> None:
    snr = reduced.snr
    for y in range(0, _SIZE, 4):
        for x in range(0, _SIZE, 3):
            inside = any(min(p) >= 3 - 1e-6 and max(p) <= 37 + 1e-6 for p in _places(angles, x, y))
            assert np.isfinite(reduced.image[y, x]) == inside
            assert np.isfinite(snr[y, x]) == inside


def test_in_pieces_it_is_the_same(
    monkeypatch: pytest.MonkeyPatch, cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    holed = cube.copy()
    holed[5, 28, 9:13] = np.nan
    truth = reduce_paco(holed, angles, psf, FWHM)
    monkeypatch.setattr(paco_sums, "_BLOCK", 3000)
    for whole, given in ((reduced, cube), (truth, holed)):
        pieces = reduce_paco(given, angles, psf, FWHM)
        np.testing.assert_allclose(pieces.image, whole.image, rtol=2e-5, atol=1e-5)
        np.testing.assert_allclose(pieces.snr, whole.snr, rtol=2e-5, atol=1e-5)


def test_frames_without_data_are_left_out(cube: np.ndarray, angles: np.ndarray, psf: Psf) -> None:
    """A frame that is missing wholly is as if it were not there; a pixel missing spoils nothing."""
    gone = cube.copy()
    gone[7] = np.nan
    kept = np.arange(_FRAMES) != 7
    without = reduce_paco(cube[kept], angles[kept], psf, FWHM)
    ours = reduce_paco(gone, angles, psf, FWHM)
    assert np.array_equal(np.isnan(ours.image), np.isnan(without.image))
    assert np.nanstd(ours.image - without.image) < 0.1 * np.nanstd(without.image)
    holed = cube.copy()
    holed[3, 30, 10] = holed[9, 12, 25] = np.nan
    image, whole = reduce_paco(holed, angles, psf, FWHM).image, reduce_paco(cube, angles, psf, FWHM).image
    assert np.array_equal(np.isnan(image), np.isnan(whole))
    assert np.nanmax(np.abs(image - whole)) < 2 * np.nanstd(whole)
    assert np.nanstd(image - whole) < 0.25 * np.nanstd(whole)


def test_a_hole_takes_its_frame_from_the_sums_of_its_tracks(
    cube: np.ndarray, angles: np.ndarray, psf: Psf
) -> None:
    sky = np.array([22 * _SIZE + 31])
    holed = cube.copy()
    px, py = _places(angles, 31, 22)[4]
    holed[4, round(py) + 2, round(px)] = np.nan
    sequences = [
        Sequence(c, np.radians(angles), reduce_paco(cube, angles, psf, FWHM).sequence.disc, h)
        for c, h in ((cube, airy(_DX, _DY).astype(np.float32)), (holed, airy(_DX, _DY).astype(np.float32)))
    ]
    sums = [sums_along(s, sky, learn(s, s.targets(sky)))[1, 0] for s in sequences]
    assert sums[1] / sums[0] == pytest.approx(1 - 1 / _FRAMES, abs=0.03)


def test_a_saturated_core_and_a_dead_column_leave_the_rest(
    cube: np.ndarray, angles: np.ndarray, psf: Psf, reduced: PacoReduction
) -> None:
    y, x = np.indices((_SIZE, _SIZE)) - 20
    flat = cube.copy()
    flat[:, np.hypot(x, y) < 3] = 1000.0
    image = reduce_paco(flat, angles, psf, FWHM).image
    far = np.hypot(x, y) > 3 + 3.4 + 4.3
    np.testing.assert_allclose(image[far], reduced.image[far], rtol=1e-4, atol=1e-4)
    assert np.isnan(image[np.hypot(x, y) < 3]).all()
    dead = cube.copy()
    dead[:, :, 33] = np.nan
    image = reduce_paco(dead, angles, psf, FWHM).image
    assert np.isfinite(image[np.hypot(x, y) < 6]).all()
    assert np.isfinite(image[np.hypot(x, y) < 15]).mean() > 0.8


def test_nothing_at_all_gives_nothing(angles: np.ndarray, psf: Psf) -> None:
    reduction = reduce_paco(np.full((_FRAMES, 21, 21), np.nan), angles, psf, FWHM)
    assert np.isnan(reduction.image).all()
    assert np.isnan(reduction.snr).all()
    assert np.isnan(reduction.shrinkage)
    assert np.isnan(reduction.patch([], 10, 10, 3)).all()


def test_without_turn_there_is_no_signal_to_noise(cube: np.ndarray, psf: Psf) -> None:
    reduction = reduce_paco(cube, np.full(_FRAMES, 20.0), psf, FWHM)
    assert np.isnan(reduction.snr).all()
    assert np.nanmax(np.abs(reduction.image)) < 1e-3 * np.abs(cube).max()


def test_frames_that_hold_hardly_a_patch(cube: np.ndarray, angles: np.ndarray, psf: Psf) -> None:
    """Patches reach 3 pixels; a value between pixels is made of 6 x 6 of them."""
    for size, known in ((11, False), (13, True)):
        cut = cube[:, 20 - size // 2 : 21 + size // 2, 20 - size // 2 : 21 + size // 2]
        image = reduce_paco(cut, angles, psf, FWHM).image
        assert image.shape == (size, size)
        assert np.isfinite(image[size // 2, size // 2]) == known
        assert np.isnan(image[0]).all()


def test_the_shrinkage_tells_white_noise_from_speckles(psf: Psf, angles: np.ndarray) -> None:
    white = np.random.default_rng(2).normal(size=(_FRAMES, 31, 31)).astype(np.float32)
    speckles = speckle_sequence(np.random.default_rng(2), _FRAMES, 31)
    assert reduce_paco(white, angles, psf, FWHM).shrinkage > 0.8
    assert reduce_paco(speckles, angles, psf, FWHM).shrinkage < 0.4


@pytest.mark.parametrize(("pa", "flux"), [(200.0, 1500.0), (320.0, 800.0)])
def test_a_planted_companion_is_fitted_at_its_place(
    pa: float, flux: float, angles: np.ndarray, psf: Psf
) -> None:
    cube = speckle_sequence(np.random.default_rng(11), _FRAMES, _SIZE)
    cube += (track(_SIZE, 11.0, pa, angles) * flux / airy_flux()).astype(np.float32)
    channel = Channel(cube, angles, psf, FWHM, 1e5)
    scene = Scene([channel], [reduce_paco(cube, angles, psf, FWHM)], np.ones(1))
    x, y = sky_pixel(_SIZE, 11.0, pa)
    fit = fit_companion(scene, [[]], round(x), round(y))
    assert fit.ok
    assert np.hypot(fit.companion.x - x, fit.companion.y - y) < 0.2
    assert fit.companion.flux[0] == pytest.approx(flux, rel=0.1)
