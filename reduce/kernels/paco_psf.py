"""What PACO's filters make of the PSF: template, response in an aperture, what the mean over time takes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reduce.kernels.aperture import disc_weights
from reduce.kernels.compiled import compiled
from reduce.kernels.inject import Psf
from reduce.kernels.paco_covariance import Disc
from reduce.kernels.spline import value_at

__all__ = ["aperture_response", "psf_on", "track_overlap"]

_SAMPLES = 6  # patches looked at on a ring


def psf_on(psf: Psf, y: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    """PSF at places from its middle.

    Parameters
    ----------
    psf : Psf
        Unit flux in the aperture of 1 FWHM.
    y : ArrayLike
        Rows from the middle.
    x : ArrayLike
        Columns from the middle, of a shape that goes with `y`.

    Returns
    -------
    NDArray[np.float64]
        Of their common shape; 0 beyond the PSF's pixels.
    """
    rows, columns = np.broadcast_arrays(np.asarray(y, np.float64), np.asarray(x, np.float64))
    out = np.empty(rows.size)
    _sample(psf.spline, rows.ravel(), columns.ravel(), out)
    return out.reshape(rows.shape)


@compiled
def _sample(
    spline: NDArray[np.float32], y: NDArray[np.float64], x: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    middle = spline.shape[0] // 2
    for k in range(out.size):
        value = value_at(spline, x[k] + middle, y[k] + middle)
        out[k] = 0.0 if np.isnan(value) else value


def aperture_response(psf: Psf, disc: Disc, fwhm: float) -> float:
    """Sum in the aperture of 1 FWHM of the map of fluxes around a source of unit flux in white noise.

    Parameters
    ----------
    psf : Psf
        Unit flux in the aperture of 1 FWHM.
    disc : Disc
        Pixels of a patch.
    fwhm : float
        Pixels.

    Returns
    -------
    float
        Of the PSF's correlation with its part on the patch, 1 at the peak.
    """
    reach = int(np.ceil(fwhm / 2 - 0.5))
    shares = disc_weights(2 * reach + 1, fwhm / 2, reach, reach)
    side = np.arange(-reach, reach + 1)
    template = psf_on(psf, disc.dy, disc.dx)
    seen = psf_on(psf, disc.dy - side[:, None, None], disc.dx - side[None, :, None]) @ template
    return float(np.sum(shares * seen) / (template @ template))


def track_overlap(
    psf: Psf,
    disc: Disc,
    targets: tuple[NDArray[np.integer], NDArray[np.integer]],
    weights: NDArray[np.float32],
    angle: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Share of a source, and of the noise's variance, that the mean over time takes from the sums of a track.

    The mean holds 1/T of the source at each other place of its track. With C w = h the noise of two places is
    as alike as the filter's response to a source at the one seen from the other, so that flux and variance
    lose the same: the mean of that response over all pairs of frames.

    Parameters
    ----------
    psf : Psf
        Unit flux.
    disc : Disc
        Pixels of a patch.
    targets : tuple[NDArray[np.integer], NDArray[np.integer]]
        (n,) rows and columns of patches, from the star.
    weights : NDArray[np.float32]
        (n, K) their weights; 0 where there are none.
    angle : NDArray[np.float64]
        (time,) derotation angles, radians.

    Returns
    -------
    NDArray[np.float64]
        By the ring's radius in whole pixels, from 0; that of the next ring where no patch has weights.
    """
    rows, columns = targets
    radius = np.hypot(rows, columns)
    chord = 2 * np.abs(np.sin((angle[:, None] - angle[None])[np.triu_indices(angle.size, 1)] / 2))
    known = np.flatnonzero(weights.any(axis=1) & (radius > 0))
    rings = np.rint(radius[known]).astype(int)
    out = np.full(int(radius.max(initial=0)) + 2, np.nan)
    steps = np.arange(2 * disc.reach + 3.0)
    for ring in np.unique(rings):
        here = known[rings == ring]
        here = here[:: max(1, here.size // _SAMPLES)]
        seen = _along_ring(psf, disc, (rows[here], columns[here]), weights[here], steps)
        pairs = np.interp(ring * chord, steps, seen, right=0.0)
        out[ring] = (1.0 + 2.0 * pairs.sum() / angle.size) / angle.size
    there = np.isfinite(out)
    return np.interp(np.arange(out.size), np.flatnonzero(there), out[there]) if there.any() else out


def _along_ring(
    psf: Psf,
    disc: Disc,
    places: tuple[NDArray[np.integer], NDArray[np.integer]],
    weights: NDArray[np.float32],
    steps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean response of some patches to sources at steps along their ring, 1 for step 0."""
    radius = np.hypot(*places)
    along_y, along_x = places[1] / radius, -places[0] / radius
    y = disc.dy - steps[:, None, None] * along_y[:, None]
    x = disc.dx - steps[:, None, None] * along_x[:, None]
    seen = np.einsum("snk,nk->s", psf_on(psf, y, x), weights.astype(np.float64))
    return np.asarray(seen / seen[0])
