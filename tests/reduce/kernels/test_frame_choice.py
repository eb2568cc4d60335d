"""The rule's small print: which word is the strongest, what 'unknown' and 'empty' mean, Strehl from halos."""

import numpy as np
import pytest

from reduce.kernels.frame_choice import Evidence, Limits, judge, strehl_of_halo

_LIMITS = Limits(strehl_drop=0.2, centre_px=0.5, faintest=0.6, most_lost=0.5)


def _evidence(count: int = 6, /, **changes: tuple[int, float]) -> Evidence:
    values = {"strehl_image": 1.0, "strehl_ao": 1.0, "offset": 0.0, "flux": 1.0}
    arrays = {name: np.full(count, value) for name, value in values.items()}
    flags = {name: np.zeros(count, bool) for name in ("lost", "empty")}
    for name, (place, value) in changes.items():
        (arrays if name in arrays else flags)[name][place] = value
    return Evidence(**arrays, **flags)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"strehl_image": (2, 0.7), "offset": (2, 0.6)}, "image: Strehl down 30%"),
        ({"strehl_image": (2, 0.7), "offset": (2, 0.9)}, "centre 0.9 px off"),
        ({"strehl_ao": (2, 0.6), "strehl_image": (2, 0.7)}, "AO: Strehl down 40%"),
        ({"strehl_ao": (2, 0.75), "flux": (2, 0.4)}, "star down to 40%"),
        ({"strehl_ao": (2, 0.5), "flux": (2, 0.4)}, "AO: Strehl down 50%"),
        ({"strehl_ao": (2, 0.1), "lost": (2, 1.0)}, "pattern lost: star away or loop open"),
        ({"lost": (2, 1.0), "empty": (2, 1.0)}, "no data in the annulus"),
    ],
)
def test_what_passes_its_limit_by_the_most_is_the_reason(
    changes: dict[str, tuple[int, float]], word: str
) -> None:
    verdict = judge(_evidence(**changes), _LIMITS)
    assert verdict.reasons == ("", "", word, "", "", "")
    assert verdict.kept.tolist() == [True, True, False, True, True, True]
    assert verdict.warning == ""


def test_a_frame_at_its_limit_is_kept() -> None:
    """A quarter, a half: numbers without rounding."""
    limits = Limits(0.25, 0.5, 0.5, 0.5)
    for name, value in (("strehl_image", 0.75), ("strehl_ao", 0.75), ("offset", 0.5), ("flux", 0.5)):
        verdict = judge(_evidence(**{name: (1, value)}), limits)
        assert verdict.kept.all()
        assert set(verdict.reasons) == {""}


def test_half_may_go_without_a_warning_and_the_worst_go_first() -> None:
    evidence = _evidence()
    evidence.offset[:3] = [0.9, 0.7, 0.8]
    three = judge(evidence, _LIMITS)
    assert three.kept.tolist() == [False, False, False, True, True, True]
    assert three.warning == ""
    evidence.offset[:5] = [0.9, 0.7, 0.8, 0.9, 0.6]
    five = judge(evidence, _LIMITS)
    assert five.kept.tolist() == [False, True, False, False, True, True]
    assert five.warning.startswith("5 of 6 frames fall below the limits, at most 3 may be rejected")
    assert five.reasons[1] == "centre 0.7 px off"


def test_of_equally_bad_frames_the_first_go_and_empty_ones_go_always() -> None:
    evidence = _evidence(4)
    evidence.offset[:] = 0.8
    assert judge(evidence, _LIMITS).kept.tolist() == [False, False, True, True]
    evidence.empty[1:] = True
    verdict = judge(evidence, _LIMITS)
    assert verdict.kept.tolist() == [True, False, False, False]
    assert verdict.warning.startswith("4 of 4 frames")


def test_the_halo_holds_what_the_core_lacks() -> None:
    clear = np.array([1.0, 1.0, 0.5, 1.0, 1.0])
    strehls = np.array([0.8, 0.8, 0.8, 0.5, 0.0])
    found = strehl_of_halo(7.0 * clear * (1 - strehls), 900.0 * clear, 0.8)
    assert found == pytest.approx(strehls / 0.8, abs=1e-9)
    assert strehl_of_halo(np.array([1.0, 1.0, 9.0]), np.ones(3), 0.8)[2] == 0.0  # never below nothing


def test_unknown_transparency_counts_as_the_usual_one_and_no_halo_tells_nothing() -> None:
    halo = np.array([0.2, 0.2, 0.3, np.nan])
    found = strehl_of_halo(halo, np.array([5.0, np.nan, np.nan, 5.0]), 0.8)
    assert found[:3] == pytest.approx([1.0, 1.0, 0.7 / 0.8])
    assert np.isnan(found[3])
    assert strehl_of_halo(halo[:3], np.full(3, np.nan), 0.8) == pytest.approx(found[:3])
    for nothing in (np.zeros(3), np.full(3, -1.0), np.full(3, np.nan)):
        assert np.isnan(strehl_of_halo(nothing, np.ones(3), 0.8)).all()
    dark = strehl_of_halo(np.array([0.2, 0.2, 0.2]), np.array([5.0, 5.0, 0.0]), 0.999)
    assert dark[2] == pytest.approx((1 - 0.001 / 1e-3) / 0.999, abs=1e-9)
