from datetime import UTC, datetime, timedelta

from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from hcvo.model.observation import calibration_id, observation_id
from hcvo.model.release import from_mjd

FIRST_LIGHT = datetime(2014, 5, 4, tzinfo=UTC)
seconds = st.integers(0, 10 * 365 * 86400).map(lambda second: FIRST_LIGHT + timedelta(seconds=second))


def test_names_of_the_design() -> None:
    mjd = float(Time("2020-03-08T07:12:03.7194", scale="utc").mjd)
    assert observation_id("SPHERE", "IFS", 2485392, mjd) == "SPHERE.IFS.2485392.2020-03-08T07:12:03"
    assert calibration_id("SPHERE", "IRDIS", mjd) == "SPHERE.IRDIS.CALIB.2020-03-08T07:12:03"
    assert observation_id("SPHERE", "IRDIS", None, mjd).split(".")[2] == "0"


@given(seconds)
def test_a_whole_second_keeps_its_name_though_cards_round(moment: datetime) -> None:
    mjd = round(float(Time(moment).mjd), 8)
    assert observation_id("SPHERE", "IRDIS", 1, mjd).endswith(moment.strftime("%Y-%m-%dT%H:%M:%S"))


@given(seconds)
def test_mjd_is_astropys(moment: datetime) -> None:
    assert abs(from_mjd(float(Time(moment).mjd)) - moment) < timedelta(microseconds=10)
