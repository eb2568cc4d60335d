"""Jobs of level 2 done by our kernels: by the functions that the recipes call."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca
from reduce.kernels.asdi import reduce_asdi
from reduce.kernels.cadi import reduce_cadi
from reduce.kernels.channels import Channel
from reduce.kernels.combine import temporal_median
from reduce.kernels.contrast import CurvePoint, contrast_curve
from reduce.kernels.derotate import derotate
from reduce.kernels.fit import Fit, Scene, fit_companion, nearby_peak
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import join
from reduce.kernels.loci import Loci, reduce_loci
from reduce.kernels.paco import reduce_paco
from reduce.kernels.pca import reduce_pca, with_components
from reduce.kernels.shear import derotate_exact
from reduce.kernels.snr import snr_map
from reduce.kernels.tloci import Tloci, reduce_tloci
from tests.bench.level2_crop import cropped
from tests.bench.level2_turns import serve
from tests.bench.peak import peak_mib

__all__ = ["OURS", "Way", "way_of"]

COMPONENTS = 10
_WARM, _WARM_STEP = 97, 2  # side of the crop and frames left out when warming up

_Given = Mapping[str, Any]
_Job = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Way:
    """How we do a job: its words, and what prepares it."""

    words: str
    prepare: Callable[[_Given], _Job]


def _of_cube(function: Callable[..., object], *more: object) -> Callable[[_Given], _Job]:
    """A kernel of cube and angles."""
    return lambda given: partial(function, given["cube"], given["angles"], *more)


def _median(given: _Given) -> _Job:
    return partial(temporal_median, given["cube"])


def _snr(given: _Given) -> _Job:
    image = reduce_pca(given["cube"], given["angles"], COMPONENTS).image
    return partial(snr_map, image, float(given["fwhm"]))


def _channel(given: _Given) -> Channel:
    return Channel(
        cube=given["cube"],
        angles_deg=given["angles"],
        psf=prepare_psf(given["psf"]),
        fwhm=float(given["fwhm"]),
        star_flux=float(given["star"]),
    )


def _scene(channel: Channel) -> Scene:
    return Scene([channel], [reduce_pca(channel.cube, channel.angles_deg, COMPONENTS)], np.ones(1))


def _curve(given: _Given) -> _Job:
    """Reduction and curve, 3 branches, a point each FWHM, as the peer's."""
    channel = _channel(given)
    outer = channel.cube.shape[-1] // 2 - channel.fwhm
    radii = [float(r) for r in np.arange(channel.fwhm, outer, channel.fwhm)]

    def run() -> list[CurvePoint]:
        return contrast_curve(_scene(channel), radii, branches=3)

    return run


def _candidate(given: _Given) -> _Job:
    """Reduction and fit of the second planet from its pixel."""
    channel = _channel(given)
    x, y = (float(v) for v in np.rint(given["places"][1]))

    def run() -> Fit:
        scene = _scene(channel)
        return fit_companion(scene, [[]], *nearby_peak(scene, [[]], x, y))

    return run


def _grid(cube: NDArray[np.float32], angles: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    first = reduce_pca(cube, angles, 1)
    return [first.image, *(with_components(first, k).image for k in range(2, 21))]


def _annular(given: _Given) -> _Job:
    """Rings of 2 FWHM, references half a FWHM away, as the peers'."""
    settings = AnnularPca(COMPONENTS, distance=0.5, width=2.0)
    return partial(reduce_annular_pca, *_with_limits(given), settings)


def _loci(given: _Given, settings: Loci | None = None) -> _Job:
    return partial(reduce_loci, *_with_limits(given), settings or Loci())


def _tloci(given: _Given) -> _Job:
    return partial(reduce_tloci, *_with_limits(given), Tloci())


def _with_limits(given: _Given) -> tuple[Channel, tuple[float, float]]:
    """Channel, and separations from 1 FWHM off the star to 1 FWHM off the edge."""
    channel = _channel(given)
    return channel, (channel.fwhm, channel.cube.shape[-1] // 2 - channel.fwhm)


def _asdi(given: _Given) -> _Job:
    """Joining and reduction; as many modes as the peer."""
    columns = zip(
        given["cube"], given["psf"], given["fwhm"], given["star"], given["wavelengths"], strict=True
    )
    channels = [
        Channel(cube, given["angles"], prepare_psf(psf), float(fwhm), float(star), float(wavelength))
        for cube, psf, fwhm, star, wavelength in columns
    ]
    return lambda: reduce_asdi(join(channels), 2 * COMPONENTS)


def _paco(given: _Given) -> _Job:
    """Patches of 49 pixels, as the peer's."""
    channel = _channel(given)
    shared = (channel.cube, channel.angles_deg, channel.psf, channel.fwhm)
    return partial(reduce_paco, *shared, patch_fwhm=1.0)


_SPLINE = Way("derotate, cubic B-spline", _of_cube(derotate))
_OWN_ZONES = Loci(area=9.5, aspect=0.3)  # of 120 pixels, as deep as a ring of 6: what is subtracted

OURS: Mapping[str, Way] = {
    "derotation": _SPLINE,
    "derotation, coarse": _SPLINE,
    "derotation, exact": Way("derotate_exact, three shears", _of_cube(derotate_exact)),
    "temporal median": Way("temporal_median", _median),
    "cADI": Way("reduce_cadi", _of_cube(reduce_cadi)),
    "PCA": Way("reduce_pca", _of_cube(reduce_pca, COMPONENTS)),
    "PCA grid of 20": Way("reduce_pca, with_components", _of_cube(_grid)),
    "annular PCA": Way("reduce_annular_pca", _annular),
    "LOCI": Way("reduce_loci, 94 regions optimised on 3,770 px each", _loci),
    "LOCI, full": Way("reduce_loci, regions optimised on 3,770 px each", _loci),
    "LOCI, zones of 120 px": Way(
        "reduce_loci, 236 regions, their own zones", partial(_loci, settings=_OWN_ZONES)
    ),
    "T-LOCI": Way("reduce_tloci", _tloci),
    "S/N map": Way("snr_map, exact", _snr),
    "S/N map beside VIP's approximate one": Way("snr_map, exact", _snr),
    "contrast curve": Way("contrast_curve, 3 branches", _curve),
    "candidate": Way("fit_companion", _candidate),
    "ASDI": Way("reduce_asdi", _asdi),
    "PACO": Way("reduce_paco", _paco),
}


def way_of(job: str, cube: str) -> Way:
    """How we do a job on a cube."""
    return OURS.get(f"{job}, {cube}") or OURS[job]


def main() -> None:
    """Serve the job argv[1] on the cube named argv[2], which lies at argv[3]."""
    job, cube, path = sys.argv[1:4]
    given, prepare = dict(np.load(path)), way_of(job, cube).prepare

    def warm_up() -> object:
        return prepare(cropped(given, _WARM, _WARM_STEP))()

    serve(warm_up, lambda: prepare(given), peak_mib)


if __name__ == "__main__":
    main()
