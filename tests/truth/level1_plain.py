"""What plain scaled-sky subtraction leaves of the thermal background, from the same raw frames.

The plain way is one factor a plane and field, fitted by least squares in the outer ring; with nothing but a
dark it is one level. It is told in two ways. Helped: the true starlight is taken away before the fit; the
goal stands against this one, in every scenario and ring (with nothing but a dark there is no scaled sky:
then ours must be better than the level). As practised: the starlight is in the frame while
the factor is fitted, as for whoever has no truth; this one is stated beside it. Both know the true response
and the true bad pixels, and what they leave is judged without the starlight.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from tests.truth.level1_night import Night, Truth

__all__ = ["RINGS", "block_medians", "plain_residuals", "smooth_rms"]

_BLOCK = 20
RINGS = ((100.0, 195.0), (30.0, 95.0))
"""Where it is judged, px from the star: outside the corrected halo, and inside it, where planets are."""

_LIT = 0.3
_KNOWN = 0.25  # of a block's pixels


def block_medians(
    image: NDArray[np.floating], star: tuple[float, float], ring: tuple[float, float] = RINGS[0]
) -> NDArray[np.float64]:
    """Medians of blocks of 20 px in a ring around the star, (block,).

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN is left out.
    star : tuple[float, float]
        (x, y) in it.
    ring : tuple[float, float]
        Its radii, px.

    Returns
    -------
    NDArray[np.float64]
        The smooth part of what is left; pixel noise is 16 times less in it.
    """
    height, width = (side // _BLOCK for side in image.shape)
    cut = image[: height * _BLOCK, : width * _BLOCK].astype(np.float64)
    blocks = cut.reshape(height, _BLOCK, width, _BLOCK).transpose(0, 2, 1, 3).reshape(height, width, -1)
    y, x = np.mgrid[:height, :width] * _BLOCK + (_BLOCK - 1) / 2
    r = np.hypot(y - star[1], x - star[0])
    wanted = (r > ring[0]) & (r < ring[1]) & (np.isfinite(blocks).mean(axis=2) > _KNOWN)
    return np.asarray(np.nanmedian(blocks[wanted], axis=1))


def smooth_rms(
    image: NDArray[np.floating], star: tuple[float, float], ring: tuple[float, float] = RINGS[0]
) -> float:
    """Root mean square of the blocks, without the photons' noise.

    The noise is told by the halves of a chequerboard, whose medians differ by twice a block's noise.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN is left out.
    star : tuple[float, float]
        (x, y) in it.
    ring : tuple[float, float]
        Its radii, px.

    Returns
    -------
    float
        In the image's unit, at least 0.
    """
    odd = np.indices(image.shape).sum(axis=0) % 2 == 1
    halves = [block_medians(np.where(odd == side, image, np.nan), star, ring) for side in (False, True)]
    if halves[0].size != halves[1].size:
        raise ValueError("a block has data in one half of its chequerboard only")
    noise = float(np.mean((halves[0] - halves[1]) ** 2)) / 4.0
    return float(np.sqrt(max(float(np.mean(block_medians(image, star, ring) ** 2)) - noise, 0.0)))


def plain_residuals(night: Night) -> tuple[str, dict[tuple[str, int], NDArray[np.float64]]]:
    """Root mean square of the blocks, adu, by science integration: (channel, way, ring).

    Ways are helped and as practised, rings those of `RINGS`.

    Parameters
    ----------
    night : Night
        A scenario in K.

    Returns
    -------
    tuple[str, dict[tuple[str, int], NDArray[np.float64]]]
        What was scaled, and the residuals.
    """
    truth = night.truth
    source, sky = _sky(night)
    with truth.maps("detector") as hdus:
        response = np.array(hdus["RESPONSE"].data)
        bad = (np.array(hdus["BAD"].data) > 0) | (response < _LIT)
    found = {}
    with truth.maps("light") as light:
        for name, number in truth.index.items():
            if name not in truth.planes:
                continue
            with fits.open(night.raw / f"{name[0]}.fits", memmap=True) as hdus:
                raw = np.array(hdus[0].data[name[1]], dtype=np.float64)
            found[name] = np.array(
                [
                    _one(truth, light, number, channel, (raw, sky, response, bad), scaled=source != "dark")
                    for channel in (0, 1)
                ]
            )
    return source, found


def _one(
    truth: Truth,
    light: fits.HDUList,
    number: int,
    channel: int,
    maps: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]],
    *,
    scaled: bool,
) -> list[list[float]]:
    """One field of one plane: helped, and as practised, each in both rings."""
    left, low = (int(each) for each in truth.corners[number, channel])
    stars = np.array(light["STAR"].data[number, channel] + light["COMPANIONS"].data[number, channel])
    part = (
        slice(low, low + stars.shape[0]),
        slice(channel * 1024 + left, channel * 1024 + left + stars.shape[1]),
    )
    raw, sky, response = maps[0][part], maps[1][part], maps[2][part]
    bad = maps[3][part]
    name = next(key for key, value in truth.index.items() if value == number)
    place = truth.planes[name]["star"][channel]
    star = (place[0] - left, place[1] - low)
    y, x = np.mgrid[: stars.shape[0], : stars.shape[1]]
    r = np.hypot(y - star[1], x - star[0])
    thermal = np.where(bad, np.nan, raw - stars * response)
    use = (r > RINGS[0][0]) & (r < RINGS[0][1]) & ~bad
    use &= np.abs(thermal - np.nanmedian(thermal[use])) < 8 * np.nanstd(thermal[use])  # cosmic rays
    left_over = []
    for seen in (thermal, np.where(bad, np.nan, raw)):
        if scaled:
            model = sky * ((seen * sky)[use].sum() / (sky[use] ** 2).sum())
        else:
            model = sky + np.median((seen - sky)[use])
        rest = (thermal - model) / response
        left_over.append([smooth_rms(rest, star, ring) for ring in RINGS])
    return left_over


def _sky(night: Night) -> tuple[str, NDArray[np.float64]]:
    """Median of the sky planes; else of the instrument background; else of the dark."""
    dit = night.truth.of_kind("OBJECT")[0]["dit_s"]
    for kind, name in (("SKY", "sky"), ("BACKGROUND", "instrument background"), ("DARK", "dark")):
        entries = [entry for entry in night.truth.of_kind(kind) if entry["dit_s"] == dit]
        if entries:
            paths: list[Path] = [night.raw / entry["file"] for entry in entries]
            return name, np.median(np.concatenate([fits.getdata(path) for path in paths]), axis=0)
    raise ValueError(f"{night.scenario.name}: no sky, background or dark of {dit} s")
