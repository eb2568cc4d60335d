"""Tasks of one IRDIS imaging sequence: which recipe gets which files.

A file that stands in for something missing carries the match level of its absence, so that every product made
from it has it in its header. Raw frames of a master calibration carry 0, whoever asks for it: the same master
serves many sequences, and how well it fits each travels with its use.
"""

from collections.abc import Iterable
from dataclasses import replace

from hcvo.errors import AssociationError
from hcvo.model.frame import RawFrame
from reduce.desk import Desk
from reduce.instruments import sphere_irdis_match as irdis
from reduce.instruments.sphere_irdis_filters import FILTERS
from reduce.match import Choice, DataSource, FrameGroup
from reduce.task import Made, Raw, Task

__all__ = ["tasks_of"]


def tasks_of(desk: Desk, opening: RawFrame) -> list[Task]:
    """Tasks of one science group, calibrations first.

    Parameters
    ----------
    desk : Desk
        Finds the calibrations.
    opening : RawFrame
        The frame that names the observation.

    Returns
    -------
    list[Task]
        Those of calibrations that several groups share have the same key in each.

    Notes
    -----
    AssociationError if there is no flat, or no background of the science frames, or their filter is unknown.
    """
    return _Sequence(desk, opening).tasks()


class _Sequence:
    """Tasks of one science group as they come up."""

    def __init__(self, desk: Desk, opening: RawFrame) -> None:
        self._desk = desk
        self._science = desk.science
        self._first = desk.science.frames[0]
        self._observation = (Raw(opening),)
        self._tasks: dict[str, Task] = {}

    def tasks(self) -> list[Task]:
        if self._first.filter not in FILTERS:
            raise AssociationError(
                f"{self._first.dp_id}: its filter (INS COMB IFLT) is {self._first.filter!r}, wanted one of "
                f"{', '.join(FILTERS)}; no other is reduced"
            )
        flat_choice = self._desk.find("flat", irdis.FLAT)
        background_source = irdis.background_of(self._first.filter)
        background = self._background("background", background_source, self._science)
        if lacking := self._desk.lacking():
            raise AssociationError(lacking)
        assert flat_choice is not None
        assert background is not None  # without them something is lacking
        flat = self._flat(flat_choice)
        centres = self._centres(flat, flat_choice, background)
        psf, lost = self._psf(flat, flat_choice)
        self._add(
            _key("ird_level1", self._science, self._first),
            "ird_level1",
            science=_raws(self._science.frames, lost),
            background=(background,),
            flat=(Made(flat, "flat", flat_choice.level),),
            centres=(centres,),
            psf=psf,
            observation=self._observation,
            sparta=_raws(self._desk.during("sparta", irdis.SPARTA)),
        )
        return list(self._tasks.values())

    def _centres(self, flat: str, flat_choice: Choice, of_science: Made) -> Made:
        """The star's place: from CENTER frames, else from the science at the level of their absence."""
        background = of_science
        source = irdis.center_of(self._first.coronagraph)
        choice = self._desk.find("center", source)
        if choice is not None:
            table = irdis.center_background_of(self._first.filter)
            own = self._background("center background", table, choice.group)
            choice = choice if own is not None else None
            background = own or of_science
        frames = choice.group if choice is not None else self._science
        level = choice.level if choice is not None else source.without
        assert level is not None
        key = _key("ird_star_centre", frames, self._first)
        science_alone = Task(
            key,
            "ird_star_centre",
            {
                "center": (),
                "science": _raws(self._science.frames, source.without or 0),
                "background": (of_science,),
                "science_background": (),
                "flat": (Made(flat, "flat", flat_choice.level),),
                "observation": self._observation,
            },
        )
        self._tasks[key] = science_alone
        if choice is not None:
            flat_level = self._desk.level_of(irdis.FLAT, flat_choice, frames)
            inputs: dict[str, tuple[Raw | Made, ...]] = {
                "center": _raws(choice.group.frames),
                "science": _raws(self._science.frames),
                "background": (background,),
                "science_background": (of_science,) if background.task != of_science.task else (),
                "flat": (Made(flat, "flat", flat_level),),
                "observation": self._observation,
            }
            self._tasks[key] = Task(key, "ird_star_centre", inputs, instead=science_alone)
        return Made(key, "centres", level)

    def _psf(self, flat: str, flat_choice: Choice) -> tuple[tuple[Made, ...], int]:
        """The PSF, or none and the level of its absence."""
        choice = self._desk.find("flux", irdis.FLUX)
        background = None
        if choice is not None:
            background = self._background("flux background", irdis.FLUX_BACKGROUND, choice.group)
        if choice is None or background is None:
            assert irdis.FLUX.without is not None
            return (), irdis.FLUX.without
        key = _key("ird_flux_psf", choice.group, self._first)
        flat_level = self._desk.level_of(irdis.FLAT, flat_choice, choice.group)
        self._add(
            key,
            "ird_flux_psf",
            flux=_raws(choice.group.frames),
            background=(background,),
            flat=(Made(flat, "flat", flat_level),),
            observation=self._observation,
            science=(Raw(self._first),),
        )
        return (Made(key, "psf", choice.level, irdis.FLUX.without),), 0

    def _background(self, role: str, source: DataSource, wanted: FrameGroup) -> Made | None:
        choice = self._desk.find(role, source, wanted)
        if choice is None:
            return None
        key = _key("ird_master_dark", choice.group)
        self._add(key, "ird_master_dark", dark=_raws(choice.group.frames))
        return Made(key, "dark", choice.level)

    def _flat(self, choice: Choice) -> str:
        """The flat and the darks of its DITs."""
        darks: dict[str, Made] = {}
        level = 0
        lamps = {round(frame.dit_s, 2): frame for frame in reversed(choice.group.frames)}
        for lamp in sorted(lamps.values(), key=lambda frame: frame.dit_s):
            alone = FrameGroup(choice.group.tag, (lamp,))
            dark = self._background("flat dark", irdis.FLAT_DARK, alone)
            if dark is not None:
                darks[dark.task] = replace(dark, without=irdis.FLAT_DARK.without)
            else:
                level = irdis.FLAT_DARK.without or 0
        key = _key("ird_master_flat", choice.group)
        frames = _raws(choice.group.frames, level)
        self._add(key, "ird_master_flat", flat=frames, dark=tuple(darks.values()))
        return key

    def _add(self, key: str, recipe: str, **inputs: tuple[Raw | Made, ...]) -> None:
        self._tasks[key] = Task(key, recipe, inputs)


def _raws(frames: Iterable[RawFrame], level: int = 0) -> tuple[Raw, ...]:
    return tuple(Raw(frame, level) for frame in frames)


def _key(recipe: str, group: FrameGroup, science: RawFrame | None = None) -> str:
    first = group.frames[0]
    words = [recipe, group.tag, first.dp_id, f"{first.dit_s:g} s", first.filter]
    if science is not None:
        words.append(f"for {science.dp_id}")
    return " ".join(word for word in words if word)
