"""Waffle spots: where they stand, where the star is among them, how sure; edges and refusals."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.spots import coarse_centre, fit_spots, spot_offsets

_FWHM = 4.0


def _spots(
    star: tuple[float, float],
    offsets: np.ndarray,
    shape: tuple[int, int] = (121, 131),
    width: tuple[float, float] = (2.4, 1.7),
) -> np.ndarray:
    rows, columns = np.indices(shape)
    image = np.zeros(shape)
    for dx, dy in offsets:
        x, y = columns - star[0] - dx, rows - star[1] - dy
        out = np.array([dx, dy]) / np.hypot(dx, dy)
        along, across = out[0] * x + out[1] * y, out[0] * y - out[1] * x
        image += np.exp(-0.5 * ((along / width[0]) ** 2 + (across / width[1]) ** 2))
    return image


def test_spots_stand_on_the_axes_or_the_diagonals() -> None:
    np.testing.assert_allclose(spot_offsets(10.0, "+"), [(10, 0), (0, 10), (-10, 0), (0, -10)], atol=1e-9)
    side = 10.0 / np.sqrt(2.0)
    wanted = [(side, side), (-side, side), (-side, -side), (side, -side)]
    np.testing.assert_allclose(spot_offsets(10.0, "x"), wanted, atol=1e-9)
    with pytest.raises(ValueError, match=r"'y', wanted '\+' or 'x'"):
        spot_offsets(10.0, "y")


@pytest.mark.parametrize("orientation", ["+", "x"])
@pytest.mark.parametrize("star", [(65.0, 60.0), (72.0, 56.0), (58.0, 67.0)])
def test_the_pixel_among_four_spots_is_found(orientation: str, star: tuple[float, float]) -> None:
    offsets = spot_offsets(35.0, orientation)
    image = 100.0 * _spots(star, offsets) + 500.0
    rows, columns = np.indices(image.shape)
    image += 8000.0 * np.exp(-0.5 * np.hypot(columns - 66, rows - 59) ** 2 / 3.0**2)  # the star's own halo
    image[90, 66] += 300.0  # one bright pixel is not four spots
    x, y, brightness, significance = coarse_centre(image, offsets, (65.3, 59.8), 8, _FWHM)
    assert (x, y) == star
    assert 30.0 < brightness < 100.0
    assert significance > 10.0


def test_the_faintest_spot_decides_the_brightness() -> None:
    offsets = spot_offsets(35.0, "+")
    image = _spots((65.0, 60.0), offsets)
    full = coarse_centre(image, offsets, (65.0, 60.0), 3, _FWHM)[2]
    image[:, 85:] *= 0.5
    assert coarse_centre(image, offsets, (65.0, 60.0), 3, _FWHM)[2] == pytest.approx(full / 2, rel=0.01)
    narrow = np.zeros((121, 131))
    for dx, dy in offsets:
        narrow[60 + round(dy), 65 + round(dx)] = 1.0
    sigma = _FWHM / 2.3548
    wanted = 1 / (2 * np.pi * sigma**2) - 1 / (2 * np.pi * (4 * sigma) ** 2)
    assert coarse_centre(narrow, offsets, (65.0, 60.0), 2, _FWHM)[2] == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize(
    ("near", "inside"),
    [
        ((43.0, 60.0), True),
        ((42.0, 60.0), False),
        ((87.0, 60.0), True),
        ((88.0, 60.0), False),
        ((65.0, 43.0), True),
        ((65.0, 42.0), False),
        ((65.0, 77.0), True),
        ((65.0, 78.0), False),
    ],
)
def test_all_spots_of_all_places_must_be_inside(near: tuple[float, float], inside: bool) -> None:  # noqa: FBT001
    offsets = spot_offsets(35.0, "+")
    image = _spots((65.0, 60.0), offsets)
    if inside:
        assert coarse_centre(image, offsets, near, 8, _FWHM)[2] > -1.0
    else:
        with pytest.raises(ValueError, match=r"\+- 8 px leave the image of \(121, 131\)"):
            coarse_centre(image, offsets, near, 8, _FWHM)


@pytest.mark.parametrize("orientation", ["+", "x"])
def test_the_star_is_where_the_diagonals_cross(orientation: str) -> None:
    offsets = spot_offsets(35.0, orientation)
    rows, columns = np.indices((121, 131))
    image = 80.0 * _spots((64.37, 60.82), offsets) + 2.5 * columns - 1.0 * rows + 40.0  # on a steep halo
    found = fit_spots(image, offsets, (65.0, 60.0), _FWHM)
    assert (found.x, found.y) == pytest.approx((64.37, 60.82), abs=1e-4)
    np.testing.assert_allclose(found.places, offsets + np.array([64.37, 60.82]), atol=1e-3)
    assert found.radius == pytest.approx(35.0, abs=1e-3)
    assert found.error < 1e-3


def test_a_sheared_square_still_crosses_at_the_star() -> None:
    offsets = spot_offsets(35.0, "x") @ np.array([[1.0, 0.03], [-0.02, 0.97]])
    found = fit_spots(_spots((65.2, 59.7), offsets), offsets, (65.0, 60.0), _FWHM)
    assert (found.x, found.y) == pytest.approx((65.2, 59.7), abs=1e-3)


@pytest.mark.parametrize("gap", [False, True])
def test_quoted_errors_are_the_scatter(gap: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(1)
    offsets = spot_offsets(35.0, "x")
    clean = 30.0 * _spots((65.3, 59.6), offsets)
    seen = []
    for _ in range(40):
        image = clean + rng.normal(size=clean.shape)
        if gap:
            image[36, 40:43] = np.nan
        seen.append(fit_spots(image, offsets, (65.0, 60.0), _FWHM))
    star = np.array([(one.x, one.y) for one in seen])
    places = np.array([one.places for one in seen])
    scatter = float(star.std(axis=0).mean())  # the error along the radius is quoted too, and does not matter
    assert 0.95 * scatter < np.mean([one.error for one in seen]) < 1.6 * scatter
    quoted = np.mean([one.place_errors for one in seen], axis=0)
    np.testing.assert_allclose(quoted, places.std(axis=0).mean(axis=1), rtol=0.4)
    assert quoted.mean() == pytest.approx(np.sqrt(places.var(axis=0).mean()), rel=0.2)
    np.testing.assert_allclose(star.mean(axis=0), (65.3, 59.6), atol=0.02)


def test_a_bad_spot_leaves_the_star_to_the_other_pair() -> None:
    offsets = spot_offsets(35.0, "+")
    rng = np.random.default_rng(2)
    image = 100.0 * _spots((65.0, 60.0), offsets)
    image[48:73, 88:] += (
        rng.normal(size=image[48:73, 88:].shape) * 20.0
    )  # the spot on the right alone is noisy
    found = fit_spots(image, offsets, (65.0, 60.0), _FWHM)
    assert found.place_errors[0] > 0.03
    assert (found.x, found.y) == pytest.approx((65.0, 60.0), abs=3e-3)
    assert found.error < 5e-3


@pytest.mark.parametrize("centre", [(44.0, 60.0), (86.0, 60.0), (65.0, 44.0), (65.0, 76.0)])
def test_a_spot_at_the_edge_is_refused(centre: tuple[float, float]) -> None:
    offsets = spot_offsets(35.0, "+")
    with pytest.raises(ValueError, match="at the edge of the image of"):
        fit_spots(_spots((65.0, 60.0), offsets), offsets, centre, _FWHM)


@pytest.mark.parametrize("centre", [(45.0, 60.0), (85.0, 60.0), (65.0, 45.0), (65.0, 75.0)])
def test_a_spot_just_inside_is_fitted(centre: tuple[float, float]) -> None:
    offsets = spot_offsets(35.0, "+")
    found = fit_spots(_spots(centre, offsets), offsets, centre, _FWHM)
    assert (found.x, found.y) == pytest.approx(centre, abs=1e-4)


def _banded(star: tuple[float, float], radius: float, share: float, orientation: str) -> np.ndarray:
    """Spots of a whole band: a Gaussian for each of many wavelengths, further out the longer."""
    image = np.zeros((131, 131))
    for factor in np.linspace(1 - share / 2, 1 + share / 2, 41):
        image += _spots(star, spot_offsets(radius * factor, orientation), image.shape, (1.6, 1.6)) / 41
    return image


@pytest.mark.parametrize("orientation", ["+", "x"])
@pytest.mark.parametrize("share", [0.03, 0.18])
def test_spots_drawn_out_by_a_broad_band_are_fitted_as_such(orientation: str, share: float) -> None:
    star, radius = (65.37, 64.82), 44.0
    image = 5000.0 * _banded(star, radius, share, orientation)
    offsets = spot_offsets(radius, orientation)
    found = fit_spots(image, offsets, (65.0, 65.0), 3.77, radius * share)
    assert (found.x, found.y) == pytest.approx(star, abs=1e-3)
    assert found.radius == pytest.approx(radius, abs=0.01)
    without = fit_spots(image, offsets, (65.0, 65.0), 3.77)
    assert found.error < 0.2 * without.error or share < 0.1  # a plain Gaussian does not fit the long ones


def test_errors_hold_the_interference_with_speckles() -> None:
    """Spots and speckles add as fields: residuals do not show it, the quoted error must."""
    rng = np.random.default_rng(7)
    offsets, width = spot_offsets(44.0, "x"), 1.5
    pulls, mismatch = [], []
    for _ in range(40):
        star = 65.0 + rng.uniform(-0.5, 0.5, 2)
        spot = np.sqrt(6000.0 * _spots((star[0], star[1]), offsets, (131, 131), (width, width)))
        field = rng.normal(size=(2, 131, 131))
        smooth = np.array([ndimage.gaussian_filter(part, np.sqrt(2) * width) for part in field])
        smooth *= np.sqrt(0.5 * 3.0) / smooth.std()
        image = (spot + smooth[0]) ** 2 + smooth[1] ** 2 + rng.normal(size=spot.shape)
        found = fit_spots(image, offsets, (65.0, 65.0), 3.5)
        pulls += [(found.x - star[0]) / found.error, (found.y - star[1]) / found.error]
        mismatch.append(found.mismatch)
    assert 0.7 < np.sqrt(np.mean(np.square(pulls))) < 1.3
    assert 1.0 < np.mean(mismatch) < 4.0  # chi squared of two degrees of freedom


def test_a_saturated_core_is_left_out() -> None:
    offsets = spot_offsets(44.0, "+")
    image = 60_000.0 * _spots((65.3, 64.8), offsets, (131, 131), (1.6, 1.6))
    image[image > 35_000.0] = np.nan
    found = fit_spots(image, offsets, (66.0, 65.0), 3.77)
    assert (found.x, found.y) == pytest.approx((65.3, 64.8), abs=1e-3)


def test_spots_that_are_not_opposite_are_told_by_their_mismatch() -> None:
    offsets = spot_offsets(44.0, "+")
    rng = np.random.default_rng(8)
    crooked = offsets + np.array([[0.5, 0.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    noise = rng.normal(size=(131, 131))
    straight = fit_spots(
        100.0 * _spots((65.0, 65.0), offsets, (131, 131)) + noise, offsets, (65.0, 65.0), _FWHM
    )
    found = fit_spots(100.0 * _spots((65.0, 65.0), crooked, (131, 131)) + noise, offsets, (65.0, 65.0), _FWHM)
    assert straight.mismatch < 14.0 < found.mismatch
    assert found.error > 2 * straight.error


def test_without_spots_nothing_stands_out() -> None:
    rng = np.random.default_rng(9)
    noise = ndimage.gaussian_filter(rng.normal(size=(131, 131)), 1.5)
    offsets = spot_offsets(35.0, "+")
    assert coarse_centre(noise, offsets, (65.0, 65.0), 20, _FWHM).significance < 8.0
    image = noise + 3.0 * noise.std() * 10 * _spots((70.0, 60.0), offsets, (131, 131))
    found = coarse_centre(image, offsets, (65.0, 65.0), 20, _FWHM)
    assert found.significance > 30.0
    assert coarse_centre(5.0 * image - 7.0, offsets, (65.0, 65.0), 20, _FWHM).significance == pytest.approx(
        found.significance
    )
