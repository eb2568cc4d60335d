"""The star of a cube beside that of its FLUX files."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reduce.product_file import table_hdu
from reduce.recipes.level1_star import Star
from reduce.sparta import Atmosphere, Conditions

_CARD = "HIERARCH HCVO QC AO FACTOR"
_MJD: NDArray[np.float64] = np.linspace(58000.0, 58000.0 + 39 * 25.0 / 86400.0, 40)
_FLUX, _SCIENCE = _MJD[[2, 4]], _MJD[10:36]


def _star(*, known: bool = True) -> Star:
    """Two FLUX planes that count and one far off that does not."""
    columns = [
        ("MJD_MID", "D", "d", [*_FLUX, _MJD[8]]),
        ("KEPT", "L", "", [True, True, False]),
    ]
    tables = (table_hdu("FLUXES", columns),) if known else ()
    return Star(
        np.zeros((2, 5, 5), np.float32), table_hdu("CHANNELS", [("FWHM", "D", "pix", [4.0, 4.2])]), tables
    )


def _air(strehl: NDArray[np.float64], adu: NDArray[np.float64]) -> Atmosphere:
    still = np.ones(_MJD.size)
    return Atmosphere(_MJD, Conditions(strehl, still, still, still, adu))


def test_the_factor_is_strehl_and_transparency_of_science_over_flux() -> None:
    strehl, adu = np.full(_MJD.size, 0.9), np.full(_MJD.size, 800.0)
    strehl[:6], adu[10:] = 0.8, 760.0
    strehl[8] = 0.2
    cards = _star().cards(_air(strehl, adu), _SCIENCE)
    assert cards[_CARD][0] == pytest.approx(0.9 / 0.8 * 0.95, rel=1e-5)


def test_without_telemetry_or_flux_there_is_no_factor() -> None:
    good = np.full(_MJD.size, 0.9)
    assert not _star().cards(None, _SCIENCE)
    assert not _star(known=False).cards(_air(good, good), _SCIENCE)
    assert not _star().cards(_air(good, np.full(_MJD.size, np.nan)), _SCIENCE)
    assert not _star().cards(_air(good, good), _SCIENCE + 1.0)
