"""Annular PCA: its rings, its references, and what is left, ring by ring from the pixels."""

import numpy as np
import pytest

from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca, with_components
from reduce.kernels.channels import Channel
from reduce.kernels.inject import prepare_psf
from reduce.kernels.leading_modes import LeadingModes

_FWHM, _LIMITS = 3.0, (2.0, 14.0)
_ANGLES = np.array([0.0, 8.0, 20.0, 27.0, 40.0, 58.0, 61.0, 80.0])


def _channel(shape: tuple[int, int], angles: np.ndarray = _ANGLES) -> Channel:
    rng = np.random.default_rng(2)
    cube = rng.normal(size=(len(angles), *shape)) + rng.normal(size=(len(angles), 1, 1)) * rng.normal(
        size=shape
    )
    y, x = np.mgrid[-5:6, -5:6]
    psf = prepare_psf(np.exp(-0.3 * (x**2 + y**2)))
    return Channel(cube.astype(np.float32), angles, psf, _FWHM, 1e4)


@pytest.mark.parametrize("shape", [(27, 33), (33, 27)])
def test_rings_are_whole_and_as_wide_as_asked_for(shape: tuple[int, int]) -> None:
    """Three of 4 px; pixels further in and out belong to the first and the last, not to their zones."""
    found = reduce_annular_pca(_channel(shape), _LIMITS, AnnularPca(1, width=4 / 3))
    rows, columns = np.indices(shape)
    radius = np.hypot(rows - shape[0] // 2, columns - shape[1] // 2)
    wanted = np.clip((radius - 2.0) // 4, 0, 2)
    np.testing.assert_array_equal(found.regions.number, wanted)
    for ring, zone in enumerate(found.regions.zones):
        inside = (radius >= 2.0 + 4 * ring) & (radius < 6.0 + 4 * ring)
        np.testing.assert_array_equal(zone, np.flatnonzero(inside))
    np.testing.assert_array_equal(found.regions.ring_of, [0, 1, 2])


@pytest.mark.parametrize(("at_px", "radii"), [(None, (4.0, 8.0, 12.0)), (9.0, (9.0, 9.0, 9.0))])
def test_references_are_those_in_which_a_companion_has_moved(
    at_px: float | None, radii: tuple[float, float, float]
) -> None:
    given = AnnularPca(1, distance=0.7, width=4 / 3, least=1, most=3, at_px=at_px)
    solve = reduce_annular_pca(_channel((31, 31)), _LIMITS, given).solve
    for ring, radius in enumerate(radii):
        for t, own in enumerate(_ANGLES):
            chord = 2 * radius * np.abs(np.sin(np.radians(_ANGLES - own) / 2))
            far = [s for s in np.argsort(np.abs(np.arange(8) - t), kind="stable") if chord[s] >= 0.7 * _FWHM]
            assert np.flatnonzero(solve.references.allowed[ring, t]).tolist() == sorted(far[:3])


def test_frames_have_as_many_references_as_they_must() -> None:
    given = AnnularPca(1, distance=50.0, width=4 / 3, least=4)
    allowed = reduce_annular_pca(_channel((31, 31)), _LIMITS, given).solve.references.allowed
    assert (allowed.sum(axis=2) == 4).all()


@pytest.mark.parametrize("components", [0, 1, 3])
def test_what_is_left_is_what_the_references_modes_do_not_hold(components: int) -> None:
    """No turn: all frames but the own one are references; the image is the mean of what is left."""
    channel = _channel((29, 31), np.zeros(8))
    given = AnnularPca(components, width=4 / 3, least=7)
    found = reduce_annular_pca(channel, _LIMITS, given, "mean")
    data = (channel.cube - channel.cube.mean(axis=0)).reshape(8, -1).astype(np.float64)
    left = data.copy()
    for ring, zone in enumerate(found.regions.zones):
        here = np.flatnonzero(found.regions.number.ravel() == ring)
        for t in range(8):
            others = np.arange(8) != t
            u, s, vt = np.linalg.svd(data[others][:, zone], full_matrices=False)
            shares = (vt[:components] @ data[t, zone]) / s[:components] @ u[:, :components].T
            left[t, here] -= shares @ data[others][:, here]
    np.testing.assert_allclose(found.image.ravel(), left.mean(axis=0), atol=1e-4)
    again = with_components(
        reduce_annular_pca(channel, _LIMITS, AnnularPca(2, width=4 / 3, least=7), "mean"), components
    )
    np.testing.assert_allclose(again.image, found.image, atol=1e-6)
    assert with_components(found, components) is found
    assert isinstance(again.solve, LeadingModes)
    assert again.solve.components == components
