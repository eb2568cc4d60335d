"""How an observation is called; names that do not change later."""

from datetime import timedelta

from hcvo.model.release import from_mjd

__all__ = ["calibration_id", "observation_id"]


def observation_id(instrument: str, arm: str, ob_id: int | None, mjd_start: float) -> str:
    """Name of an observing sequence, shared by all its products.

    Parameters
    ----------
    instrument : str
        ``INSTRUME``.
    arm : str
        ``SEQ ARM``.
    ob_id : int | None
        ``OBS ID``; None becomes 0.
    mjd_start : float
        ``MJD-OBS`` of the first science frame, UTC, days.

    Returns
    -------
    str
        ``SPHERE.IRDIS.<OB id>.<YYYY-MM-DDThh:mm:ss>``, the second begun.
    """
    return ".".join((instrument, arm, str(ob_id or 0), _second(mjd_start)))


def calibration_id(instrument: str, arm: str, mjd_start: float) -> str:
    """Name that stands for obs_id in products of calibrations: ``SPHERE.IRDIS.CALIB.<start>``."""
    return ".".join((instrument, arm, "CALIB", _second(mjd_start)))


def _second(mjd: float) -> str:
    """The second begun; a millisecond is added because cards hold eight digits of a day (0.9 ms)."""
    return (from_mjd(mjd) + timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
