"""Jobs of level 2 done by the peers, each at its fastest options; runs in the peers' own environment.

VIP's default interpolator is an FFT, exact and slow; its fastest of cubic class is OpenCV's Lanczos. Options
that were tried and were slower are not listed. ``processes`` is VIP's nproc, pyklip's numthreads; ``threads``
those of BLAS and OpenCV in each. What would take too long on the full cube is done in part, on a crop or for
some of the pixels, of what its time is proportional to.
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

__all__ = ["PEERS", "Option", "peers_of"]

_CV: dict[str, Any] = {"imlib": "opencv", "interpolation": "lanczos4"}
_EVERY = 61  # pixels of an S/N map done in part
_CROP = 129  # side of what is left of a full cube where the time is proportional to the pixels
_PATCHED = 25  # the same for PACO
_EVALUATIONS = 150  # of the merit function in a fit: VIP's on the small cube, see PEERS.md
_Job = Callable[[], Any]
_Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One way a peer can do a job.

    Attributes
    ----------
    words : str
        Who and how.
    processes, threads : int
        That it starts; of BLAS and OpenCV in each.
    prepare : Callable[[Mapping[str, Any]], Callable[[], Any]]
        Of the cube.
    warm : int
        Side of the crop that it warms up on.
    warm_up : Callable[[Mapping[str, Any]], Callable[[], Any]] | None
        How, if not by the job itself.
    crop : int
        Side of what is measured; 0 is the whole.
    part : float
        Of the job's work that is done there; less than 1 is extrapolated.
    """

    words: str
    processes: int
    threads: int
    prepare: Callable[[_Given], _Job]
    warm: int = 97
    warm_up: Callable[[_Given], _Job] | None = None
    crop: int = 0
    part: float = 1.0

    def share(self, size: int) -> float:
        """Of the job on frames of `size` pixels that is measured."""
        return self.part * ((self.crop / size) ** 2 if self.crop else 1.0)


def _ways(words: str, prepare: Callable[..., _Job], *counts: tuple[int, int], **more: Any) -> list[Option]:  # noqa: ANN401 - fields of an option
    """One option for each pair of processes and threads; `prepare` takes nproc."""
    return [Option(words, p, t, partial(prepare, nproc=p), **more) for p, t in counts]


def _threads(words: str, prepare: Callable[..., _Job], **more: Any) -> list[Option]:  # noqa: ANN401 - fields of an option
    """One process, of one thread and of two."""
    return [Option(words, 1, t, prepare, **more) for t in (1, 2)]


def _module(name: str) -> Any:  # noqa: ANN401 - the peers' modules are not there when this is checked
    return importlib.import_module(name)


def _derotation(given: _Given, **how: Any) -> _Job:  # noqa: ANN401 - options of a peer
    rotate = _module("vip_hci.preproc").cube_derotate
    return partial(rotate, given["cube"], given["angles"], **how)


def _median(given: _Given, module: str) -> _Job:
    return partial(_module(module).median, given["cube"], axis=0)


def _cadi(given: _Given, nproc: int) -> _Job:
    reduce = _module("vip_hci.psfsub").median_sub
    return partial(reduce, given["cube"], given["angles"], mode="fullfr", **_CV, nproc=nproc, verbose=False)


def _pca(given: _Given, ncomp: Any, svd_mode: str, **how: Any) -> _Job:  # noqa: ANN401 - VIP's
    reduce = _module("vip_hci.psfsub").pca
    shared = {**_CV, "scaling": "temp-mean", "check_memory": False, "verbose": False}
    return partial(reduce, given["cube"], given["angles"], ncomp=ncomp, svd_mode=svd_mode, **shared, **how)


def _klip(given: _Given, numbasis: Sequence[int], annuli: int, movement: float) -> _Job:
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


def _annular(given: _Given, nproc: int, svd_mode: str) -> _Job:
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


def _loci(given: _Given, nproc: int, **more: Any) -> _Job:  # noqa: ANN401 - options of a peer
    """Segments of 6 pixels' depth, each optimised on twice that depth unless told otherwise, as VIP does."""
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
        **more,
    )


def _image(given: _Given) -> Any:  # noqa: ANN401 - an image
    return _pca(given, 10, "randsvd")()


def _snr(given: _Given, nproc: int, *, approximated: bool = False) -> _Job:
    made = _module("vip_hci.metrics").snrmap
    shared = {"approximated": approximated, "nproc": nproc, "verbose": False}
    return partial(made, _image(given), float(given["fwhm"]), **shared)


def _snr_in_part(given: _Given, nproc: int) -> _Job:
    """Every `_EVERY`-th pixel of VIP's map, by the function that the map calls for each, as it calls it."""
    image, fwhm = _image(given), float(given["fwhm"])
    config, width = _module("vip_hci.config.utils_conf"), image.shape[0] / 2 - 1.5 * fwhm
    segments, one = _module("vip_hci.var").get_annulus_segments, _module("vip_hci.metrics").snr
    y, x = (places[::_EVERY] for places in segments(image, fwhm, width)[0])
    pairs = list(zip(x, y, strict=True))
    more = (True, None, False, False)  # full_output, array2, use2alone, exclude_negative_lobes
    return lambda: config.pool_map(nproc, one, image, config.iterable(pairs), fwhm, *more)


def _curve(given: _Given, nbranch: int) -> _Job:
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


def _candidate(given: _Given, fluxes: int = 20, *, simplex: bool = True) -> _Job:
    """So many fluxes tried at the place given, then a simplex."""
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
        f_range=np.linspace(0.2 * flux, 5 * flux, fluxes),
        simplex=simplex,
        verbose=False,
    )


def _asdi(given: _Given, nproc: int, *, crop_ifs: bool) -> _Job:
    reduce = _module("vip_hci.psfsub").pca
    wavelengths = given["wavelengths"]
    return partial(
        reduce,
        given["cube"],
        given["angles"],
        scale_list=wavelengths.max() / wavelengths,
        ncomp=20,
        adimsdi="single",
        crop_ifs=crop_ifs,
        svd_mode="randsvd",
        scaling="temp-mean",
        imlib2="opencv",
        **_CV,
        check_memory=False,
        nproc=nproc,
        verbose=False,
    )


def _paco(given: _Given, nproc: int) -> _Job:
    paco = _module("vip_hci.invprob.paco")
    even = given["cube"].shape[-1] // 2 * 2  # it wants an even side
    cube = given["cube"][:, :even, :even]
    made = paco.FastPACO(cube=cube, angles=given["angles"], psf=given["psf"], fwhm=float(given["fwhm"]))
    return partial(made.run, cpu=nproc)


_ALL = ((1, 1), (1, 2), (2, 1))
_FEW_FLUXES = 4
_RANDSVD = partial(_pca, svd_mode="randsvd")
_GRID = (1, 20, 1)
_TWENTY = tuple(range(1, 21))
_PCA: Sequence[Option] = (
    *_ways("VIP pca randsvd", partial(_RANDSVD, ncomp=10), *_ALL),
    *_threads("VIP pca eigen", partial(_pca, ncomp=10, svd_mode="eigen")),
    Option("VIP pca arpack", 1, 2, partial(_pca, ncomp=10, svd_mode="arpack")),
    Option("pyklip", 2, 1, partial(_klip, numbasis=(10,), annuli=1, movement=0.0)),
)
_SNR_WARM: dict[str, Any] = {"warm": 41}
_FIT_WARM: dict[str, Any] = {"warm_up": partial(_candidate, fluxes=2, simplex=False)}

PEERS: Mapping[str, Sequence[Option]] = {
    "derotation": _ways("VIP opencv lanczos4", partial(_derotation, **_CV), *_ALL),
    "derotation, coarse": _threads(
        "VIP opencv bicubic", partial(_derotation, imlib="opencv", interpolation="bicubic")
    ),
    "derotation, exact": _ways("VIP vip-fft", partial(_derotation, imlib="vip-fft"), (1, 1), (2, 1), warm=41),
    "temporal median": (
        Option("bottleneck", 1, 1, partial(_median, module="bottleneck")),
        Option("numpy", 1, 1, partial(_median, module="numpy")),
    ),
    "cADI": _ways("VIP median_sub", _cadi, *_ALL),
    "PCA": _PCA,
    "PCA grid of 20": (
        *_threads("VIP pca randsvd", partial(_RANDSVD, ncomp=_GRID)),
        Option("VIP pca eigen", 1, 2, partial(_pca, ncomp=_GRID, svd_mode="eigen")),
        Option("pyklip", 2, 1, partial(_klip, numbasis=_TWENTY, annuli=1, movement=0.0)),
    ),
    "PCA grid of 20, full": (Option("VIP pca randsvd", 1, 2, partial(_RANDSVD, ncomp=_GRID)),),
    "annular PCA": (
        Option("pyklip", 2, 1, partial(_klip, numbasis=(10,), annuli=12, movement=2.0)),
        *_ways("VIP pca_annular randsvd", partial(_annular, svd_mode="randsvd"), (2, 1)),
        *_ways("VIP pca_annular eigen", partial(_annular, svd_mode="eigen"), (2, 1)),
    ),
    "annular PCA, full": (Option("pyklip", 2, 1, partial(_klip, numbasis=(10,), annuli=32, movement=2.0)),),
    "LOCI": _ways("VIP xloci, 264 segments of 120 px optimised on 250 px each", _loci, (2, 1)),
    "LOCI, full": _ways("VIP xloci, segments of 120 px optimised on 250 px each", _loci, (2, 1), crop=_CROP),
    "LOCI, zones of 120 px": _ways(
        "VIP xloci, 264 segments, their own zones", partial(_loci, optim_scale_fact=1), (2, 1)
    ),
    "S/N map": _ways("VIP snrmap", _snr, (2, 1), **_SNR_WARM),
    "S/N map, full": _ways("VIP snrmap", _snr_in_part, (2, 1), part=1 / _EVERY, **_SNR_WARM),
    "S/N map beside VIP's approximate one": _ways(
        "VIP snrmap approximated", partial(_snr, approximated=True), (1, 1), (2, 1), **_SNR_WARM
    ),
    "contrast curve": _threads("VIP contrast_curve, 3 branches", partial(_curve, nbranch=3)),
    "contrast curve, full": (
        Option("VIP contrast_curve, 3 branches", 1, 2, partial(_curve, nbranch=3), crop=_CROP),
    ),
    "candidate": (Option("VIP firstguess with simplex", 1, 1, _candidate, **_FIT_WARM),),
    "candidate, full": (
        Option(
            "VIP firstguess with simplex",
            1,
            1,
            partial(_candidate, fluxes=_FEW_FLUXES, simplex=False),
            part=_FEW_FLUXES / _EVALUATIONS,
            **_FIT_WARM,
        ),
    ),
    "ASDI": (
        *_ways("VIP pca single, crop_ifs", partial(_asdi, crop_ifs=True), (1, 2), (2, 1), warm=41),
        *_ways("VIP pca single, not crop_ifs", partial(_asdi, crop_ifs=False), (1, 2), (2, 1), warm=41),
    ),
    "PACO": _ways("VIP FastPACO", _paco, (2, 1), warm=17),
    "PACO, small": _ways("VIP FastPACO", _paco, (2, 1), warm=17, crop=_PATCHED),
    "PACO, full": _ways("VIP FastPACO", _paco, (2, 1), warm=17, crop=_PATCHED),
}


def peers_of(job: str, cube: str) -> Sequence[Option]:
    """Ways to do a job on a cube: those of this cube if it has its own.

    Parameters
    ----------
    job, cube : str
        Names.

    Returns
    -------
    Sequence[Option]
        Empty where no peer does it.
    """
    return PEERS.get(f"{job}, {cube}", PEERS.get(job, ()))


def main() -> None:
    """Serve the option argv[3] of the job argv[1] on the cube named argv[2], which lies at argv[4]."""
    job, cube, number, path = sys.argv[1:5]
    warnings.simplefilter("ignore")
    os.environ["MPLBACKEND"] = "Agg"
    option = peers_of(job, cube)[int(number)]
    _module("cv2").setNumThreads(option.threads)
    given, crop = dict(np.load(path)), _module("level2_crop").cropped

    def warm_up() -> Any:  # noqa: ANN401 - what the peer gives back
        return (option.warm_up or option.prepare)(crop(given, option.warm, 2))()

    turns = _module("level2_turns")  # beside this file: the peers' environment has not our packages
    turns.serve(warm_up, lambda: option.prepare(crop(given, option.crop)), _module("peak").peak_mib)


if __name__ == "__main__":
    main()
