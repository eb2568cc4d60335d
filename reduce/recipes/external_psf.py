"""The PSF of a cube that was reduced elsewhere: checked, brought to its middle pixel, normalised."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcvo.errors import InputError
from reduce.kernels.gaps import shifted
from reduce.kernels.photometry import normalised
from reduce.kernels.psf_shape import flat_top, star_place
from reduce.recipe import Job

__all__ = ["prepared"]

_OFF_PX = 0.5  # from the middle pixel: an injected companion would be as far off its place
_LEAST_FWHM = 1.5  # half a side: an aperture and its rim


def prepared(psf: NDArray[np.float32], fwhm_px: Sequence[float], path: Path, job: Job) -> NDArray[np.float32]:
    """Make the PSFs of all channels fit for injections.

    Parameters
    ----------
    psf : NDArray[np.float32]
        (channel, y, x) of any size and level, the star near its middle.
    fwhm_px : Sequence[float]
        (channel,).
    path : Path
        Of the file, for messages.
    job : Job
        Warned of PSFs that were moved.

    Returns
    -------
    NDArray[np.float32]
        (channel, n, n) with n odd, unit flux in the aperture of 1 FWHM about the middle pixel. A PSF more
        than 0.5 px off its middle pixel, or that has none, is moved there.

    Raises
    ------
    InputError
        If a PSF has gaps, no light, a flat top, or its star is too near to the edge.
    """
    if not np.isfinite(psf).all():
        raise InputError(f"{path}: PSF has {int((~np.isfinite(psf)).sum())} pixels that are not numbers")
    for channel, one in enumerate(psf):
        if cut := flat_top(one):
            raise InputError(
                f"{path}: {cut} pixels of the PSF (channel {channel}) share its highest value {one.max():g}: "
                "it is saturated; give one below saturation"
            )
    places = [star_place(one, width) for one, width in zip(psf, fwhm_px, strict=True)]
    middle = ((psf.shape[2] - 1) / 2, (psf.shape[1] - 1) / 2)
    off = [float(np.hypot(x - middle[0], y - middle[1])) for x, y in places]
    if not np.isfinite(off).all():
        raise InputError(f"{path}: PSF cannot be normalised in an aperture of 1 FWHM: it has no light")
    square = psf.shape[1] == psf.shape[2] and psf.shape[1] % 2 == 1
    if not square or max(off) > _OFF_PX:
        job.log.warning(
            "PSF was not centred on the middle pixel of an odd square: moved there",
            shape=psf.shape[1:],
            star=[(round(x, 2), round(y, 2)) for x, y in places],
            off_px=[round(value, 2) for value in off],
        )
        psf = _moved(psf, places, fwhm_px, path)
    try:
        return np.stack([normalised(one, width) for one, width in zip(psf, fwhm_px, strict=True)])
    except ValueError as error:
        raise InputError(f"{path}: PSF cannot be normalised in an aperture of 1 FWHM: {error}") from error


def _moved(
    psf: NDArray[np.float32], places: Sequence[tuple[float, float]], fwhm_px: Sequence[float], path: Path
) -> NDArray[np.float32]:
    rows, columns = psf.shape[1:]
    half = min(int(np.floor(min(x, columns - 1 - x, y, rows - 1 - y) + 1e-9)) for x, y in places)
    wanted = int(np.ceil(_LEAST_FWHM * max(fwhm_px)))
    if half < wanted:
        raise InputError(
            f"{path}: PSF is {columns} x {rows} px with the star at "
            f"{', '.join(f'({x:.1f}, {y:.1f})' for x, y in places)}: {half} px to the edge, wanted {wanted}, "
            "1.5 FWHM; give one with the star in the middle of an odd square"
        )
    return np.stack(
        [
            shifted(one, place, 2 * half + 1, width)
            for one, place, width in zip(psf, places, fwhm_px, strict=True)
        ]
    )
