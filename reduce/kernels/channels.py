"""The channels of one sequence, and how they are stacked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.inject import Companion, Psf, Stamps, companion_stamps, inject
from reduce.kernels.reduction import Reduction

__all__ = [
    "Algorithm",
    "Channel",
    "channel_weights",
    "noise_level",
    "radial_noise",
    "reduce_without",
    "stack",
]

_MAD = 1.4826  # standard deviation of a Gaussian per median absolute deviation


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel as it enters level 2.

    Attributes
    ----------
    cube : NDArray[np.float32]
        (time, y, x), not derotated, star at n//2; NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    psf : Psf
        Unit flux in the aperture of 1 FWHM.
    fwhm : float
        Pixels.
    star_flux : float
        adu in the aperture of 1 FWHM; NaN = unknown.
    wavelength_um : float
        Of the channel; NaN = unknown.
    smear_deg : NDArray[np.floating] | None
        (time,) by how much the field turns within each frame; None = unknown, sources stand still in each.
    """

    cube: NDArray[np.float32]
    angles_deg: NDArray[np.floating]
    psf: Psf
    fwhm: float
    star_flux: float
    wavelength_um: float = float("nan")
    smear_deg: NDArray[np.floating] | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the star."""
        return float(self.cube.shape[2] // 2), float(self.cube.shape[1] // 2)

    def stamps(self, x: float, y: float) -> Stamps:
        """Source of unit flux at (x, y) of the derotated image, in every frame."""
        shape = (self.cube.shape[1], self.cube.shape[2])
        return companion_stamps(self.psf, x, y, self.angles_deg, self.centre, shape, self.smear_deg)

    def with_sources(self, sources: Sequence[tuple[float, float, float]]) -> "Channel":
        """The same with sources (x, y, flux in adu) added to its frames; negative fluxes take them away."""
        if not sources:
            return self
        return replace(self, cube=inject(self.cube, self.angles_deg, self.psf, sources, self.smear_deg))

    def mirrored(self) -> "Channel":
        """The same frames as if the field had turned the other way: what a companion is not, noise stays."""
        smear = None if self.smear_deg is None else -np.asarray(self.smear_deg)
        return replace(self, angles_deg=-np.asarray(self.angles_deg), smear_deg=smear)


Algorithm = Callable[[Channel], Reduction]
"""One channel to its reduction."""


def noise_level(image: NDArray[np.floating], where: NDArray[np.bool_] | None = None) -> float:
    """Robust standard deviation of the pixels of an image, NaN left out."""
    values = image if where is None else image[where]
    values = values[np.isfinite(values)]
    return float(_MAD * np.median(np.abs(values - np.median(values)))) if values.size else float("nan")


def radial_noise(image: NDArray[np.floating], width: float) -> NDArray[np.float64]:
    """Robust deviation of the pixels of rings about the star.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2; NaN left out.
    width : float
        Half the width of a ring, pixels.

    Returns
    -------
    NDArray[np.float64]
        By the ring's radius in whole pixels, 0 .. n//2.
    """
    middle = image.shape[0] // 2
    side = np.arange(image.shape[0]) - middle
    radius = np.hypot(side[None], side[:, None]).ravel()
    order = np.argsort(radius, kind="stable")
    ordered, values = radius[order], np.asarray(image, np.float64).ravel()[order]
    wanted = np.arange(middle + 1)
    begins = np.searchsorted(ordered, wanted - width)
    ends = np.searchsorted(ordered, wanted + width)
    return np.array([noise_level(values[a:b]) for a, b in zip(begins, ends, strict=True)])


def channel_weights(channels: Sequence[Channel], reductions: Sequence[Reduction]) -> NDArray[np.float64]:
    """Weights of the stack: best for a companion of the same contrast in all channels.

    Parameters
    ----------
    channels : Sequence[Channel]
        With their star fluxes.
    reductions : Sequence[Reduction]
        Their reductions; the noise is the robust deviation of each image.

    Returns
    -------
    NDArray[np.float64]
        (channel,) star flux / noise**2, or 1 / noise**2 if a star flux is unknown; sum 1.

    Raises
    ------
    ValueError
        If an image has no noise: most of its pixels are the same, or none holds a number.
    """
    noise = np.array([noise_level(r.image) for r in reductions])
    for number in np.flatnonzero(~(noise > 0)):
        raise ValueError(
            f"channel {number + 1} of {len(noise)}: the noise of its reduced image is {noise[number]:g}, "
            "wanted more than 0; give NaN, not 0, to pixels without data, or leave the channel out"
        )
    flux = np.array([c.star_flux for c in channels])
    weights = (flux if np.isfinite(flux).all() else np.ones(len(flux))) / noise**2
    return np.asarray(weights / weights.sum())


def stack(images: Sequence[NDArray[np.floating]], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weighted mean of the channels' images (y, x); NaN where a channel has none."""
    return np.tensordot(weights, np.asarray(images, np.float64), axes=1).astype(np.float32)


def reduce_without(
    channels: Sequence[Channel], companions: Sequence[Companion], algorithm: Algorithm
) -> list[Reduction]:
    """Reduce each channel after companions were subtracted from its frames.

    Parameters
    ----------
    channels : Sequence[Channel]
        The data.
    companions : Sequence[Companion]
        What to subtract.
    algorithm : Algorithm
        How to reduce.

    Returns
    -------
    list[Reduction]
        One a channel.
    """
    return [
        algorithm(channel.with_sources([(c.x, c.y, -c.flux[number]) for c in companions]))
        for number, channel in enumerate(channels)
    ]
