"""What the peers make of one cube, for `agreement`; runs in the peers' own environment.

Where a peer can, its residual cube before the rotation is taken: the interpolator is compared by itself.
"""

import importlib
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

_CV: dict[str, Any] = {"imlib": "opencv", "interpolation": "lanczos4"}
_ANGLE = 200.0  # of the injections, degrees from +x towards +y
_RADII = (12.0, 20.0, 28.0, 36.0)


def main() -> None:
    """Read the cube argv[1], write argv[2]."""
    warnings.simplefilter("ignore")
    given = dict(np.load(sys.argv[1]))
    made: dict[str, Any] = {}
    for part in (_rotations, _full_frame, _annular, _loci, _pyklip, _asdi, _maps, _injected, _paco):
        made |= part(given)
    np.savez(sys.argv[2], **made)


def _module(name: str) -> Any:  # noqa: ANN401 - the peers' modules are not there when this is checked
    return importlib.import_module(name)


def _rotations(given: Mapping[str, Any]) -> dict[str, Any]:
    rotate = _module("vip_hci.preproc").cube_derotate
    ways: dict[str, dict[str, Any]] = {
        "vip-fft": {"imlib": "vip-fft"},
        "opencv lanczos4": _CV,
        "opencv bicubic": {"imlib": "opencv", "interpolation": "bicubic"},
        "skimage biquintic": {"imlib": "skimage", "interpolation": "biquintic"},
    }
    return {
        f"rotated {name}": rotate(given["smooth"], given["angles"][:4], nproc=1, **how)
        for name, how in ways.items()
    }


def _full_frame(given: Mapping[str, Any]) -> dict[str, Any]:
    vip = _module("vip_hci.psfsub")
    shared = {"full_output": True, "verbose": False, **_CV}
    cadi = vip.median_sub(given["cube"], given["angles"], mode="fullfr", **shared)
    made = {"cadi residual": cadi[0]}
    for scaling in ("temp-mean", None):
        found = vip.pca(
            given["cube"],
            given["angles"],
            ncomp=10,
            svd_mode="lapack",
            scaling=scaling,
            check_memory=False,
            **shared,
        )
        made[f"pca residual {scaling}"] = found[3]
    made["pca image vip-fft"] = vip.pca(
        given["cube"],
        given["angles"],
        ncomp=10,
        svd_mode="lapack",
        scaling="temp-mean",
        check_memory=False,
        verbose=False,
        imlib="vip-fft",
    )
    return made


def _annular(given: Mapping[str, Any]) -> dict[str, Any]:
    """Temporal mean taken off before: VIP would take off that of the references, for each frame anew."""
    found = _module("vip_hci.psfsub").pca_annular(
        given["cube"] - given["cube"].mean(axis=0),
        given["angles"],
        radius_int=4,
        fwhm=float(given["fwhm"]),
        asize=8,
        n_segments=1,
        delta_rot=0.52,
        ncomp=5,
        svd_mode="lapack",
        scaling=None,
        full_output=True,
        verbose=False,
        **_CV,
    )
    return {"annular residual": found[0]}


def _loci(given: Mapping[str, Any]) -> dict[str, Any]:
    """Whole rings, every frame that has moved; with next to no regularisation, and with that of default."""
    reduce = _module("vip_hci.psfsub").xloci
    how: dict[str, Any] = {"radius_int": 4, "asize": 8, "n_segments": 1, "delta_rot": 0.52, **_CV}
    shared = (given["cube"].astype(float), given["angles"], None, float(given["fwhm"]))
    return {
        f"loci residual {tol:g}": reduce(
            *shared, dist_threshold=100, tol=tol, optim_scale_fact=1, full_output=True, verbose=False, **how
        )[0]
        for tol in (1e-8, 1e-2)
    }


def _pyklip(given: Mapping[str, Any]) -> dict[str, Any]:
    """One ring, every frame a reference; pyklip takes the mean over the ring off each frame by itself."""
    cube = np.asarray(given["cube"] - given["cube"].mean(axis=0), np.float32)
    frames, size = len(cube), cube.shape[-1]
    made = _module("pyklip.parallelized").klip_parallelized(
        cube,
        np.full((frames, 2), size // 2, float),
        given["angles"],
        np.ones(frames),
        np.arange(frames),
        4,
        OWA=44,
        mode="ADI",
        annuli=1,
        subsections=1,
        movement=0,
        numbasis=[10],
        maxnumbasis=frames,
        numthreads=1,
        aligned_center=[size // 2, size // 2],
        corr_smooth=0,
        verbose=False,
    )
    return {"pyklip residual": made[0][0]}


def _asdi(given: Mapping[str, Any]) -> dict[str, Any]:
    """Frames shrunk by VIP; residuals of frames stretched by us; the image of VIP's own chain."""
    scales, psfsub = given["scales"], _module("vip_hci.psfsub")
    shrink = _module("vip_hci.preproc").cube_rescaling_wavelengths
    size, planes = given["smooth"].shape[-1], np.repeat(given["smooth"][:1], len(scales), axis=0)
    shared: dict[str, Any] = {"scaling": "temp-mean", "check_memory": False, "verbose": False, **_CV}
    place = {"inverse": True, "y_in": size, "x_in": size, "full_output": True}
    spectral = {"scale_list": scales.min() ** -1 * scales, "adimsdi": "single", "imlib2": "opencv"}
    residual = psfsub.pca(
        given["stretched"],
        np.zeros(len(given["stretched"])),
        ncomp=int(given["joint components"]),
        svd_mode="lapack",
        full_output=True,
        **shared,
    )[3]
    image = psfsub.pca(
        given["spectral"],
        given["spectral angles"],
        ncomp=int(given["joint components"]),
        svd_mode="lapack",
        crop_ifs=False,
        collapse_ifs="mean",
        **spectral,
        **shared,
    )
    return {
        "shrunk": shrink(planes, 1 / scales, **place, imlib="opencv", interpolation="lanczos4")[0],
        "joint residual": residual,
        "joint image": image,
    }


def _maps(given: Mapping[str, Any]) -> dict[str, Any]:
    """S/N and noise of the image handed over."""
    metrics = _module("vip_hci.metrics")
    image, fwhm = given["image"].astype(float), float(given["fwhm"])
    noise, _, radii = _module("vip_hci.metrics.contrcurve").noise_per_annulus(image, 1, fwhm, init_rad=fwhm)
    return {
        "snr": metrics.snrmap(image, fwhm, nproc=2, verbose=False),
        "noise": noise,
        "noise radii": radii,
    }


def _injected(given: Mapping[str, Any]) -> dict[str, Any]:
    """Cube with a companion; residual cubes with companions of one flux at several separations."""
    inject = _module("vip_hci.fm").cube_inject_companions
    quiet: dict[str, Any] = {"theta": _ANGLE, "imlib": "vip-fft", "verbose": False}
    shared = (given["cube"], given["psf"], given["angles"], float(given["injected"]))
    made = {f"injected {radius:.0f}": inject(*shared, rad_dists=radius, **quiet) for radius in _RADII}
    reduce = _module("vip_hci.psfsub").pca
    how: dict[str, Any] = {"ncomp": 10, "svd_mode": "lapack", "scaling": "temp-mean", **_CV}
    for radius in _RADII:
        cube = made[f"injected {radius:.0f}"]
        found = reduce(cube, given["angles"], full_output=True, check_memory=False, verbose=False, **how)
        made[f"reduced {radius:.0f}"] = found[3]
    return {**made, "radii": np.array(_RADII)}


def _paco(given: Mapping[str, Any]) -> dict[str, Any]:
    paco = _module("vip_hci.invprob.paco")
    low = given["cube"].shape[-1] // 2 - 20
    cube = given["cube"][:, low : low + 40, low : low + 40]
    run = paco.FastPACO(cube=cube, angles=given["angles"], psf=given["psf"], fwhm=float(given["fwhm"]))
    snr, flux = run.run(cpu=1)
    patch = np.asarray(cube[:, 10:17, 10:17].reshape(len(cube), -1), float)
    half = paco.sample_covariance(patch, patch.mean(axis=0), len(patch))
    return {"paco snr": snr, "paco flux": flux, "paco covariance": half, "paco patch": patch}


if __name__ == "__main__":
    main()
