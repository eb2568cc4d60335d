"""IRDIS's tables against the measured transmission curves."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hcvo.errors import ReductionError
from reduce.instruments import sphere_irdis as irdis

_BROAD = {"DB_Y23": "B_Y", "DB_J23": "B_J", "DB_H23": "B_H", "DB_H34": "B_H", "DB_K12": "B_Ks"}


def _table(folder: Path, name: str) -> NDArray[np.float64]:
    lines = (folder / f"SPHERE_{name}.txt").read_text().splitlines()
    return np.array([[float(v) for v in line.split()] for line in lines if line.strip() and line[0] != "#"])


def _curve(folder: Path, filter_name: str, channel: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    broad = _table(folder, f"IRDIS_{_BROAD.get(filter_name, filter_name.replace('BB_', 'B_'))}")
    dual = np.ones(len(broad))
    if filter_name in _BROAD:
        dual = _table(folder, f"IRDIS_{filter_name.replace('DB_', 'D_')}")[:, 1 + channel]
    return broad[:, 0], np.maximum(broad[:, 1] * dual, 0.0)


@pytest.mark.parametrize("filter_name", irdis.FILTERS)
@pytest.mark.parametrize("number", [0, 1])
def test_bands_and_densities_are_those_of_the_curves(
    shared_data: Path, filter_name: str, number: int
) -> None:
    folder = shared_data / "sphere_transmissions"
    wavelength, curve = _curve(folder, filter_name, number)
    channel = irdis.channels_of(filter_name)[number]
    half = wavelength[curve >= curve.max() / 2]
    assert channel.wavelength_um == pytest.approx((half[0] + half[-1]) / 2000, abs=6e-4)
    assert channel.width_um == pytest.approx((half[-1] - half[0] + 1) / 1000, abs=1e-3)
    density = _table(folder, "CPI_ND")
    curve = np.where(curve < 0.02 * curve.max(), 0.0, curve)
    for column, name in enumerate(("ND_1.0", "ND_2.0", "ND_3.5"), start=2):
        mean = np.average(np.interp(wavelength, density[:, 0], density[:, column]), weights=curve)
        assert channel.transmission(name) == pytest.approx(mean, rel=1e-3)
    assert channel.transmission("OPEN") == 1.0


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ReductionError, match=r"'BB_Z' is unknown.*DB_H23"):
        irdis.channels_of("BB_Z")
    with pytest.raises(ReductionError, match=r"'ND_9' is unknown.*OPEN"):
        irdis.channels_of("BB_H")[0].transmission("ND_9")


def test_astrometry_holds_from_first_light() -> None:
    row = irdis.astrometry_at(date(2015, 2, 3), "DB_H23")
    assert (row.scale_mas, row.north_deg) == (12.255, -1.75)
    with pytest.raises(ReductionError, match="2014-05-01"):
        irdis.astrometry_at(date(2013, 1, 1), "DB_H23")


def test_the_mask_of_a_coronagraph_has_a_radius_and_no_mask_has_none() -> None:
    assert irdis.mask_radius_mas("N_ALC_YJH_S") == 92.5
    assert irdis.mask_radius_mas("N_ALC_Ks") == 120.0
    assert irdis.mask_radius_mas("N_NS_CLEAR") == irdis.mask_radius_mas("") == 0.0
