"""SPHERE as a whole: how a header becomes an ESO tag, and the cards every arm shares.

The rules follow ESO's data flow: ``DPR CATG``, ``DPR TYPE``, ``DPR TECH`` and
``SEQ ARM`` decide. They are tried in order; the first that fits names the frame.
"""

from dataclasses import dataclass

__all__ = ["INSTRUMENT", "RULES", "TELEMETRY", "UTC_TO_LOCAL_H", "Rule", "arm_of", "tag_of"]

INSTRUMENT = "SPHERE"
"""``INSTRUME`` of every frame."""

TELEMETRY = "SPH_SPARTA_RAW"
"""Tag of the adaptive optics' telemetry files: tables, no images."""

UTC_TO_LOCAL_H = -4.7
"""Mean solar time of Paranal (longitude -70.4 deg) against UTC, hours: nights run from noon to noon."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One classification rule; an empty field fits anything.

    Attributes
    ----------
    tag : str
        ESO's tag.
    category, kind : str
        ``DPR CATG`` and ``DPR TYPE``, equal.
    technique : str
        A word of ``DPR TECH`` (words are parted by commas).
    arm : str
        ``SEQ ARM``.
    ifs_mode : str
        What ``INS2 COMB IFS`` begins with.
    """

    tag: str
    category: str = ""
    kind: str = ""
    technique: str = ""
    arm: str = ""
    ifs_mode: str = ""


RULES: tuple[Rule, ...] = (
    Rule(TELEMETRY, kind="OBJECT,AO"),
    Rule("SPH_ACQUISITION_RAW", category="ACQUISITION"),
    # IRDIS
    Rule("IRD_DARK_RAW", "CALIB", "DARK", arm="IRDIS"),
    Rule("IRD_INS_BG_RAW", "CALIB", "DARK,BACKGROUND", arm="IRDIS"),
    Rule("IRD_FLAT_FIELD_RAW", "CALIB", "FLAT,LAMP", arm="IRDIS"),
    Rule("IRD_DISTORTION_MAP_RAW", "CALIB", "LAMP,DISTORT", arm="IRDIS"),
    Rule("IRD_WAVECALIB_RAW", "CALIB", "WAVE,LAMP", arm="IRDIS"),
    Rule("IRD_SKY_BG_RAW", "SCIENCE", "SKY", arm="IRDIS"),
    Rule("IRD_STAR_CENTER_WAFFLE_RAW", "SCIENCE", "OBJECT,CENTER", arm="IRDIS"),
    Rule("IRD_FLUX_RAW", "SCIENCE", "OBJECT,FLUX", arm="IRDIS"),
    Rule("IRD_SCIENCE_DBI_RAW", "SCIENCE", "OBJECT", "DUAL", "IRDIS"),
    Rule("IRD_SCIENCE_IMAGING_RAW", "SCIENCE", "OBJECT", "CLASSICAL", "IRDIS"),
    Rule("IRD_SCIENCE_DPI_RAW", "SCIENCE", "OBJECT", "POLARIMETRY", "IRDIS"),
    Rule("IRD_SCIENCE_SPECTROSCOPY_RAW", "SCIENCE", "OBJECT", "SPECTRUM", "IRDIS"),
    # IFS
    Rule("IFS_DARK_RAW", "CALIB", "DARK", arm="IFS"),
    Rule("IFS_CAL_BACKGROUND_RAW", "CALIB", "DARK,BACKGROUND", arm="IFS"),
    Rule("IFS_CAL_BACKGROUND_RAW", "SCIENCE", "SKY", arm="IFS"),
    Rule("IFS_SPECPOS_RAW", "CALIB", "SPECPOS,LAMP", arm="IFS"),
    Rule("IFS_WAVECALIB_RAW", "CALIB", "WAVE,LAMP", arm="IFS"),
    Rule("IFS_DETECTOR_FLAT_FIELD_RAW", "CALIB", "FLAT,LAMP", arm="IFS", ifs_mode="CAL_"),
    Rule("IFS_FLAT_FIELD_RAW", "CALIB", "FLAT,LAMP", arm="IFS"),
    Rule("IFS_STAR_CENTER_RAW", "SCIENCE", "OBJECT,CENTER", arm="IFS"),
    Rule("IFS_FLUX_RAW", "SCIENCE", "OBJECT,FLUX", arm="IFS"),
    Rule("IFS_SCIENCE_DR_RAW", "SCIENCE", "OBJECT", "IFU", "IFS"),
)
"""Tried in order. IFS, SPARTA and acquisition frames are archived, not reduced."""


def tag_of(category: str, kind: str, technique: str, arm: str, ifs_mode: str) -> str | None:
    """ESO's tag of a frame.

    Parameters
    ----------
    category : str
        ``DPR CATG``.
    kind : str
        ``DPR TYPE``.
    technique : str
        ``DPR TECH``.
    arm : str
        ``SEQ ARM``; '' where absent.
    ifs_mode : str
        ``INS2 COMB IFS``; '' where absent.

    Returns
    -------
    str | None
        Tag of the first rule that fits; None when none does.
    """
    for rule in RULES:
        if (
            rule.category in ("", category)
            and rule.kind in ("", kind)
            and (not rule.technique or rule.technique in technique.split(","))
            and rule.arm in ("", arm)
            and ifs_mode.startswith(rule.ifs_mode)
        ):
            return rule.tag
    return None


def arm_of(tag: str) -> str:
    """Arm a tag belongs to: 'IRDIS', 'IFS' or '' (telemetry, acquisition)."""
    return {"IRD": "IRDIS", "IFS": "IFS"}.get(tag.partition("_")[0], "")
