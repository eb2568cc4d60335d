"""SPHERE/IRDIS: every filter combination of imaging, with band, transmission and neutral densities.

Sources: [TC] the transmission curves measured for SPHERE (A. Vigan, 2015; they come with vlt-sphere 1.8);
[VS] the table of combinations of vlt-sphere 1.8: which wheels a combination turns in, ESO's nominal bands.

From [TC], one nanometre a sample. Wavelength and width: middle and distance of the points of half the
maximum of common filter times dual filter. Peak: maximum of that product. Neutral densities: their curve
averaged with the product as weight over all of 0.9 to 2.4 um, flat spectrum, as [VS] does. What the filters
let through far from the band counts: it is smooth in the curves, up to a hundred times their noise (B_Y at
1.79 um, B_J at 2.2 um), and the densities are weaker there: it makes 4 to 5 % of the light behind J23 and
ND_3.5, 1.5 % in Y3 and below 1 % elsewhere; a star that is not flat has another share. ESO's nominal bands
stand beside them; in H2 and K1 they lie 7 nm apart, a temperature or angle that the curves do not state:
`doubt` says what no real frame has shown us.
"""

from dataclasses import dataclass

from hcvo.errors import ReductionError

__all__ = [
    "ALIASES",
    "COMBINATIONS",
    "FILTERS",
    "Channel",
    "Filter",
    "channels_of",
    "filter_of",
    "is_thermal",
]

_THERMAL_UM = 2.0
_WARM = "middle from the curves, 7 nm below ESO's nominal one"
_NARROW = "name in INS COMB IFLT not seen in a real header of imaging"
_REVERSED = "in [TC] but not in [VS]: the order of its channels is the curve's"


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
    peak : float
        Largest transmission of the filters, 0 to 1.
    nd : tuple[float, float, float]
        Mean transmission of ND_1.0, ND_2.0, ND_3.5 over the band.
    nominal_um, nominal_width_um : float
        ESO's nominal middle and width, um [VS]; for comparison, not used.
    """

    name: str
    wavelength_um: float
    width_um: float
    peak: float
    nd: tuple[float, float, float]
    nominal_um: float
    nominal_width_um: float

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


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter combination.

    Attributes
    ----------
    name : str
        ``INS COMB IFLT``.
    common : str
        ``INS1 FILT NAME``, both fields.
    dual : str
        ``INS1 OPTI2 NAME``, another band in each field; '' where it is clear.
    channels : tuple[Channel, Channel]
        Left field first.
    doubt : str
        What could not be verified; '' for nothing.
    """

    name: str
    common: str
    dual: str
    channels: tuple[Channel, Channel]
    doubt: str = ""


def _single(
    wheel: str,
    band: str,
    um: tuple[float, float, float],
    nd: tuple[float, float, float],
    nominal: tuple[float, float],
    doubt: str = "",
) -> Filter:
    """Both fields see the same band: B_H gives BB_H."""
    left, right = (Channel(f"{band}_{side}", *um, nd, *nominal) for side in ("left", "right"))
    return Filter(f"{wheel}B_{band}", f"{wheel}_{band}", "", (left, right), doubt)


# fmt: off
_H2 = Channel("H2", 1.5860, 0.053, 0.926, (0.11435, 0.011833, 0.00052317), 1.593, 0.052)
_H3 = Channel("H3", 1.6660, 0.055, 0.922, (0.13935, 0.017805, 0.0010474), 1.667, 0.054)
COMBINATIONS: tuple[Filter, ...] = (
    Filter("DB_Y23", "B_Y", "D_Y23", (
        Channel("Y2", 1.0245, 0.050, 0.880, (0.098157, 0.0086364, 0.00030173), 1.022, 0.049),
        Channel("Y3", 1.0770, 0.051, 0.922, (0.077773, 0.0053234, 0.0001328), 1.076, 0.050),
    )),
    Filter("DB_J23", "B_J", "D_J23", (
        Channel("J2", 1.1870, 0.043, 0.880, (0.061705, 0.0032789, 0.000059493), 1.190, 0.042),
        Channel("J3", 1.2690, 0.047, 0.908, (0.061104, 0.0032038, 0.000057033), 1.273, 0.046),
    )),
    Filter("DB_H23", "B_H", "D_H23", (_H2, _H3), _WARM),
    Filter("DB_NDH23", "B_ND-H", "D_H23", (
        Channel("H2", 1.5860, 0.053, 0.269, (0.11437, 0.011838, 0.00052358), 1.593, 0.052),
        Channel("H3", 1.6660, 0.055, 0.267, (0.13939, 0.017812, 0.0010478), 1.667, 0.054),
    ), _WARM),
    Filter("DB_H32", "B_H", "D_H32", (
        Channel("H3", 1.6650, 0.055, 0.920, (0.1391, 0.017737, 0.0010406), 1.667, 0.054),
        Channel("H2", 1.5865, 0.054, 0.926, (0.11455, 0.011877, 0.00052658), 1.593, 0.052),
    ), _REVERSED),
    # behind B_H the H4 half would let 1.45-1.51 um through as well: that is what B_Hcmp2 is for
    Filter("DB_H34", "B_Hcmp2", "D_H34", (
        Channel("H3", 1.6640, 0.055, 0.941, (0.13896, 0.017696, 0.001036), 1.667, 0.054),
        Channel("H4", 1.7335, 0.058, 0.888, (0.15638, 0.02262, 0.0015682), 1.733, 0.057),
    ), "that B_Hcmp2 stands in the common wheel is [VS]'s word; no header seen"),
    Filter("DB_K12", "B_Ks", "D_K12", (
        Channel("K1", 2.1030, 0.103, 0.941, (0.14885, 0.022166, 0.0013991), 2.110, 0.102),
        Channel("K2", 2.2555, 0.110, 0.913, (0.14027, 0.022213, 0.0014478), 2.251, 0.109),
    ), "middle of K1 from the curves, 7 nm below ESO's nominal one"),
    _single("B", "Y", (1.0410, 0.139, 0.960), (0.093798, 0.0081529, 0.0002985), (1.043, 0.140)),
    _single("B", "J", (1.2440, 0.243, 0.935), (0.062731, 0.0033745, 0.000061259), (1.245, 0.240)),
    _single("B", "H", (1.6260, 0.293, 0.967), (0.12591, 0.015028, 0.00085101), (1.625, 0.290)),
    _single("B", "Ks", (2.1815, 0.302, 0.971), (0.14493, 0.022427, 0.001432), (2.182, 0.300)),
    _single("N", "HeI", (1.0850, 0.015, 0.819), (0.075124, 0.0049305, 0.00011519), (1.085, 0.014), _NARROW),
    _single("N", "CntJ", (1.2125, 0.018, 0.860), (0.060568, 0.0031314, 0.000053867), (1.213, 0.017), _NARROW),
    _single("N", "PaB", (1.2830, 0.019, 0.898), (0.061375, 0.0032115, 0.000055839), (1.283, 0.018), _NARROW),
    _single("N", "CntH", (1.5735, 0.024, 0.791), (0.11018, 0.010935, 0.00045522), (1.573, 0.023), _NARROW),
    _single("N", "FeII", (1.6420, 0.025, 0.679), (0.13204, 0.015901, 0.00086195), (1.642, 0.024), _NARROW),
    _single("N", "CntK1", (2.0920, 0.035, 0.591), (0.14964, 0.022208, 0.0014077), (2.091, 0.034), _NARROW),
    _single("N", "H2", (2.1235, 0.032, 0.676), (0.14754, 0.022007, 0.0013709), (2.124, 0.031), _NARROW),
    _single("N", "BrG", (2.1705, 0.032, 0.577), (0.14314, 0.021518, 0.001348), (2.170, 0.031), _NARROW),
    _single("N", "CntK2", (2.2660, 0.033, 0.412), (0.13992, 0.022272, 0.0014619), (2.266, 0.032), _NARROW),
    _single("N", "CO", (2.2905, 0.034, 0.371), (0.14208, 0.023402, 0.0015477), (2.290, 0.033), _NARROW),
)
# fmt: on
"""One row a combination; the polarisers of DPI are not imaging and not here."""

ALIASES = {f"NB_Cont{band}": f"NB_Cnt{band}" for band in ("J", "H", "K1", "K2")}
"""Other spellings of ``INS COMB IFLT`` ([VS] has them with the polarisers)."""

FILTERS: dict[str, tuple[Channel, Channel]] = {row.name: row.channels for row in COMBINATIONS}
FILTERS |= {alias: FILTERS[name] for alias, name in ALIASES.items()}
"""``INS COMB IFLT``, in any known spelling, to channels."""

_BY_NAME = {row.name: row for row in COMBINATIONS}


def filter_of(filter_name: str) -> Filter:
    """The row of a filter combination.

    Parameters
    ----------
    filter_name : str
        ``INS COMB IFLT``.

    Returns
    -------
    Filter
        Wheels, channels, doubts.

    Raises
    ------
    ReductionError
        If we hold no curve of that combination.
    """
    row = _BY_NAME.get(ALIASES.get(filter_name, filter_name))
    if row is None:
        raise ReductionError(f"filter {filter_name!r} is unknown; wanted one of {', '.join(_BY_NAME)}")
    return row


def channels_of(filter_name: str) -> tuple[Channel, Channel]:
    """Channels of a filter combination, left field first; refuses as `filter_of` does."""
    return filter_of(filter_name).channels


def is_thermal(filter_name: str) -> bool:
    """Whether the warm instrument and the sky shine through: any channel beyond 2 um.

    Parameters
    ----------
    filter_name : str
        ``INS COMB IFLT``; one we do not know is thermal if its name holds a K.

    Returns
    -------
    bool
        True for Ks, K12 and the narrow bands in K.
    """
    channels = FILTERS.get(filter_name)
    if channels is None:
        return "K" in filter_name
    return any(channel.wavelength_um > _THERMAL_UM for channel in channels)
