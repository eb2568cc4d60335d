import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcvo.model.sphere import SphericalPolygon

places = st.tuples(st.floats(-720, 720), st.floats(-90, 90))


@given(st.lists(places, min_size=3, max_size=8))
def test_text_of_pgsphere_and_back(corners: list[tuple[float, float]]) -> None:
    back = SphericalPolygon.from_pgsphere(SphericalPolygon(tuple(corners)).to_pgsphere())
    for (ra, dec), (ra_back, dec_back) in zip(corners, back.vertices, strict=True):
        assert math.cos(math.radians(ra - ra_back)) == pytest.approx(1.0, abs=1e-12)
        assert dec_back == pytest.approx(dec, abs=1e-12)


def test_radians_as_pgsphere_prints_them() -> None:
    polygon = SphericalPolygon.from_pgsphere("{(0 , 0),(1.5707963267948966 , 0),(0 , 0.7853981633974483)}")
    for found, wanted in zip(polygon.vertices, ((0, 0), (90, 0), (0, 45)), strict=True):
        assert found == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["{}", "{(0 , 0),(1 , 1)}", "nonsense"])
def test_less_than_three_corners_are_no_polygon(text: str) -> None:
    with pytest.raises(ValueError, match="at least 3"):
        SphericalPolygon.from_pgsphere(text)
