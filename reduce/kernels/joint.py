"""All channels of a sequence as one: what strategies that look across wavelengths reduce.

A companion enters every channel at once, with the same contrast to the star or with a
spectrum that is given. Frames are divided by the flux of the star in their channel, so
that its flux is one number, as in a single channel: search, fits, errors and contrast
curve of a single channel hold unchanged. Frames run through the channels one after another,
each in the order of time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.channels import Channel, noise_level
from reduce.kernels.inject import Psf, Stamps, companion_stamps, inject
from reduce.kernels.threads import each_piece

__all__ = ["JointChannel", "channel_stamps", "join", "mean_contrast", "noise_weights"]

_KEPT = 4  # places whose stamps are kept: a fit asks for the same again with another flux


@dataclass(frozen=True, slots=True)
class JointChannel(Channel):
    """Channels joined into one; of `Channel`, `cube` and `angles_deg` hold channel x time frames.

    Attributes
    ----------
    psfs : tuple[Psf, ...]
        (channel,) unit flux in the aperture of 1 FWHM of each.
    spectrum : NDArray[np.float64]
        (channel,) contrast of a companion in units of that of `star_flux`.
    units : NDArray[np.float64]
        (channel,) what the frames were divided by: adu of the channel a unit of the joint frames.
    wavelengths_um : NDArray[np.float64]
        (channel,).
    """

    psfs: tuple[Psf, ...] = ()
    spectrum: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    units: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    wavelengths_um: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    _recent: dict[tuple[float, float], Stamps] = field(default_factory=dict, repr=False, compare=False)

    @property
    def times(self) -> int:
        """Frames of one channel."""
        return len(self.cube) // len(self.psfs)

    @property
    def scales(self) -> NDArray[np.float64]:
        """(channel,) shortest wavelength over wavelength."""
        return np.asarray(self.wavelengths_um.min() / self.wavelengths_um)

    @property
    def _smear(self) -> NDArray[np.floating] | None:
        """Of the frames of one channel."""
        return None if self.smear_deg is None else self.smear_deg[: self.times]

    def of_spectrum(self, spectrum: NDArray[np.floating]) -> "JointChannel":
        """The same data; sources have this spectrum (channel,), in units of their flux, as it is."""
        return replace(self, spectrum=np.asarray(spectrum, np.float64), _recent={})

    def stamps(self, x: float, y: float) -> Stamps:
        """Source of unit flux at (x, y) of the derotated image, in every frame of every channel."""
        kept = self._recent.get((x, y))
        if kept is None:
            kept = self._stamps(x, y)
            self._recent[x, y] = kept
            for old in list(self._recent)[:-_KEPT]:  # other threads may do the same
                self._recent.pop(old, None)
        return kept

    def _stamps(self, x: float, y: float) -> Stamps:
        angles, shape = self.angles_deg[: self.times], (self.cube.shape[1], self.cube.shape[2])
        made = [companion_stamps(psf, x, y, angles, self.centre, shape, self._smear) for psf in self.psfs]
        widest = max(s.data.shape[1] for s in made)
        padded = [_padded(s, (widest - s.data.shape[1]) // 2) for s in made]
        weight = np.repeat(self.spectrum, self.times)[:, None, None].astype(np.float32)
        return Stamps(
            data=np.concatenate([s.data for s in padded]) * weight,
            left=np.concatenate([s.left for s in padded]),
            low=np.concatenate([s.low for s in padded]),
            spline=np.concatenate([s.spline for s in padded]) * weight,
        )

    def with_sources(self, sources: Sequence[tuple[float, float, float]]) -> "JointChannel":
        """The same with sources (x, y, flux) added to all channels; negative fluxes take them away."""
        if not sources:
            return self
        angles, times = self.angles_deg[: self.times], self.times
        cube = np.empty_like(self.cube)
        for number, (psf, share) in enumerate(zip(self.psfs, self.spectrum, strict=True)):
            part = slice(number * times, (number + 1) * times)
            given = [(x, y, flux * float(share)) for x, y, flux in sources]
            cube[part] = inject(self.cube[part], angles, psf, given, self._smear)
        return replace(self, cube=cube, _recent={})

    def mirrored(self) -> "JointChannel":
        """As `Channel.mirrored`; stamps kept hold no longer."""
        smear = None if self.smear_deg is None else -np.asarray(self.smear_deg)
        return replace(self, angles_deg=-np.asarray(self.angles_deg), smear_deg=smear, _recent={})


def _padded(stamps: Stamps, margin: int) -> Stamps:
    """Stamps with zeros around."""
    if margin == 0:
        return stamps
    around = ((0, 0), (margin, margin), (margin, margin))
    data, spline = np.pad(stamps.data, around), np.pad(stamps.spline, around)
    return Stamps(data, stamps.left - margin, stamps.low - margin, spline)


def channel_stamps(stamps: Stamps, channel: int, times: int) -> Stamps:
    """Stamps of the frames of one channel, out of those of all.

    Parameters
    ----------
    stamps : Stamps
        (channel x time).
    channel : int
        Which.
    times : int
        Frames of one channel.

    Returns
    -------
    Stamps
        (time,), views.
    """
    part = slice(channel * times, (channel + 1) * times)
    return Stamps(stamps.data[part], stamps.left[part], stamps.low[part], stamps.spline[part])


def join(channels: Sequence[Channel], spectrum: NDArray[np.floating] | None = None) -> JointChannel:
    """Join the channels of a sequence.

    Parameters
    ----------
    channels : Sequence[Channel]
        At least two, of the same shape and angles, wavelengths known. If a star flux is
        unknown the frames are divided by the brightness of the speckles instead.
    spectrum : NDArray[np.floating] | None
        (channel,) contrast of a companion, any unit; None is the same in all channels.

    Returns
    -------
    JointChannel
        Star flux and FWHM are means over the channels; NaN where a star flux is unknown.

    Raises
    ------
    ValueError
        If there are fewer than two channels or a wavelength is unknown.
    """
    wavelengths = np.array([c.wavelength_um for c in channels], np.float64)
    if len(channels) < 2 or not (wavelengths > 0).all():  # noqa: PLR2004 # nothing to compare
        raise ValueError(f"wavelengths are {wavelengths}, wanted two or more channels of known wavelength")
    fluxes = np.array([c.star_flux for c in channels], np.float64)
    known = bool((fluxes > 0).all())
    levels = fluxes if known else np.array([_level(c) for c in channels])
    units = levels / levels.mean()
    smear = channels[0].smear_deg
    shape = np.ones(len(channels)) if spectrum is None else np.asarray(spectrum, np.float64)
    cube = np.empty((len(channels), *channels[0].cube.shape), np.float32)

    def some(begin: int, end: int) -> None:
        for number in range(begin, end):
            np.divide(channels[number].cube, np.float32(units[number]), out=cube[number])

    each_piece(some, len(channels), 1)
    return JointChannel(
        cube=cube.reshape(-1, *cube.shape[2:]),
        angles_deg=np.tile(channels[0].angles_deg, len(channels)),
        psf=channels[len(channels) // 2].psf,
        fwhm=float(np.mean([c.fwhm for c in channels])),
        star_flux=float(fluxes.mean()) if known else float("nan"),
        wavelength_um=float(wavelengths.mean()),
        smear_deg=None if smear is None else np.tile(smear, len(channels)),
        psfs=tuple(c.psf for c in channels),
        spectrum=shape / shape.mean(),
        units=units,
        wavelengths_um=wavelengths,
    )


def _level(channel: Channel) -> float:
    """Brightness of the speckles: root mean square of the pixels, each by its median over time."""
    return float(np.sqrt(np.nanmean(np.nanmedian(channel.cube, axis=0) ** 2)))


def mean_contrast(
    images: NDArray[np.floating], weights: NDArray[np.float64], spectrum: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Weighted mean over the channels that have data, in units of the joint star flux.

    Parameters
    ----------
    images : NDArray[np.floating]
        (channel, y, x); NaN = no data.
    weights : NDArray[np.float64]
        (channel,) of any sum.
    spectrum : NDArray[np.float64]
        (channel,) of a companion: its flux in a channel is its joint flux times this.

    Returns
    -------
    NDArray[np.float32]
        (y, x), a companion's joint flux; NaN where no channel has data.
    """
    there = np.isfinite(images)
    total = np.tensordot(weights, np.where(there, images, 0.0), axes=1)
    norm = np.tensordot(weights * spectrum, there, axes=1)
    return np.where(norm > 0, total / np.where(norm > 0, norm, 1.0), np.nan).astype(np.float32)


def noise_weights(
    images: Sequence[NDArray[np.floating]], spectrum: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights of the mean over channels: best for a companion of this spectrum.

    Parameters
    ----------
    images : Sequence[NDArray[np.floating]]
        (y, x) one a channel.
    spectrum : NDArray[np.float64]
        (channel,) of a companion.

    Returns
    -------
    NDArray[np.float64]
        (channel,) spectrum / noise**2, by the robust deviation of each image; 0 for an image in which
        nothing is left or there, and the spectrum itself if that holds for all.
    """
    noise = np.array([noise_level(image) for image in images])
    there = noise > 0
    if not there.any():
        return np.array(spectrum, np.float64)
    return np.asarray(np.where(there, spectrum, 0.0) / np.where(there, noise, 1.0) ** 2)
