"""SPHERE/IRDIS: the facts the reduction needs, each with its source.

Sources: [M16] Maire et al. 2016, SPIE 9908, 990834 (astrometric calibration of
SPHERE); [D17] Delorme et al. 2017, SF2A (the SPHERE Data Center); [TC] the
filter and neutral-density transmission curves measured for SPHERE (A. Vigan,
2015); [H20] real SPHERE headers of 2020; [UM] SPHERE user manual, table of the
coronagraphs of IRDIS.
"""

from dataclasses import dataclass
from datetime import date

from hcvo.errors import ReductionError

__all__ = [
    "ANAMORPHISM_Y",
    "DEROTATOR_FIXED",
    "DITHER_UM_PER_PX",
    "FIELD_PX",
    "FILTERS",
    "INSTRUMENT_OFFSET_DEG",
    "NEAR_CENTRES",
    "PUPIL_OFFSET_DEG",
    "PUPIL_OFFSET_ERR_DEG",
    "TELESCOPE_M",
    "WAFFLE_LAMBDA_D",
    "Astrometry",
    "Channel",
    "astrometry_at",
    "channels_of",
    "mask_radius_mas",
]

FIELD_PX = 1024
"""Each half of the 2048 x 1024 detector is one field: left channel 0, right channel 1."""

NEAR_CENTRES = ((485.0, 520.0), (486.0, 508.0))
"""Usual star positions behind the coronagraph, (x, y) in each field, 0-based; good to some 20 px."""

ANAMORPHISM_Y = 1.0062
"""Offsets in y are this much shorter on the detector than on the sky; x is true. [M16]"""

PUPIL_OFFSET_DEG = 135.99
"""Pupil tracking. [M16]"""

PUPIL_OFFSET_ERR_DEG = 0.11
"""Its error. [M16]"""

INSTRUMENT_OFFSET_DEG = 0.0
"""IRDIS defines the frame; the IFS is turned against it. [M16]"""

DEROTATOR_FIXED = date(2016, 7, 12)
"""Before this night the derotator's clock was wrong and its angle must be corrected. [D17]"""

DITHER_UM_PER_PX = 18.0
"""Detector pixel; ``INS1 PAC X/Y`` move the image by +1 px per 18 um. [H20: PXSPACE 1.8e-5 m]"""

WAFFLE_LAMBDA_D = 14.14 * 0.97
"""Radius of the satellite spots in lambda/D: 10 sqrt(2) cycles across the pupil, stop undersized by 3 %."""

TELESCOPE_M = 8.0
"""Diameter of the pupil in use, m: 41 mas for lambda/D at 1.593 um."""


_MASK_DIAMETER_MAS = {
    "N_ALC_YJ_S": 145.0,
    "N_ALC_YJ_L": 185.0,
    "N_ALC_YJH_S": 185.0,
    "N_ALC_YJH_L": 240.0,
    "N_ALC_Ks": 240.0,
}
"""Diameters of the focal masks by ``INS COMB ICOR``. [UM]"""


@dataclass(frozen=True, slots=True)
class Astrometry:
    """Plate scale and true north valid from a date on; an empty filter fits every filter."""

    since: date
    filter: str
    scale_mas: float
    scale_err_mas: float
    north_deg: float
    north_err_deg: float
    source: str


_ASTROMETRY = (Astrometry(date(2014, 5, 1), "", 12.255, 0.009, -1.75, 0.08, "Maire et al. 2016"),)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a filter combination.

    Attributes
    ----------
    name : str
        'H2'.
    wavelength_um : float
        Middle of the half-power band, um.
    width_um : float
        Full width at half power, um.
    nd : tuple[float, float, float]
        Mean transmission of ND_1.0, ND_2.0, ND_3.5 over the band.
    """

    name: str
    wavelength_um: float
    width_um: float
    nd: tuple[float, float, float]

    def transmission(self, nd_filter: str) -> float:
        """Mean transmission of a neutral density over this channel.

        Parameters
        ----------
        nd_filter : str
            ``INS4 FILT2 NAME``.

        Returns
        -------
        float
            1 for OPEN.

        Raises
        ------
        ReductionError
            If the filter is not known.
        """
        known = {"OPEN": 1.0, "ND_1.0": self.nd[0], "ND_2.0": self.nd[1], "ND_3.5": self.nd[2]}
        if nd_filter not in known:
            raise ReductionError(
                f"neutral density {nd_filter!r} is unknown; wanted one of {', '.join(known)}"
            )
        return known[nd_filter]


# All from [TC]. Wavelength and width: middle and distance of the points of half the maximum of broad-band
# times dual-band curve. Neutral densities: their curve averaged with that product as weight where it is above
# 2 % of its maximum (elsewhere the noise of the curves would pass for light), flat spectrum.
FILTERS: dict[str, tuple[Channel, ...]] = {
    "DB_Y23": (
        Channel("Y2", 1.0245, 0.050, (0.098081, 0.0086154, 0.00029976)),
        Channel("Y3", 1.0770, 0.051, (0.077658, 0.005298, 0.00013078)),
    ),
    "DB_J23": (
        Channel("J2", 1.1870, 0.043, (0.061635, 0.0032796, 0.000057397)),
        Channel("J3", 1.2690, 0.047, (0.060939, 0.0031646, 0.000054464)),
    ),
    "DB_H23": (
        Channel("H2", 1.5860, 0.053, (0.1143, 0.011818, 0.0005218)),
        Channel("H3", 1.6660, 0.055, (0.13945, 0.017821, 0.0010484)),
    ),
    "DB_H34": (
        Channel("H3", 1.6640, 0.055, (0.13885, 0.017662, 0.0010326)),
        Channel("H4", 1.7330, 0.057, (0.14548, 0.020115, 0.0013518)),
    ),
    "DB_K12": (
        Channel("K1", 2.1030, 0.103, (0.1489, 0.022177, 0.0013999)),
        Channel("K2", 2.2555, 0.110, (0.14027, 0.022217, 0.0014484)),
    ),
}
for _band, _middle, _width, _nd in (
    ("Y", 1.0410, 0.139, (0.093757, 0.0081399, 0.00029709)),
    ("J", 1.2440, 0.243, (0.062698, 0.0033717, 0.000060726)),
    ("H", 1.6260, 0.293, (0.12588, 0.015015, 0.00084959)),
    ("Ks", 2.1815, 0.302, (0.14491, 0.022417, 0.0014323)),
):
    FILTERS[f"BB_{_band}"] = (
        Channel(f"{_band}_left", _middle, _width, _nd),
        Channel(f"{_band}_right", _middle, _width, _nd),
    )


def channels_of(filter_name: str) -> tuple[Channel, ...]:
    """Channels of a filter combination, left field first.

    Parameters
    ----------
    filter_name : str
        ``INS COMB IFLT``.

    Returns
    -------
    tuple[Channel, ...]
        Two channels.

    Raises
    ------
    ReductionError
        If we hold no curve of that combination.
    """
    if filter_name not in FILTERS:
        raise ReductionError(f"filter {filter_name!r} is unknown; wanted one of {', '.join(FILTERS)}")
    return FILTERS[filter_name]


def mask_radius_mas(coronagraph: str) -> float:
    """Radius of a coronagraph's focal mask.

    Parameters
    ----------
    coronagraph : str
        ``INS COMB ICOR``.

    Returns
    -------
    float
        mas; 0 where there is no mask or none is known by that name.
    """
    return _MASK_DIAMETER_MAS.get(coronagraph, 0.0) / 2


def astrometry_at(night: date, filter_name: str) -> Astrometry:
    """Plate scale and true north for a night and filter.

    Parameters
    ----------
    night : date
        Date at which the night began.
    filter_name : str
        ``INS COMB IFLT``.

    Returns
    -------
    Astrometry
        The latest row that fits.

    Raises
    ------
    ReductionError
        If the night lies before SPHERE's first light.
    """
    fitting = [row for row in _ASTROMETRY if row.since <= night and row.filter in ("", filter_name)]
    if not fitting:
        raise ReductionError(f"no plate scale for {night}: SPHERE's begin on {_ASTROMETRY[0].since}")
    return max(fitting, key=lambda row: (row.since, row.filter))
