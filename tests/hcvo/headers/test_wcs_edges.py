"""World coordinates judged by astropy: signs, turn, tangent plane, corners, further axes."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from hcvo.errors import HeaderError
from hcvo.headers.wcs import celestial_header, footprint, offset_of_sky, pixel_of_offset, sky_of_offset

_STARS = [(86.82, -51.07), (0.0001, 20.0), (359.9999, -75.0), (200.0, 0.0)]


def _sky(header: fits.Header, x: float, y: float) -> SkyCoord:
    return WCS(header).celestial.pixel_to_world(x, y)


@pytest.mark.parametrize("star", _STARS)
def test_the_star_stands_on_the_middle_pixel(star: tuple[float, float]) -> None:
    header = celestial_header(101, 12.25, *star)
    assert _sky(header, 50.0, 50.0).separation(SkyCoord(*star, unit="deg")).mas < 1e-3


def test_north_is_up_and_east_is_left_by_a_cd_matrix_alone() -> None:
    header = celestial_header(101, 12.25, 86.82, -51.07)
    star = SkyCoord(86.82, -51.07, unit="deg")
    north, east = _sky(header, 50.0, 90.0), _sky(header, 10.0, 50.0)
    assert star.separation(north).mas == pytest.approx(40 * 12.25, rel=1e-6)
    assert star.position_angle(north).wrap_at(180 * u.deg).deg == pytest.approx(0.0, abs=1e-6)
    assert star.separation(east).mas == pytest.approx(40 * 12.25, rel=1e-6)
    assert star.position_angle(east).deg == pytest.approx(90.0, abs=1e-2)
    assert header["CD1_1"] == pytest.approx(-12.25 / 3.6e6, rel=1e-9, abs=0)
    assert header["CD2_2"] == pytest.approx(12.25 / 3.6e6, rel=1e-9, abs=0)
    assert header["CD1_2"] == header["CD2_1"] == 0.0
    still = celestial_header(101, 12.25, 86.82, -51.07, angle_deg=-0.0)
    assert [str(still["CD1_2"]), str(still["CD2_1"])] == ["0.0", "0.0"]
    assert not [card for card in header if card.startswith(("PC", "CDELT", "CROTA"))]
    assert (header["CTYPE1"], header["CTYPE2"]) == ("RA---TAN", "DEC--TAN")
    assert (header["CUNIT1"], header["CUNIT2"]) == ("deg", "deg")
    assert header["RADESYS"] == "ICRS"
    assert header["WCSAXES"] == 2


@pytest.mark.parametrize("angle_deg", [30.0, -75.0, 160.0])
@pytest.mark.parametrize("pa_deg", [0.0, 65.0, 200.0])
def test_a_position_angle_on_the_sky_is_the_detectors_plus_the_angle(angle_deg: float, pa_deg: float) -> None:
    header = celestial_header(101, 12.25, 86.82, -51.07, angle_deg=angle_deg)
    pa_detector = np.radians(pa_deg)
    place = _sky(header, 50.0 - 30.0 * np.sin(pa_detector), 50.0 + 30.0 * np.cos(pa_detector))
    found = SkyCoord(86.82, -51.07, unit="deg").position_angle(place).deg
    assert (found - pa_deg - angle_deg + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-3)


def test_further_axes_count_planes_from_0() -> None:
    header = celestial_header(7, 12.25, 10.0, 10.0, extra_axes=("TIME", "CHANNEL"))
    wcs = WCS(header)
    assert wcs.naxis == header["WCSAXES"] == 4
    assert list(wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN", "TIME", "CHANNEL"]
    _, _, time, channel = wcs.wcs_pix2world([[3, 3, 5, 1]], 0)[0]
    assert (time, channel) == (5.0, 1.0)


@pytest.mark.parametrize("size", [100, 4])
def test_an_even_image_has_no_middle(size: int) -> None:
    with pytest.raises(HeaderError, match=f"image of {size} pixels a side, wanted an odd number"):
        celestial_header(size, 12.25, 10.0, 10.0)


def test_the_footprint_runs_along_the_outer_edge_against_the_clock() -> None:
    header = celestial_header(11, 100.0, 120.0, 30.0)
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, 11, 11
    header["MJD-OBS"] = 58229.25  # astropy would derive DATE-OBS, and warn
    corners = footprint(header)
    offsets = [offset_of_sky((120.0, 30.0), corner) for corner in corners]
    np.testing.assert_allclose(offsets, [(550, -550), (-550, -550), (-550, 550), (550, 550)], rtol=1e-6)
    wide = celestial_header(11, 100.0, 120.0, 30.0)
    wide["NAXIS1"], wide["NAXIS2"] = 21, 11
    offsets = [offset_of_sky((120.0, 30.0), corner) for corner in footprint(wide)]
    np.testing.assert_allclose(offsets, [(550, -550), (-1550, -550), (-1550, 550), (550, 550)], rtol=1e-6)


def test_a_header_without_coordinates_has_no_footprint() -> None:
    header = fits.Header([("NAXIS", 2), ("NAXIS1", 5), ("NAXIS2", 5), ("CTYPE1", "WAVE")])
    with pytest.raises(HeaderError, match="no celestial coordinate system"):
        footprint(header)


@pytest.mark.parametrize("star", _STARS)
@pytest.mark.parametrize("offset", [(300.0, 0.0), (0.0, -800.0), (-4000.0, 2500.0), (3e6, 5e6)])
def test_offsets_are_those_of_astropys_tangent_plane(
    star: tuple[float, float], offset: tuple[float, float]
) -> None:
    header = celestial_header(3, 1000.0, *star)
    wanted = _sky(header, 1 - offset[0] / 1000.0, 1 + offset[1] / 1000.0)
    ra, dec = sky_of_offset(*star, *offset)
    assert 0.0 <= ra < 360.0
    assert SkyCoord(ra, dec, unit="deg").separation(wanted).mas < 1e-3
    assert offset_of_sky(star, (ra, dec)) == pytest.approx(offset, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(
    ("pa_deg", "place"), [(0, (50, 60)), (90, (40, 50)), (180, (50, 40)), (270, (60, 50))]
)
def test_a_place_beside_the_star_in_pixels(pa_deg: float, place: tuple[float, float]) -> None:
    assert pixel_of_offset(101, 12.25, 122.5, pa_deg) == pytest.approx(place)
    assert pixel_of_offset(101, 12.25, 122.5, 30.0) == pytest.approx((45.0, 50.0 + 10.0 * np.cos(np.pi / 6)))
