"""Jobs of level 2 done by the peers, each at its fastest options; runs in the peers' own environment.

VIP's default interpolator is an FFT, exact and slow; its fastest of cubic class is OpenCV's Lanczos. Options
that were tried and were slower are not listed. ``processes`` is VIP's nproc, pyklip's numthreads: with one,
BLAS and OpenCV have two threads; with two, each process has one.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

__all__ = ["PEERS", "Option"]

_CV: dict[str, Any] = {"imlib": "opencv", "interpolation": "lanczos4"}
_Job = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One way a peer can do a job: its words, how many processes it starts, what prepares it."""

    words: str
    processes: int
    prepare: Callable[[Mapping[str, Any]], _Job]


def _module(name: str) -> Any:  # noqa: ANN401 - the peers' modules are not there when this is checked
    return importlib.import_module(name)


def _derotation(given: Mapping[str, Any], **how: Any) -> _Job:  # noqa: ANN401 - options of a peer
    rotate = _module("vip_hci.preproc").cube_derotate
    return partial(rotate, given["cube"], given["angles"], **how)


def _median(given: Mapping[str, Any], module: str) -> _Job:
    return partial(_module(module).median, given["cube"], axis=0)


def _cadi(given: Mapping[str, Any], nproc: int) -> _Job:
    reduce = _module("vip_hci.psfsub").median_sub
    return partial(reduce, given["cube"], given["angles"], mode="fullfr", **_CV, nproc=nproc, verbose=False)


def _pca(given: Mapping[str, Any], ncomp: Any, svd_mode: str, **how: Any) -> _Job:  # noqa: ANN401 - VIP's
    reduce = _module("vip_hci.psfsub").pca
    shared = {**_CV, "scaling": "temp-mean", "check_memory": False, "verbose": False}
    return partial(reduce, given["cube"], given["angles"], ncomp=ncomp, svd_mode=svd_mode, **shared, **how)


def _klip(given: Mapping[str, Any], numbasis: Sequence[int], annuli: int, movement: float) -> _Job:
    """Pyklip in memory: subtract, derotate, median over time."""
    klip = _module("pyklip.parallelized")
    cube = np.asarray(given["cube"], np.float32)
    frames, size = len(cube), cube.shape[-1]
    middle = np.full((frames, 2), size // 2, float)

    def run() -> Any:  # noqa: ANN401 - an image
        made = klip.klip_parallelized(
            cube,
            middle,
            given["angles"],
            np.ones(frames),
            np.arange(frames),
            0,
            OWA=size // 2,
            mode="ADI",
            annuli=annuli,
            subsections=1,
            movement=movement,
            numbasis=list(numbasis),
            numthreads=2,
            aligned_center=[size // 2, size // 2],
            corr_smooth=0,
            verbose=False,
        )
        turned = [
            klip.rotate_imgs(planes, given["angles"], middle, numthreads=2, flipx=False) for planes in made[0]
        ]
        return np.median(turned, axis=1)

    return run


def _annular(given: Mapping[str, Any], nproc: int, svd_mode: str) -> _Job:
    reduce = _module("vip_hci.psfsub").pca_annular
    return partial(
        reduce,
        given["cube"],
        given["angles"],
        ncomp=10,
        fwhm=float(given["fwhm"]),
        radius_int=4,
        asize=8,
        delta_rot=(0.1, 0.5),  # more leaves its inner rings without references, an error there
        svd_mode=svd_mode,
        scaling="temp-mean",
        **_CV,
        nproc=nproc,
        verbose=False,
    )


def _loci(given: Mapping[str, Any], nproc: int) -> _Job:
    reduce = _module("vip_hci.psfsub").xloci
    return partial(
        reduce,
        given["cube"],
        given["angles"],
        fwhm=float(given["fwhm"]),
        radius_int=4,
        asize=6,
        n_segments="auto",
        delta_rot=(0.1, 0.5),
        **_CV,
        nproc=nproc,
        verbose=False,
    )


def _snr(given: Mapping[str, Any], nproc: int) -> _Job:
    image = _pca(given, 10, "randsvd")()
    return partial(_module("vip_hci.metrics").snrmap, image, float(given["fwhm"]), nproc=nproc, verbose=False)


def _curve(given: Mapping[str, Any], nbranch: int) -> _Job:
    curve = _module("vip_hci.metrics").contrast_curve
    return partial(
        curve,
        given["cube"],
        given["angles"],
        given["psf"],
        float(given["fwhm"]),
        pxscale=0.01225,
        starphot=float(given["star"]),
        algo=_module("vip_hci.psfsub").pca,
        nbranch=nbranch,
        plot=False,
        verbose=False,
        ncomp=10,
        svd_mode="randsvd",
        scaling="temp-mean",
        check_memory=False,
        **_CV,
    )


def _candidate(given: Mapping[str, Any]) -> _Job:
    guess = _module("vip_hci.fm").firstguess
    flux = float(given["fluxes"][1])
    return partial(
        guess,
        given["cube"],
        given["angles"],
        given["psf"],
        planets_xy_coord=[tuple(given["places"][1])],
        ncomp=10,
        fwhm=float(given["fwhm"]),
        annulus_width=16,
        aperture_radius=1.5,
        svd_mode="randsvd",
        scaling="temp-mean",
        **_CV,
        f_range=np.linspace(0.2 * flux, 5 * flux, 20),
        simplex=True,
        verbose=False,
    )


def _asdi(given: Mapping[str, Any]) -> _Job:
    reduce = _module("vip_hci.psfsub").pca
    wavelengths = given["wavelengths"]
    return partial(
        reduce,
        given["cube"],
        given["angles"],
        scale_list=wavelengths.max() / wavelengths,
        ncomp=20,
        adimsdi="single",
        crop_ifs=False,
        svd_mode="randsvd",
        scaling="temp-mean",
        imlib2="opencv",
        **_CV,
        check_memory=False,
        nproc=2,
        verbose=False,
    )


def _paco(given: Mapping[str, Any], cpu: int) -> _Job:
    paco = _module("vip_hci.invprob.paco")
    cube = given["cube"][:, :40, :40]  # it wants an even side
    made = paco.FastPACO(cube=cube, angles=given["angles"], psf=given["psf"], fwhm=float(given["fwhm"]))
    return partial(made.run, cpu=cpu)


PEERS: Mapping[str, Sequence[Option]] = {
    "derotation": (
        Option("VIP opencv lanczos4", 1, partial(_derotation, **_CV, nproc=1)),
        Option("VIP opencv lanczos4", 2, partial(_derotation, **_CV, nproc=2)),
        Option("VIP skimage biquartic", 2, partial(_derotation, imlib="skimage", nproc=2)),
    ),
    "derotation, coarse": (
        Option("VIP opencv bicubic", 1, partial(_derotation, imlib="opencv", interpolation="bicubic")),
    ),
    "derotation, exact": (
        Option("VIP vip-fft", 1, partial(_derotation, imlib="vip-fft", nproc=1)),
        Option("VIP vip-fft", 2, partial(_derotation, imlib="vip-fft", nproc=2)),
    ),
    "temporal median": (
        Option("bottleneck", 1, partial(_median, module="bottleneck")),
        Option("numpy", 1, partial(_median, module="numpy")),
    ),
    "cADI": tuple(Option("VIP median_sub", n, partial(_cadi, nproc=n)) for n in (1, 2)),
    "PCA": (
        Option("VIP pca randsvd", 1, partial(_pca, ncomp=10, svd_mode="randsvd")),
        Option("VIP pca eigen", 1, partial(_pca, ncomp=10, svd_mode="eigen")),
        Option("VIP pca arpack", 1, partial(_pca, ncomp=10, svd_mode="arpack")),
        Option("VIP pca randsvd", 2, partial(_pca, ncomp=10, svd_mode="randsvd", nproc=2)),
        Option("pyklip", 2, partial(_klip, numbasis=(10,), annuli=1, movement=0.0)),
    ),
    "PCA grid of 20": (
        Option("VIP pca randsvd", 1, partial(_pca, ncomp=(1, 20, 1), svd_mode="randsvd")),
        Option("VIP pca eigen", 1, partial(_pca, ncomp=(1, 20, 1), svd_mode="eigen")),
        Option("pyklip", 2, partial(_klip, numbasis=tuple(range(1, 21)), annuli=1, movement=0.0)),
    ),
    "annular PCA": (
        Option("pyklip", 2, partial(_klip, numbasis=(10,), annuli=12, movement=2.0)),
        Option("VIP pca_annular randsvd", 2, partial(_annular, nproc=2, svd_mode="randsvd")),
        Option("VIP pca_annular eigen", 2, partial(_annular, nproc=2, svd_mode="eigen")),
    ),
    "LOCI": (Option("VIP xloci", 2, partial(_loci, nproc=2)),),
    "S/N map": (Option("VIP snrmap", 2, partial(_snr, nproc=2)),),
    "contrast curve": (Option("VIP contrast_curve, 3 branches", 1, partial(_curve, nbranch=3)),),
    "candidate": (Option("VIP firstguess with simplex", 1, _candidate),),
    "ASDI": (Option("VIP pca single", 2, _asdi),),
    "PACO": (Option("VIP FastPACO", 2, partial(_paco, cpu=2)),),
}


def main() -> None:
    """Serve the option argv[2] of the job argv[1] on the cube argv[3]."""
    job, number, path = sys.argv[1:4]
    warnings.simplefilter("ignore")
    option = PEERS[job][int(number)]
    _module("cv2").setNumThreads(3 - option.processes)

    def prepare() -> _Job:
        os.environ["MPLBACKEND"] = "Agg"
        return option.prepare(dict(np.load(path)))

    turns = _module("level2_turns")  # beside this file: the peers' environment has not our packages
    turns.serve(prepare, _module("peak").peak_mib)


if __name__ == "__main__":
    main()
