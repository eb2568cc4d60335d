"""How many components: the grid, and the choice where the answer can be worked out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from reduce.kernels import pca, spectral
from reduce.kernels.aperture import aperture_map, ring_size
from reduce.kernels.asdi import reduce_asdi, reduce_sdi, with_joint_components
from reduce.kernels.channels import Channel, radial_noise
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.contrast import threshold_flux, throughput_at
from reduce.kernels.fit import Scene
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import JointChannel, join
from reduce.kernels.pca import reduce_pca, with_components
from reduce.kernels.photometry import normalised
from reduce.kernels.reduction import Reduction
from reduce.kernels.spectral import JointReduction


def test_the_grid_grows_by_a_factor_to_a_third_of_the_frames() -> None:
    assert component_grid(1) == component_grid(3) == component_grid(5) == (1,)
    assert component_grid(6) == (1, 2)
    assert component_grid(9) == (1, 2, 3)
    assert component_grid(32) == (1, 2, 3, 4, 6, 8, 10)
    assert component_grid(99) == (1, 2, 3, 4, 6, 8, 11, 15, 21, 29, 33)


def _channel(fwhm: float = 4.0, size: int = 51, seed: int = 1) -> Channel:
    y, x = np.mgrid[-7:8, -7:8]
    psf = prepare_psf(normalised(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2), fwhm))
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=(8, size, size))
    for strength in (40.0, 20.0, 10.0):
        cube += strength * rng.normal(size=(8, 1, 1)) * rng.normal(size=(size, size))
    return Channel(cube.astype(np.float32), np.linspace(0.0, 80.0, 8), psf, fwhm, 1e6)


@pytest.mark.parametrize(
    ("fwhm", "limits", "radii"),
    [
        (4.0, (0.0, 25.0), (8.0, 12.0, 20.0)),
        (4.0, (8.0, 12.0), (8.0, 12.0)),
        (4.0, (13.0, 17.0), (15.0,)),
        (1.5, (0.0, 60.0), (3.0, 4.5, 7.5, 12.0, 19.5, 31.5, 51.0)),
    ],
)
def test_the_deepest_mean_of_noise_over_throughput_is_taken(
    fwhm: float, limits: tuple[float, float], radii: tuple[float, ...]
) -> None:
    channel = _channel(fwhm, 51 if fwhm == 4.0 else 121)
    reduction = reduce_pca(channel.cube, channel.angles_deg, 1)
    found = choose_components(channel, partial(with_components, reduction), (1, 3, 6), limits)
    depth = []
    for count in (1, 3, 6):
        tried = with_components(reduction, count)
        noise = radial_noise(aperture_map(tried.image, fwhm), fwhm / 2)
        scene, logs = Scene([channel], [tried], np.ones(1)), []
        for radius in radii:
            level = noise[round(radius)]
            wanted = threshold_flux(level, ring_size(radius, fwhm) - 1)
            azimuths = np.radians([25.0, 145.0, 265.0])
            through = throughput_at(scene, 0, (radius, azimuths), wanted, 0.3).own
            logs.append(np.log10(level / max(through, 0.003)))
        depth.append(np.mean(logs))
    assert found.tried == (1, 3, 6)
    assert found.depth == pytest.approx(depth)
    assert found.best == (1, 3, 6)[int(np.argmin(depth))] == 3


def test_where_nothing_comes_through_the_floor_counts() -> None:
    channel = _channel()
    reduction = reduce_pca(channel.cube, channel.angles_deg, 1)
    found = choose_components(channel, partial(with_components, reduction), (1, 7), (7.0, 9.0))
    tried = with_components(reduction, 7)
    noise = radial_noise(aperture_map(tried.image, 4.0), 2.0)
    assert found.depth[1] <= np.log10(noise[8] / 0.003) + 1e-6
    assert found.best == (1 if found.depth[0] < found.depth[1] else 7)


def test_without_any_noise_no_number_can_be_chosen() -> None:
    channel = _channel()
    dark = replace(channel, cube=np.zeros_like(channel.cube))
    reduction = reduce_pca(dark.cube, dark.angles_deg, 1)
    with pytest.raises(
        ValueError, match=r"no noise is left at 8, 12, 20 px with any of .* parameter components"
    ):
        choose_components(dark, partial(with_components, reduction), (1, 2), (0.0, 25.0))


def _one_by_one(channel: Channel, reductions: Sequence[Reduction], radii: Sequence[float]) -> list[float]:
    """The plain formula: number by number, each with companions of its own."""
    depth = []
    for reduction in reductions:
        noise = radial_noise(aperture_map(reduction.image, channel.fwhm), channel.fwhm / 2)
        scene, logs = Scene([channel], [reduction], np.ones(1)), []
        for radius in radii:
            level = float(noise[round(radius)])
            wanted = threshold_flux(level, ring_size(radius, channel.fwhm) - 1)
            azimuths = np.radians([25.0, 145.0, 265.0])
            through = throughput_at(scene, 0, (radius, azimuths), wanted, 0.3).own
            logs.append(np.log10(level / max(through, 0.003)))
        depth.append(float(np.mean(logs)))
    return depth


def _counted(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[int]:
    """Calls of a function of a module, from now on."""
    calls, function = [0], getattr(module, name)

    def counting(*given: object) -> object:
        calls[0] += 1
        return function(*given)

    monkeypatch.setattr(module, name, counting)
    return calls


def test_of_one_channel_products_of_a_companion_are_taken_once_for_all_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel, grid = _channel(), (1, 3, 6)
    reduction = reduce_pca(channel.cube, channel.angles_deg, 1)
    slow = _one_by_one(channel, [reduce_pca(channel.cube, channel.angles_deg, k) for k in grid], (8.0, 12.0))
    calls = _counted(monkeypatch, pca, "gram_change")
    found = choose_components(channel, partial(with_components, reduction), grid, (8.0, 12.0))
    assert calls == [6]  # 2 rings, 3 azimuths
    assert found.depth == tuple(slow)


@pytest.mark.parametrize("reduce", [reduce_asdi, reduce_sdi])
def test_of_joint_channels_products_of_a_companion_are_taken_once_for_all_numbers(
    monkeypatch: pytest.MonkeyPatch, reduce: Callable[[JointChannel, int], JointReduction]
) -> None:
    channel, grid = (
        join([replace(_channel(seed=s), wavelength_um=1.0 + 0.1 * s) for s in range(4)]),
        (1, 2, 3),
    )
    slow = _one_by_one(channel, [with_joint_components(reduce(channel, 3), k) for k in grid], (8.0, 12.0))
    first = reduce(channel, 3)
    calls = _counted(monkeypatch, spectral, "_inject")
    found = choose_components(channel, partial(with_joint_components, first), grid, (8.0, 12.0))
    assert calls == [6]
    assert found.depth == tuple(slow)


def test_a_number_without_noise_has_no_depth_and_is_not_taken() -> None:
    channel = _channel()
    reduction = reduce_pca(channel.cube, channel.angles_deg, 1)
    found = choose_components(channel, partial(with_components, reduction), (8, 3), (8.0, 12.0))
    assert np.isnan(found.depth[0])
    assert found.best == 3
    assert (
        found.depth[1:]
        == choose_components(channel, partial(with_components, reduction), (3,), (8.0, 12.0)).depth
    )
