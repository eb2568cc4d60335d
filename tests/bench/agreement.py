"""``make agree-level2``: our kernels against VIP and pyklip where they compute the same quantity.

Largest difference over the field, relative to the largest value. Rows without a goal differ by more for a
cause that `reduce/PEERS.md` gives. The interpolator is compared by itself; algorithms by the residual cubes
before the rotation, or rotated by ours.
"""

import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hcvo.report import Row, publish_report
from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca
from reduce.kernels.aperture import aperture_flux
from reduce.kernels.asdi import reduce_asdi
from reduce.kernels.cadi import cadi_residual
from reduce.kernels.channels import Channel
from reduce.kernels.combine import combine
from reduce.kernels.contrast import noise_at, threshold_flux
from reduce.kernels.derotate import derotate, rotate_splines
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import join
from reduce.kernels.leading_modes import LeadingModes
from reduce.kernels.least_squares import LeastSquares
from reduce.kernels.loci import Loci
from reduce.kernels.paco import reduce_paco
from reduce.kernels.pca import gram_matrix, pca_residual, reduce_pca
from reduce.kernels.references import ReferenceFrames, choose_references
from reduce.kernels.regional import Solver, lay_frames
from reduce.kernels.regions import Regions, Ring, divide
from reduce.kernels.rescale import covered, rescale
from reduce.kernels.shear import derotate_exact
from reduce.kernels.snr import Rings, prepare_rings, snr_map
from reduce.kernels.spline import coefficients, value_at
from tests.bench.level2_cubes import SHAPES, write_cubes
from tests.bench.level2_peers import peers_python
from tests.reduce.kernels.planted import track

_SHAPE, _SPECTRAL = "agree", "agree-ifs"
_EDGES = tuple(range(4, 45, 8))  # of rings, pixels
_RINGS = ("annular residual", "loci residual 1e-08", "loci residual 0.01")
_MOVED = 0.52  # FWHM that a companion has moved in references; at 0.5 the two count some pair differently
_GOAL = 0.01
_COMPONENTS = 10
_FLUX = 40.0  # of injections, about 5 sigma at the middle of the field
_ANGLE_DEG = 200.0  # of injections, from +x towards +y as VIP counts
_EVERY = 7  # pixels of the S/N map
_FEW = 12  # resolution elements at 2 lambda / D

_Images = dict[str, NDArray[Any]]


def main() -> None:
    """Make a cube, let both work on it, compare."""
    with tempfile.TemporaryDirectory(prefix="hcvo-agree-") as folder:
        given = _given(Path(folder))
        np.savez(Path(folder) / "given.npz", **given)  # type: ignore[arg-type] # numpy's stub takes no names
        script = Path(__file__).with_name("peer_level2_images.py")
        paths = (Path(folder) / "given.npz", Path(folder) / "made.npz")
        subprocess.run([peers_python(), script, *paths], check=True, stdout=subprocess.DEVNULL)
        made = dict(np.load(paths[1]))
    rows: list[Row] = []
    for compare in (
        _rotations,
        _full_frame,
        _rings,
        _annular,
        _pyklip,
        _asdi,
        _maps,
        _limits,
        _injected,
        _paco,
    ):
        rows += compare(given, made)
    sys.exit(0 if publish_report("agree-level2", rows) else 1)


def _given(folder: Path) -> _Images:
    write_cubes(folder, (_SHAPE,))
    given: _Images = dict(np.load(folder / f"{_SHAPE}.npz"))
    size, fwhm = SHAPES[_SHAPE].size, float(given["fwhm"])
    planets = [
        track(size, sep, pa, given["angles"][:4], fwhm)
        for sep, pa in ((0.0, 0.0), (14.0, 80.0), (32.0, 200.0))
    ]
    given["smooth"] = np.sum(planets, axis=0).astype(np.float32)
    given["image"] = reduce_pca(given["cube"], given["angles"], _COMPONENTS).image
    given["image"] = np.nan_to_num(given["image"])
    given["injected"] = np.array(_FLUX)
    return given | _spectral(folder)


def _spectral(folder: Path) -> _Images:
    """IFS cube, and its frames as we stretch them, where every channel reaches."""
    write_cubes(folder, (_SPECTRAL,))
    cube = dict(np.load(folder / f"{_SPECTRAL}.npz"))
    scales = cube["wavelengths"].min() / cube["wavelengths"]
    planes = np.concatenate([rescale(c, float(s)) for c, s in zip(cube["cube"], scales, strict=True)])
    planes[:, ~covered(planes.shape[1:], float(scales.min()))] = 0.0
    return {
        "spectral": cube["cube"],
        "spectral angles": cube["angles"],
        "spectral psf": cube["psf"],
        "spectral fwhm": cube["fwhm"],
        "spectral star": cube["star"],
        "wavelengths": cube["wavelengths"],
        "scales": scales,
        "stretched": planes,
        "joint components": np.array(_COMPONENTS),
    }


def _difference(ours: NDArray[Any], theirs: NDArray[Any], within: float = 1.0) -> float:
    """Largest difference where both have data, to `within` of half the side, over the largest value."""
    side = np.arange(ours.shape[-1]) - ours.shape[-1] // 2
    inside = np.hypot(side[None], side[:, None]) <= within * (ours.shape[-1] // 2)
    both = inside & np.isfinite(ours) & np.isfinite(theirs)
    return float(np.max(np.abs(ours - theirs)[both]) / np.max(np.abs(ours[both])))


def _row(case: str, found: float, *, same: bool = True, quantity: str = "largest difference") -> Row:
    goal = f"<= {_GOAL:g}" if same else ""
    return Row(case, quantity, found, "of the peak", goal, ok=not same or found <= _GOAL)


def _rotations(given: _Images, made: _Images) -> list[Row]:
    ours = derotate(given["smooth"], given["angles"][:4])
    rows = []
    for name, planes in made.items():
        if name.startswith("rotated "):
            found = _difference(ours, planes, 0.9)
            rows.append(_row(f"derotation, VIP {name[8:]}", found, same="bicubic" not in name))
    exact = derotate_exact(given["smooth"], given["angles"][:4])
    rows.append(_row("exact derotation, VIP vip-fft", _difference(exact, made["rotated vip-fft"], 0.9)))
    return rows


def _full_frame(given: _Images, made: _Images) -> list[Row]:
    cube, angles = given["cube"], given["angles"]
    ours = pca_residual(cube, _COMPONENTS)
    theirs = made["pca residual temp-mean"]
    image = _turned(ours, angles)
    uncentred = _turned(made["pca residual None"], angles)
    return [
        _row("cADI residual, VIP median_sub", _difference(cadi_residual(cube), made["cadi residual"])),
        _row("PCA residual, VIP pca temp-mean", _difference(ours, theirs)),
        _row("PCA image, VIP pca temp-mean, our rotation", _difference(image, _turned(theirs, angles), 0.9)),
        _row(
            "PCA image, VIP pca temp-mean, its rotation",
            _difference(given["image"], made["pca image vip-fft"], 0.9),
            same=False,
        ),
        _row("PCA image, VIP pca without centring", _difference(image, uncentred, 0.9), same=False),
    ]


def _turned(residual: NDArray[Any], angles: NDArray[Any]) -> NDArray[np.float32]:
    return combine(derotate(residual.astype(np.float32), angles), "median")


def _rings(given: _Images, made: _Images) -> list[Row]:
    """Residuals on every pixel of the rings; in PCA VIP's last ring begins a pixel early: left out."""
    regions, references = _divided(given)
    five = _mixed(given["cube"], regions, LeadingModes(references, regions.ring_of, 5))
    plain = _mixed(given["cube"], regions, LeastSquares(references, regions.ring_of, 1e-9))
    ridge = _mixed(given["cube"], regions, LeastSquares(references, regions.ring_of, Loci().ridge))
    within = (_EDGES[-2] - 1.5) / (five.shape[-1] // 2)
    annular, same, hidden = (made[name] for name in _RINGS)
    return [
        _row(
            "annular PCA residual, edges too, VIP pca_annular",
            _difference(five, annular, within),
        ),
        _row("LOCI residual, same zones, VIP xloci tol 1e-8", _difference(plain, same)),
        _row("LOCI residual, our ridge, VIP xloci tol 1e-2", _difference(ridge, hidden), same=False),
    ]


def _divided(given: _Images) -> tuple[Regions, ReferenceFrames]:
    """Rings as VIP cuts them, and the frames in which a companion in the middle of each has moved."""
    cube, rings = given["cube"], [Ring(low, high, 1, ((low, high),)) for low, high in pairwise(_EDGES)]
    radii, distance = [ring.middle for ring in rings], _MOVED * float(given["fwhm"])
    return divide(cube.shape[1:], rings), choose_references(cube, given["angles"], radii, distance, 1)


def _mixed(cube: NDArray[Any], regions: Regions, solve: Solver) -> NDArray[np.float32]:
    """Residuals in the zones, NaN elsewhere."""
    frames = lay_frames(cube)
    data = frames.data.reshape(-1, frames.data.shape[2])
    out = np.full((len(cube), len(data)), np.nan, np.float32)
    for region, number in enumerate(regions.zone_of):
        zone = regions.zones[number]
        out[:, zone] = solve(gram_matrix(data[zone]), region, np.arange(len(cube))) @ data[zone].T
    return out.reshape(cube.shape)


def _annular(given: _Images, made: _Images) -> list[Row]:
    """VIP's rings of 8 pixels from 4; the last of them overlaps the one before and is left out."""
    settings = AnnularPca(components=5, distance=0.52, width=8 / float(given["fwhm"]), least=1)
    ours = reduce_annular_pca(_channel(given), (4.0, 44.0), settings).image
    theirs = _turned(made["annular residual"], given["angles"])
    side = np.arange(ours.shape[-1]) - ours.shape[-1] // 2
    radius = np.hypot(side[None], side[:, None])
    near_edge = np.abs((radius - 4.0 + 4.0) % 8.0 - 4.0) < 2.5  # reach of the rotation
    used = (radius > 6.5) & (radius < 33.5) & ~near_edge  # the rings
    found = _difference(np.where(used, ours, np.nan), theirs)
    return [_row("annular PCA image inside rings, VIP pca_annular", found)]


def _pyklip(given: _Images, made: _Images) -> list[Row]:
    """One ring, spatial mean over it taken off each frame, no frame left out."""
    cube = given["cube"] - given["cube"].mean(axis=0)
    side = np.arange(cube.shape[-1]) - cube.shape[-1] // 2
    radius = np.hypot(side[None], side[:, None])
    ring = (radius >= 4.0) & (radius < 44.0)  # the ring
    centred = cube - cube[:, ring].mean(axis=1)[:, None, None]
    ours = np.where(ring, pca_residual(centred, _COMPONENTS, ring), np.nan)
    return [_row("PCA residual in one ring, pyklip", _difference(ours, made["pyklip residual"]))]


def _asdi(given: _Images, made: _Images) -> list[Row]:
    """Stretch; the modes of frames that we stretched, derotated by us; VIP's own chain."""
    channels = [
        Channel(cube, given["spectral angles"], prepare_psf(psf), float(fwhm), float(star), float(wavelength))
        for cube, psf, fwhm, star, wavelength in zip(
            *(given[f"spectral{name}"] for name in ("", " psf", " fwhm", " star")),
            given["wavelengths"],
            strict=True,
        )
    ]
    ours = reduce_asdi(join(channels), _COMPONENTS)
    planes = coefficients(made["joint residual"])
    times, none = len(given["spectral angles"]), np.zeros((0, 0, 0), np.bool_)
    theirs = []
    for number, scale in enumerate(given["scales"]):
        part = planes[number * times : (number + 1) * times]
        stretch = np.full(times, scale)
        theirs.append(combine(rotate_splines(part, none, given["spectral angles"], None, stretch), "median"))
    shrunk = np.stack([rescale(given["smooth"][:1], float(scale))[0] for scale in given["scales"]])
    surface = made["shrunk"] * given["scales"][:, None, None] ** 2  # VIP keeps the flux of a shrunk frame
    plain = np.mean(ours.images, axis=0)
    return [
        _row("stretch in wavelength, VIP opencv lanczos4", _difference(shrunk, surface, 0.5)),
        _row("ASDI images, VIP pca of our stretched frames", _difference(ours.images, np.stack(theirs), 0.5)),
        _row("ASDI image, VIP pca single", _difference(plain, made["joint image"], 0.5), same=False),
    ]


def _maps(given: _Images, made: _Images) -> list[Row]:
    fwhm = float(given["fwhm"])
    ours, _ = snr_map(given["image"], fwhm)
    side = np.arange(ours.shape[-1]) - ours.shape[-1] // 2
    radius = np.hypot(side[None], side[:, None])
    used = (radius > 1.5 * fwhm) & (radius < ours.shape[-1] / 2 - 1.5 * fwhm)
    rings = prepare_rings(given["image"], fwhm)
    spaced, looked_up = _spaced_as_vip(rings, given["image"], used)
    radii = [float(r) for r in made["noise radii"]]
    pairs = [(noise_at(rings, r)[0], float(n)) for r, n in zip(radii, made["noise"], strict=True)]
    middle = float(np.nanmedian([a / b for (a, b), r in zip(pairs, radii, strict=True) if r > 3 * fwhm]))
    return [
        _row("S/N, VIP snrmap, our sums in its apertures", _difference(spaced, made["snr"])),
        _row("S/N, VIP snrmap, our spline at its apertures", _difference(looked_up, made["snr"]), same=False),
        _row("S/N map, VIP snrmap", _difference(np.where(used, ours, np.nan), made["snr"]), same=False),
        _row(
            "noise on rings, VIP noise_per_annulus", abs(middle - 1), same=False, quantity="median difference"
        ),
    ]


def _spaced_as_vip(
    rings: Rings, image: NDArray[np.floating], used: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """t with apertures one FWHM apart clockwise from the tested one, which leaves a gap at the end.

    Every `_EVERY`-th pixel; sums over the exact share of each pixel, and from the spline of the map of sums.
    """
    middle, fwhm = used.shape[0] // 2, rings.fwhm
    exact, looked_up = np.full(used.shape, np.nan), np.full(used.shape, np.nan)
    for row, column in np.argwhere(used)[::_EVERY]:
        dx, dy = column - middle, row - middle
        step = 2 * np.arcsin(fwhm / 2 / np.hypot(dx, dy))
        angle = -step * np.arange(1, int(2 * np.pi / step))
        x = middle + np.cos(angle) * dx - np.sin(angle) * dy
        y = middle + np.sin(angle) * dx + np.cos(angle) * dy
        places = [(float(px), float(py)) for px, py in zip(x, y, strict=True)]
        flux = float(rings.flux[row, column])
        exact[row, column] = _t(flux, [aperture_flux(image, fwhm, *place) for place in places])
        looked_up[row, column] = _t(flux, [value_at(rings.spline, *place) for place in places])
    return exact, looked_up


def _t(flux: float, noise: list[float]) -> float:
    return float((flux - np.mean(noise)) / (np.std(noise, ddof=1) * np.sqrt(1 + 1 / len(noise))))


def _limits(_: _Images, __: _Images) -> list[Row]:
    """Threshold in units of the noise at 2 lambda / D: VIP has one resolution element too many."""
    vip = stats.t.isf(stats.norm.sf(5.0), _FEW - 1) * np.sqrt(1 + 1 / _FEW)
    case = f"5 sigma threshold at N = {_FEW}, VIP's N and N - 1"
    return [Row(case, "ours over VIP's", threshold_flux(1.0, _FEW - 1) / vip, "", "", ok=True)]


def _injected(given: _Images, made: _Images) -> list[Row]:
    """The injected companion itself, and what is left of it after PCA: VIP's residuals, our rotation."""
    cube, angles, channel = given["cube"], given["angles"], _channel(given)
    middle, theta = cube.shape[-1] // 2, np.radians(_ANGLE_DEG)
    reduction = reduce_pca(cube, angles, _COMPONENTS)
    rows = []
    for radius in made["radii"]:
        x, y = float(middle + radius * np.cos(theta)), float(middle + radius * np.sin(theta))
        ours = channel.with_sources([(x, y, _FLUX)]).cube - cube
        found = _difference(ours, made[f"injected {radius:.0f}"] - cube)
        rows.append(_row(f"companion at {radius:.0f} px, VIP cube_inject_companions", found))
        place = (round(x), round(y), 5)
        change = reduction.patch([(channel.stamps(x, y), _FLUX)], *place) - reduction.patch([], *place)
        through = aperture_flux(change, channel.fwhm, x - place[0] + 5, y - place[1] + 5) / _FLUX
        theirs = _turned(made[f"reduced {radius:.0f}"], angles) - reduction.image
        other = aperture_flux(theirs, channel.fwhm, x, y) / _FLUX
        case = f"throughput of PCA at {radius:.0f} px ({through:.3f}), VIP's injection and residual"
        rows.append(_row(case, abs(through - other), quantity="difference"))
    return rows


def _paco(given: _Images, made: _Images) -> list[Row]:
    patch = made["paco patch"]
    truth = np.cov(patch, rowvar=False, bias=True)
    ratio = float(np.sum(made["paco covariance"] * truth) / np.sum(truth**2))
    low = given["cube"].shape[-1] // 2 - 20
    cube = given["cube"][:, low : low + 41, low : low + 41]
    ours = reduce_paco(cube, given["angles"], prepare_psf(given["psf"]), float(given["fwhm"]), patch_fwhm=1.0)
    raw = ours.raw_snr[:40, :40]
    both = np.isfinite(raw) & np.isfinite(made["paco snr"])
    slope = float(np.sum(made["paco snr"][both] * raw[both]) / np.sum(raw[both] ** 2))
    flux = (ours.image * ours.response)[:40, :40]
    share = float(np.sum(made["paco flux"][both] * flux[both]) / np.sum(flux[both] ** 2))
    return [
        Row("PACO, VIP sample_covariance", "over np.cov of the patch", ratio, "", "", ok=True),
        Row("PACO, VIP S/N on ours", "slope", slope, "", "", ok=True),
        Row("PACO, VIP flux on ours", "slope", share, "", "", ok=True),
    ]


def _channel(given: _Images) -> Channel:
    psf = prepare_psf(given["psf"])
    return Channel(given["cube"], given["angles"], psf, float(given["fwhm"]), float(given["star"]))


if __name__ == "__main__":
    main()
