"""ASDI and SDI on sequences whose speckles are evaluated at each wavelength, never interpolated."""

import numpy as np
import pytest

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.asdi import _other, reduce_asdi, reduce_sdi, with_joint_components
from reduce.kernels.channels import Channel, noise_level
from reduce.kernels.fit import Scene, fit_companion, nearby_peak
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import JointChannel, join
from reduce.kernels.pca import reduce_pca
from reduce.kernels.spectral import JointReduction
from tests.reduce.kernels.planted import airy, airy_flux, sky_pixel
from tests.reduce.kernels.planted_spectral import Planted, spectral_cube

SIZE = 61
TURN = np.linspace(-10.0, 15.0, 9)
IFS = np.linspace(1.0, 1.35, 7)


def channels_of(planted: Planted, half: int = 12) -> list[Channel]:
    """Channels with the true PSF."""
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return [
        Channel(
            cube=planted.cube[c],
            angles_deg=planted.angles_deg,
            psf=prepare_psf(airy(x, y, fwhm) / airy_flux(fwhm)),
            fwhm=float(fwhm),
            star_flux=float(planted.star_flux[c]),
            wavelength_um=float(planted.wavelengths_um[c]),
        )
        for c, fwhm in enumerate(planted.fwhm)
    ]


def ring_mask(inner: float) -> np.ndarray:
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    return np.asarray(np.hypot(x, y) > inner)


@pytest.fixture(scope="module")
def empty() -> JointChannel:
    rng = np.random.default_rng(1)
    return join(channels_of(spectral_cube(rng, wavelengths_um=IFS, angles_deg=TURN)))


@pytest.fixture(scope="module")
def reduced(empty: JointChannel) -> JointReduction:
    return reduce_asdi(empty, 6, ring_mask(5))


def _injected_again(
    channel: JointChannel, source: tuple[float, float, float], before: JointReduction
) -> np.ndarray:
    return reduce_asdi(channel.with_sources([source]), 6, ring_mask(5), weights=before.weights).image


@pytest.mark.parametrize(("x", "y"), [(30.3, 12.2), (44.0, 31.4), (20.0, 48.7), (30.0, 30.0), (57.6, 30.2)])
def test_a_patch_is_the_image_of_the_injected_data(
    empty: JointChannel, reduced: JointReduction, x: float, y: float
) -> None:
    px, py = min(round(x), SIZE - 6), round(y)
    here = (slice(py - 5, py + 6), slice(px - 5, px + 6))
    truth = _injected_again(empty, (x, y, 60.0), reduced)[here]
    patch = reduced.patch([(empty.stamps(x, y), 60.0)], px, py, 5)
    change = np.nanmax(np.abs(truth - reduced.image[here]))
    assert np.array_equal(np.isnan(patch), np.isnan(truth))
    assert np.nanmax(np.abs(patch - truth)) <= 2e-4 * change + 1e-4


def test_a_patch_of_several_sources_and_of_none(empty: JointChannel, reduced: JointReduction) -> None:
    first, second = (40.2, 30.3, 50.0), (36.0, 36.5, -20.0)
    both = empty.with_sources([first, second])
    truth = reduce_asdi(both, 6, ring_mask(5), weights=reduced.weights).image
    parts = [(empty.stamps(x, y), flux) for x, y, flux in (first, second)]
    for _ in range(2):  # products of the sources are kept for the second time
        patch = reduced.patch(parts, 39, 32, 7)
        assert np.max(np.abs(patch - truth[25:40, 32:47])) <= 2e-4 * 10.0
    assert np.allclose(reduced.patch([], 39, 32, 7), reduced.image[25:40, 32:47], atol=1e-4)


def test_what_is_kept_of_an_injection_is_its_own(empty: JointChannel, reduced: JointReduction) -> None:
    places = [(30.0 + k, 40.0) for k in range(7)]
    first = [reduced.patch([(empty.stamps(*place), 30.0)], 33, 40, 4) for place in places]
    again = [reduced.patch([(empty.stamps(*place), 30.0)], 33, 40, 4) for place in places[::-1]]
    for one, other in zip(first, again[::-1], strict=True):
        assert np.array_equal(one, other)
    assert not np.allclose(first[0], first[1], atol=1e-2)


def test_the_residual_is_what_a_singular_value_decomposition_leaves(empty: JointChannel) -> None:
    """One channel scale, no rotation and one time each: the image is the residual itself."""
    rng = np.random.default_rng(3)
    planted = spectral_cube(rng, wavelengths_um=np.full(6, 1.2), angles_deg=np.zeros(1), size=21)
    channel = join(channels_of(planted))
    data = channel.cube.reshape(6, -1).astype(np.float64)
    data -= data.mean(axis=0)
    u, s, vt = np.linalg.svd(data, full_matrices=False)
    truth = data - (u[:, :2] * s[:2]) @ vt[:2]
    ours = reduce_asdi(channel, 2).images.reshape(6, -1)
    assert np.max(np.abs(ours - truth)) <= 1e-5 * np.abs(data).max()
    assert empty.times == len(TURN)


def test_asdi_goes_deeper_than_adi_where_speckles_change_in_time() -> None:
    """Throughput-corrected noise, mean of logarithms over places: 0.3 dex (a factor 2) at least."""
    rng = np.random.default_rng(5)
    planted = spectral_cube(rng, wavelengths_um=IFS, angles_deg=TURN * 2, changing=0.5, noise=0.3)
    channels = channels_of(planted)
    joint = join(channels)
    mask = ring_mask(6)
    depth: dict[str, list[float]] = {"adi": [], "asdi": []}
    for k in (1, 3, 6, 9, 14):
        asdi = reduce_asdi(joint, k, mask)
        depth["asdi"].append(_depth(asdi, joint, mask))
    for k in (1, 2, 3, 5):
        middle = channels[3]
        adi = reduce_pca(middle.cube, middle.angles_deg, k, mask)
        depth["adi"].append(_depth(adi, middle, mask))
    gain = min(depth["adi"]) - min(depth["asdi"]) - np.log10(np.sqrt(len(channels)))
    assert gain > 0.3  # beyond what averaging the channels gives


def _depth(reduction: object, channel: Channel, mask: np.ndarray) -> float:
    """log10 of noise over throughput over star flux, at 20 pixels."""
    logs = []
    level = 3 * noise_level(reduction.image, mask) * channel.fwhm  # type: ignore[attr-defined] # any reduction
    for pa in (20.0, 140.0, 260.0):
        x, y = sky_pixel(SIZE, 20.0, pa)
        stamps = channel.stamps(x, y)
        px, py = round(x), round(y)
        change = reduction.patch([(stamps, level)], px, py, 5) - reduction.patch([], px, py, 5)  # type: ignore[attr-defined] # likewise
        through = aperture_flux(change, channel.fwhm, x - px + 5, y - py + 5) / level
        logs.append(np.log10(level / max(through, 1e-3) / channel.star_flux))
    return float(np.mean(logs))


def test_a_planted_companion_is_fitted_at_its_place_and_contrast() -> None:
    rng = np.random.default_rng(8)
    planted = spectral_cube(
        rng, wavelengths_um=IFS, angles_deg=TURN * 2, noise=0.3, companions=((19.0, 75.0, 1e-3),)
    )
    joint = join(channels_of(planted))
    scene = Scene([joint], [reduce_asdi(joint, 10, ring_mask(5))], np.ones(1))
    x, y = sky_pixel(SIZE, 19.0, 75.0)
    fit = fit_companion(scene, [[]], *nearby_peak(scene, [[]], x + 0.6, y - 0.7))
    assert fit.ok
    assert np.hypot(fit.companion.x - x, fit.companion.y - y) < 0.15
    assert fit.companion.flux[0] / joint.star_flux == pytest.approx(1e-3, rel=0.05)


def test_two_channels_subtract_each_other_without_rotation() -> None:
    rng = np.random.default_rng(2)
    planted = spectral_cube(
        rng,
        wavelengths_um=np.array([1.4, 1.9]),
        angles_deg=np.full(5, 30.0),
        noise=0.05,
        companions=((20.0, 200.0, 2e-4),),
    )
    joint = join(channels_of(planted))
    reduced = reduce_sdi(joint, 1, ring_mask(5))
    plain = np.median(planted.cube[0], axis=0)
    inside = ring_mask(8) & ~ring_mask(20)
    assert noise_level(reduced.image, inside) < 0.02 * noise_level(plain, inside)
    x, y = sky_pixel(SIZE, 20.0, 200.0)
    caught = [airy_flux(f, joint.fwhm / 2) / airy_flux(f) for f in planted.fwhm]
    expected = 2e-4 * joint.star_flux * np.average(caught, weights=reduced.weights)
    assert aperture_flux(reduced.image, joint.fwhm, x, y) == pytest.approx(expected, rel=0.15)


def test_the_factor_between_two_channels_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(4)
    planted = spectral_cube(rng, wavelengths_um=np.full(2, 1.3), angles_deg=np.zeros(1), size=31)
    joint = join(channels_of(planted))
    a, b = joint.cube.reshape(2, -1).astype(np.float64)
    images = reduce_sdi(joint, 1).images.reshape(2, -1)
    assert np.max(np.abs(images[0] - (a - b * (a @ b) / (b @ b)))) <= 1e-4 * np.abs(a).max()
    assert np.max(np.abs(images[1] - (b - a * (a @ b) / (a @ a)))) <= 1e-4 * np.abs(a).max()


@pytest.mark.parametrize("number", [2, 5])
def test_a_patch_of_sdi_is_the_image_of_the_injected_data(number: int) -> None:
    rng = np.random.default_rng(11)
    planted = spectral_cube(rng, wavelengths_um=np.linspace(1.0, 1.2, number), angles_deg=TURN)
    joint, mask = join(channels_of(planted)), ring_mask(5)
    count = max(1, number - 3)
    before = reduce_sdi(joint, count, mask)
    again = reduce_sdi(joint.with_sources([(42.2, 35.0, 60.0)]), count, mask, weights=before.weights)
    patch = before.patch([(joint.stamps(42.2, 35.0), 60.0)], 42, 35, 6)
    truth = again.image[29:42, 36:49]
    change = np.max(np.abs(truth - before.image[29:42, 36:49]))
    assert change > 0.2
    assert np.max(np.abs(patch - truth)) <= 2e-4 * change + 2e-4


def test_another_number_of_components_is_the_reduction_with_it(
    empty: JointChannel, reduced: JointReduction
) -> None:
    other = with_joint_components(reduced, 2)
    direct = reduce_asdi(empty, 2, ring_mask(5))
    assert np.nanmax(np.abs(other.image - direct.image)) <= 1e-5
    assert np.nanmax(np.abs(other.image - reduced.image)) > 0.1


def test_gaps_stay_gaps_and_spoil_nothing(empty: JointChannel, reduced: JointReduction) -> None:
    cube = empty.cube.copy()
    cube[30, 20, 40] = np.nan
    holed = join_again(empty, cube)
    image = reduce_asdi(holed, 6, ring_mask(5), weights=reduced.weights).image
    assert np.isnan(image).sum() == np.isnan(reduced.image).sum()
    assert np.nanmax(np.abs(image - reduced.image)) < 3 * noise_level(reduced.image)
    assert reduce_asdi(holed, 6, ring_mask(5)).stretched.bad.sum() > reduced.stretched.bad.sum()


def join_again(channel: JointChannel, cube: np.ndarray) -> JointChannel:
    return JointChannel(
        cube=cube,
        angles_deg=channel.angles_deg,
        psf=channel.psf,
        fwhm=channel.fwhm,
        star_flux=channel.star_flux,
        psfs=channel.psfs,
        spectrum=channel.spectrum,
        units=channel.units,
        wavelengths_um=channel.wavelengths_um,
    )


def test_each_channel_shows_what_all_channels_reach(reduced: JointReduction) -> None:
    """The longest wavelength the whole field, the shortest n/2 times the ratio of wavelengths."""
    row = SIZE // 2
    reach = [int(np.flatnonzero(np.isfinite(image[row])).max()) - row for image in reduced.images]
    assert reach[-1] >= 27
    assert reach[0] == pytest.approx(30 / 1.35, abs=3)
    assert reach == sorted(reach)


@pytest.mark.parametrize("count", [-1, 63])
def test_impossible_counts_are_refused(empty: JointChannel, count: int) -> None:
    with pytest.raises(ValueError, match=r"wanted 0\.\.62"):
        reduce_asdi(empty, count)


@pytest.mark.parametrize("count", [0, 7])
def test_impossible_counts_of_sdi_are_refused(empty: JointChannel, count: int) -> None:
    with pytest.raises(ValueError, match=r"wanted 1\.\.6"):
        reduce_sdi(empty, count)


def test_a_field_that_no_pixel_serves_is_refused(empty: JointChannel) -> None:
    with pytest.raises(ValueError, match="no pixel"):
        reduce_asdi(empty, 2, ring_mask(40))


def test_a_frame_without_light_takes_nothing_and_loses_nothing() -> None:
    modes = _other(np.array([[4.0, 0.0], [0.0, 0.0]]), None)
    np.testing.assert_array_equal(modes.left, np.zeros((2, 2)))
    modes = _other(np.array([[4.0, 6.0], [6.0, 12.0]]), None)
    np.testing.assert_allclose(np.diag(modes.left), [0.5, 1.5])
