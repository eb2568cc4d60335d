"""The simulated IRDIS: bands, neutral densities, detector fields, angles. All numbers the forward model uses.

They are stated here a second time, apart from the reduction's own tables, so
that an error in either shows as a disagreement.
"""

from dataclasses import dataclass

__all__ = [
    "BIAS_ADU",
    "FIELDS",
    "FILTERS",
    "FULL_WELL_ADU",
    "GAIN",
    "MICRON_PER_PIXEL",
    "NAXIS1",
    "NAXIS2",
    "PIXEL_MAS",
    "PUPIL_OFFSET",
    "READ_NOISE",
    "TELESCOPE_M",
    "TRUE_NORTH",
    "Y_STRETCH",
    "Band",
    "Field",
    "Filter",
    "NeutralDensity",
]

NAXIS1, NAXIS2 = 2048, 1024
PIXEL_MAS = 12.255
"""Sky per raw pixel along x (Maire et al. 2016)."""
Y_STRETCH = 1.0062
"""Anamorphism: a raw pixel spans PIXEL_MAS x Y_STRETCH of sky along y (Maire et al. 2016)."""
TRUE_NORTH = -1.75
"""Degrees, Maire et al. 2016."""
PUPIL_OFFSET = 135.99
"""Degrees, pupil tracking, Maire et al. 2016."""
TELESCOPE_M = 8.0
"""Diameter of the stop that lambda/D refers to."""
MICRON_PER_PIXEL = 18.0
GAIN = 1.75
"""Electrons per ADU."""
READ_NOISE = 11.0
"""Electrons rms of one read-out of a DIT."""
BIAS_ADU = 12.0
"""Level left by the double-correlated reset."""
FULL_WELL_ADU = 52_000.0

_ELECTRONS_PER_MICRON_H0 = 5.6e10
"""Electrons per second and micrometre of a star of magnitude 0: 9.4e9 photons/s/m2/um x 49 m2 x 12 %."""


@dataclass(frozen=True, slots=True)
class Field:
    """One of the two 1024 x 1024 fields.

    Attributes
    ----------
    x_offset : int
        First raw column.
    centre : tuple[float, float]
        Usual place of the star behind the coronagraph (x, y), 0-based in the field.
    columns, rows : tuple[int, int]
        First and last lit column and row, as the real master flats show.
    """

    x_offset: int
    centre: tuple[float, float]
    columns: tuple[int, int]
    rows: tuple[int, int]


FIELDS = (
    Field(0, (485.0, 520.0), (41, 932), (22, 1023)),
    Field(1024, (486.0, 508.0), (42, 933), (11, 1017)),
)


@dataclass(frozen=True, slots=True)
class Band:
    """What one field sees.

    Attributes
    ----------
    name : str
        ``H2``.
    wavelength_um, width_um : float
        Effective wavelength and full width.
    zero_point : float
        Multiplies the H zero point: relative photon flux of an A0 star times throughput.
    thermal : float
        Electrons per second and pixel from the warm instrument.
    sky : float
        Electrons per second and pixel from the sky and the telescope.
    """

    name: str
    wavelength_um: float
    width_um: float
    zero_point: float
    thermal: float
    sky: float

    def star_rate(self, magnitude: float) -> float:
        """Electrons per second of an A0 star of this magnitude, whole unocculted image."""
        return float(_ELECTRONS_PER_MICRON_H0 * self.zero_point * self.width_um * 10 ** (-0.4 * magnitude))


@dataclass(frozen=True, slots=True)
class NeutralDensity:
    """Transmission of each neutral density of the common path in one band."""

    nd_1_0: float
    nd_2_0: float
    nd_3_5: float

    def transmission(self, name: str) -> float:
        """Transmission of ``OPEN``, ``ND_1.0``, ``ND_2.0`` or ``ND_3.5``."""
        return {"OPEN": 1.0, "ND_1.0": self.nd_1_0, "ND_2.0": self.nd_2_0, "ND_3.5": self.nd_3_5}[name]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter combination of `INS COMB IFLT`.

    Attributes
    ----------
    name : str
        ``DB_H23``.
    bands : tuple[Band, Band]
        Left and right field.
    densities : tuple[NeutralDensity, NeutralDensity]
        Left and right field: mean of the published neutral-density curve weighted by the filter curves
        (dual filter x its broad band) between 0.9 and 2.45 um; curves: repository avigan/SPHERE (MIT).
    wheel : tuple[str, str, int]
        `INS1 FILT` name, id, position.
    dual : tuple[str, str, int]
        `INS1 OPTI2` name, id, position.
    """

    name: str
    bands: tuple[Band, Band]
    densities: tuple[NeutralDensity, NeutralDensity]
    wheel: tuple[str, str, int]
    dual: tuple[str, str, int]

    @property
    def is_dual(self) -> bool:
        """Whether the two fields see different bands."""
        return self.bands[0].name != self.bands[1].name


_ND_Y2 = NeutralDensity(0.098158, 0.008637, 0.000302)
_ND_Y3 = NeutralDensity(0.077774, 0.005324, 0.000133)
_ND_J2 = NeutralDensity(0.061708, 0.003280, 0.000060)
_ND_J3 = NeutralDensity(0.061108, 0.003206, 0.000057)
_ND_H2 = NeutralDensity(0.114349, 0.011836, 0.000523)
_ND_H3 = NeutralDensity(0.139356, 0.017807, 0.001047)
_ND_H3_OF_34 = NeutralDensity(0.138960, 0.017696, 0.001036)
_ND_H4 = NeutralDensity(0.156381, 0.022620, 0.001568)
_ND_CNTH = NeutralDensity(0.110176, 0.010935, 0.000455)
_ND_K1 = NeutralDensity(0.148854, 0.022166, 0.001399)
_ND_K2 = NeutralDensity(0.140268, 0.022213, 0.001448)
_ND_J = NeutralDensity(0.062732, 0.003375, 0.000061)
_ND_H = NeutralDensity(0.125916, 0.015029, 0.000851)

_Y2 = Band("Y2", 1.022, 0.049, 1.9, 0.02, 0.1)
_Y3 = Band("Y3", 1.076, 0.050, 1.8, 0.02, 0.1)
_J2 = Band("J2", 1.190, 0.042, 1.5, 0.03, 0.3)
_J3 = Band("J3", 1.273, 0.046, 1.4, 0.03, 0.3)
_H2 = Band("H2", 1.593, 0.052, 1.0, 0.6, 0.5)
_H3 = Band("H3", 1.667, 0.054, 0.97, 0.9, 0.5)
_H4 = Band("H4", 1.733, 0.057, 0.94, 1.4, 0.5)
_K1 = Band("K1", 2.110, 0.102, 0.55, 55.0, 25.0)
_K2 = Band("K2", 2.251, 0.109, 0.50, 210.0, 60.0)
_BB_H = Band("H", 1.625, 0.290, 1.0, 4.0, 3.0)
_BB_J = Band("J", 1.245, 0.240, 1.4, 0.2, 1.5)
_CNTH = Band("CntH", 1.573, 0.023, 1.0, 0.3, 0.3)

_B_Y, _B_J = ("B_Y", "FILT_BBF_Y", 4), ("B_J", "FILT_BBF_J", 3)
_B_H, _B_K = ("B_H", "FILT_BBF_H", 2), ("B_Ks", "FILT_BBF_Ks", 1)
_CLEAR = ("CLEAR", "FILT_CLEAR", 9)
_B_H34 = ("B_Hcmp2", "FILT_BBF_Hcmp2", 5)
"""Behind B_H the H4 half would pass light below 1.51 um (avigan/SPHERE pairs it so)."""

FILTERS = {
    each.name: each
    for each in (
        Filter("DB_Y23", (_Y2, _Y3), (_ND_Y2, _ND_Y3), _B_Y, ("D_Y23", "FILT_DBF_Y23", 1)),
        Filter("DB_J23", (_J2, _J3), (_ND_J2, _ND_J3), _B_J, ("D_J23", "FILT_DBF_J23", 2)),
        Filter("DB_H23", (_H2, _H3), (_ND_H2, _ND_H3), _B_H, ("D_H23", "FILT_DBF_H23", 3)),
        Filter("DB_H34", (_H3, _H4), (_ND_H3_OF_34, _ND_H4), _B_H34, ("D_H34", "FILT_DBF_H34", 5)),
        Filter("DB_K12", (_K1, _K2), (_ND_K1, _ND_K2), _B_K, ("D_K12", "FILT_DBF_K12", 4)),
        Filter("BB_H", (_BB_H, _BB_H), (_ND_H, _ND_H), _B_H, _CLEAR),
        Filter("BB_J", (_BB_J, _BB_J), (_ND_J, _ND_J), _B_J, _CLEAR),
        Filter("NB_CntH", (_CNTH, _CNTH), (_ND_CNTH, _ND_CNTH), ("N_CntH", "FILT_NBF_CntH", 10), _CLEAR),
    )
}
