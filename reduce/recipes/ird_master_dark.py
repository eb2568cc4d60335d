"""IRDIS master dark, instrument background or sky: clipped mean of equal exposures, with bad pixels."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import InputError
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, only_numbers, read_exposure, whole_detector
from reduce.instruments.sphere_irdis import DITHER_UM_PER_PX, SATURATION_ADU
from reduce.instruments.sphere_irdis_filters import is_thermal
from reduce.kernels import background, badpixels, stack
from reduce.product_file import image_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibration import calibration_facts, origin_of

__all__ = ["RECIPE", "DarkParameters"]

_NAME = "ird_master_dark"
_BAND_ROWS = 128  # rows combined at a time: memory stays small whatever the number of planes
_SPARSE, _SPARSE_COLUMNS = 16, 5  # rows and columns that give a field's level
_FEWEST_SKIES = 3  # planes whose differences tell how the sky varies
_BLOCK_FILLED = 64  # good pixels of a block that is used
_HIT, _HIT_LEVEL = 8.0, 3.0  # a hit in a single sky: so many times the noise and the plane's own change


class DarkParameters(Parameters):
    """Of the master dark."""

    clip_sigma: float = Field(default=5.0, gt=0, description="values further out are left out (std)")
    hot_sigma: float = Field(
        default=8.0, gt=0, description="a bad pixel differs more from its surroundings (std)"
    )
    noisy_sigma: float = Field(default=8.0, gt=0, description="a bad pixel is noisier (std of log noise)")
    components: int = Field(
        default=8, ge=0, le=32, description="ways at most in which K-band skies vary (principal components)"
    )


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, DarkParameters)
    sources = files["dark"]
    exposures = [read_exposure(source.path) for source in sources]
    with _opened(sources) as cubes:
        planes = _Planes([source.path for source in sources], cubes)
        made = _combined(planes, parameters.clip_sigma, job)
        noise = _noise(made)
        bad = badpixels.standing_out(made.mean, parameters.hot_sigma)
        bad |= badpixels.noisy(made.noise, parameters.noisy_sigma)
        bad |= badpixels.flickering(made.kept, planes.count)
        shapes = _components(planes, made, noise, bad, parameters.components) if _thermal(exposures) else None
    job.log.info("combined", files=len(sources), planes=planes.count, bad_pixels=int(bad.sum()))
    facts = calibration_facts(job, _NAME, ProductKind.DARK, exposures, origin_of(files), "adu")
    path = job.path_for(facts)
    extensions = [
        image_hdu("ERROR", made.error, "adu", "y,x"),
        image_hdu("NOISE", noise, "adu", "y,x"),
        image_hdu("BADPIX", bad.astype(np.uint8), "", "y,x"),
    ]
    if shapes is not None and len(shapes):
        extensions.append(image_hdu("COMPONENTS", shapes, "adu", "component,y,x"))
    write_product(path, facts, made.mean, extensions, _cards(exposures, planes, noise, bad))
    job.done(facts, path, write_preview(path, made.mean))


def _thermal(exposures: Sequence[Exposure]) -> bool:
    """Do these frames see the warm sky and instrument."""
    frame = exposures[0].frame
    return frame.frame_class != "IRD_DARK_RAW" and is_thermal(frame.filter)


def _cards(
    exposures: Sequence[Exposure], planes: "_Planes", noise: NDArray[np.float32], bad: NDArray[np.bool_]
) -> dict[str, tuple[object, str]]:
    dither = np.mean([exposure.dither_um for exposure in exposures], axis=0) / DITHER_UM_PER_PX
    return {
        "RAWCLASS": (exposures[0].frame.frame_class, "ESO tag"),
        "NPLANES": (planes.count, "planes combined"),
        "DITHERX": (float(dither[0]), "[pix] mean dither of the planes"),
        "DITHERY": (float(dither[1]), "[pix] mean dither of the planes"),
        "NBADPIX": (int(bad.sum()), "bad pixels by level, noise and time"),
        "NOISEMED": (float(np.median(noise)), "[adu] median noise of a plane"),
    }


class _Planes:
    """All planes of all files, read a band of rows at a time; levels of the fields brought together.

    The level of a field drifts from plane to plane (bias, sky): that is no noise of a pixel.
    """

    def __init__(self, paths: Sequence[Path], cubes: Sequence[NDArray[np.floating]]) -> None:
        self._paths, self._cubes = paths, cubes
        for path, cube in zip(paths, cubes, strict=True):
            whole_detector(path, np.shape(cube))
        self.height, self.width = cubes[0].shape[-2:]
        sparse = self._read(slice(0, None, _SPARSE))[..., ::_SPARSE_COLUMNS]
        levels = np.stack([np.median(part, axis=(1, 2)) for part in _halves(sparse)], axis=1)
        self.count = len(levels)
        if levels.max() > SATURATION_ADU:
            raise InputError(
                f"{paths[0]} ...: a plane holds {levels.max():.0f} adu in the median, wanted less than "
                f"{SATURATION_ADU:.0f}: it is saturated; take it out of the folder"
            )
        self._drift = (levels - levels.mean(axis=0)).astype(np.float32)  # (plane, field)

    def bands(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """First row and (plane, y, x) of each band."""
        for low in range(0, self.height, _BAND_ROWS):
            yield low, self._read(slice(low, low + _BAND_ROWS))

    def level(self, band: NDArray[np.float32]) -> NDArray[np.float32]:
        """A band with the drift of the levels taken out, in place."""
        for field, half in enumerate(_halves(band)):
            np.subtract(half, self._drift[:, field, None, None], out=half)
        return band

    def _read(self, rows: slice) -> NDArray[np.float32]:
        parts = [np.asarray(cube[..., rows, :], dtype=np.float32) for cube in self._cubes]
        for path, part in zip(self._paths, parts, strict=True):
            only_numbers(path, part)
        return np.concatenate([part.reshape(-1, *part.shape[-2:]) for part in parts])


def _halves(planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    middle = planes.shape[-1] // 2
    return planes[..., :middle], planes[..., middle:]


@contextmanager
def _opened(sources: Sequence[SourceFile]) -> Iterator[list[NDArray[np.floating]]]:
    with ExitStack() as stack_:
        yield [stack_.enter_context(fits.open(s.path, memmap=True))[0].data for s in sources]


def _combined(planes: _Planes, clip_sigma: float, job: Job) -> stack.Stack:
    """Clipped mean over all planes of all files, band by band."""
    bands = []
    for low, band in planes.bands():
        bands.append(stack.clipped_mean(planes.level(band), clip_sigma))
        job.progress(0.8 * min(low + _BAND_ROWS, planes.height) / planes.height)
    return stack.Stack(*(np.concatenate(maps) for maps in zip(*bands, strict=True)))


def _noise(made: stack.Stack) -> NDArray[np.float32]:
    """Of one plane; a single plane's from the differences between neighbours."""
    if np.isfinite(made.noise).any():
        return stack.steadied(made.noise, made.kept)
    step = np.diff(made.mean, axis=1)
    spread = 1.4826 * float(np.median(np.abs(step - np.median(step)))) / np.sqrt(2.0)
    return np.full(made.mean.shape, spread, np.float32)


def _components(
    planes: _Planes,
    made: stack.Stack,
    noise: NDArray[np.float32],
    bad: NDArray[np.bool_],
    most: int,
) -> NDArray[np.float32] | None:
    """How single skies differ from their mean, (component, y, x); None where there are too few."""
    if planes.count < _FEWEST_SKIES or most == 0:
        return None
    blocks, counts, variances = [], [], []
    for low, band in planes.bands():
        rows = slice(low, low + _BAND_ROWS)
        means, count = background.block_means(band - made.mean[rows], ~bad[rows])
        blocks.append(means)
        counts.append(count)
        variances.append(background.block_means(noise[None, rows] ** 2, ~bad[rows])[0][0])
    count = np.concatenate(counts)
    variance = np.full(count.size, np.inf)
    np.divide(np.concatenate(variances), count, out=variance, where=count >= _BLOCK_FILLED)
    rows_of = background.varying(np.concatenate(blocks, axis=1), variance, most)
    shapes = np.empty((len(rows_of), planes.height, planes.width), np.float32)
    for low, band in planes.bands():
        rows = slice(low, low + _BAND_ROWS)
        shapes[:, rows] = np.tensordot(rows_of, _unhit(band - made.mean[rows], noise[rows]), axes=1)
    return shapes


def _unhit(off: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences to the mean without hits: a plane's median stands for what is far from it."""
    middle = np.median(off, axis=(1, 2), keepdims=True)
    far = np.abs(off - middle) > _HIT * np.maximum(noise, np.median(noise)) + _HIT_LEVEL * np.abs(middle)
    return np.asarray(np.where(far, middle, off), np.float32)


RECIPE = Recipe(
    name=_NAME,
    consumes=(Consume("dark", frozenset({"IRD_DARK_RAW", "IRD_INS_BG_RAW", "IRD_SKY_BG_RAW"})),),
    makes=frozenset({"dark"}),
    parameters=DarkParameters,
    run=_run,
)
