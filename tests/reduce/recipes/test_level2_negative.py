"""The second opinion in the rows of candidates: differences worked out by hand, and a planted companion."""

from pathlib import Path

import numpy as np
import pytest
import structlog
from numpy.typing import NDArray

from hcvo.headers.level2_tables import CandidateRow, read_candidates
from hcvo.model.product import ProductKind
from reduce.kernels.candidates import Detection, Found
from reduce.kernels.channels import Channel
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.recipes import pca
from reduce.recipes.level2_negative import with_negatives
from tests.reduce.recipes.folder_job import FolderJob, run
from tests.reduce.recipes.test_level2 import _PLANTED, _SCALE, _STAR, _level1

_NAN = float("nan")
_ERRORS = {"sep_err": 2.0, "pa_err": 1.0, "contrast_err": 1e-5}


def _row(channel: int, pa: float, **changes: float) -> CandidateRow:
    """Of a candidate 5 pixels of 10 mas away."""
    values = {
        "candidate": 1, "wavelength": 1.6, "sep": 49.0, "pa": pa, "ra": 0.0, "dec": 0.0, "x": 0.0, "y": 0.0,
        "contrast": 1e-4, "dmag": 10.0, "dmag_err": 0.1, "snr": 9.0, "significance": 8.0, "false_rate": 0.0,
        "false_rate_max": 3.0, "n_injections": 9, "neg_sep": _NAN, "neg_pa": _NAN, "neg_contrast": _NAN,
        "neg_differs": False,
    }  # fmt: skip
    return CandidateRow(**(values | _ERRORS | changes | {"channel": channel}))  # type: ignore[arg-type]  # by name


def _checked(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    negative: tuple[float, float, tuple[float, float]],
    *,
    pa: float = 0.2,
    fitted: bool = True,
    **changes: float,
) -> tuple[CandidateRow, ...]:
    """Rows of a candidate fitted at 5 pixels, due north, fluxes 30 and 10; x, y, fluxes of a negative one."""
    psf, cube = prepare_psf(np.ones((9, 9))), np.zeros((1, 21, 21), np.float32)
    channels = [Channel(cube, np.zeros(1), psf, 4.0, 1e5)] * 2
    found = Found(
        (Detection(Companion(10.0, 15.0, (30.0, 10.0)), fitted, (9.0,) * 3, (8.0,) * 3),),
        (),
        Scene(channels, (), np.array([0.75, 0.25])),
    )
    monkeypatch.setattr(
        "reduce.recipes.level2_negative.negative_companion",
        lambda *_: Companion(negative[0], negative[1], negative[2]),
    )
    rows = [_row(channel, pa, **changes) for channel in (-1, 0, 1)]
    return with_negatives(rows, found, 10.0, FolderJob(tmp_path, 1))


def test_differences_are_added_to_what_the_rows_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Half a pixel out and to the west: 5 mas, and an angle past north."""
    turn = np.degrees(np.arctan2(-0.05, 5.5))
    rows = _checked(monkeypatch, tmp_path, (10.05, 15.5, (33.0, 9.0)))
    assert [row.neg_sep for row in rows] == pytest.approx([49.0 + 10 * (np.hypot(5.5, 0.05) - 5.0)] * 3)
    assert [row.neg_pa for row in rows] == pytest.approx([(0.2 + turn) % 360] * 3)
    assert rows[0].neg_pa > 359
    stack = (0.75 * 33 + 0.25 * 9) / (0.75 * 30 + 0.25 * 10)
    assert [row.neg_contrast for row in rows] == pytest.approx([1e-4 * stack, 1.1e-4, 0.9e-4])
    assert [row.sep for row in rows] == [49.0] * 3


@pytest.mark.parametrize(
    ("negative", "differ"),
    [
        ((10.0, 15.59, (30.0, 10.0)), [False] * 3),
        ((10.0, 15.61, (30.0, 10.0)), [True] * 3),
        ((10.0, 14.39, (30.0, 10.0)), [True] * 3),
        ((10.0 - 5 * np.sin(np.radians(2.99)), 10 + 5 * np.cos(np.radians(2.99)), (30.0, 10.0)), [False] * 3),
        ((10.0 - 5 * np.sin(np.radians(3.01)), 10 + 5 * np.cos(np.radians(3.01)), (30.0, 10.0)), [True] * 3),
        ((10.0 + 5 * np.sin(np.radians(3.01)), 10 + 5 * np.cos(np.radians(3.01)), (30.0, 10.0)), [True] * 3),
        ((10.0, 15.0, (30.0, 6.9)), [False, False, True]),
        ((10.0, 15.0, (38.9, 10.0)), [False] * 3),
        ((10.0, 15.0, (39.1, 10.0)), [False, True, False]),
    ],
)
def test_three_errors_are_too_far(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    negative: tuple[float, float, tuple[float, float]],
    differ: list[bool],
) -> None:
    with structlog.testing.capture_logs() as logs:
        rows = _checked(monkeypatch, tmp_path, negative)
    assert [row.neg_differs for row in rows] == differ
    told = [entry["channels"] for entry in logs if "negative companion" in entry["event"]]
    assert told == ([[c for c, d in zip((-1, 0, 1), differ, strict=True) if d]] if any(differ) else [])


def test_nothing_is_judged_without_errors_or_without_a_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    far = (10.0, 19.0, (90.0, 10.0))
    unknown = _checked(monkeypatch, tmp_path, far, sep_err=_NAN, pa_err=_NAN, contrast_err=_NAN)
    assert not any(row.neg_differs for row in unknown)
    assert unknown[0].neg_sep == pytest.approx(89.0)
    unfitted = _checked(monkeypatch, tmp_path, far, fitted=False)
    assert all(np.isnan([row.neg_sep, row.neg_pa, row.neg_contrast]).all() for row in unfitted)


def _near(rows: tuple[CandidateRow, ...], sep: float) -> list[CandidateRow]:
    return [row for row in rows if abs(row.sep / _SCALE - sep) < 2]


def test_planted_companions_are_where_and_as_bright_as_the_negative_ones_say(tmp_path: Path) -> None:
    cube = _level1(tmp_path)
    quick = {"components": 2, "injections": 6, "step_fwhm": 8.0, "branches": 1}
    rows, without = (
        read_candidates(
            run(
                pca.RECIPE,
                {"cube": cube},
                pca.PcaParameters.model_validate(quick | {"negative": negative}),
                tmp_path / str(negative),
            )
            .made[ProductKind.CANDIDATES]
            .path
        )
        for negative in (True, False)
    )
    for sep, pa, flux in _PLANTED:
        truth: NDArray[np.float64] = np.array([flux / 1.1, flux, flux / 1.2]) / _STAR
        near = _near(rows, sep)
        assert len(near) == 3
        for row, contrast in zip(near, truth, strict=True):
            assert row.neg_sep == pytest.approx(sep * _SCALE, abs=0.3 * _SCALE)
            assert row.neg_pa == pytest.approx(pa, abs=1.5)
            assert row.neg_contrast == pytest.approx(contrast, rel=0.25)
            assert not row.neg_differs
        blank = _near(without, sep)
        assert len(blank) == 3
        assert all(np.isnan(row.neg_sep) and not row.neg_differs for row in blank)
