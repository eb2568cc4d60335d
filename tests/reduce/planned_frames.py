"""Raw frames as the index knows them, without files: what an association is made from."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from hcvo.model.frame import RawFrame

START_MJD = 58229.1
CALIBRATION = {"ob_id": 9, "target_name": "", "cards": {}}


def frame(tag: str, hours: float, **changes: object) -> RawFrame:
    """A frame begun so many hours after the first science frame; it lasts 0.24 h."""
    mjd = START_MJD + hours / 24
    base = RawFrame(
        path=Path(f"/raw/{tag}{hours}.fits"),
        sha256=f"{tag}{hours}",
        size=1,
        dp_id=f"SPHER.{tag}.{hours}",
        instrument="SPHERE",
        arm="IRDIS",
        frame_class=tag,
        category="",
        kind="",
        technique="",
        mjd_obs=mjd,
        mjd_end=mjd + 0.01,
        night=date(2018, 4, 20),
        dit_s=16.0,
        ndit=4,
        filter="DB_H23",
        nd_filter="OPEN",
        coronagraph="N_ALC_YJH_S",
        derotator_mode="ELEV",
        readout="Nondest",
        ob_id=1,
        programme="",
        target_name="HD 1",
        ra_deg=1.0,
        dec_deg=1.0,
        cards={"OBJECT": "HD 1"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def night(**changes: object) -> list[RawFrame]:
    """A night with everything; changes go into the frames of the observing block."""
    flats = [
        frame("IRD_FLAT_FIELD_RAW", 8 + n / 10, dit_s=n + 1.0, **_calibration(changes)) for n in range(5)
    ]
    return [
        frame("IRD_FLUX_RAW", -0.3, **{"dit_s": 2.0, "nd_filter": "ND_2.0"} | changes),
        frame("IRD_STAR_CENTER_WAFFLE_RAW", -0.2, **changes),
        frame("IRD_SCIENCE_DBI_RAW", 0.0, **changes),
        frame("IRD_SCIENCE_DBI_RAW", 0.5, **changes),
        frame("IRD_STAR_CENTER_WAFFLE_RAW", 1.2, **changes),
        frame("IRD_SKY_BG_RAW", 1.4, **changes),
        *flats,
        frame("IRD_DARK_RAW", 9.0, dit_s=2.0, **CALIBRATION),
        frame("IRD_DARK_RAW", 9.1, dit_s=16.0, **CALIBRATION),
        frame("SPH_SPARTA_RAW", 0.0, arm="", dit_s=0.0),
    ]


def long_index(blocks: int) -> list[RawFrame]:
    """So many executions with 40 frames each, over nights of 25, and the calibrations of each night."""
    frames = []
    for number in range(blocks):
        later = (number // 25) * 24.0 + (number % 25) * 0.4
        night_of = date(2018, 4, 20) + timedelta(days=number // 25)
        for one in (*night(), *(frame("IRD_SCIENCE_DBI_RAW", n / 100) for n in range(1, 24))):
            shared = one.ob_id == 9
            if shared and number % 25:
                continue
            frames.append(
                replace(
                    one, mjd_obs=one.mjd_obs + later / 24, mjd_end=one.mjd_end + later / 24, night=night_of,
                    dp_id=f"{one.dp_id}.{number}", ob_id=9 if shared else 100 + number,
                )
            )  # fmt: skip
    return frames


def _calibration(changes: dict[str, object]) -> dict[str, object]:
    return CALIBRATION | {key: value for key, value in changes.items() if key in ("filter", "readout")}
