"""IRDIS's table of filters against the measured transmission curves, and against what each filter is for."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hcvo.errors import ReductionError
from reduce.instruments import sphere_irdis_filters as filters

_SHARED = {"B_Y", "B_J", "B_H", "B_Ks"}  # whose curves lie among the real data; dual filters but H32 too
_ROWS = [
    (row, number)
    for row in filters.COMBINATIONS
    for number in (0, 1)
    if row.common in _SHARED and row.dual != "D_H32"
]
_NARROW = [row for row in filters.COMBINATIONS if row.name.startswith("NB_")]
_LINES = {  # um, what the filter was made for; air and vacuum differ by less than a nanometre
    "NB_HeI": 1.0833, "NB_PaB": 1.2822, "NB_FeII": 1.6440, "NB_H2": 2.1218, "NB_BrG": 2.1661, "NB_CO": 2.2935,
}  # fmt: skip


def _curve(folder: Path, name: str) -> NDArray[np.float64]:
    return np.loadtxt(folder / f"SPHERE_{name}.txt", comments="#")


def _density(folder: Path, wavelength: NDArray[np.float64], weights: NDArray[np.float64]) -> list[float]:
    table = _curve(folder, "CPI_ND")
    return [
        float(np.average(np.interp(wavelength, table[:, 0], table[:, column]), weights=weights))
        for column in (2, 3, 4)
    ]


@pytest.mark.parametrize(("row", "number"), _ROWS, ids=lambda one: getattr(one, "name", one))
def test_bands_and_densities_are_those_of_the_curves(
    shared_data: Path, row: filters.Filter, number: int
) -> None:
    folder = shared_data / "sphere_transmissions"
    common = _curve(folder, f"IRDIS_{row.common}")
    dual = _curve(folder, f"IRDIS_{row.dual}")[:, 1 + number] if row.dual else np.ones(len(common))
    wavelength, curve = common[:, 0], np.maximum(common[:, 1] * dual, 0.0)
    channel = row.channels[number]
    half = wavelength[curve >= curve.max() / 2]
    assert channel.wavelength_um == pytest.approx((half[0] + half[-1]) / 2000, abs=6e-4)
    assert channel.width_um == pytest.approx((half[-1] - half[0] + 1) / 1000, abs=1e-3)
    assert channel.peak == pytest.approx(curve.max(), abs=6e-4)
    passed = common[:, 1] * dual * ((wavelength >= 900) & (wavelength <= 2400))  # where ND was measured
    seen = _density(folder, wavelength, passed)
    assert channel.nd == pytest.approx(seen, rel=1e-3)


@pytest.mark.parametrize("row", filters.COMBINATIONS, ids=lambda row: row.name)
def test_a_box_of_the_stated_width_sees_the_stated_densities(shared_data: Path, row: filters.Filter) -> None:
    """The narrow bands' own curves are not shared: the densities over their half-power band are."""
    folder = shared_data / "sphere_transmissions"
    for channel in row.channels:
        wavelength = np.arange(900.0, 2450.0)
        inside = np.abs(wavelength - 1000 * channel.wavelength_um) <= 500 * channel.width_um
        seen = _density(folder, wavelength, inside.astype(float))
        within = 0.06 if row.name.startswith("NB_") else 0.16  # wings count where the density is steep
        assert channel.nd == pytest.approx(seen, rel=within), channel.name


@pytest.mark.parametrize("row", filters.COMBINATIONS, ids=lambda row: row.name)
def test_every_channel_lies_where_eso_says_it_does(row: filters.Filter) -> None:
    for channel in row.channels:
        assert channel.wavelength_um == pytest.approx(channel.nominal_um, abs=0.0075)
        assert channel.width_um == pytest.approx(channel.nominal_width_um, abs=0.004)
        assert abs(channel.wavelength_um - channel.nominal_um) < 0.005 or row.doubt
        assert 0 < channel.peak <= 1
        assert 1 > channel.nd[0] > channel.nd[1] > channel.nd[2] > 0


@pytest.mark.parametrize(("name", "line_um"), _LINES.items())
def test_a_line_filter_passes_its_line(name: str, line_um: float) -> None:
    for channel in filters.channels_of(name):
        assert abs(channel.wavelength_um - line_um) < channel.width_um / 2


def test_both_fields_of_a_single_band_are_equal_and_those_of_a_dual_band_are_not() -> None:
    for row in filters.COMBINATIONS:
        left, right = row.channels
        assert (left.wavelength_um == right.wavelength_um) is (row.dual == "")
        assert left.name != right.name
    assert [channel.name for channel in filters.channels_of("DB_K12")] == ["K1", "K2"]
    assert [channel.name for channel in filters.channels_of("DB_H34")] == ["H3", "H4"]


def test_every_mode_of_imaging_is_there_and_narrow_ones_have_their_doubt() -> None:
    names = {row.name for row in filters.COMBINATIONS}
    assert {"DB_Y23", "DB_J23", "DB_H23", "DB_H34", "DB_K12", "BB_Y", "BB_J", "BB_H", "BB_Ks"} < names
    assert len(_NARROW) == 10
    assert all(row.doubt for row in _NARROW)
    assert filters.filter_of("NB_ContK1") is filters.filter_of("NB_CntK1")


def test_k_is_thermal_and_nothing_else() -> None:
    thermal = {name for name in filters.FILTERS if filters.is_thermal(name)}
    assert {name for name in thermal if name[:2] != "NB"} == {"DB_K12", "BB_Ks"}
    assert {name[3:] for name in thermal if name[:2] == "NB"} == {
        "CntK1", "ContK1", "H2", "BrG", "CntK2", "ContK2", "CO",
    }  # fmt: skip
    assert filters.is_thermal("XX_K")
    assert not filters.is_thermal("XX_H")


def test_each_density_dims_by_about_what_it_is_called() -> None:
    """They fall short of their names in H and exceed them in J, by at most 0.8 of a decade."""
    for row in filters.COMBINATIONS:
        for channel in row.channels:
            for name in ("ND_1.0", "ND_2.0", "ND_3.5"):
                decades = -np.log10(channel.transmission(name))
                assert decades == pytest.approx(float(name[3:]), abs=0.8)
            assert channel.transmission("ND_1.0") > 2 * channel.transmission("ND_2.0")
            assert channel.transmission("ND_2.0") > 2 * channel.transmission("ND_3.5")
    h2, h3 = filters.channels_of("DB_H23")
    names = ("ND_1.0", "ND_2.0", "ND_3.5")
    assert [h2.transmission(name) for name in names] == [0.11435, 0.011833, 0.00052317]
    assert h3.transmission("ND_2.0") == 0.017805


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ReductionError, match=r"'BB_Z' is unknown.*DB_H23"):
        filters.channels_of("BB_Z")
    with pytest.raises(ReductionError, match=r"'ND_9' is unknown.*OPEN"):
        filters.channels_of("BB_H")[0].transmission("ND_9")
    assert filters.channels_of("BB_H")[0].transmission("OPEN") == 1.0
