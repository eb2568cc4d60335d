"""Level 2 by principal components of other stars (RDI)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from pydantic import Field

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.inject import Psf
from reduce.kernels.rdi import Library, RdiReduction, library_modes, reduce_rdi, with_library_modes
from reduce.recipe import Job, SourceFile
from reduce.recipes.component_numbers import ComponentParameters, one_by_one
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Setting
from reduce.recipes.level2_recipe import Method, level2_recipe
from reduce.recipes.reference_frames import Science, read_references
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "RdiParameters"]

_MOST = 60  # modes tried at most
_AT_FWHM = 1.7  # separation at which the throughput is asked for: 2 lambda/D behind an apodised pupil
_AZIMUTHS = np.radians([25.0, 145.0, 265.0])


class RdiParameters(ComponentParameters):
    """Parameters of RDI: its components are the modes of the library."""

    least_throughput: float = Field(
        default=0.8,
        ge=0,
        lt=1,
        description="at 1.7 FWHM, or the inner separation if that is larger; limits the number chosen",
    )
    library_frames: int = Field(
        default=300,
        ge=1,
        description="frames of the library kept: those that resemble the science frames most",
    )


@dataclass(slots=True)
class _Libraries:
    """Modes of each channel's library, its likeness to the science frames, its number of frames; cubes."""

    names: tuple[str, ...]
    modes: list[Library] = field(default_factory=list)
    likeness: list[float] = field(default_factory=list)
    frames: int = 0


class _Rdi:
    """RDI with the number of modes asked for, or chosen on the middle channel."""

    def __init__(
        self, level1: Level1Cube, parameters: RdiParameters, job: Job, references: Sequence[SourceFile]
    ) -> None:
        self.level1, self.references = level1, references
        self.parameters, self.job = parameters, job
        self.components = parameters.numbers[0] if parameters.numbers else 0
        self.prepared: list[_Libraries] = []  # one, shared by all numbers of components
        self.psfs: Sequence[Psf] = ()

    def each(self) -> Sequence[tuple[str, Method]]:
        """As `level2_recipe.Several`: the library is made once."""
        return one_by_one(self, self.parameters.numbers)

    def __call__(self, setting: Setting) -> Algorithm:
        self.psfs = [channel.psf for channel in setting.channels]
        if not self.prepared:
            self.prepared.append(self._libraries(setting))
        if not self.components:
            self.components = self._chosen(setting)
        made = self.prepared[0]
        self.job.log.info("rdi", components=self.components, library=made.frames, likeness=made.likeness)

        def run(channel: Channel) -> RdiReduction:
            return self._reduced(channel, self.components)

        return run

    def _libraries(self, setting: Setting) -> _Libraries:
        science = Science([c.cube for c in setting.channels], setting.mask, self.parameters.library_frames)
        read = read_references(self.level1, self.references, science, self.job)
        made, most = _Libraries(read.names), max((_MOST, *self.parameters.numbers))
        made.frames = min(len(frames) for frames in read.frames)
        for frames, likeness in zip(read.frames, read.likeness, strict=True):
            made.likeness.append(round(float(likeness.mean()), 4))
            made.modes.append(library_modes(frames, most, setting.mask))
        return made

    def _reduced(self, channel: Channel, components: int) -> RdiReduction:
        pairs = zip(self.psfs, self.prepared[0].modes, strict=True)
        library = next(modes for psf, modes in pairs if psf is channel.psf)
        return reduce_rdi(channel.cube, channel.angles_deg, library, components, self.parameters.combine)

    def _chosen(self, setting: Setting) -> int:
        """The deepest of those numbers that let enough of a companion near the star through."""
        channel = setting.channels[len(setting.channels) // 2]
        made = partial(with_library_modes, self._reduced(channel, 1))
        grid = [k for k in component_grid(self.prepared[0].frames) if k <= _MOST]
        radius = max(_AT_FWHM * channel.fwhm, setting.inner_px)
        through = [_throughput(channel, made(k), radius) for k in grid]
        enough = [k for k, t in zip(grid, through, strict=True) if t >= self.parameters.least_throughput]
        choice = choose_components(channel, made, enough or grid[:1], (setting.inner_px, setting.outer_px))
        self.job.log.info(
            "components tried",
            throughput=dict(zip(grid, (round(t, 3) for t in through), strict=True)),
            tried=choice.tried,
            log_noise_over_throughput=[round(depth, 3) for depth in choice.depth],
        )
        return choice.best

    def cards(self) -> Sequence[Card]:
        made = self.prepared[0]
        likeness = [(f"REFCOR{n}", v, "mean correlation, channel") for n, v in enumerate(made.likeness, 1)]
        return [
            ("NCOMP", self.components, "modes of the library removed"),
            ("NCOMPAUT", not self.parameters.numbers, "their number chosen by depth"),
            ("NREFFRM", made.frames, "frames of other stars in the library"),
            ("NREFCUBE", len(made.names), "cubes of other stars"),
            ("PCAMEAN", False, "no mean taken off: the first mode is the star"),
            *likeness,
        ]


def _throughput(channel: Channel, reduction: RdiReduction, radius: float) -> float:
    """Share of a companion's flux that is left, mean over azimuths; it does not depend on its flux."""
    cx, cy = channel.centre
    flux = channel.star_flux if np.isfinite(channel.star_flux) else 1.0
    values = []
    for azimuth in _AZIMUTHS:
        x, y = cx - radius * np.sin(azimuth), cy + radius * np.cos(azimuth)
        ix, iy, half = round(x), round(y), int(np.ceil(channel.fwhm)) + 2
        parts = [(channel.stamps(x, y), flux)]
        change = reduction.patch(parts, ix, iy, half) - reduction.patch([], ix, iy, half)
        values.append(aperture_flux(change, channel.fwhm, x - ix + half, y - iy + half) / flux)
    return float(np.nanmean(values))


RECIPE = level2_recipe("pca_rdi", RdiParameters, _Rdi, turning=lambda _: False, references=True)
