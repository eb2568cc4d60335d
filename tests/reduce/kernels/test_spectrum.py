"""Spectra of companions found in all channels as one: planted fluxes come back channel by channel."""

import numpy as np
import pytest

from reduce.kernels.asdi import reduce_asdi, reduce_sdi
from reduce.kernels.channels import Channel
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.joint import JointChannel, join
from reduce.kernels.spectral import JointReduction
from reduce.kernels.spectrum import CompanionSpectrum, companion_spectrum
from tests.reduce.kernels.planted import airy, airy_flux, sky_pixel, track
from tests.reduce.kernels.planted_spectral import spectral_cube

_WAVELENGTHS = np.linspace(1.0, 1.4, 5)
_ANGLES = np.linspace(-25.0, 25.0, 10)
_SEP, _PA, _SIZE = 19.0, 75.0, 61
_CONTRAST = 2e-3 * np.array([0.3, 1.6, 1.0, 0.5, 1.6])


def _joint(seed: int, contrast: np.ndarray, noise: float = 0.3) -> tuple[JointChannel, np.ndarray]:
    """Channels with a companion of these contrasts, and their FWHM."""
    made = spectral_cube(
        np.random.default_rng(seed), wavelengths_um=_WAVELENGTHS, angles_deg=_ANGLES, noise=noise
    )
    y, x = np.mgrid[-14:15, -14:15]
    channels = []
    for cube, fwhm, star, wavelength, one in zip(
        made.cube, map(float, made.fwhm), made.star_flux, _WAVELENGTHS, contrast, strict=True
    ):
        source = track(_SIZE, _SEP, _PA, made.angles_deg, fwhm) * (one * star / airy_flux(fwhm))
        psf = prepare_psf(airy(x, y, fwhm) / airy_flux(fwhm))
        frames = (cube + source).astype(np.float32)
        channels.append(Channel(frames, made.angles_deg, psf, fwhm, float(star), float(wavelength)))
    return join(channels), np.asarray(made.fwhm, np.float64)


def _reduced(channel: JointChannel, how: str) -> JointReduction:
    return reduce_asdi(channel, 10) if how == "asdi" else reduce_sdi(channel, 1)


def _spectrum(joint: tuple[JointChannel, np.ndarray], told: float, how: str) -> CompanionSpectrum:
    """As after a search that found the companion with one contrast in all channels."""
    channel, fwhm = joint
    companion = Companion(*sky_pixel(_SIZE, _SEP, _PA), (told * channel.star_flux,))
    without = channel.with_sources([(companion.x, companion.y, -companion.flux[0])])
    return companion_spectrum(channel, _reduced(without, how), companion, [companion], fwhm)


@pytest.mark.parametrize("how", ["asdi", "sdi"])
@pytest.mark.parametrize("told", [1e-3, 2e-3])
def test_every_channel_has_the_contrast_that_was_planted(how: str, told: float) -> None:
    joint = _joint(8, _CONTRAST)
    found = _spectrum(joint, told, how)
    pulls = (found.flux / joint[0].star_flux - _CONTRAST) / (found.error / joint[0].star_flux)
    assert np.abs(pulls).max() < 4.0
    assert np.sqrt(np.mean(pulls**2)) < 2.0
    assert found.error.max() / joint[0].star_flux < 0.15 * _CONTRAST.max()
    ratio = found.flux / found.error
    assert found.snr == pytest.approx(ratio, rel=0.6)
    assert (found.significance > 0).all()
    assert (found.significance < found.snr).all()


def test_errors_are_those_of_many_skies() -> None:
    """Deviations over seeds are as large as the errors say, in every channel together."""
    pulls = []
    for seed in range(8):
        joint = _joint(40 + seed, _CONTRAST, noise=1.0)
        found = _spectrum(joint, 2e-3, "asdi")
        pulls.append((found.flux / joint[0].star_flux - _CONTRAST) / (found.error / joint[0].star_flux))
    assert 0.6 < np.sqrt(np.mean(np.square(pulls))) < 1.4  # 40 pulls, five by five from one sky


def test_another_companion_left_out_of_the_noise_changes_little() -> None:
    joint = _joint(9, _CONTRAST)
    channel, fwhm = joint
    x, y = sky_pixel(_SIZE, _SEP, _PA)
    companion = Companion(x, y, (2e-3 * channel.star_flux,))
    reduction = _reduced(channel.with_sources([(x, y, -companion.flux[0])]), "asdi")
    other = Companion(*sky_pixel(_SIZE, _SEP, _PA + 120.0), (1.0,))
    alone = companion_spectrum(channel, reduction, companion, [companion], fwhm)
    both = companion_spectrum(channel, reduction, companion, [companion, other], fwhm)
    assert both.flux == pytest.approx(alone.flux, abs=2 * alone.error.max())
    assert both.error != pytest.approx(alone.error, rel=1e-6)


def test_sources_of_one_channel_are_in_that_channel_alone() -> None:
    channel, _ = _joint(8, _CONTRAST)
    stamps = channel.of_spectrum(np.array([0.0, 0.0, 3.0, 0.0, 0.0])).stamps(40.0, 30.0)
    share = stamps.data.reshape(5, len(_ANGLES), -1).sum(axis=2)
    assert not share[[0, 1, 3, 4]].any()
    whole = channel.stamps(40.0, 30.0).data.reshape(5, len(_ANGLES), -1).sum(axis=2)
    assert share[2] == pytest.approx(3.0 * whole[2] / channel.spectrum[2], rel=1e-5)
