"""What the races say: sums, means, what is missing and what is extrapolated."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.bench.level2_rows import Outcome, Race, race_rows, whole_rows
from tests.bench.level2_side import Side
from tests.bench.peer_level2 import peers_of


@dataclass
class _Ended:
    """A side that took so long for a share of its job."""

    words: str
    seconds: list[float] = field(default_factory=list)
    share: float = 1.0
    peak_mib: float = 100.0

    @property
    def best(self) -> float:
        return min(self.seconds, default=float("nan")) / self.share


def _side(words: str, *seconds: float, share: float = 1.0) -> Side:
    return cast("Side", _Ended(words, list(seconds), share))


_PCA, _LOCI = Race("PCA", "small", 6, whole="small"), Race("LOCI", "small", 8, whole="small")


def test_the_fastest_of_each_camp_counts_and_a_side_that_failed_has_no_figure() -> None:
    outcome = Outcome(
        _PCA,
        [_side("one", 3.0, 2.0), _side("two", 4.0)],
        [_side("a", 11.0, 10.0), _side("b"), _side("c", 20.0)],
    )
    rows = race_rows(outcome)
    ratio = next(row for row in rows if row.goal == ">= 6")
    assert ratio.value == pytest.approx(5.0)
    assert not ratio.ok
    failed = next(row for row in rows if row.quantity.startswith("time, b"))
    assert failed.value is None
    assert failed.ok


def test_without_a_peer_that_ended_the_goal_is_not_met() -> None:
    ratio = next(r for r in race_rows(Outcome(_PCA, [_side("o", 1.0)], [_side("a")])) if r.goal)
    assert ratio.value is None
    assert not ratio.ok


def test_the_whole_set_is_sum_against_sum_and_marks_what_is_extrapolated() -> None:
    outcomes = [
        Outcome(_PCA, [_side("o", 1.0)], [_side("a", 4.0)]),
        Outcome(_LOCI, [_side("o", 2.0)], [_side("a", 8.0, share=0.25)]),
    ]
    rows = {row.quantity: row for row in whole_rows([_PCA, _LOCI], outcomes)}
    total = rows["times faster, sum against sum"]
    assert total.value == pytest.approx(36.0 / 3.0)
    assert total.ok
    assert "PCA, LOCI*; * is extrapolated" in total.case
    assert rows["geometric mean of the ratios"].value == pytest.approx(8.0)
    assert rows["smallest ratio, PCA"].value == pytest.approx(4.0)
    assert rows["the same without the peers' longest, LOCI"].value == pytest.approx(4.0)


def test_a_set_with_a_job_missing_is_not_met() -> None:
    rows = whole_rows([_PCA, _LOCI], [Outcome(_PCA, [_side("o", 1.0)], [_side("a", 40.0)])])
    total = next(row for row in rows if row.goal)
    assert total.value == pytest.approx(40.0)
    assert not total.ok
    assert "1 of 2 jobs" in total.case


def test_a_crop_and_a_part_of_the_work_are_shares() -> None:
    loci, fit = peers_of("LOCI", "full")[0], peers_of("candidate", "full")[0]
    assert loci.share(513) == pytest.approx((129 / 513) ** 2)
    assert fit.share(513) == pytest.approx(4 / 150)
    assert all(option.share(201) == 1 for option in peers_of("LOCI", "small"))
