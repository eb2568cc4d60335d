"""Level 1 kernels against analytic truth."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from reduce.kernels import badpixels, fill, flat, photometry, recentre, spots, stack

_FWHM = 4.0


def gaussian(
    shape: tuple[int, int], x: float, y: float, fwhm: float = _FWHM, stretch: float = 1.0
) -> NDArray[np.float64]:
    """Unit peak; `stretch` widens it in y."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.exp(-4 * np.log(2) * ((columns - x) ** 2 + ((rows - y) / stretch) ** 2) / fwhm**2))


class TestStack:
    def test_mean_and_error_of_clean_noise(self) -> None:
        planes = np.random.default_rng(1).normal(100.0, 4.0, (16, 200, 200)).astype(np.float32)
        made = stack.clipped_mean(planes, 6.0)
        assert np.std(made.mean - 100.0) == pytest.approx(1.0, rel=0.02)
        assert np.sqrt(np.mean(made.error**2)) == pytest.approx(1.0, rel=0.02)
        assert made.kept.min() == 16

    @pytest.mark.parametrize("planes", [3, 4, 10])
    def test_a_cosmic_ray_leaves_no_trace(self, planes: int) -> None:
        cube = np.random.default_rng(2).normal(0.0, 1.0, (planes, 50, 50)).astype(np.float32)
        clean = stack.clipped_mean(cube, 6.0)
        cube[1, 20, 30] = 5e4
        hit = stack.clipped_mean(cube, 6.0)
        assert hit.kept[20, 30] == planes - 1
        assert abs(hit.mean[20, 30]) < 3.0
        mask = np.ones((50, 50), bool)
        mask[20, 30] = False
        assert np.array_equal(hit.mean[mask], clean.mean[mask])

    def test_one_plane_has_no_error(self) -> None:
        made = stack.clipped_mean(np.full((1, 3, 3), 7.0, np.float32), 5.0)
        assert np.all(made.mean == 7.0)
        assert np.isnan(made.error).all()


class TestBadPixels:
    def test_planted_hot_and_dead_pixels_are_found_and_no_others(self) -> None:
        rng = np.random.default_rng(4)
        image = rng.normal(500.0, 3.0, (300, 300)) + 40 * np.sin(np.arange(300) / 50.0)
        truth = rng.random(image.shape) < 0.005
        image[truth] += rng.choice([-1, 1], truth.sum()) * rng.uniform(60, 6000, truth.sum())
        found = badpixels.standing_out(image, 8.0)
        assert (found & truth).sum() == truth.sum()
        assert (found & ~truth).sum() == 0

    def test_noisy_pixels(self) -> None:
        rng = np.random.default_rng(5)
        planes = rng.normal(0.0, 1.0, (20, 100, 100))
        planes[:, 10, 20] *= 20
        error = stack.clipped_mean(planes, 50.0).error
        assert np.argwhere(badpixels.noisy(error, 8.0)).tolist() == [[10, 20]]
        assert not badpixels.noisy(np.full((3, 3), np.nan), 8.0).any()

    def test_regions(self) -> None:
        bad = np.zeros((30, 30), bool)
        bad[5:15, 5:15] = bad[20, 20] = bad[0, 0] = True
        assert badpixels.regions(bad, 100).sum() == 100
        assert badpixels.regions(bad, 101).sum() == 0


class TestFlat:
    def _lamp(
        self, rng: np.random.Generator, response: NDArray[np.float64], bias: float
    ) -> NDArray[np.float64]:
        levels = np.array([2000.0, 5000.0, 9000.0, 14000.0, 20000.0])
        signal = levels[:, None, None] * response
        return np.asarray(signal + bias + rng.normal(0.0, np.sqrt(signal / 1.75)))

    def test_response_is_recovered_within_its_error(self) -> None:
        rng = np.random.default_rng(6)
        left, right = 1 + 0.05 * rng.normal(size=(80, 64)), 0.8 * (1 + 0.05 * rng.normal(size=(80, 64)))
        made = flat.fit_response(self._lamp(rng, np.hstack([left, right]), 30.0), 64)
        truth = np.hstack([left / np.median(left), right / np.median(right)])
        pull = (made.slope - truth) / made.error
        assert np.median(made.slope[:, :64]) == pytest.approx(1.0, abs=1e-6)
        assert np.median(made.slope[:, 64:]) == pytest.approx(1.0, abs=1e-6)
        assert (made.slope - truth).std() < 0.007
        middle = stats.t(3).ppf(0.75)  # five levels less constant and slope
        assert np.median(np.abs(pull)) == pytest.approx(middle, rel=0.03)

    def test_a_constant_does_not_matter(self) -> None:
        response = 1 + 0.1 * np.random.default_rng(7).normal(size=(40, 32))
        levels = np.array([1000.0, 2000.0, 4000.0])[:, None, None] * response
        assert flat.fit_response(levels, 32).slope == pytest.approx(
            flat.fit_response(levels + 500.0, 32).slope, abs=1e-5
        )

    @pytest.mark.parametrize("levels", [[100.0, 200.0], [100.0, 100.0, 200.0], [-5.0, 100.0, 200.0]])
    def test_too_few_levels(self, levels: list[float]) -> None:
        with pytest.raises(ValueError, match="wanted 3 different above 0"):
            flat.fit_response(np.array(levels)[:, None, None] * np.ones((4, 4)), 4)

    def test_fields(self) -> None:
        plane = np.arange(8.0).reshape(2, 4)
        left, right = flat.split_fields(plane, 2)
        assert (left.tolist(), right.tolist()) == ([[0, 1], [4, 5]], [[2, 3], [6, 7]])
        with pytest.raises(ValueError, match="4 px wide"):
            flat.split_fields(plane, 3)


class TestSpots:
    @staticmethod
    def image(
        orientation: str, centre: tuple[float, float], radius: float, stretch: float = 1.0
    ) -> NDArray[np.float64]:
        image = np.zeros((220, 220))
        for dx, dy in spots.spot_offsets(radius, orientation):
            image += 100.0 * gaussian(image.shape, centre[0] + dx, centre[1] + dy / stretch)
        return image

    @settings(max_examples=15, deadline=None)
    @given(st.sampled_from("+x"), st.floats(95, 125), st.floats(95, 125), st.sampled_from([33.0, 45.8, 62.0]))
    def test_the_star_is_found_exactly_without_noise(
        self, orientation: str, x: float, y: float, radius: float
    ) -> None:
        image = self.image(orientation, (x, y), radius, 1.0062)
        offsets = spots.spot_offsets(radius, orientation)
        near = spots.coarse_centre(image, offsets, (110, 110), 20, _FWHM)
        found = spots.fit_spots(image, offsets, near[:2], _FWHM)
        assert np.hypot(found.x - x, found.y - y) < 1e-3
        assert found.radius == pytest.approx(radius, rel=4e-3)

    def test_the_quoted_error_is_the_scatter(self) -> None:
        rng, found = np.random.default_rng(8), []
        image = self.image("x", (110.3, 108.8), 45.8)
        for _ in range(60):
            noisy = image + rng.normal(0.0, 6.0, image.shape)
            found.append(spots.fit_spots(noisy, spots.spot_offsets(45.8, "x"), (110, 109), _FWHM))
        scatter = np.std([[one.x, one.y] for one in found], axis=0, ddof=1).mean()
        assert scatter / np.mean([one.error for one in found]) == pytest.approx(1.0, abs=0.25)
        assert np.mean([one.x for one in found]) == pytest.approx(110.3, abs=4 * scatter / np.sqrt(60))

    def test_a_halo_with_a_slope_does_not_pull(self) -> None:
        y, x = np.mgrid[:220, :220]
        halo = 300.0 / (1 + np.hypot(x - 110.4, y - 109.7) / 15.0) ** 2
        image = self.image("+", (110.4, 109.7), 45.8) + halo
        found = spots.fit_spots(image, spots.spot_offsets(45.8, "+"), (110, 110), _FWHM)
        assert np.hypot(found.x - 110.4, found.y - 109.7) < 0.005

    def test_bad_pixels_are_left_out(self) -> None:
        image = self.image("x", (110.0, 110.0), 45.8)
        for dx, dy in spots.spot_offsets(45.8, "x"):
            image[round(110 + dy) + 1, round(110 + dx)] = np.nan
        found = spots.fit_spots(image, spots.spot_offsets(45.8, "x"), (110, 110), _FWHM)
        assert np.hypot(found.x - 110.0, found.y - 110.0) < 1e-3

    def test_the_real_sphere_image(self, shared_data: Path) -> None:
        image = fits.getdata(shared_data / "sphere_waffle" / "SPHERE_satspots_centered.fits").astype(float)
        offsets = spots.spot_offsets(47.7, "x")
        near = spots.coarse_centre(image, offsets, (70, 80), 12, 4.0)
        assert near[:2] == (75.0, 75.0)
        found = spots.fit_spots(image, offsets, near[:2], 4.0)
        assert (found.x, found.y) == pytest.approx((74.999, 75.015), abs=0.05)
        told = np.array([[109.14, 108.59], [41.32, 108.47], [40.86, 41.44], [108.93, 41.31]])
        assert np.abs(found.places - told).max() < 0.3

    def test_edges_and_words(self) -> None:
        image = np.zeros((100, 100))
        with pytest.raises(ValueError, match="'y'"):
            spots.spot_offsets(10, "y")
        with pytest.raises(ValueError, match="leave the image"):
            spots.coarse_centre(image, spots.spot_offsets(45.8, "x"), (50, 50), 20, _FWHM)
        with pytest.raises(ValueError, match="edge"):
            spots.fit_spots(image, spots.spot_offsets(47, "+"), (50, 50), _FWHM)


class TestRecentre:
    @settings(max_examples=25, deadline=None)
    @given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
    def test_star_lands_in_the_middle_undistorted(self, dx: float, dy: float) -> None:
        star = (60.0 + dx, 58.0 + dy)
        frame = 1000.0 * gaussian((120, 124), *star, stretch=1 / 1.0062)
        made = recentre.recentred(frame, star, 61, (1.0, 1.0062))
        truth = 1000.0 / 1.0062 * gaussian((61, 61), 30, 30)
        assert np.abs(made - truth).max() < 0.3
        assert made.sum() == pytest.approx(frame.sum(), rel=5e-5)
        rows, columns = np.mgrid[:61, :61]
        assert (made * columns).sum() / made.sum() == pytest.approx(30, abs=1e-3)
        assert (made * rows).sum() / made.sum() == pytest.approx(30, abs=1e-3)

    def test_a_whole_pixel_shift_changes_nothing(self) -> None:
        frame = np.random.default_rng(9).normal(size=(60, 60)).astype(np.float32)
        made = recentre.recentred(frame, (30.0, 32.0), 21, (1.0, 1.0))
        assert made == pytest.approx(frame[22:43, 20:41], abs=2e-6)

    def test_a_companion_keeps_its_sky_offset(self) -> None:
        offset = np.array([-21.0, 17.0])
        frame = gaussian((140, 140), 70.3 + offset[0], 69.6 + offset[1] / 1.0062, stretch=1 / 1.0062)
        made = recentre.recentred(frame, (70.3, 69.6), 81, (1.0, 1.0062))
        fit = photometry.fit_star(made, (40 + offset[0], 40 + offset[1]), _FWHM)
        assert (fit.x - 40, fit.y - 40) == pytest.approx(tuple(offset), abs=1e-5)

    def test_outside_is_no_data_and_the_footprint_is_enough(self) -> None:
        frame = np.random.default_rng(10).normal(size=(100, 100))
        made = recentre.recentred(frame, (10.0, 50.0), 41, (1.0, 1.0))
        assert np.isnan(made[:, :10]).all()
        assert np.isfinite(made[:, 10:]).all()
        rows, columns = recentre.footprint((100, 100), (48.3, 51.6), 31, (1.0, 1.0062))
        part = recentre.recentred(
            frame[rows, columns], (48.3 - columns.start, 51.6 - rows.start), 31, (1.0, 1.0062)
        )
        assert part == pytest.approx(recentre.recentred(frame, (48.3, 51.6), 31, (1.0, 1.0062)), abs=1e-5)

    def test_even_sizes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="odd"):
            recentre.recentred(np.zeros((9, 9)), (4, 4), 4, (1, 1))


class TestPhotometry:
    def test_star_is_found_and_fitted(self) -> None:
        image = 800.0 * gaussian((90, 100), 61.37, 33.81) + 12.0
        column, row = photometry.find_star(image, (50, 45), 30, _FWHM)
        assert (column, row) == (61, 34)
        star = photometry.fit_star(image, (column, row), 3.3)
        assert star == pytest.approx((61.37, 33.81, _FWHM, 800.0, 12.0), abs=1e-3)

    def test_an_ellipse_has_the_mean_width(self) -> None:
        star = photometry.fit_star(gaussian((61, 61), 30, 30, 4.0, 1.21), (30, 30), 4.4)
        assert star.fwhm == pytest.approx(4.0 * 1.1, rel=1e-3)

    @pytest.mark.parametrize("fwhm", [3.2, 4.0, 5.5])
    def test_half_maximum(self, fwhm: float) -> None:
        assert photometry.half_maximum_width(gaussian((63, 63), 31, 31, fwhm)) == pytest.approx(
            fwhm, rel=6e-3
        )

    def test_half_maximum_does_not_depend_on_the_wings(self) -> None:
        core = gaussian((63, 63), 31, 31)
        winged = core + 0.02 * gaussian((63, 63), 31, 31, 25.0) * (1 - core)
        assert photometry.half_maximum_width(winged) == pytest.approx(_FWHM, rel=0.03)
        with pytest.raises(ValueError, match="does not fall"):
            photometry.half_maximum_width(np.ones((21, 21)))

    @settings(max_examples=20, deadline=None)
    @given(st.integers(-2, 2), st.integers(-2, 2))
    def test_bad_pixels_in_the_core_are_filled_in_what_the_fit_leaves(self, dx: int, dy: int) -> None:
        image = 1000.0 * (gaussian((61, 61), 30.3, 29.6) + 0.03 * gaussian((61, 61), 30.3, 29.6, 12.0)) + 5.0
        bad = np.zeros(image.shape, bool)
        bad[30 + dy, 30 + dx] = bad[30 + dy, 33] = True
        core, rest = photometry.without_core(np.where(bad, np.nan, image), (30, 30), 3.6)
        fill.fill(rest[None], fill.plan_fill(bad, 3.4))
        whole = core + rest
        assert np.abs(whole - image).max() < 2.0

    def test_normalised_has_unit_flux(self) -> None:
        psf = photometry.normalised(5e4 * gaussian((31, 31), 15, 15), _FWHM)
        assert psf.sum() == pytest.approx(2.0, rel=0.03)  # half of a Gaussian's light is within its FWHM
        with pytest.raises(ValueError, match="wanted more than 0"):
            photometry.normalised(-gaussian((31, 31), 15, 15), _FWHM)

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="no pixel within"):
            photometry.find_star(np.zeros((9, 9)), (50, 50), 3, _FWHM)
        with pytest.raises(ValueError, match="edge"):
            photometry.fit_star(np.zeros((9, 9)), (1, 1), _FWHM)
        with pytest.raises(ValueError, match="failed"):
            photometry.fit_star(-gaussian((31, 31), 15, 15), (15, 15), _FWHM)
