"""SPHERE/IRDIS: plate scale, true north and distortion by filter and date, each row with its source.

Sources read: [M16] Maire et al. 2016, SPIE 9908, 990834 (arXiv:1609.06681), "SPHERE IRDIS and IFS
astrometric strategy and calibration". Later values by filter (Maire et al. 2021) are published; they
come in as further rows of `TABLE` by whoever has read them: a later date goes before an earlier, of one date
a filter's name before none, and nothing else need change.
"""

from dataclasses import dataclass
from datetime import date

from hcvo.errors import ReductionError

__all__ = ["TABLE", "Astrometry", "astrometry_at"]


@dataclass(frozen=True, slots=True)
class Astrometry:
    """What turns pixels into angles on the sky, valid from a night on.

    Attributes
    ----------
    since : date
        First night.
    filter : str
        ``INS COMB IFLT``; '' fits every filter.
    scale_mas, scale_err_mas : float
        Of a pixel along x, mas.
    north_deg, north_err_deg : float
        To add to position angles on the detector, degrees.
    source : str
        The paper, and with what it was measured.
    """

    since: date
    filter: str
    scale_mas: float
    scale_err_mas: float
    north_deg: float
    north_err_deg: float
    source: str


_M16 = "Maire et al. 2016, H2 images with the coronagraph"

TABLE: tuple[Astrometry, ...] = (
    Astrometry(date(2014, 5, 1), "", 12.255, 0.009, -1.75, 0.08, f"{_M16}; used for every filter"),
    Astrometry(date(2014, 5, 1), "DB_H23", 12.255, 0.009, -1.75, 0.08, _M16),
)


def astrometry_at(night: date, filter_name: str, table: tuple[Astrometry, ...] = TABLE) -> Astrometry:
    """Plate scale and true north for a night and filter.

    Parameters
    ----------
    night : date
        Date at which the night began.
    filter_name : str
        ``INS COMB IFLT``.
    table : tuple[Astrometry, ...]
        Rows to choose from.

    Returns
    -------
    Astrometry
        The latest row that fits; of two with the same date the one that names the filter.

    Raises
    ------
    ReductionError
        If the night lies before SPHERE's first light.
    """
    fitting = [row for row in table if row.since <= night and row.filter in ("", filter_name)]
    if not fitting:
        first = min(row.since for row in table)
        raise ReductionError(f"no plate scale for {night}: SPHERE's begin on {first}")
    return max(fitting, key=lambda row: (row.since, row.filter))
