"""SPHERE/IRDIS: which calibrations fit which frames, and how well.

ESO's and the SPHERE data centre's rules: background by SKY, then instrument
background, then dark, with the same DIT; flat of the same filter; CENTER and
FLUX of the same observing block, best of the same execution of it. Level 0 is the calibration plan,
1 at most 12 h away.
"""

from reduce.match import Class, DataSource, Grade

__all__ = ["BACKGROUND", "CENTER", "FLAT", "FLUX", "SCIENCE", "SCIENCE_TAGS"]

_OPTICS = ("dit_s", "readout", "filter", "coronagraph", "nd_filter")
_DARK = ("dit_s", "readout")
_BLOCK = ("ob_id", "execution")

BACKGROUND = DataSource(
    "background",
    (
        Class(
            "IRD_SKY_BG_RAW",
            (*_BLOCK, *_OPTICS),
            (Grade(0, 12.0, (*_BLOCK, *_OPTICS)), Grade(1, 12.0, _OPTICS)),
        ),
        Class(
            "IRD_INS_BG_RAW",
            ("night", *_OPTICS),
            (Grade(0, 24.0, ("night", *_OPTICS)), Grade(1, 12.0, _OPTICS), Grade(2, 7 * 24.0, _OPTICS)),
        ),
        Class(
            "IRD_DARK_RAW",
            ("night", *_DARK),
            (
                Grade(1, 24.0, ("night", *_DARK)),
                Grade(1, 12.0, _DARK),
                Grade(2, 7 * 24.0, _DARK),
                Grade(3, 30 * 24.0, _DARK),
            ),
        ),
    ),
)

FLAT = DataSource(
    "flat",
    (
        Class(
            "IRD_FLAT_FIELD_RAW",
            ("night", "filter", "readout"),
            (
                Grade(0, 24.0, ("night", "filter")),
                Grade(1, 12.0, ("filter",)),
                Grade(2, 7 * 24.0, ("filter",)),
                Grade(3, 60 * 24.0, ("filter",)),
            ),
        ),
    ),
    minimum=3,
)

CENTER = DataSource(
    "star centre",
    (
        Class(
            "IRD_STAR_CENTER_WAFFLE_RAW",
            (*_BLOCK, "filter", "coronagraph", "nd_filter", "dit_s", "readout"),
            (
                Grade(0, 4.0, (*_BLOCK, "filter", "coronagraph", "dit_s")),
                Grade(1, 12.0, ("ob_id", "filter", "coronagraph")),
            ),
        ),
    ),
)

FLUX = DataSource(
    "flux calibration",
    (
        Class(
            "IRD_FLUX_RAW",
            (*_BLOCK, "filter", "nd_filter", "dit_s", "readout"),
            (Grade(0, 4.0, (*_BLOCK, "filter")), Grade(1, 12.0, ("ob_id", "filter"))),
        ),
    ),
)

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
