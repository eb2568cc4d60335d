"""Noise alone: does `snr` follow Student's t, and are false alarms as many as it says?"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from hcvo.report import Row
from reduce.kernels.aperture import ring_size
from reduce.kernels.contrast import threshold_flux
from reduce.kernels.snr import Rings, prepare_rings, ring_noise, significance
from reduce.simulate.instrument import PIXEL_MAS
from reduce.simulate.level1_cube import SequencePlan, simulate_sequence
from reduce.simulate.optics import lambda_over_d
from tests.truth.level2_cubes import ready

__all__ = [
    "NOISE_CUBES",
    "alarm_draws",
    "alarm_rows",
    "distance_from_uniform",
    "noise_draws",
    "noise_rows",
    "tail_rows",
]

NOISE_CUBES = 2000
_WAVELENGTH = 1.1  # um: 12 lambda/D are 28 pixels, so that cubes may be small
_SIZE = 65
_TURNS = np.linspace(-118.0, -68.0, 20)
_SEPARATIONS = (3.0, 6.0, 12.0)  # lambda/D
_FAR = 0.05

_ALARM_FWHM = 3.9
_ALARM_SIZE = 69
_ALARM_RADII = (4.0, 6.5, 9.0, 12.0, 16.0, 20.0, 24.0, 28.0)
_LEVEL = 1.35e-3
_CLOSE, _MANY, _DRAWS = 0.1, 18, 1e5
_TAIL_CLOSE = 1e-6


def noise_draws(name: str, seed: int, cubes: int) -> NDArray[np.float64]:
    """Reduce cubes of white noise and look at one aperture at each separation, at any azimuth.

    The algorithm is set up on a sequence with speckles: it removes as much as it would from a real one.

    Parameters
    ----------
    name : str
        Algorithm.
    seed : int
        Of these cubes.
    cubes : int
        How many.

    Returns
    -------
    NDArray[np.float64]
        (cube, separation) cumulative probability of `snr` by its own t distribution.
    """
    plan = SequencePlan(_TURNS, _SIZE, (_WAVELENGTH,))
    made = ready(simulate_sequence(plan, np.random.default_rng(1)), name, max_candidates=0)
    channel, rng = made.channels[0], np.random.default_rng([seed, 3])
    scale = lambda_over_d(_WAVELENGTH) / PIXEL_MAS
    draws = []
    for _ in range(cubes):
        noise = rng.standard_normal(channel.cube.shape, dtype=np.float32)
        image = made.algorithm(replace(channel, cube=noise)).image
        rings = prepare_rings(image, channel.fwhm)
        draws.append([_probability(rings, each * scale, rng) for each in _SEPARATIONS])
    return np.array(draws)


def _probability(rings: Rings, radius: float, rng: np.random.Generator) -> float:
    """Cumulative probability of the statistic at a pixel of a ring, at any azimuth."""
    t, dof = _statistic(rings, radius, rng)
    return float(stats.t.cdf(t, dof))


def _statistic(rings: Rings, radius: float, rng: np.random.Generator) -> tuple[float, int]:
    middle, azimuth = rings.flux.shape[0] // 2, rng.uniform(0.0, 2 * np.pi)
    x, y = round(middle + radius * np.cos(azimuth)), round(middle + radius * np.sin(azimuth))
    count, mean, deviation = ring_noise(rings, x, y)
    return (float(rings.flux[y, x]) - mean) / (deviation * np.sqrt(1 + 1 / count)), count - 1


def distance_from_uniform(probabilities: NDArray[np.float64]) -> float:
    """Kolmogorov's distance of probabilities from a uniform distribution.

    Parameters
    ----------
    probabilities : NDArray[np.float64]
        (n,).

    Returns
    -------
    float
        Largest distance of the cumulative distributions.
    """
    ordered, number = np.sort(probabilities), len(probabilities)
    steps = np.arange(number + 1) / number
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))


def noise_rows(name: str, draws: NDArray[np.float64]) -> list[Row]:
    """How far `snr` of reduced white noise is from Student's t.

    Parameters
    ----------
    name : str
        Algorithm.
    draws : NDArray[np.float64]
        (cube, separation) of `noise_draws`.

    Returns
    -------
    list[Row]
        One a separation.
    """
    rows = []
    for number, separation in enumerate(_SEPARATIONS):
        finite = draws[np.isfinite(draws[:, number]), number]
        distance = distance_from_uniform(finite) if len(finite) else None
        ok = distance is not None and distance <= _FAR and len(finite) >= NOISE_CUBES
        quantity = f"noise at {separation:g} lambda/D: CDF of snr from t"
        rows.append(Row(name, quantity, distance, f"of {len(finite)} cubes", f"<= {_FAR:g}", ok=ok))
    return rows


def alarm_draws(seed: int, images: int) -> NDArray[np.int64]:
    """Look at one aperture on each of several rings of images of white noise.

    The rings are more than an aperture apart: draws are independent.

    Parameters
    ----------
    seed : int
        Of these images.
    images : int
        How many.

    Returns
    -------
    NDArray[np.int64]
        (ring,) apertures whose `snr` is beyond the t of a false-positive fraction of 1.35e-3.
    """
    rng = np.random.default_rng([seed, 4])
    beyond = np.zeros(len(_ALARM_RADII), np.int64)
    for _ in range(images):
        rings = prepare_rings(rng.standard_normal((_ALARM_SIZE, _ALARM_SIZE), dtype=np.float32), _ALARM_FWHM)
        drawn = np.array([_statistic(rings, radius, rng) for radius in _ALARM_RADII])
        beyond += special.stdtr(drawn[:, 1], -drawn[:, 0]) < _LEVEL
    return beyond


def alarm_rows(beyond: NDArray[np.int64], images: int) -> list[Row]:
    """False alarms against what they should be.

    Parameters
    ----------
    beyond : NDArray[np.int64]
        (ring,) sums of `alarm_draws`.
    images : int
        How many images gave them.

    Returns
    -------
    list[Row]
        One a ring, with a goal where N >= 18, and those rings together; the Poisson error beside each.
    """
    sizes = np.array([ring_size(radius, _ALARM_FWHM) for radius in _ALARM_RADII])
    many = sizes >= _MANY
    rows = [_alarms(f"N >= {_MANY}", int(beyond[many].sum()), images * int(many.sum()), judged=True)]
    for size, count in zip(sizes, beyond, strict=True):
        rows.append(_alarms(f"N = {size}", int(count), images, judged=size >= _MANY))
    return rows


def _alarms(which: str, count: int, draws: int, *, judged: bool) -> Row:
    expected = draws * _LEVEL
    ratio, error = count / expected, 1 / np.sqrt(expected)
    close = abs(ratio - 1) <= _CLOSE and draws >= _DRAWS
    return Row(
        "snr statistic",
        f"false alarms at {_LEVEL:g}, {which}",
        ratio,
        f"+- {error:.3f} of {draws}",
        f"1 +- {_CLOSE:g} from >= {_DRAWS:g} draws" if judged else "stated",
        ok=close or not judged,
    )


def tail_rows() -> list[Row]:
    """The 5 sigma tail by integrals of the two densities, not by the functions the kernels call.

    Returns
    -------
    list[Row]
        Largest errors of threshold and significance over many degrees of freedom.
    """
    threshold, sigmas, worst, roundtrip = [], (3.0, 4.0, 5.0, 6.0), 0.0, 0.0
    for dof in (2, 3, 5, 9, 16, 30, 100, 400):
        for sigma in sigmas:
            t = threshold_flux(1.0, dof + 1, sigma) / np.sqrt(1 + 1 / (dof + 1))
            threshold.append(abs(_tail_t(t, dof) / _tail_normal(sigma) - 1))
            roundtrip = max(roundtrip, abs(float(significance(t, dof)) - sigma))
    worst = float(max(threshold))
    return [
        Row(
            "snr statistic",
            "5 sigma tail: false-positive fraction at the threshold, relative error",
            worst,
            "",
            f"<= {_TAIL_CLOSE:g}",
            ok=worst <= _TAIL_CLOSE,
        ),
        Row(
            "snr statistic",
            "5 sigma tail: significance of the threshold, largest error",
            roundtrip,
            "sigma",
            f"<= {_TAIL_CLOSE:g}",
            ok=roundtrip <= _TAIL_CLOSE,
        ),
    ]


def _tail_normal(z: float) -> float:
    """Integral of the Gaussian density from z on."""
    value, _ = integrate.quad(lambda u: np.exp(-0.5 * u * u - z * u), 0.0, 40.0, epsabs=0, epsrel=1e-11)
    return float(value * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def _tail_t(t: float, dof: float) -> float:
    """Integral of Student's density from t on, over s = t / u in (0, 1]."""
    constant = np.exp(special.gammaln((dof + 1) / 2) - special.gammaln(dof / 2)) / np.sqrt(dof * np.pi)
    value, _ = integrate.quad(
        lambda s: (1 + (t / s) ** 2 / dof) ** (-(dof + 1) / 2) * t / s**2, 0.0, 1.0, epsabs=0, epsrel=1e-11
    )
    return float(constant * value)
