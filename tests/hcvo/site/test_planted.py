"""Truth beside findings: a good list passes, each kind of fault is seen."""

from dataclasses import replace
from pathlib import Path

import pytest

from hcvo.errors import InputError
from hcvo.site.planted import Found, Planted, compare, read_truth

_SCALE = 12.255
_TRUTH = (Planted('0.4"', 400.0, 359.9, (1e-5, 2e-5)),)
_COMBINED = Found(1, -1, 400.5, 1.0, 0.0, 0.2, 1.5e-5, 1e-6, 20.0, 12.0)
_GOOD = [
    _COMBINED,
    replace(_COMBINED, channel=0, contrast=1.05e-5, contrast_err=5e-7),
    replace(_COMBINED, channel=1, contrast=1.9e-5, contrast_err=5e-7),
]


def _missed(found: list[Found]) -> set[str]:
    return {row.quantity for row in compare("seed", _TRUTH, found, _SCALE) if not row.ok}


def test_a_good_list_passes_over_north() -> None:
    assert _missed(_GOOD) == set()


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"sep_mas": 403.5}, {"separation off / error"}),
        ({"pa_deg": 0.6}, {"PA off / error", "position off"}),
        ({"sep_mas": 404.0, "sep_err": 4.0}, {"position off"}),
        ({"snr": 14.0}, {"snr"}),
        ({"pa_deg": 180.0}, {"found", "other candidates"}),
        ({"sep_err": 0.0}, {"separation off / error"}),
    ],
)
def test_a_wrong_place_is_seen(change: dict[str, float], seen: set[str]) -> None:
    assert _missed([replace(_COMBINED, **change), *_GOOD[1:]]) == seen  # type: ignore[arg-type]


def test_a_wrong_contrast_a_missing_channel_and_a_stranger_are_seen() -> None:
    assert _missed([*_GOOD[:2], replace(_GOOD[2], contrast=2.4e-5)]) == {
        "contrast off",
        "contrast off / error",
    }
    assert _missed(_GOOD[:2]) == {"contrast"}
    assert _missed([*_GOOD, replace(_COMBINED, candidate=2, pa_deg=90.0)]) == {"other candidates"}
    assert _missed([]) == {"found"}


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text('{"companions": [{"sep": 1}]}')
    with pytest.raises(InputError, match="not a truth file"):
        read_truth(path)
