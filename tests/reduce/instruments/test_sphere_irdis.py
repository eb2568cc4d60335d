"""IRDIS's facts by date and by name."""

from datetime import date

import pytest

from hcvo.errors import ReductionError
from reduce.instruments import sphere_irdis as irdis


def test_astrometry_holds_from_first_light() -> None:
    row = irdis.astrometry_at(date(2015, 2, 3), "DB_H23")
    assert (row.scale_mas, row.north_deg) == (12.255, -1.75)
    with pytest.raises(ReductionError, match="2014-05-01"):
        irdis.astrometry_at(date(2013, 1, 1), "DB_H23")


def test_the_mask_of_a_coronagraph_has_a_radius_and_no_mask_has_none() -> None:
    assert irdis.mask_radius_mas("N_ALC_YJH_S") == 92.5
    assert irdis.mask_radius_mas("N_ALC_Ks") == 120.0
    assert irdis.mask_radius_mas("N_NS_CLEAR") == irdis.mask_radius_mas("") == 0.0
    assert irdis.mask_radius_mas("N_CLC_SW_L") == 120.0  # not in the table: the largest, never taken for none
    known = [name for name in ("", "N_NS_CLEAR", "N_ALC_YJ_S", "N_4Q_YJ") if irdis.knows_mask(name)]
    assert known == ["", "N_NS_CLEAR", "N_ALC_YJ_S"]


def test_the_zero_points_of_angle_and_stretch_are_those_published() -> None:
    """Maire et al. 2016: pupil tracking 135.99 +- 0.11 deg, y compressed by 1.0062."""
    assert (irdis.PUPIL_OFFSET_DEG, irdis.PUPIL_OFFSET_ERR_DEG) == (135.99, 0.11)
    assert irdis.ANAMORPHISM_Y == 1.0062
    assert irdis.INSTRUMENT_OFFSET_DEG == 0.0
