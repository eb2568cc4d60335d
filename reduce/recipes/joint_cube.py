"""A level 1 cube whose channels are reduced as one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hcvo.errors import ReductionError
from reduce.recipes.level1_cube import ChannelFacts, Level1Cube

__all__ = ["joined"]

_APART = 0.01  # share by which wavelengths must differ for speckles to move


def joined(level1: Level1Cube, spectrum: Sequence[float] = ()) -> Level1Cube:
    """Tell level 2 to take all channels of a cube as one.

    Parameters
    ----------
    level1 : Level1Cube
        With two or more channels.
    spectrum : Sequence[float]
        Contrast of a companion in each channel, any unit; empty is the same in all.

    Returns
    -------
    Level1Cube
        The same planes; `channels` is one row, their mean, and `joined` the rows that were there.

    Raises
    ------
    ReductionError
        If there are fewer than two channels, their wavelengths are unknown or the same, or the spectrum
        has another length.
    """
    rows = level1.channels
    wavelengths = np.array([row.wavelength_um for row in rows])
    if not (wavelengths > 0).all() or wavelengths.max() < (1 + _APART) * wavelengths.min():
        told = ", ".join(f"{w:g}" for w in wavelengths)
        raise ReductionError(
            f"{level1.name}: channels at {told} um; wanted two or more wavelengths, at least "
            f"{_APART:.0%} apart: spectral differential imaging compares channels"
        )
    if spectrum and (len(spectrum) != len(rows) or not min(spectrum) >= 0 or not max(spectrum) > 0):
        raise ReductionError(
            f"{level1.name}: spectrum has {len(spectrum)} values, the least {min(spectrum):g}; "
            f"wanted {len(rows)}, one a channel, none negative, one positive"
        )
    half = (rows[0].width_um + rows[-1].width_um) / 2
    whole = ChannelFacts(
        name=f"{len(rows)} as one",
        wavelength_um=float(wavelengths.mean()),
        width_um=float(np.ptp(wavelengths)) + half,
        fwhm_px=float(np.mean([row.fwhm_px for row in rows])),
        star_flux=float(np.mean([row.star_flux for row in rows])),
        star_flux_err=float(np.mean([row.star_flux_err for row in rows])),
    )
    return replace(level1, channels=(whole,), joined=rows, spectrum=tuple(spectrum))
