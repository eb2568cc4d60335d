"""The Hawaii-2RG of the simulator: response, bad pixels, dark, read-out.

Densities and sizes were taken from the statistics of a real IRDIS master flat
and bad-pixel map: 3.6 % of the pixels inside the fields are bad, three
quarters of them alone, the rest in groups of 2 to 12; pixels differ by 1 %,
the field by some 5 % and its edges are vignetted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from reduce.simulate.instrument import BIAS_ADU, FIELDS, FULL_WELL_ADU, GAIN, NAXIS1, NAXIS2, READ_NOISE

__all__ = ["BAD_KINDS", "Detector", "make_detector", "perfect_detector"]

Image = NDArray[np.float32]
_SHAPE = (NAXIS2, NAXIS1)

_DEAD, _LOW, _HOT, _UNSTABLE, _CURVED = 1, 2, 3, 4, 5
BAD_KINDS = {
    _DEAD: "dead",
    _LOW: "low response",
    _HOT: "hot",
    _UNSTABLE: "unstable",
    _CURVED: "not linear",
}
_SHARES = {_DEAD: 0.010, _LOW: 0.009, _HOT: 0.011, _UNSTABLE: 0.003}
_GROUPED = 0.10
"""Share of the bad seeds that grow into a group."""
_CURVED_SHARE = 4e-4
_LOSSES = (0.05, 0.12)
"""Shares that pixels that are not linear lose at half the full well."""


@dataclass(frozen=True)
class Detector:
    """Maps of one detector, each (1024, 2048).

    Attributes
    ----------
    response : NDArray[np.float32]
        Electrons per electron of even light; 0 outside the fields.
    dark : NDArray[np.float32]
        Electrons per second.
    bias : NDArray[np.float32]
        ADU.
    bad : NDArray[np.uint8]
        0 good, else a key of `BAD_KINDS`.
    restless : NDArray[np.float32]
        ADU that unstable pixels jump by; 0 elsewhere.
    loss : NDArray[np.float32]
        Share of the electrons that is lost at half the full well; 0 where the pixel is linear.
    read_noise : float
        Electrons rms.
    """

    response: Image
    dark: Image
    bias: Image
    bad: NDArray[np.uint8]
    restless: Image
    loss: Image
    read_noise: float

    def read(self, light: Image, dit_s: float, rng: np.random.Generator) -> Image:
        """Expose once.

        Photon and dark noise are Gaussian with the variance of the Poisson law: where counts
        are small, read noise rules.

        Parameters
        ----------
        light : Image
            Electrons per second a perfect pixel would collect, (1024, 2048).
        dit_s : float
            Integration time.
        rng : np.random.Generator
            Noise.

        Returns
        -------
        NDArray[np.float32]
            ADU, (1024, 2048).
        """
        electrons = (light * self.response + self.dark) * np.float32(dit_s)
        curved = np.flatnonzero(self.loss)
        full = electrons.flat[curved] / np.float32(GAIN * FULL_WELL_ADU / 2)
        electrons.flat[curved] /= 1 + full * self.loss.flat[curved] / (1 - self.loss.flat[curved])
        noise = rng.standard_normal(_SHAPE, dtype=np.float32)
        noise *= np.sqrt(electrons + np.float32(self.read_noise**2))
        frame: Image = (electrons + noise) / np.float32(GAIN)
        frame += self.bias
        if self.read_noise > 0:
            frame += _drift(rng)
        unstable = np.flatnonzero(self.restless)
        jumps = rng.random(unstable.size, dtype=np.float32) < np.float32(0.35)
        frame.flat[unstable] += self.restless.flat[unstable] * jumps
        np.clip(frame, None, np.float32(FULL_WELL_ADU), out=frame)
        return frame


def perfect_detector(read_noise: float = 0.0) -> Detector:
    """No structure, no noise but the photons' and of reading: for tests and realism checks."""
    zero = np.zeros(_SHAPE, dtype=np.float32)
    return Detector(
        zero + np.float32(1), zero, zero, np.zeros(_SHAPE, dtype=np.uint8), zero, zero, read_noise
    )


def make_detector(rng: np.random.Generator) -> Detector:
    """Draw a detector."""
    bad = _bad_pixels(rng)
    response = _response(rng)
    response[bad == _DEAD] *= rng.uniform(0.0, 0.05, np.count_nonzero(bad == _DEAD)).astype(np.float32)
    response[bad == _LOW] *= rng.uniform(0.2, 0.8, np.count_nonzero(bad == _LOW)).astype(np.float32)
    dark = rng.gamma(4.0, 0.02 / 4.0, _SHAPE).astype(np.float32)
    hot = np.count_nonzero(bad == _HOT)
    dark[bad == _HOT] = np.clip(rng.lognormal(np.log(120.0), 1.2, hot), 15.0, 2.0e4).astype(np.float32)
    restless = np.zeros(_SHAPE, dtype=np.float32)
    unstable = np.count_nonzero(bad == _UNSTABLE)
    restless[bad == _UNSTABLE] = (
        rng.lognormal(np.log(400.0), 0.8, unstable) * rng.choice([-1, 1], unstable)
    ).astype(np.float32)
    loss = _losses(bad, rng.spawn(1)[0])
    bad[loss > 0] = _CURVED
    return Detector(response, dark, _bias(rng), bad, restless, loss, READ_NOISE)


def _losses(bad: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Some of the good pixels roll off; the more light they hold, the more of it they lose."""
    curved = rng.choice(np.flatnonzero(bad == 0), int(_CURVED_SHARE * bad.size), replace=False)
    loss = np.zeros(_SHAPE, dtype=np.float32)
    loss.flat[curved] = rng.uniform(*_LOSSES, curved.size)
    return loss


def _bias(rng: np.random.Generator) -> Image:
    """Reset level: outputs of 64 columns and a slope along each."""
    outputs = np.repeat(rng.normal(0.0, 4.0, NAXIS1 // 64), 64)
    rows = 3.0 * np.exp(-np.arange(NAXIS2) / 60.0)
    pixels = rng.normal(0.0, 1.5, _SHAPE)
    return (BIAS_ADU + outputs[None, :] + rows[:, None] + pixels).astype(np.float32)


def _drift(rng: np.random.Generator) -> Image:
    """Level of the outputs and rows in one read-out, ADU."""
    outputs = np.repeat(rng.normal(0.0, 0.6, NAXIS1 // 64), 64)
    rows = rng.normal(0.0, 0.5, NAXIS2)
    return (outputs[None, :] + rows[:, None]).astype(np.float32)


def _bad_pixels(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Kinds of bad pixels, alone and in groups."""
    bad = np.zeros(_SHAPE, dtype=np.uint8)
    grown = 1.0 + _GROUPED * 3.5
    for kind, share in _SHARES.items():
        seeds = rng.choice(NAXIS1 * NAXIS2, int(share / grown * NAXIS1 * NAXIS2), replace=False)
        bad.flat[seeds] = kind
        y, x = np.unravel_index(seeds[: int(_GROUPED * seeds.size)], _SHAPE)
        _grow(bad, y, x, kind, rng)
    return bad


def _grow(
    bad: NDArray[np.uint8], y: NDArray[np.intp], x: NDArray[np.intp], kind: int, rng: np.random.Generator
) -> None:
    """Add neighbours to seeds, in place: often the cross of a bump-bond failure, at times the full block."""
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            cross = dy == 0 or dx == 0
            take = rng.random(y.size) < (0.6 if cross else 0.3)
            inside = np.clip(y[take] + dy, 0, NAXIS2 - 1), np.clip(x[take] + dx, 0, NAXIS1 - 1)
            bad[inside] = kind


def _response(rng: np.random.Generator) -> Image:
    """Vignetted, uneven response with 1 % pixel-to-pixel scatter; median 1 in each lit field."""
    response = np.zeros(_SHAPE, dtype=np.float64)
    for one in FIELDS:
        x, y = np.arange(NAXIS2, dtype=np.float64), np.arange(NAXIS2, dtype=np.float64)
        shape = np.outer(_edge(y, *one.rows, 0.16), _edge(x, *one.columns, 0.12))
        large = gaussian_filter(rng.standard_normal((NAXIS2, NAXIS2)), 90.0, mode="reflect")
        middle = gaussian_filter(rng.standard_normal((NAXIS2, NAXIS2)), 12.0, mode="reflect")
        shape *= 1.0 + 0.010 * large / large.std() + 0.003 * middle / middle.std()
        lit = shape > 0
        shape[lit] /= np.median(shape[lit])
        response[:, one.x_offset : one.x_offset + NAXIS2] = shape
    return (response * (1.0 + 0.0095 * rng.standard_normal(_SHAPE))).astype(np.float32)


def _edge(position: NDArray[np.float64], first: int, last: int, loss: float) -> NDArray[np.float64]:
    """Response along one axis: a steep rise at each end, a shallow loss towards it, flat in the middle."""
    inward = np.minimum(position - first, last - position)
    steep = 1.0 / (1.0 + np.exp(-(inward - 3.0) / 1.6))
    shallow = 1.0 - loss * np.exp(-np.maximum(inward, 0.0) / 55.0)
    return np.asarray(np.where(inward >= 0, steep * shallow, 0.0))
