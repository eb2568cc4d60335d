"""SPHERE/IRDIS: which calibrations fit which frames, and how well.

ESO's and the SPHERE data centre's rules: background by SKY, then instrument background, then dark, with the
same DIT; flat of the same filter; CENTER and FLUX of the same observing block, best of the same execution
of it. Level 0 is the calibration plan (of the same night, however many hours away), 1 at most 12 h away, 2
within a week, 3 farther or with something that may matter left unequal.

The level comes first, then the class: an instrument background of level 0 is taken before a sky of level 1.
That is our choice; how ESO's engine weighs its alternatives against levels is not known to us.

In K the warm instrument and the sky outshine the dark current: there an instrument background, which does not
see the telescope, reaches level 1 at best, so that a sky of another block within 12 h (level 1 as well, the
first class) is preferred to it; and a dark reaches 2 at best, for the glow has to be fitted around the star.
"""

from reduce.instruments.sphere import TELEMETRY
from reduce.instruments.sphere_irdis import has_mask
from reduce.instruments.sphere_irdis_filters import is_thermal
from reduce.match import Class, DataSource, Grade, Span

__all__ = [
    "BACKGROUND",
    "BACKGROUND_THERMAL",
    "BEST_OF_PLAN",
    "CENTER",
    "CENTER_BACKGROUND",
    "CENTER_BACKGROUND_THERMAL",
    "CENTER_UNMASKED",
    "FLAT",
    "FLAT_DARK",
    "FLUX",
    "FLUX_BACKGROUND",
    "SCIENCE",
    "SCIENCE_TAGS",
    "SPARTA",
    "background_of",
    "center_background_of",
    "center_of",
]

_OPTICS = ("dit_s", "readout", "filter", "coronagraph", "nd_filter")
_SHUT = (
    "dit_s",
    "readout",
    "filter",
)  # taken behind an opaque mask (N_NS_OPAQUE): what is before it is unseen
_DARK = ("dit_s", "readout")
_BLOCK = ("ob_id", "execution")
_DAY, _WEEK, _MONTH = 24.0, 7 * 24.0, 30 * 24.0

_ANY_DIT = Grade(3, _MONTH, ("readout",), nearest="dit_s")
"""Bad pixels and pattern are the same, the level is not: only for what is far brighter."""

BEST_OF_PLAN = 1
"""A calibration beyond this level is used, and reported as missing: better ones are wanted."""

_SKY = Class(
    "IRD_SKY_BG_RAW",
    (*_BLOCK, *_OPTICS),
    (Grade(0, 12.0, (*_BLOCK, *_OPTICS)), Grade(1, 12.0, _OPTICS)),
)


def _of_the_night(best: int, keys: tuple[str, ...]) -> tuple[Grade, ...]:
    """Where the calibration plan foresees the class: that of the same night, however many hours away."""
    return (Grade(0, _DAY, ("night", *keys)),) if best == 0 else ()


def _instrument(best: int) -> Class:
    """Instrument background."""
    return Class(
        "IRD_INS_BG_RAW",
        ("night", *_OPTICS),
        (
            *_of_the_night(best, _SHUT),
            Grade(1, 12.0, _SHUT),
            Grade(2, _WEEK, _SHUT),
        ),
    )


def _dark(best: int, *others: Grade) -> Class:
    """Dark of the same DIT."""
    return Class(
        "IRD_DARK_RAW",
        ("night", *_DARK),
        (
            *_of_the_night(best, _DARK),
            Grade(max(best, 1), 12.0, _DARK),
            Grade(2, _WEEK, _DARK),
            Grade(3, _MONTH, _DARK),
            *others,
        ),
    )


BACKGROUND = DataSource("background", (_SKY, _instrument(0), _dark(1)))
"""Of science frames where the dark current is most of it."""

BACKGROUND_THERMAL = DataSource("background", (_SKY, _instrument(1), _dark(2)))
"""Of science frames in K."""

CENTER_BACKGROUND = DataSource("background", (_SKY, _instrument(0), _dark(1, _ANY_DIT)), without=3)
CENTER_BACKGROUND_THERMAL = DataSource("background", (_SKY, _instrument(1), _dark(2, _ANY_DIT)), without=3)
"""Of CENTER frames: as the science's, or at worst a dark of another DIT; without any they are not used."""

FLUX_BACKGROUND = DataSource("background", (_SKY, _instrument(0), _dark(0, _ANY_DIT)), without=3)
"""Of FLUX frames, whose surroundings are subtracted in any band: the plan's dark has their DIT."""

FLAT = DataSource(
    "flat",
    (
        Class(
            "IRD_FLAT_FIELD_RAW",
            ("night", "filter", "readout"),
            (
                Grade(0, _DAY, ("night", "filter")),
                Grade(1, 12.0, ("filter",)),
                Grade(2, _WEEK, ("filter",)),
                Grade(3, 60 * 24.0, ("filter",)),
            ),
        ),
    ),
    minimum=3,
    differing="dit_s",
)
"""Without it nothing is made: the two fields differ by far more than any companion. A lamp's levels are its
DITs: files of one DIT are no levels, however many."""

FLAT_DARK = DataSource("dark of a flat's DIT", (_dark(0),), without=1)
"""Where a DIT of the lamp has no dark, the constant of the fit over the levels stands for it."""

_CENTER = Class(
    "IRD_STAR_CENTER_WAFFLE_RAW",
    (*_BLOCK, "filter", "coronagraph", "nd_filter", "dit_s", "readout"),
    (
        Grade(0, 4.0, (*_BLOCK, "filter", "coronagraph", "dit_s")),
        Grade(1, 12.0, ("ob_id", "filter", "coronagraph")),
    ),
)

CENTER = DataSource("star centre", (_CENTER,), without=3)
"""Without it the halo of each science frame tells where the star is."""

CENTER_UNMASKED = DataSource("star centre", (_CENTER,), without=0)
"""Without a coronagraph the star itself is in each frame."""

FLUX = DataSource(
    "flux calibration",
    (
        Class(
            "IRD_FLUX_RAW",
            (*_BLOCK, "filter", "nd_filter", "dit_s", "readout"),
            (Grade(0, 4.0, (*_BLOCK, "filter")), Grade(1, 12.0, ("ob_id", "filter"))),
        ),
    ),
    without=3,
)
"""Without it no contrast is known."""

SPARTA = Span("telemetry of the adaptive optics", TELEMETRY, before_h=1.0)
"""A file holds what follows its start; the last ones begun before the sequence reach into it."""

SCIENCE_TAGS = ("IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW")
SCIENCE = DataSource(
    "science",
    tuple(
        Class(
            tag,
            (*_BLOCK, "filter", "dit_s", "coronagraph", "nd_filter", "derotator_mode", "readout"),
            (),
        )
        for tag in SCIENCE_TAGS
    ),
)


def background_of(filter_name: str) -> DataSource:
    """The table of backgrounds for science frames in a filter."""
    return BACKGROUND_THERMAL if is_thermal(filter_name) else BACKGROUND


def center_background_of(filter_name: str) -> DataSource:
    """The table of backgrounds for CENTER frames in a filter."""
    return CENTER_BACKGROUND_THERMAL if is_thermal(filter_name) else CENTER_BACKGROUND


def center_of(coronagraph: str) -> DataSource:
    """The table of star centres for a coronagraph: ``INS COMB ICOR``, '' or ``N_NS_CLEAR`` for none."""
    return CENTER if has_mask(coronagraph) else CENTER_UNMASKED
