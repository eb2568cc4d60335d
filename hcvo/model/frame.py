"""A raw frame as its header describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

__all__ = ["CardValue", "RawFrame"]

CardValue = str | int | float | bool | None
"""Value of one FITS card."""


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One raw FITS file, its header parsed once at the edge.

    Attributes
    ----------
    path : Path
        Where the file lies.
    sha256 : str
        Checksum of the whole file, hexadecimal.
    size : int
        Bytes.
    dp_id : str
        ESO's data product identifier, ARCFILE without ``.fits``.
    instrument, arm : str
        ``INSTRUME`` and ``SEQ ARM`` ('' where absent, as in SPARTA files).
    frame_class : str
        ESO's tag from the classification rules, e.g. ``IRD_SCIENCE_DBI_RAW``.
    category, kind, technique : str
        ``DPR CATG``, ``DPR TYPE``, ``DPR TECH``.
    mjd_obs : float
        Start of the first integration as the header's ``MJD-OBS`` has it, UTC, days.
    mjd_end : float
        End of the last integration, UTC, days.
    night : date
        Local date at which the night began (noon to noon, Paranal: UTC - 4.7 h).
    dit_s : float
        Integration time of one frame, s.
    ndit : int
        Number of integrations in the file.
    filter, nd_filter, coronagraph, derotator_mode, readout : str
        ``INS COMB IFLT``, ``INS4 FILT2 NAME``, ``INS COMB ICOR``,
        ``INS4 DROT2 MODE``, ``DET READ CURNAME``; '' where absent.
    ob_id : int | None
        ``OBS ID``; None for calibrations taken outside an observing block.
    programme : str
        ``OBS PROG ID``.
    target_name : str
        ``OBS TARG NAME``, else ``OBJECT``: the name the PI gave.
    ra_deg, dec_deg : float | None
        Pointing, ICRS degrees (``RA``, ``DEC``).
    cards : Mapping[str, CardValue]
        Every card of the primary header, keyword (``ESO DET NDIT`` for HIERARCH) to value.
    obs_id : str
        Name of its observation where the catalogue has given one; '' where it follows from the frames.
    """

    path: Path
    sha256: str
    size: int
    dp_id: str
    instrument: str
    arm: str
    frame_class: str
    category: str
    kind: str
    technique: str
    mjd_obs: float
    mjd_end: float
    night: date
    dit_s: float
    ndit: int
    filter: str
    nd_filter: str
    coronagraph: str
    derotator_mode: str
    readout: str
    ob_id: int | None
    programme: str
    target_name: str
    ra_deg: float | None
    dec_deg: float | None
    cards: Mapping[str, CardValue] = field(repr=False)
    obs_id: str = ""

    @property
    def execution(self) -> str:
        """When the observing block was begun (``OBS START``), the night where the card is absent.

        A block executed twice in one night is two observations.
        """
        return str(self.cards.get("ESO OBS START") or self.night.isoformat())

    @property
    def simulated(self) -> bool:
        """Whether the file says of itself that no telescope made it; ESO's archive does not have such files.

        The simulator names its detector chip ``SIM-...``; a card ``HIERARCH HCVO SIM`` = T says the same.
        """
        chip = str(self.cards.get("ESO DET CHIP1 ID") or "")
        return self.cards.get("HCVO SIM") is True or chip.startswith("SIM-")
