"""PACO: the flux of a point source at each place of the sky by maximum likelihood, patch covariances learnt.

Flasseur, Denis, Thiebaut and Langlois 2018, A&A 618, A138. Along the track of a sky position through the
frames a = sum h . C^-1 h and b = sum h . C^-1 (r - m) add up, with r the patch of a frame, m its mean and C
its covariance over time (`paco_covariance`). The flux is b / a with variance 1 / a.

Unlike in the paper h is the PSF on the middle of a pixel; a and b are taken to the track's places between
pixels (`paco_track`), which gives flux and variance of the shifted PSF to 1 %.
Nor is h drawn out where the field turns within a frame: fits and throughputs, whose injections are, take it
in, and the filter that is too sharp costs 3 % of the signal to noise at an arc of 7 pixels, in white noise.

The mean takes in what a companion leaves where it passes, and so does the covariance: a companion dims
itself. `PacoReduction.patch` learns both anew for each injection, so that fits and throughputs take it in.
Frames in which a patch leaves the image or touches a pixel without data are left out of the sums.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.inject import Psf
from reduce.kernels.local import merged
from reduce.kernels.paco_covariance import patch_disc
from reduce.kernels.paco_psf import RingPatches, aperture_response, psf_on, ring_patches, track_overlap
from reduce.kernels.paco_sums import Learned, Sequence, learn, sums_along
from reduce.kernels.reduction import Parts

__all__ = ["PATCH_FWHM", "PacoReduction", "reduce_paco"]

PATCH_FWHM = 0.85
"""Radius of a patch, FWHM: 49 pixels at 4.8 pixels, as in the paper; 0.65 to 1.1 reach the same contrast."""


@dataclass(frozen=True, slots=True)
class PacoReduction:
    """One channel reduced by PACO; see `reduction.Reduction`.

    Attributes
    ----------
    sequence : Sequence
        The data, and the patch.
    inside : NDArray[np.bool_]
        (y, x) sky pixels that are reduced.
    response : float
        Aperture sum of what a source of unit flux leaves in the map of fluxes, were the noise white.
    image : NDArray[np.float32]
        (y, x) flux of the source at each pixel, divided by `response`: the sum in an aperture of 1 FWHM is
        flux times throughput, as in other algorithms' images. NaN outside `inside` and without data.
    raw_snr : NDArray[np.float32]
        (y, x) b / sqrt(sum of the variances of b): lower than `snr` by what the mean over time takes.
    psf : Psf
        Unit flux.
    rings : RingPatches
        Filters of every ring.
    shrinkage : float
        Median of rho.
    """

    sequence: Sequence
    inside: NDArray[np.bool_]
    response: float
    image: NDArray[np.float32] = field(repr=False)
    raw_snr: NDArray[np.float32] = field(repr=False)
    psf: Psf = field(repr=False)
    rings: RingPatches = field(repr=False)
    shrinkage: float

    @property
    def snr(self) -> NDArray[np.float32]:
        """Signal to noise of the flux at each pixel (y, x): noise has unit variance.

        It is b / sqrt(a) of the paper with two corrections: the variance of b in the frames in place of a,
        for C is learnt from the frames that it weighs; and what the mean over time takes from noise and
        companion alike along a track (`track_overlap`).
        """
        overlap = track_overlap(self.psf, self.sequence.disc, self.rings, self.sequence.angle)
        if not overlap.size:
            return self.raw_snr
        ny, nx = self.inside.shape
        radius = np.hypot(np.arange(ny)[:, None] - ny // 2, np.arange(nx)[None] - nx // 2)
        kept = 1.0 - np.interp(radius, np.arange(overlap.size), overlap)
        return _ratio(self.raw_snr, np.sqrt(np.maximum(kept, 0.0))).astype(np.float32)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: exact, mean, covariances and weights are learnt anew."""
        ny, nx = self.inside.shape
        rows, columns = np.mgrid[y - half : y + half + 1, x - half : x + half + 1]
        there = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
        there[there] = self.inside[rows[there], columns[there]]
        sky = (rows * nx + columns)[there]
        signal = merged(parts)
        learned = learn(self.sequence, self.sequence.targets(sky), signal)
        out = np.full(rows.shape, np.nan, np.float32)
        sums = sums_along(self.sequence, sky, learned, signal)
        out[there] = _ratio(sums[0], sums[1]) / self.response
        return out


def reduce_paco(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    psf: Psf,
    fwhm: float,
    inside: NDArray[np.bool_] | None = None,
    patch_fwhm: float = PATCH_FWHM,
) -> PacoReduction:
    """Reduce one channel by PACO and keep what injections need.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    psf : Psf
        Unit flux in the aperture of 1 FWHM.
    fwhm : float
        Pixels.
    inside : NDArray[np.bool_] | None
        (y, x) pixels of the sky wanted; None is all.
    patch_fwhm : float
        Radius of a patch, FWHM.

    Returns
    -------
    PacoReduction
        Image and patches.
    """
    disc = patch_disc(patch_fwhm * fwhm)
    angle = np.radians(np.asarray(angles_deg, np.float64))
    template = psf_on(psf, disc.dy, disc.dx).astype(np.float32)
    sequence = Sequence(np.asarray(cube, np.float32), angle, disc, template)
    wanted = np.ones(cube.shape[1:], np.bool_) if inside is None else inside
    sky = np.flatnonzero(wanted)
    learned = learn(sequence, sequence.targets(sky))
    sums = sums_along(sequence, sky, learned)
    response = aperture_response(psf, disc, fwhm)
    image, raw_snr = (np.full(wanted.shape, np.nan, np.float32) for _ in range(2))
    image.ravel()[sky] = _ratio(sums[0], sums[1]) / response
    raw_snr.ravel()[sky] = _ratio(sums[0], np.sqrt(np.maximum(sums[2], 0.0)))
    rho = learned.shrinkage[np.isfinite(learned.shrinkage)]
    shrinkage = float(np.median(rho)) if rho.size else float("nan")
    rings = _rings(learned)
    return PacoReduction(sequence, wanted, response, image, raw_snr, psf, rings, shrinkage)


def _ratio(above: NDArray[np.floating], below: NDArray[np.floating]) -> NDArray[np.floating]:
    """NaN where the divisor is 0: no frame has data, or the field does not turn."""
    known = below > 0
    return np.where(known, above / np.where(known, below, 1.0), np.nan)


def _rings(learned: Learned) -> RingPatches:
    ny, nx = learned.mean.shape
    return ring_patches(learned.targets // nx - ny // 2, learned.targets % nx - nx // 2, learned.weights)
