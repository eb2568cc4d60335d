"""All channels as one: units, spectra, injections; and classical ADI of them."""

from dataclasses import replace

import numpy as np
import pytest

from reduce.kernels.cadi import CadiReduction, reduce_cadi
from reduce.kernels.channels import Channel, noise_level
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import channel_stamps, join, mean_contrast, noise_weights
from reduce.kernels.plain import PlainJoint, plain_adi
from tests.reduce.kernels.planted import airy, airy_flux

SIZE, FRAMES = 41, 5
ANGLES = np.linspace(0.0, 40.0, FRAMES)


def _channel(wavelength: float, star: float, fwhm: float, half: int = 8, seed: int = 0) -> Channel:
    cube = np.random.default_rng(seed).normal(size=(FRAMES, SIZE, SIZE)) * star / 1e5
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    psf = prepare_psf(airy(x, y, fwhm) / airy_flux(fwhm))
    return Channel(cube.astype(np.float32), ANGLES, psf, fwhm, star, wavelength)


@pytest.fixture
def channels() -> list[Channel]:
    return [_channel(1.0, 1e5, 4.0, 8, 1), _channel(1.2, 2e5, 4.8, 9, 2), _channel(1.5, 6e5, 6.0, 10, 3)]


def test_frames_are_in_units_of_the_stars_mean_flux(channels: list[Channel]) -> None:
    joint = join(channels)
    assert joint.units == pytest.approx(np.array([1, 2, 6]) / 3)
    for c, channel in enumerate(channels):
        part = joint.cube[c * FRAMES : (c + 1) * FRAMES]
        assert np.allclose(part * joint.units[c], channel.cube, rtol=1e-5)
    assert joint.star_flux == pytest.approx(3e5)
    assert joint.fwhm == pytest.approx((4.0 + 4.8 + 6.0) / 3)
    assert joint.wavelength_um == pytest.approx((1.0 + 1.2 + 1.5) / 3)
    assert joint.scales == pytest.approx([1.0, 1 / 1.2, 1 / 1.5])
    assert joint.times == FRAMES
    assert np.array_equal(joint.angles_deg, np.tile(ANGLES, 3))
    assert joint.psf is channels[1].psf
    assert joint.centre == (20.0, 20.0)


def test_without_a_stars_flux_frames_are_as_bright_as_each_other(channels: list[Channel]) -> None:
    blind = [replace(c, star_flux=f) for c, f in zip(channels, (1e5, np.nan, 6e5), strict=True)]
    holed = blind[0].cube.copy()
    holed[2, 3, 4] = np.nan
    blind[0] = replace(blind[0], cube=holed)
    joint = join(blind)
    assert np.isnan(joint.star_flux)
    medians = [np.nanmedian(joint.cube[c * FRAMES : (c + 1) * FRAMES], axis=0) for c in range(3)]
    levels = [np.sqrt(np.nanmean(median**2)) for median in medians]
    assert np.ptp(levels) <= 1e-4 * np.mean(levels)
    assert joint.units.mean() == pytest.approx(1.0)


def test_a_source_has_the_same_contrast_in_all_channels(channels: list[Channel]) -> None:
    joint = join(channels)
    changed = joint.with_sources([(28.3, 15.2, 30.0), (10.0, 20.0, -7.0)])
    for c, channel in enumerate(channels):
        fluxes = [30.0 / 3e5 * channel.star_flux, -7.0 / 3e5 * channel.star_flux]
        truth = channel.with_sources([(28.3, 15.2, fluxes[0]), (10.0, 20.0, fluxes[1])]).cube
        ours = changed.cube[c * FRAMES : (c + 1) * FRAMES] * joint.units[c]
        assert np.max(np.abs(ours - truth)) <= 1e-4 * np.max(np.abs(truth))
    assert joint.with_sources([]) is joint


def test_a_spectrum_divides_the_flux_over_the_channels(channels: list[Channel]) -> None:
    joint = join(channels, np.array([0.0, 1.0, 5.0]))
    assert joint.spectrum == pytest.approx([0.0, 0.5, 2.5])
    change = joint.with_sources([(28.0, 20.0, 10.0)]).cube - joint.cube
    peaks = change.reshape(3, FRAMES, SIZE, SIZE)[:, 0].max(axis=(1, 2))
    assert peaks[0] == 0.0
    truth = [10 * 0.5 / airy_flux(4.8), 10 * 2.5 / airy_flux(6.0)]
    assert peaks[1:] == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize("spectrum", [None, np.array([1.0, 2.0, 3.0])])
@pytest.mark.parametrize(("x", "y"), [(28.3, 15.2), (38.0, 20.4)])
def test_stamps_are_what_is_injected(
    channels: list[Channel], spectrum: np.ndarray | None, x: float, y: float
) -> None:
    joint = join(channels, spectrum)
    stamps = joint.stamps(x, y)
    change = joint.with_sources([(x, y, 1.0)]).cube - joint.cube
    for n in range(3 * FRAMES):
        frame = np.zeros((SIZE + 60, SIZE + 60), np.float32)
        left, low, size = int(stamps.left[n]) + 30, int(stamps.low[n]) + 30, stamps.data.shape[1]
        frame[low : low + size, left : left + size] = stamps.data[n]
        assert np.max(np.abs(frame[30:-30, 30:-30] - change[n])) <= 1e-5
    assert joint.stamps(x, y) is stamps


def test_only_the_last_few_places_are_kept_and_none_of_other_frames(channels: list[Channel]) -> None:
    joint = join(channels)
    first = joint.stamps(20.0, 10.0)
    for k in range(4):
        joint.stamps(21.0 + k, 10.0)
    assert joint.stamps(20.0, 10.0) is not first
    assert np.array_equal(joint.stamps(20.0, 10.0).data, first.data)
    changed = joint.with_sources([(5.0, 5.0, 1.0)])
    assert changed.stamps(24.0, 10.0) is not joint.stamps(24.0, 10.0)


def test_stamps_of_a_channel_are_its_frames(channels: list[Channel]) -> None:
    joint = join(channels)
    stamps = joint.stamps(28.3, 15.2)
    middle = channel_stamps(stamps, 1, FRAMES)
    for name in ("data", "left", "low", "spline"):
        assert np.array_equal(getattr(middle, name), getattr(stamps, name)[FRAMES : 2 * FRAMES])
    own = channels[1].stamps(28.3, 15.2)
    margin = (middle.data.shape[1] - own.data.shape[1]) // 2
    assert margin == 1
    assert np.array_equal(middle.data[:, margin:-margin, margin:-margin], own.data)
    assert np.array_equal(middle.left + margin, own.left)
    assert np.array_equal(middle.low + margin, own.low)


def test_fewer_than_two_channels_or_unknown_wavelengths_are_refused(channels: list[Channel]) -> None:
    with pytest.raises(ValueError, match="two or more channels"):
        join(channels[:1])
    with pytest.raises(ValueError, match="of known wavelength"):
        join([channels[0], _channel(float("nan"), 1e5, 4.0)])
    assert join(channels[:2]).times == FRAMES


def test_the_mean_is_that_of_the_channels_that_have_data() -> None:
    images = np.array([[[2.0, np.nan, np.nan]], [[8.0, 4.0, np.nan]]])
    mean = mean_contrast(images, np.array([3.0, 1.0]), np.array([0.5, 2.0]))
    assert mean[0, 0] == pytest.approx((3 * 2 + 8) / (3 * 0.5 + 2))
    assert mean[0, 1] == pytest.approx(4.0 / 2.0)
    assert np.isnan(mean[0, 2])
    assert mean.dtype == np.float32
    assert np.isnan(mean_contrast(images, np.array([1.0, 1.0]), np.array([1.0, 0.0]))[0, 1])


def test_plain_adi_of_one_channel_is_classical(channels: list[Channel]) -> None:
    plain = plain_adi(channels[0])
    assert isinstance(plain, CadiReduction)
    assert np.array_equal(plain.image, reduce_cadi(channels[0].cube, ANGLES).image, equal_nan=True)


def test_plain_adi_of_joint_channels_is_the_mean_of_theirs(channels: list[Channel]) -> None:
    joint = join(channels, np.array([1.0, 2.0, 3.0]))
    plain = plain_adi(joint)
    images = [
        reduce_cadi(joint.cube[c * FRAMES : (c + 1) * FRAMES], ANGLES).image for c in range(len(channels))
    ]
    share = joint.spectrum / np.array([noise_level(image) for image in images]) ** 2
    truth = np.tensordot(share, images, axes=1) / (share @ joint.spectrum)
    assert np.allclose(plain.image, truth, atol=1e-5, equal_nan=True)


def test_a_patch_of_plain_adi_is_the_image_of_the_injected_data(channels: list[Channel]) -> None:
    joint = join(channels, np.array([1.0, 2.0, 3.0]))
    before = plain_adi(joint)
    assert isinstance(before, PlainJoint)
    changed = joint.with_sources([(26.4, 20.3, 40.0)])
    images = [
        reduce_cadi(changed.cube[c * FRAMES : (c + 1) * FRAMES], ANGLES).image for c in range(len(channels))
    ]
    truth = mean_contrast(np.stack(images), before.weights, joint.spectrum)[15:26, 21:32]
    patch = before.patch([(joint.stamps(26.4, 20.3), 40.0)], 26, 20, 5)
    assert np.max(np.abs(patch - truth)) <= 1e-4
    assert np.allclose(before.patch([], 26, 20, 5), before.image[15:26, 21:32], atol=1e-5)


def test_weights_are_best_for_the_spectrum_and_nothing_for_empty_images() -> None:
    rng = np.random.default_rng(4)
    images = [rng.normal(size=(20, 20)) * level for level in (1.0, 3.0)]
    spectrum = np.array([1.0, 2.0, 0.5])
    weights = noise_weights([*images, np.zeros((20, 20))], spectrum)
    noise = [noise_level(image) for image in images]
    assert weights == pytest.approx([1 / noise[0] ** 2, 2 / noise[1] ** 2, 0.0])
    gone = noise_weights([images[0], images[1], np.full((20, 20), np.nan)], spectrum)
    assert np.array_equal(gone, weights)
    assert np.array_equal(noise_weights([np.zeros((20, 20))] * 3, spectrum), spectrum)


def test_plain_adi_of_one_frame_leaves_nothing_and_warns_of_nothing(channels: list[Channel]) -> None:
    single = [replace(c, cube=c.cube[:1], angles_deg=ANGLES[:1]) for c in channels]
    plain = plain_adi(join(single))
    assert not np.nan_to_num(plain.image).any()


def test_the_last_four_places_are_kept(channels: list[Channel]) -> None:
    joint = join(channels)
    kept = [joint.stamps(20.0 + k, 10.0) for k in range(4)]
    assert all(joint.stamps(20.0 + k, 10.0) is stamps for k, stamps in enumerate(kept))


def test_a_companion_that_turns_while_a_frame_is_taken_does_so_in_every_channel(
    channels: list[Channel],
) -> None:
    smear = np.array([9.0, 0.0, 5.0, 0.0, 12.0])
    smeared = [replace(c, smear_deg=smear) for c in channels]
    joint = join(smeared)
    assert joint.smear_deg is not None
    assert np.array_equal(joint.smear_deg, np.tile(smear, 3))
    changed = joint.with_sources([(33.0, 16.0, 40.0)])
    stamps = joint.stamps(33.0, 16.0)
    for c, channel in enumerate(smeared):
        truth = channel.with_sources([(33.0, 16.0, 40.0 * joint.units[c])]).cube
        assert np.allclose(
            changed.cube[c * FRAMES : (c + 1) * FRAMES] * joint.units[c], truth, atol=1e-5 * truth.max()
        )
        own, margin = channel.stamps(33.0, 16.0), 2 - c
        found = channel_stamps(stamps, c, FRAMES)
        outside = own.data.shape[1] + margin
        assert np.array_equal(found.data[:, margin:outside, margin:outside], own.data)
    other = joint.mirrored()
    assert other.smear_deg is not None
    assert np.array_equal(other.smear_deg, -np.tile(smear, 3))
    assert np.array_equal(other.angles_deg, -joint.angles_deg)
    assert join(channels).mirrored().smear_deg is None


def test_mirrored_channels_make_their_own_stamps(channels: list[Channel]) -> None:
    joint = join(channels)
    stamps = joint.stamps(30.0, 12.0)
    other = joint.mirrored().stamps(30.0, 12.0)
    flipped = joint.stamps(10.0, 12.0)  # the mirror image of x about the star at 20
    assert not np.array_equal(other.left, stamps.left)
    assert np.array_equal(other.left + flipped.left, np.full(3 * FRAMES, 41 - stamps.data.shape[1]))


@pytest.mark.parametrize("unknown", [np.nan, 0.0])
def test_one_unknown_star_is_enough_to_go_without(channels: list[Channel], unknown: float) -> None:
    blind = join([*channels[:2], replace(channels[2], star_flux=unknown)])
    assert np.isnan(blind.star_flux)
    levels = [np.sqrt(np.mean(np.median(c.cube, axis=0) ** 2)) for c in channels]
    assert blind.units == pytest.approx(np.array(levels) / np.mean(levels))
    assert np.isfinite(blind.cube).all()


def test_of_two_channels_the_longer_one_stands_for_both(channels: list[Channel]) -> None:
    assert join(channels[:2]).psf is channels[1].psf
    with pytest.raises(ValueError, match="of known wavelength"):
        join([channels[0], _channel(0.0, 1e5, 4.0)])
    short = join([_channel(0.5, 1e5, 4.0), _channel(0.6, 1e5, 4.0)])
    assert short.scales == pytest.approx([1.0, 5 / 6])
