"""Packed sexagesimal numbers, as ESO's telescope and derotator cards have them."""

from hcvo.errors import HeaderError

__all__ = ["unpacked"]


def unpacked(packed: float) -> float:
    """Units of a packed sexagesimal number: -84656.845 (-08:46:56.845) becomes -8.7824...

    Parameters
    ----------
    packed : float
        [-][D]DMMSS.sss or HHMMSS.sss with leading zeros missing.

    Returns
    -------
    float
        Degrees or hours.

    Raises
    ------
    HeaderError
        If minutes or seconds reach 60.
    """
    whole = abs(packed)
    degrees, minutes, seconds = int(whole // 10000), int(whole // 100) % 100, whole % 100.0
    if minutes >= 60 or seconds >= 60.0:  # noqa: PLR2004 - sexagesimal
        raise HeaderError(
            f"packed angle {packed} has {minutes} minutes and {seconds:g} seconds, wanted below 60"
        )
    value = degrees + minutes / 60.0 + seconds / 3600.0
    return -value if packed < 0 else value
