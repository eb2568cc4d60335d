"""Waffle spots: where they stand, where the star is among them, how sure; edges and refusals."""

import numpy as np
import pytest

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
    x, y, brightness = coarse_centre(image, offsets, (65.3, 59.8), 8, _FWHM)
    assert (x, y) == star
    assert 30.0 < brightness < 100.0


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
    assert quoted.mean() == pytest.approx(np.sqrt(places.var(axis=0).mean()), rel=0.12)
    np.testing.assert_allclose(star.mean(axis=0), (65.3, 59.6), atol=0.02)


def test_one_bad_spot_weighs_on_the_error_as_geometry_says() -> None:
    offsets = spot_offsets(35.0, "+")
    rng = np.random.default_rng(2)
    image = 100.0 * _spots((65.0, 60.0), offsets)
    image[:, 88:] += rng.normal(size=image[:, 88:].shape) * 5.0  # the spot on the right alone is noisy
    found = fit_spots(image, offsets, (65.0, 60.0), _FWHM)
    # an error of the right spot moves the crossing by half of it, across the line only
    assert found.error == pytest.approx(found.place_errors[0] / 2 / np.sqrt(2.0), rel=0.02)


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


@pytest.mark.parametrize("left", [0, 1, 8])
def test_a_spot_with_no_more_pixels_than_its_fit_has_parameters_is_refused(left: int) -> None:
    offsets = spot_offsets(35.0, "+")
    image = _spots((65.0, 60.0), offsets)
    image[50:71, 90:111] = np.nan
    image[60, 98 : 98 + left] = 1.0 / (1.0 + np.arange(left))
    with pytest.raises(ValueError, match=f"has {left} good pixels, wanted more than 8"):
        fit_spots(image, offsets, (65.0, 60.0), _FWHM)


def test_nine_good_pixels_are_a_spot() -> None:
    offsets = spot_offsets(35.0, "+")
    whole = _spots((65.0, 60.0), offsets)
    image = whole.copy()
    image[50:71, 90:111] = np.nan
    rows, columns = np.array([(60, 100), (58, 99), (61, 103), (63, 98), (57, 102), (60, 96), (64, 104),
                              (55, 100), (60, 106)]).T  # fmt: skip
    image[rows, columns] = whole[rows, columns]
    found = fit_spots(image, offsets, (65.0, 60.0), _FWHM)
    np.testing.assert_allclose(found.places[0], (100.0, 60.0), atol=0.3)


def test_an_even_image_has_no_spots() -> None:
    with pytest.raises(ValueError, match="no spot near"):
        fit_spots(np.full((121, 131), 7.0), spot_offsets(35.0, "+"), (65.0, 60.0), _FWHM)


def test_a_slope_without_spots_is_refused() -> None:
    columns = np.arange(131.0)[None] + np.zeros((121, 1))
    with pytest.raises(ValueError, match="no spot near"):
        fit_spots(columns, spot_offsets(35.0, "+"), (65.0, 60.0), _FWHM)
