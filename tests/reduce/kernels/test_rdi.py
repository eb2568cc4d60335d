"""RDI with a library of another star: throughput, exact patches, modes by singular values."""

import numpy as np
import pytest

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.channels import Channel, noise_level
from reduce.kernels.fit import Scene, fit_companion, nearby_peak
from reduce.kernels.inject import prepare_psf
from reduce.kernels.rdi import Library, RdiReduction, library_modes, reduce_rdi, with_library_modes
from reduce.kernels.reduction import WholeReduction
from reduce.kernels.resemblance import most_alike, resemblance
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, track
from tests.reduce.kernels.planted_spectral import SpeckleField, speckle_waves

SIZE, FRAMES = 61, 8
ANGLES = np.linspace(20.0, 32.0, FRAMES)


def pair_of_stars(
    seed: int, *, changing: float = 0.3, references: int = 30, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Science frames and frames of another star, three times as bright: wavefronts drift in three ways."""
    rng = np.random.default_rng(seed)
    still, drifts = speckle_waves(rng), np.array([speckle_waves(rng) for _ in range(3)])

    def frames(number: int, flux: float) -> np.ndarray:
        fields = []
        for _ in range(number):
            waves = still + changing * np.tensordot(rng.normal(size=3), drifts, axes=1)
            fields.append(SpeckleField(waves + 0.02 * speckle_waves(rng), FWHM))
        light = np.array([flux * field.at(SIZE, 1.0) for field in fields])
        return np.asarray(light + noise * rng.normal(size=light.shape), np.float32)

    return frames(FRAMES, 300.0), frames(references, 900.0)


def ring(inner: float, outer: float = 60.0) -> np.ndarray:
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    return np.asarray((np.hypot(x, y) >= inner) & (np.hypot(x, y) <= outer))


def channel_of(cube: np.ndarray) -> Channel:
    y, x = np.mgrid[-14:15, -14:15]
    return Channel(cube, ANGLES, prepare_psf(airy(x, y) / airy_flux()), FWHM, 1e5)


@pytest.fixture(scope="module")
def stars() -> tuple[np.ndarray, np.ndarray]:
    return pair_of_stars(3)


@pytest.fixture(scope="module")
def reduced(stars: tuple[np.ndarray, np.ndarray]) -> RdiReduction:
    return reduce_rdi(stars[0], ANGLES, library_modes(stars[1], 10, ring(4)), 4)


def _residual(cube: np.ndarray, references: np.ndarray, count: int, mask: np.ndarray) -> np.ndarray:
    """The same by singular values of the library, float64."""
    flat = references.reshape(len(references), -1).astype(np.float64)
    flat /= np.linalg.norm(flat[:, mask.ravel()], axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(flat[:, mask.ravel()], full_matrices=False)
    modes = (u[:, :count] / s[:count]).T @ flat
    data = cube.reshape(len(cube), -1).astype(np.float64)
    left = data[:, mask.ravel()] @ modes[:, mask.ravel()].T
    return np.asarray((data - left @ modes).reshape(cube.shape), np.float32)


def test_the_image_is_that_of_project_derotate_combine(
    stars: tuple[np.ndarray, np.ndarray], reduced: RdiReduction
) -> None:
    slow = WholeReduction(stars[0], ANGLES, lambda c, _: _residual(c, stars[1], 4, ring(4)))
    assert np.nanmax(np.abs(slow.image - reduced.image)) <= 1e-3 * np.nanstd(reduced.image)


@pytest.mark.parametrize(("x", "y"), [(30.4, 38.1), (12.2, 30.0), (30.0, 30.2), (57.3, 33.0)])
def test_a_patch_is_the_image_of_the_injected_data(
    stars: tuple[np.ndarray, np.ndarray], reduced: RdiReduction, x: float, y: float
) -> None:
    channel = channel_of(stars[0])
    slow = WholeReduction(
        channel.with_sources([(x, y, 300.0)]).cube, ANGLES, lambda c, _: _residual(c, stars[1], 4, ring(4))
    )
    px, py = min(round(x), SIZE - 6), round(y)
    truth = slow.image[py - 5 : py + 6, px - 5 : px + 6]
    patch = reduced.patch([(channel.stamps(x, y), 300.0)], px, py, 5)
    assert np.array_equal(np.isnan(patch), np.isnan(truth))
    assert np.nanmax(np.abs(patch - truth)) <= 2e-3


def test_a_patch_of_nothing_is_the_image(reduced: RdiReduction) -> None:
    assert np.allclose(reduced.patch([], 40, 25, 4), reduced.image[21:30, 36:45], atol=1e-4)


def test_modes_are_orthonormal_within_the_mask_and_strongest_first(
    stars: tuple[np.ndarray, np.ndarray],
) -> None:
    library = library_modes(stars[1], 5, ring(4))
    inside = library.modes[:, ring(4)].astype(np.float64)
    assert np.max(np.abs(inside @ inside.T - np.eye(5))) <= 1e-5
    power = [float(np.sum((stars[1][:, ring(4)] @ mode) ** 2)) for mode in inside]
    assert power == sorted(power, reverse=True)
    assert library.modes.shape == (5, SIZE, SIZE)


def test_a_star_in_the_library_itself_vanishes(stars: tuple[np.ndarray, np.ndarray]) -> None:
    """Whatever its brightness: frames are normed, and the first mode is their mean image."""
    library = library_modes(stars[1], 30, ring(4))
    left = reduce_rdi(stars[1][:FRAMES] * 0.2, ANGLES, library, 30)
    assert np.nanmax(np.abs(left.image)) <= 1e-3 * stars[1].max()
    one = library_modes(stars[1][:1], 3, ring(4))
    assert len(one.modes) == 1
    same = reduce_rdi(np.repeat(stars[1][:1] * 5.0, FRAMES, axis=0), ANGLES, one, 3)
    assert same.components == 1
    assert np.nanmax(np.abs(same.image)) <= 1e-6 * 5 * stars[1].max()


def test_bright_stars_do_not_rule(stars: tuple[np.ndarray, np.ndarray]) -> None:
    brighter = stars[1] * np.linspace(1.0, 50.0, len(stars[1]), dtype=np.float32)[:, None, None]
    one, other = (library_modes(frames, 3, ring(4)).modes for frames in (stars[1], brighter))
    overlap = np.abs(one[:, ring(4)] @ other[:, ring(4)].T)
    assert np.allclose(np.diag(overlap), 1.0, atol=1e-4)


def test_throughput_at_two_resolution_elements_is_at_least_four_fifths(
    stars: tuple[np.ndarray, np.ndarray],
) -> None:
    channel = channel_of(stars[0])
    plain = np.median(stars[0], axis=0)
    library = library_modes(stars[1], 6, ring(4))
    reduction = reduce_rdi(stars[0], ANGLES, library, 5)
    through = []
    for pa in np.arange(0.0, 360.0, 60.0):
        x, y = sky_pixel(SIZE, 2 * FWHM / 1.03, float(pa))
        px, py = round(x), round(y)
        change = reduction.patch([(channel.stamps(x, y), 50.0)], px, py, 5) - reduction.patch([], px, py, 5)
        through.append(aperture_flux(change, FWHM, x - px + 5, y - py + 5) / 50.0)
    assert min(through) >= 0.8
    assert noise_level(reduction.image, ring(8, 20)) < 0.5 * noise_level(plain, ring(8, 20))


def test_a_planted_companion_is_fitted_in_a_field_that_stands_still() -> None:
    cube, references = pair_of_stars(9, changing=0.15, noise=0.3)
    still = np.full(FRAMES, 25.0)
    cube = cube + (400.0 / airy_flux() * track(SIZE, 12.0, 130.0, still)).astype(np.float32)
    y, x = np.mgrid[-14:15, -14:15]
    channel = Channel(cube, still, prepare_psf(airy(x, y) / airy_flux()), FWHM, 1e5)
    reduction = reduce_rdi(cube, still, library_modes(references, 8, ring(4)), 8)
    scene = Scene([channel], [reduction], np.ones(1))
    sx, sy = sky_pixel(SIZE, 12.0, 130.0)
    fit = fit_companion(scene, [[]], *nearby_peak(scene, [[]], sx + 0.5, sy))
    assert fit.ok
    assert np.hypot(fit.companion.x - sx, fit.companion.y - sy) < 0.2
    assert fit.companion.flux[0] == pytest.approx(400.0, rel=0.1)


def test_what_a_companion_loses_is_linear_in_its_flux(
    stars: tuple[np.ndarray, np.ndarray], reduced: RdiReduction
) -> None:
    mean = reduce_rdi(stars[0], ANGLES, reduced.library, 4, "mean")
    stamps = channel_of(stars[0]).stamps(36.0, 40.0)
    nothing = mean.patch([], 36, 40, 3)
    one, three = (mean.patch([(stamps, flux)], 36, 40, 3) - nothing for flux in (100.0, 300.0))
    assert np.allclose(three, 3 * one, atol=1e-3)


def test_another_number_of_modes(stars: tuple[np.ndarray, np.ndarray], reduced: RdiReduction) -> None:
    direct = reduce_rdi(stars[0], ANGLES, reduced.library, 2)
    assert np.array_equal(with_library_modes(reduced, 2).image, direct.image, equal_nan=True)
    assert with_library_modes(reduced, 99).components == 10
    assert noise_level(with_library_modes(reduced, 1).image) > noise_level(reduced.image)


def test_gaps_in_frames_and_library_spoil_nothing(
    stars: tuple[np.ndarray, np.ndarray], reduced: RdiReduction
) -> None:
    cube, references = (frames.copy() for frames in stars)
    cube[2, 30, 45] = references[4, 20, 20] = np.nan
    references[:, 10, 50] = np.nan
    image = reduce_rdi(cube, ANGLES, library_modes(references, 10, ring(4)), 4).image
    assert np.nanmax(np.abs(image - reduced.image)) < 0.3 * np.nanmax(np.abs(reduced.image))
    assert np.isnan(image).sum() == np.isnan(reduced.image).sum()
    only = np.repeat(cube[2:3], 2, axis=0)
    assert np.isnan(reduce_rdi(only, ANGLES[:2], reduced.library, 4).image[35, 44])  # turned by 20 deg


def test_what_does_not_fit_is_refused(stars: tuple[np.ndarray, np.ndarray], reduced: RdiReduction) -> None:
    with pytest.raises(ValueError, match="wanted at least 1"):
        reduce_rdi(stars[0], ANGLES, reduced.library, 0)
    with pytest.raises(ValueError, match="wanted the same"):
        reduce_rdi(stars[0][:, 1:], ANGLES, reduced.library, 1)
    with pytest.raises(ValueError, match="hold no light"):
        library_modes(np.zeros((3, SIZE, SIZE)), 2)


def test_a_dark_frame_of_the_library_is_left_out(stars: tuple[np.ndarray, np.ndarray]) -> None:
    dark = np.concatenate([stars[1], np.zeros((2, SIZE, SIZE), np.float32)])
    one, other = library_modes(stars[1], 3), library_modes(dark, 3)
    assert isinstance(one, Library)
    assert np.allclose(one.modes, other.modes, atol=1e-6)


def test_resemblance_is_pearsons_coefficient(stars: tuple[np.ndarray, np.ndarray]) -> None:
    cube, references = stars
    mask = ring(5, 20)
    ours = resemblance(cube, references, mask)
    truth = [np.mean([np.corrcoef(frame[mask], r[mask])[0, 1] for frame in cube]) for r in references]
    assert np.allclose(ours, truth, atol=1e-6)
    holed = references.copy()
    holed[0, 30, 40] = np.nan
    assert resemblance(cube, holed, mask) == pytest.approx(ours, abs=0.01)
    assert resemblance(cube, np.ones((1, SIZE, SIZE)), mask) == pytest.approx([0.0])


def test_the_best_frames_are_kept_best_first() -> None:
    assert most_alike(np.array([0.1, 0.9, 0.5, 0.9]), 3).tolist() == [1, 3, 2]
    assert most_alike(np.array([0.1, 0.9]), 5).tolist() == [1, 0]


def test_frames_with_gaps_are_compared_pair_by_pair_where_both_have_data(
    stars: tuple[np.ndarray, np.ndarray],
) -> None:
    """No pixel is there in all frames: coefficients are still those of the pixels that two frames share."""
    cube, references = stars[0][:4].copy(), stars[1][:6].copy()
    mask = ring(5, 20)
    rng = np.random.default_rng(3)
    for t in range(len(cube)):
        cube[t][rng.random(mask.shape) < 0.3] = np.nan
    for t in range(len(references)):
        references[t, t * 10 : t * 10 + 12] = np.nan
    cube[0, 22:34, 22:34] = np.nan
    assert not (mask & np.isfinite(cube).all(axis=0) & np.isfinite(references).all(axis=0)).any()
    truth = []
    for other in references:
        pairs = []
        for frame in cube:
            both = mask & np.isfinite(frame) & np.isfinite(other)
            assert both.sum() > 0.5 * (mask & np.isfinite(frame)).sum()
            pairs.append(np.corrcoef(frame[both], other[both])[0, 1])
        truth.append(np.mean(pairs))
    assert np.ptp(truth) > 0.001
    np.testing.assert_allclose(resemblance(cube, references, mask), truth, atol=1e-9)


def test_what_shares_too_little_is_not_compared_and_never_kept(stars: tuple[np.ndarray, np.ndarray]) -> None:
    cube, references = stars[0][:2].copy(), stars[1][:3].copy()
    mask = ring(5, 20)
    left = np.indices(mask.shape)[1] < SIZE // 2
    references[1][left] = np.nan  # more than half is there: the middle column is
    references[2][~left] = np.nan
    found = resemblance(cube, references, mask)
    right = mask & ~left
    truth = np.mean([np.corrcoef(frame[right], references[1][right])[0, 1] for frame in cube])
    assert found[1] == pytest.approx(truth, abs=1e-9)
    assert np.isnan(found[2])
    assert sorted(most_alike(found, 3)) == [0, 1]
    cube[1][~left] = np.nan  # now one science frame can be compared with it
    again = resemblance(cube, references, mask)
    both = mask & left
    assert again[2] == pytest.approx(np.corrcoef(cube[1][both], references[2][both])[0, 1], abs=1e-9)
    references[0] = np.nan
    references[1] = np.where(np.isfinite(references[1]), 3.0, np.nan)
    assert np.isnan(resemblance(cube, references, mask)[0])
    assert resemblance(cube, references, mask)[1] == 0.0


def test_frames_with_gaps_on_a_bright_background_are_compared_as_well() -> None:
    rng = np.random.default_rng(8)
    cube, references = rng.normal(size=(3, 9, 9)) + 3e5, 4 * rng.normal(size=(4, 9, 9)) - 7e5
    references[:2] += 5 * (cube[:2] - 3e5)
    mask = np.ones((9, 9), np.bool_)
    mask[0] = False
    cube[1, 3, :4] = references[2, 5, 2:] = np.nan
    truth = [
        np.mean([np.corrcoef(frame[both], other[both])[0, 1] for frame in cube
                 for both in [mask & np.isfinite(frame) & np.isfinite(other)]])
        for other in references
    ]  # fmt: skip
    np.testing.assert_allclose(resemblance(cube, references, mask), truth, atol=1e-6)


def test_half_of_a_science_frame_is_enough_and_an_empty_one_counts_for_nothing() -> None:
    rng = np.random.default_rng(9)
    cube, reference = rng.normal(size=(2, 1, 8)), rng.normal(size=(1, 1, 8))
    mask = np.ones((1, 8), np.bool_)
    reference[0, 0, 4:] = np.nan  # half of the first frame
    cube[1] = np.nan
    truth = np.corrcoef(cube[0, 0, :4], reference[0, 0, :4])[0, 1]
    assert resemblance(cube, reference, mask) == pytest.approx([truth])
    reference[0, 0, 3] = np.nan
    assert np.isnan(resemblance(cube, reference, mask)).all()
    cube[0, 0, 7] = np.nan  # 3 of 7: still too few
    assert np.isnan(resemblance(cube, reference, mask)).all()
    cube[0, 0, 6] = np.nan  # 3 of 6
    truth = np.corrcoef(cube[0, 0, :3], reference[0, 0, :3])[0, 1]
    assert resemblance(cube, reference, mask) == pytest.approx([truth])


def test_flat_frames_with_gaps_resemble_nothing() -> None:
    rng = np.random.default_rng(10)
    cube, reference = rng.normal(size=(2, 1, 8)), rng.normal(size=(2, 1, 8))
    mask = np.ones((1, 8), np.bool_)
    reference[0], cube[0] = 3.0, 0.25
    reference[1, 0, 0] = np.nan
    found = resemblance(cube, reference, mask)
    assert found[0] == 0.0
    truth = np.corrcoef(cube[1, 0, 1:], reference[1, 0, 1:])[0, 1]
    assert found[1] == pytest.approx(truth / 2)  # of two science frames one is flat
