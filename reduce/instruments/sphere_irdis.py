"""SPHERE/IRDIS: the facts the reduction needs, each with its source.

Sources: [M16] Maire et al. 2016, SPIE 9908, 990834 (astrometric calibration of
SPHERE); [D17] Delorme et al. 2017, SF2A (the SPHERE Data Center); [TC] the
filter and neutral-density transmission curves measured for SPHERE (A. Vigan,
2015); [H20] real SPHERE headers of 2020; [UM] SPHERE user manual, table of the
coronagraphs of IRDIS.
"""

from datetime import date

from reduce.instruments.sphere_astrometry import Astrometry, astrometry_at
from reduce.instruments.sphere_irdis_filters import FILTERS, Channel, channels_of

__all__ = [
    "ANAMORPHISM_Y",
    "DEROTATOR_FIXED",
    "DITHER_UM_PER_PX",
    "FIELD_PX",
    "FILTERS",
    "GAIN_E_PER_ADU",
    "INSTRUMENT_OFFSET_DEG",
    "NEAR_CENTRES",
    "PUPIL_OFFSET_DEG",
    "PUPIL_OFFSET_ERR_DEG",
    "SATURATION_ADU",
    "STAR_WANDER_PX",
    "TELESCOPE_M",
    "WAFFLE_LAMBDA_D",
    "Astrometry",
    "Channel",
    "astrometry_at",
    "channels_of",
    "has_mask",
    "knows_mask",
    "mask_radius_mas",
]

GAIN_E_PER_ADU = 1.75
"""Electrons per adu of the Hawaii-2RG. [UM, not checked against a photon transfer curve]"""

SATURATION_ADU = 35_000.0
"""Beyond, a pixel is no longer trusted to a few per cent. [UM, not checked]"""

STAR_WANDER_PX = 0.02
"""Least wander of the star from plane to plane, each axis: a quarter of a mas. Our choice: no published
figure of the sensor that holds the star behind the mask was read."""

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


def has_mask(coronagraph: str) -> bool:
    """Whether the star is behind a mask.

    Parameters
    ----------
    coronagraph : str
        ``INS COMB ICOR``; none are without.

    Returns
    -------
    bool
        False for '' and N_NS_CLEAR.
    """
    return bool(coronagraph) and not coronagraph.endswith("NS_CLEAR")


def mask_radius_mas(coronagraph: str) -> float:
    """Radius of a coronagraph's focal mask.

    Parameters
    ----------
    coronagraph : str
        ``INS COMB ICOR``.

    Returns
    -------
    float
        mas; 0 where there is no mask; that of the largest Lyot mask for one we do not know.
    """
    if not has_mask(coronagraph):
        return 0.0
    return _MASK_DIAMETER_MAS.get(coronagraph, max(_MASK_DIAMETER_MAS.values())) / 2


def knows_mask(coronagraph: str) -> bool:
    """Whether the size of its mask is known, or that there is none."""
    return not has_mask(coronagraph) or coronagraph in _MASK_DIAMETER_MAS
