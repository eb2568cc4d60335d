"""The least angular differential imaging that judges a simulated night; nothing of the reduction's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, map_coordinates, rotate

from reduce.simulate.detector import perfect_detector
from reduce.simulate.geometry import FrameGeometry, frame_geometry
from reduce.simulate.instrument import FIELDS, GAIN, NAXIS1, NAXIS2, PIXEL_MAS, READ_NOISE, Y_STRETCH
from reduce.simulate.light import add_star
from reduce.simulate.night import Night
from reduce.simulate.optics import Image
from reduce.simulate.scene import aperture_flux, companions_light, fwhm_pixels
from reduce.simulate.schedule import Exposure
from reduce.simulate.sky import Companion

__all__ = ["AdiCube", "decorrelation", "five_sigma", "make_cubes", "mean_profile", "median_adi", "throughput"]

_SIZE = 193
_CENTRE = _SIZE // 2
_TEST_ANGLES = (20.0, 110.0, 200.0, 290.0)
_TEST_CONTRAST = 1.0e-6

Cube = NDArray[np.float32]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class AdiCube:
    """Centred, undistorted frames of one channel, free of detector structure.

    Attributes
    ----------
    frames : Cube
        ADU, (time, y, x), star at the middle pixel.
    tests : Cube
        Test companions of contrast 1 as they fall on the same frames, ADU, (time, y, x).
    angles : Vector
        To ICRS north up, degrees, (time,).
    seconds : Vector
        Middle of each integration from the first, (time,).
    star_flux : float
        Star in an aperture of diameter 1 FWHM, ADU.
    star_peak : float
        Star's peak pixel, ADU.
    fwhm : float
        Pixels.
    """

    frames: Cube
    tests: Cube
    angles: Vector
    seconds: Vector
    star_flux: float
    star_peak: float
    fwhm: float


def make_cubes(night: Night, separations_mas: Sequence[float]) -> tuple[AdiCube, AdiCube]:
    """Expose the science frames of a night on a perfect detector with read noise and no background.

    Parameters
    ----------
    night : Night
        The night; its own companions are left out.
    separations_mas : Sequence[float]
        Where test companions fall, at four position angles each.

    Returns
    -------
    tuple[AdiCube, AdiCube]
        Left and right channel.
    """
    tests = tuple(
        Companion(each, pa + each / 10.0, (1.0, 1.0)) for each in separations_mas for pa in _TEST_ANGLES
    )
    moments = [
        (exposure, geometry)
        for exposure in night.plan
        if exposure.kind == "OBJECT"
        for geometry in frame_geometry(exposure, night.target, tests, night.derotator)
    ]
    pairs = [_expose(night, *moment) for moment in moments]
    angles = np.array([geometry.angle + geometry.icrs_rotation for _, geometry in moments])
    first = moments[0][1].middle
    seconds = np.array([(geometry.middle - first).total_seconds() for _, geometry in moments])
    left, right = (
        AdiCube(
            np.array([pair[channel][0] for pair in pairs]),
            np.array([pair[channel][1] for pair in pairs]),
            angles,
            seconds,
            *_star(night, channel, moments[0][0]),
        )
        for channel in (0, 1)
    )
    return left, right


def _star(night: Night, channel: int, exposure: Exposure) -> tuple[float, float, float]:
    """Star's flux in the aperture, peak, FWHM."""
    band = night.setup.bands[channel]
    width = fwhm_pixels(night.optics, band)
    peak = night.peak[channel] * exposure.realdit_s / GAIN
    return peak * aperture_flux(night.optics, band, width), peak, width


def _expose(night: Night, exposure: Exposure, geometry: FrameGeometry) -> list[tuple[Image, Image]]:
    """Frame and test companions of each channel."""
    light = np.zeros((NAXIS2, NAXIS1), dtype=np.float32)
    told = add_star(night, exposure, replace(geometry, trails=((), ())), light)
    raw = perfect_detector(READ_NOISE).read(light, exposure.realdit_s, night.noise)
    made = []
    for channel, (one, band) in enumerate(zip(FIELDS, night.setup.bands, strict=True)):
        star = told["star"][channel]
        frame = _cut(raw[:, one.x_offset : one.x_offset + NAXIS2], star)
        turbulence = replace(night.turbulence(geometry), peak=told["brightness"])
        extra = companions_light(night.optics, band, tuple(star), geometry.trails[channel], turbulence)
        scale = np.float32(night.peak[channel] * exposure.realdit_s / GAIN)
        made.append((frame, _cut(extra, star) * scale))
    return made


def _cut(field: Image, star: Sequence[float]) -> Image:
    """Square around the star with square pixels."""
    y, x = np.mgrid[:_SIZE, :_SIZE] - float(_CENTRE)
    places = np.array([y / Y_STRETCH + star[1], x + star[0]])
    return np.asarray(map_coordinates(field, places, order=3), dtype=np.float32)


def median_adi(frames: Cube, angles: Vector) -> Image:
    """Subtract the median over time, turn north up, take the median, (y, x)."""
    residual = frames - np.median(frames, axis=0)
    pairs = zip(residual, angles, strict=True)
    turned = [rotate(frame, -angle, reshape=False, order=3) for frame, angle in pairs]
    return np.asarray(np.median(turned, axis=0), dtype=np.float32)


def five_sigma(image: Image, cube: AdiCube, separation_mas: float) -> float:
    """Five times the scatter of 1-FWHM aperture sums on a ring, over the star's flux."""
    sums = convolve(image, _disc(cube.fwhm))
    ring = np.abs(_radius() - separation_mas / PIXEL_MAS) < cube.fwhm / 2
    return float(5.0 * np.std(sums[ring]) / cube.star_flux)


def mean_profile(image: Image, cube: AdiCube, separation_mas: float) -> float:
    """Mean intensity on a ring over the star's peak."""
    ring = np.abs(_radius() - separation_mas / PIXEL_MAS) < cube.fwhm / 2
    return float(image[ring].mean() / cube.star_peak)


def throughput(cube: AdiCube, image: Image, separation_mas: float) -> float:
    """Share of faint test companions' flux that survives `median_adi`, mean over four angles."""
    planted = median_adi(cube.frames + np.float32(_TEST_CONTRAST) * cube.tests, cube.angles) - image
    sums = convolve(planted, _disc(cube.fwhm))
    kept = []
    for pa in np.radians(np.array(_TEST_ANGLES) + separation_mas / 10.0):
        place = (
            [_CENTRE + separation_mas / PIXEL_MAS * np.cos(pa)],
            [_CENTRE - separation_mas / PIXEL_MAS * np.sin(pa)],
        )
        kept.append(float(map_coordinates(sums, place, order=3)[0]))
    return float(np.mean(kept)) / (_TEST_CONTRAST * cube.star_flux)


def decorrelation(cube: AdiCube, inner_mas: float, outer_mas: float) -> tuple[float, float]:
    """How fast speckles change.

    Parameters
    ----------
    cube : AdiCube
        Frames.
    inner_mas : float
        Inner edge of the annulus looked at.
    outer_mas : float
        Outer edge.

    Returns
    -------
    tuple[float, float]
        Linear loss of Pearson correlation per second, and the loss at once (fast part and noise).
    """
    radius = _radius() * PIXEL_MAS
    ring = (radius > inner_mas) & (radius < outer_mas)
    bins = np.round(radius[ring] / PIXEL_MAS).astype(int)
    values = cube.frames[:, ring].astype(np.float64)
    for one in np.unique(bins):
        values[:, bins == one] -= values[:, bins == one].mean(axis=1, keepdims=True)
    correlation = np.atleast_2d(np.asarray(np.corrcoef(values), dtype=np.float64))
    first, second = np.triu_indices(values.shape[0], 1)
    lag = np.abs(cube.seconds[second] - cube.seconds[first])
    slope, start = np.polyfit(lag, correlation[first, second], 1)
    return float(-slope), float(1.0 - start)


def _radius() -> Vector:
    y, x = np.mgrid[:_SIZE, :_SIZE] - float(_CENTRE)
    return np.asarray(np.hypot(y, x), dtype=np.float64)


def _disc(diameter: float) -> Vector:
    """Aperture as weights with soft edges, (9, 9)."""
    fine = 11
    offsets = (np.arange(9 * fine) + 0.5) / fine - 4.5
    inside = np.hypot(offsets[:, None], offsets[None, :]) <= diameter / 2
    return np.asarray(inside.reshape(9, fine, 9, fine).mean(axis=(1, 3)), dtype=np.float64)
