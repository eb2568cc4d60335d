"""What PACO's filters make of the PSF: template, response in an aperture, what the mean over time takes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reduce.kernels.aperture import disc_weights
from reduce.kernels.compiled import compiled
from reduce.kernels.inject import Psf
from reduce.kernels.paco_covariance import Disc
from reduce.kernels.spline import value_at

__all__ = ["RingPatches", "aperture_response", "psf_on", "ring_patches", "track_overlap"]

_SAMPLES = 24  # patches looked at on a ring


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


@dataclass(frozen=True, slots=True)
class RingPatches:
    """Some patches of every ring about the star.

    Attributes
    ----------
    y, x : NDArray[np.int64]
        (n,) their middles, pixels from the star.
    weights : NDArray[np.float32]
        (n, K) C^-1 h.
    """

    y: NDArray[np.int64]
    x: NDArray[np.int64]
    weights: NDArray[np.float32]

    @property
    def ring(self) -> NDArray[np.int64]:
        """Radius of each in whole pixels, (n,)."""
        return np.rint(np.hypot(self.y, self.x)).astype(np.int64)


def ring_patches(y: NDArray[np.integer], x: NDArray[np.integer], weights: NDArray[np.float32]) -> RingPatches:
    """Choose patches of every ring, evenly in position angle.

    Parameters
    ----------
    y : NDArray[np.integer]
        (n,) rows of the patches' middles from the star.
    x : NDArray[np.integer]
        (n,) columns.
    weights : NDArray[np.float32]
        (n, K) their weights; patches whose weights are all 0 are not taken.

    Returns
    -------
    RingPatches
        At most 24 a ring; the star itself is on none.
    """
    known = np.flatnonzero(weights.any(axis=1) & ((y != 0) | (x != 0)))
    ring = np.rint(np.hypot(y[known], x[known])).astype(np.int64)
    order = np.lexsort((np.arctan2(y[known], x[known]), ring))
    begins = np.flatnonzero(np.diff(ring[order], prepend=-1))
    groups = np.split(known[order], begins[1:])
    chosen = np.concatenate(
        [g[np.linspace(0, g.size, min(g.size, _SAMPLES), endpoint=False).astype(int)] for g in groups]
    )
    return RingPatches(y[chosen], x[chosen], weights[chosen])


def track_overlap(
    psf: Psf, disc: Disc, patches: RingPatches, angle: NDArray[np.float64]
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
    patches : RingPatches
        Filters of every ring.
    angle : NDArray[np.float64]
        (time,) derotation angles, radians.

    Returns
    -------
    NDArray[np.float64]
        By the ring's radius in whole pixels, from 0 to one beyond the last; between and beyond rings that
        have patches interpolated; empty without patches.
    """
    chord = 2 * np.abs(np.sin((angle[:, None] - angle[None])[np.triu_indices(angle.size, 1)] / 2))
    steps = np.arange(2 * disc.reach + 3.0)
    rings = np.unique(patches.ring)
    values = np.empty(rings.size)
    for number, ring in enumerate(rings):
        seen = _along_ring(psf, disc, patches, patches.ring == ring, steps)
        pairs = np.interp(ring * chord, steps, seen, right=0.0)
        values[number] = (1.0 + 2.0 * pairs.sum() / angle.size) / angle.size
    return np.interp(np.arange(rings[-1] + 2), rings, values) if rings.size else values


def _along_ring(
    psf: Psf, disc: Disc, patches: RingPatches, here: NDArray[np.bool_], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean response of the patches of a ring to sources at steps along it, both ways; 1 for step 0."""
    rows, columns = patches.y[here], patches.x[here]
    radius = np.hypot(rows, columns)
    both = np.stack([steps, -steps])[:, :, None, None]
    y, x = disc.dy - both * (columns / radius)[:, None], disc.dx + both * (rows / radius)[:, None]
    seen = np.einsum("bsnk,nk->s", psf_on(psf, y, x), patches.weights[here].astype(np.float64))
    return np.asarray(seen / seen[0])
