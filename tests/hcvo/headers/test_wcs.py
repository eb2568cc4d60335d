import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from hcvo.errors import HeaderError
from hcvo.headers.wcs import celestial_header, footprint, offset_of_sky, pixel_of_offset, sky_of_offset

_RA, _DEC = 86.8212, -51.0665


def _image(size: int = 401, angle: float = 0.0) -> fits.Header:
    header = fits.PrimaryHDU(np.zeros((size, size), np.float32)).header
    header.update(celestial_header(size, 12.255, _RA, _DEC, angle_deg=angle))
    return header


def test_the_star_sits_on_the_middle_pixel_north_is_up_and_east_left() -> None:
    wcs = WCS(_image())
    star, up, left = (
        SkyCoord(*wcs.wcs_pix2world([pixel], 0)[0], unit="deg")
        for pixel in ([200.0, 200.0], [200.0, 300.0], [100.0, 200.0])
    )
    assert star.separation(SkyCoord(_RA, _DEC, unit="deg")).mas < 1e-3
    assert star.separation(up).mas == pytest.approx(1225.5, rel=1e-6)
    assert star.position_angle(up).deg % 360 == pytest.approx(0.0, abs=1e-6)
    assert star.position_angle(left).deg == pytest.approx(90.0, abs=1e-3)


@pytest.mark.parametrize("angle", [-130.0, 0.0, 33.3, 210.0])
def test_before_derotation_up_on_the_detector_points_to_the_angle(angle: float) -> None:
    """PA_sky = PA_detector + angle; +y has position angle 0 on the detector, -x 90."""
    wcs = WCS(_image(angle=angle))
    star, up, left = (
        SkyCoord(*wcs.wcs_pix2world([pixel], 0)[0], unit="deg")
        for pixel in ([200.0, 200.0], [200.0, 250.0], [150.0, 200.0])
    )
    assert (star.position_angle(up).deg - angle + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-3)
    assert (star.position_angle(left).deg - angle - 90 + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-3)


def test_only_a_cd_matrix_and_planes_counted_from_nought() -> None:
    header = celestial_header(11, 10.0, _RA, _DEC, extra_axes=("TIME", "CHANNEL"))
    assert not [k for k in header if k.startswith(("CDELT", "CROTA", "PC"))]
    assert header["WCSAXES"] == 4
    assert next(iter(header)) == "WCSAXES"
    wcs = WCS(header)
    assert wcs.naxis == 4
    assert wcs.wcs_pix2world([[5, 5, 2, 1]], 0)[0][2:].tolist() == [2.0, 1.0]


def test_an_even_image_has_no_middle_pixel() -> None:
    with pytest.raises(HeaderError, match="400 pixels a side, wanted an odd"):
        celestial_header(400, 12.0, _RA, _DEC)


@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-89, 89),
    st.floats(-8000, 8000),
    st.floats(-8000, 8000),
)
def test_offsets_go_to_the_sky_and_back(ra: float, dec: float, east: float, north: float) -> None:
    there = sky_of_offset(ra, dec, east, north)
    assert 0 <= there[0] < 360.0000001
    assert offset_of_sky((ra, dec), there) == pytest.approx((east, north), abs=1e-3)


@given(st.floats(10, 8000), st.floats(0, 360, exclude_max=True), st.floats(-80, 80))
def test_offsets_are_separation_and_position_angle(sep: float, pa: float, dec: float) -> None:
    east, north = sep * np.sin(np.radians(pa)), sep * np.cos(np.radians(pa))
    star = SkyCoord(120.0, dec, unit="deg")
    place = SkyCoord(*sky_of_offset(120.0, dec, east, north), unit="deg")
    assert star.separation(place).mas == pytest.approx(sep, abs=1e-2)
    turn = (star.position_angle(place).deg - pa + 180) % 360 - 180
    assert abs(turn) * np.radians(1) * sep < 1e-1


def test_a_pixel_beside_the_star_is_the_same_in_pixels_and_on_the_sky() -> None:
    x, y = pixel_of_offset(401, 12.255, 800.0, 310.0)
    ra, dec = WCS(_image()).wcs_pix2world([[x, y]], 0)[0]
    star = SkyCoord(_RA, _DEC, unit="deg")
    assert star.separation(SkyCoord(ra, dec, unit="deg")).mas == pytest.approx(800.0, abs=1e-3)
    assert star.position_angle(SkyCoord(ra, dec, unit="deg")).deg == pytest.approx(310.0, abs=1e-3)


def test_the_footprint_is_the_outer_edge_counter_clockwise_on_the_sky() -> None:
    corners = footprint(_image(101))
    offsets = np.array([offset_of_sky((_RA, _DEC), corner) for corner in corners])
    half = 101 / 2 * 12.255
    assert offsets == pytest.approx(half * np.array([[1, -1], [-1, -1], [-1, 1], [1, 1]]), abs=0.5)


def test_a_header_without_a_sky_has_no_footprint() -> None:
    with pytest.raises(HeaderError, match="no celestial coordinate system"):
        footprint(fits.PrimaryHDU(np.zeros((5, 5))).header)
