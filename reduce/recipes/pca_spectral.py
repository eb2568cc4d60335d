"""Level 2 by principal components across wavelengths: ASDI over all frames, SDI over the channels of each."""

from collections.abc import Callable, Sequence
from functools import partial

from pydantic import Field

from hcvo.errors import ReductionError
from reduce.kernels.asdi import joint_grid, reduce_asdi, reduce_sdi, with_joint_components
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.joint import JointChannel
from reduce.kernels.reduction import Reduction
from reduce.kernels.spectral import JointReduction
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["ASDI", "SDI", "SpectralParameters"]


class SpectralParameters(Level2Parameters):
    """Parameters of PCA across wavelengths."""

    components: int | None = Field(
        default=None,
        ge=1,
        description="principal components removed; None tries up to a third of the frames, takes the deepest",
    )
    spectrum: tuple[float, ...] = Field(
        default=(),
        description="contrast of a companion in each channel, any unit; empty: the same in all",
    )


class _Spectral:
    """All channels as one, by the number of components asked for or chosen."""

    def __init__(
        self,
        reduce: Callable[..., JointReduction],
        frames: int,
        grid: Sequence[int],
        parameters: SpectralParameters,
        job: Job,
    ) -> None:
        self.reduce, self.frames, self.grid = reduce, frames, grid
        self.parameters, self.job = parameters, job
        self.components = parameters.components or 0
        self.made: JointReduction | None = None
        self.wavelengths: Sequence[float] = ()

    def __call__(self, setting: Setting) -> Algorithm:
        channel = setting.channels[0]
        assert isinstance(channel, JointChannel)
        self.wavelengths = [float(w) for w in channel.wavelengths_um]
        first = self.reduce(channel, self.components or self.grid[0], setting.mask, self.parameters.combine)
        if not self.components:
            self.components = self._chosen(channel, first, (setting.inner_px, setting.outer_px))
            first = with_joint_components(first, self.components)
        self.made = first
        self.job.log.info("components", components=self.components, asked=self.parameters.components)
        weights = first.weights

        def run(channel: Channel) -> Reduction:
            assert isinstance(channel, JointChannel)
            return self.reduce(channel, self.components, setting.mask, self.parameters.combine, weights)

        return run

    def _chosen(self, channel: JointChannel, first: JointReduction, limits: tuple[float, float]) -> int:
        if len(self.grid) == 1:
            return self.grid[0]
        choice = choose_components(channel, partial(with_joint_components, first), self.grid, limits)
        depths = [round(depth, 3) for depth in choice.depth]
        self.job.log.info("components tried", tried=choice.tried, log_noise_over_throughput=depths)
        return choice.best

    def cards(self) -> Sequence[Card]:
        assert self.made is not None
        cards: list[Card] = [
            ("NCOMP", self.components, "principal components removed"),
            ("NCOMPAUT", self.parameters.components is None, "their number chosen by depth"),
            ("NFRAMES", self.frames, "frames that are reduced together"),
            ("PCAMEAN", len(self.made.groups) == 1, "mean over the frames subtracted first"),
            ("WAVEREF", min(self.wavelengths), "[um] wavelength to which frames were stretched"),
        ]
        weights = self.made.weights * self.made.spectrum
        spectra = zip(self.wavelengths, weights / weights.sum(), self.made.spectrum, strict=True)
        for number, (wavelength, weight, share) in enumerate(spectra, start=1):
            cards.append((f"JWAVE{number}", wavelength, "[um] of this plane of the residual"))
            cards.append((f"JWGHT{number}", float(weight), "its weight in the mean over channels"))
            cards.append((f"JSPEC{number}", float(share), "contrast of a companion, mean 1"))
        return cards


def _asdi(level1: Level1Cube, parameters: SpectralParameters, job: Job) -> _Spectral:
    frames = len(level1.joined) * level1.cube.shape[1]
    _check(level1, parameters, frames, "frames")
    return _Spectral(reduce_asdi, frames, joint_grid(frames), parameters, job)


def _sdi(level1: Level1Cube, parameters: SpectralParameters, job: Job) -> _Spectral:
    channels = len(level1.joined)
    _check(level1, parameters, channels, "channels")
    return _Spectral(reduce_sdi, channels, component_grid(channels), parameters, job)


def _check(level1: Level1Cube, parameters: SpectralParameters, frames: int, what: str) -> None:
    if (parameters.components or 0) >= frames:
        raise ReductionError(
            f"{level1.name}: {parameters.components} components of {frames} {what} leave nothing; "
            f"wanted at most {frames - 1}, lower 'components'"
        )


def _spectrum(parameters: SpectralParameters) -> Sequence[float]:
    return parameters.spectrum


ASDI = level2_recipe("pca_asdi", SpectralParameters, _asdi, joint=_spectrum)
SDI = level2_recipe("pca_sdi", SpectralParameters, _sdi, joint=_spectrum, turning=lambda _: False)
