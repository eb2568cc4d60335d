"""The terms of release: calibrations at once, raw frames after a year, products after two."""

from datetime import UTC, datetime, timedelta

import pytest

from hcvo.model.release import DataKind, ReleasePolicy, from_mjd, from_when, release_time, same_terms

_SEEN = datetime(2018, 4, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "years"), [(DataKind.CALIBRATION, 0), (DataKind.RAW, 1), (DataKind.SCIENCE, 2)]
)
def test_default_terms(kind: DataKind, years: int) -> None:
    assert release_time(kind, _SEEN, ReleasePolicy.DEFAULT) == _SEEN + years * timedelta(days=365, hours=6)
    assert release_time(kind, _SEEN, ReleasePolicy.NOW) == _SEEN


def test_frames_of_one_night_have_the_same_terms() -> None:
    assert same_terms(_SEEN, _SEEN + timedelta(hours=23, minutes=59))
    assert same_terms(_SEEN + timedelta(hours=9), _SEEN)
    assert not same_terms(_SEEN, _SEEN + timedelta(days=1))
    assert not same_terms(_SEEN + timedelta(days=2), _SEEN)


def test_never_public_is_like_never_public_alone() -> None:
    assert same_terms(None, None)
    assert not same_terms(None, _SEEN)
    assert not same_terms(_SEEN, None)


def test_dates() -> None:
    assert from_mjd(51544.5) == datetime(2000, 1, 1, 12, tzinfo=UTC)
    assert from_mjd(58228.125) == _SEEN


def test_a_release_time_in_words() -> None:
    assert from_when(datetime(2015, 2, 3, 23, 59, tzinfo=UTC)) == "from 2015-02-03"
    assert from_when(None) == "never"
