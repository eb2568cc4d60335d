"""The field in rings and sectors: every pixel once, sectors alike, zones where they were asked for."""

import numpy as np
import pytest

from reduce.kernels.regions import Ring, divide, ring_edges

_SHAPE = (21, 25)  # star at x = 12, y = 10
_RINGS = [
    Ring(2.0, 5.0, 1, ((2.0, 7.0),)),
    Ring(5.0, 8.0, 4, ((2.0, 4.0), (9.0, 11.0))),
    Ring(8.0, 10.0, 6, ((6.0, 10.0),)),
]


def _polar() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.indices(_SHAPE)
    dx, dy = x - 12, y - 10
    return np.hypot(dx, dy), np.degrees(np.arctan2(-dx, dy)) % 360


@pytest.mark.parametrize(
    ("given", "edges"),
    [
        ((2.0, 12.0, 5.0), [2.0, 7.0, 12.0]),
        ((2.0, 12.0, 4.0), [2.0, 7.0, 12.0]),
        ((2.0, 12.0, 3.0), [2.0, 16 / 3, 26 / 3, 12.0]),
        ((2.0, 4.0, 9.0), [2.0, 4.0]),
    ],
)
def test_rings_share_the_range_evenly(given: tuple[float, float, float], edges: list[float]) -> None:
    assert ring_edges(*given) == pytest.approx(edges)


def test_every_pixel_lies_in_the_region_of_its_ring() -> None:
    regions, (radius, _) = divide(_SHAPE, _RINGS), _polar()
    assert regions.number.shape == _SHAPE
    assert set(regions.number.ravel()) == set(range(11))
    assert list(regions.ring_of) == [0] + [1] * 4 + [2] * 6
    ring = regions.ring_of[regions.number]
    np.testing.assert_array_equal(ring, np.where(radius < 5, 0, np.where(radius < 8, 1, 2)))


def test_sectors_are_equal_and_the_first_is_centred_on_north_the_second_east() -> None:
    regions, (radius, azimuth) = divide(_SHAPE, _RINGS), _polar()
    for ring, first, sectors in ((1, 1, 4), (2, 5, 6)):
        part = (radius >= 5) & (radius < 8) if ring == 1 else radius >= 8
        nearest = np.round(azimuth / (360 / sectors), 6)
        clear = part & (np.abs(nearest % 1 - 0.5) > 1e-3)  # not on a border between two
        wanted = first + np.rint(nearest).astype(int) % sectors
        np.testing.assert_array_equal(regions.number[clear], wanted[clear])


def test_a_mirrored_pixel_lies_in_the_mirrored_sector() -> None:
    number = divide((21, 21), _RINGS).number
    mirrored = np.array([0, 1, 4, 3, 2, 5, 10, 9, 8, 7, 6])
    np.testing.assert_array_equal(number[:, ::-1], mirrored[number])


def test_zones_hold_their_ranges_in_the_sector_of_their_region() -> None:
    regions, (radius, azimuth) = divide(_SHAPE, _RINGS), _polar()
    radius, azimuth = radius.ravel(), azimuth.ravel()
    assert len(regions.zones) == 11
    assert list(regions.zone_of) == list(range(11))
    np.testing.assert_array_equal(regions.zones[0], np.flatnonzero((radius >= 2) & (radius < 7)))
    ranges = ((radius >= 2) & (radius < 4)) | ((radius >= 9) & (radius < 11))
    np.testing.assert_array_equal(np.sort(np.concatenate(regions.zones[1:5])), np.flatnonzero(ranges))
    east = regions.zones[2]
    assert np.all(np.abs(azimuth[east] - 90) <= 45 + 1e-9)
    south = regions.zones[8]
    assert np.all(np.abs(azimuth[south] - 180) <= 30 + 1e-9)
    assert np.all((radius[south] >= 6) & (radius[south] < 10))
    assert len(south) > 8


def test_zones_that_are_the_same_are_kept_once() -> None:
    zone = ((3.0, 9.0),)
    regions = divide(_SHAPE, [Ring(2.0, 4.0, 2, zone), Ring(4.0, 6.0, 2, zone), Ring(6.0, 9.0, 3, zone)])
    assert list(regions.zone_of) == [0, 1, 0, 1, 2, 3, 4]
    assert len(regions.zones) == 5


def test_the_middle_of_a_ring() -> None:
    assert Ring(2.0, 5.0, 1, ()).middle == 3.5


def test_odd_and_narrow_sectors_hold_the_pixels_beside_the_axis() -> None:
    zone = ((0.0, 5.0),)
    number = divide((41, 41), [Ring(0.0, 5.0, 3, zone), Ring(5.0, 30.0, 40, zone)]).number - np.int32(3)
    assert number[20 + 8, 20] == 0
    assert number[20 + 8, 20 + 1] == 39
    assert number[20 + 8, 20 - 1] == 1
    assert number[20, 20] == -3
    assert number[20 - 4, 20] == 2 - 3  # the border of two sectors belongs to the one towards -x
    assert number[20 - 4, 20 + 1] == 2 - 3
    assert number[20 - 4, 20 - 1] == 1 - 3
