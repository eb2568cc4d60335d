"""Packed angles digit by digit."""

import pytest

from hcvo.errors import HeaderError
from hcvo.headers.packed import unpacked


@pytest.mark.parametrize(
    ("packed", "value"),
    [
        (0.0, 0.0),
        (0.5, 0.5 / 3600),
        (-0.5, -0.5 / 3600),
        (1.8, 1.8 / 3600),
        (-1.8, -1.8 / 3600),
        (100.0, 1 / 60),
        (5959.9, 59 / 60 + 59.9 / 3600),
        (10000.0, 1.0),
        (235959.0, 23 + 59 / 60 + 59 / 3600),
        (-84656.845, -(8 + 46 / 60 + 56.845 / 3600)),
        (1203040.5, 120 + 30 / 60 + 40.5 / 3600),
    ],
)
def test_digits_are_degrees_minutes_seconds(packed: float, value: float) -> None:
    assert unpacked(packed) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (116000.0, "has 60 minutes and 0 seconds"),
        (-117659.0, "angle -117659.0 has 76 minutes and 59 seconds"),
        (60.0, "has 0 minutes and 60 seconds"),
        (1160.5, "has 11 minutes and 60.5 seconds, wanted below 60"),
    ],
)
def test_sixty_is_one_of_the_next(packed: float, words: str) -> None:
    with pytest.raises(HeaderError, match=words):
        unpacked(packed)
