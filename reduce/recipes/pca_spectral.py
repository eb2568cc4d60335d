"""Level 2 by principal components across wavelengths: ASDI over all frames, SDI over the channels of each."""

from collections.abc import Callable, Sequence
from functools import partial

from pydantic import Field

from reduce.kernels.asdi import joint_grid, reduce_asdi, reduce_sdi, with_joint_components
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.joint import JointChannel
from reduce.kernels.reduction import Reduction
from reduce.kernels.spectral import JointReduction
from reduce.recipe import Job
from reduce.recipes.component_numbers import ComponentParameters, check_numbers, one_by_one
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Setting
from reduce.recipes.level2_recipe import Method, level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["ASDI", "SDI", "SpectralParameters"]


class SpectralParameters(ComponentParameters):
    """Parameters of PCA across wavelengths."""

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
        self.components = parameters.numbers[0] if parameters.numbers else 0
        self.prepared: dict[int, JointReduction] = {}  # by one number of components, for all of them
        self.made: JointReduction | None = None
        self.wavelengths: Sequence[float] = ()

    def each(self) -> Sequence[tuple[str, Method]]:
        """As `level2_recipe.Several`."""
        return one_by_one(self, self.parameters.numbers)

    def __call__(self, setting: Setting) -> Algorithm:
        channel = setting.channels[0]
        assert isinstance(channel, JointChannel)
        self.wavelengths = [float(w) for w in channel.wavelengths_um]
        given = (setting.mask, self.parameters.combine)
        if not self.prepared:
            number = max(self.parameters.numbers or self.grid)  # its decomposition holds all the others
            self.prepared[number] = self.reduce(channel, number, *given)
        ((number, first),) = self.prepared.items()
        if not self.components:
            self.components = self._chosen(channel, first, (setting.inner_px, setting.outer_px))
        if self.components != number:
            first = with_joint_components(first, self.components)
        self.made = first
        self.job.log.info("components", components=self.components, asked=self.parameters.numbers)
        weights = first.weights

        def run(channel: Channel) -> Reduction:
            assert isinstance(channel, JointChannel)
            if channel is setting.channels[0]:
                return first
            return self.reduce(channel, self.components, *given, weights)

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
            ("NCOMPAUT", not self.parameters.numbers, "their number chosen by depth"),
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
    check_numbers(level1.name, parameters.numbers, frames)
    return _Spectral(reduce_asdi, frames, joint_grid(frames), parameters, job)


def _sdi(level1: Level1Cube, parameters: SpectralParameters, job: Job) -> _Spectral:
    channels = len(level1.joined)
    check_numbers(level1.name, parameters.numbers, channels, "channels")
    return _Spectral(reduce_sdi, channels, component_grid(channels), parameters, job)


def _spectrum(parameters: SpectralParameters) -> Sequence[float]:
    return parameters.spectrum


ASDI = level2_recipe("pca_asdi", SpectralParameters, _asdi, joint=_spectrum)
SDI = level2_recipe("pca_sdi", SpectralParameters, _sdi, joint=_spectrum, turning=lambda _: False)
