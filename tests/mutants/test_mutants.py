"""The mutants are what they claim to be, drawn again the same, and no kernel goes without."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hcvo.config import CHECKOUT
from tests.mutants.bench import Verdict
from tests.mutants.planted import planted_mutant, planted_row, planted_target, read_planted
from tests.mutants.population import Mutant, mutants_of, sampled
from tests.mutants.shares import Share, whole
from tests.mutants.targets import Target, TextMutant, read_equivalents, read_targets

_WITHOUT = {"__init__", "compiled"}  # nothing in them but the compiler's settings
_OTHERS = {
    "reduce/ephemeris.py",
    "reduce/exposure.py",
    "reduce/recipes/level1_sky.py",  # the derotation angles of a cube
    "reduce/recipes/star_place.py",
    "reduce/sparta.py",
    "reduce/instruments/sphere_astrometry.py",
    "hcvo/headers/packed.py",
    "hcvo/headers/wcs.py",
    "hcvo/model/motion.py",
    "hcvo/model/release.py",  # when a row becomes public
    "hcvo/published/ddl.py",  # the public-or-not rule
    "hcvo/catalogue/rights.py",
}

_PLANTED = ("angle sign", "time offset", "dithering", "channel order", "ND")

_SOURCE = """\
import numpy as np


def turned(x: float | None, *, angle: float = 1.5) -> float | None:
    if x is None or not angle:
        return None
    for _ in range(3):
        x -= np.sin(angle) * 2
    return x
"""


def _of(tmp_path: Path, source: str, *text: TextMutant) -> tuple[Mutant, ...]:
    (tmp_path / "module.py").write_text(source, encoding="utf-8")
    return mutants_of(Target("module", "module.py", text=text), tmp_path)


def test_each_kernel_and_angles_times_wcs_and_the_public_rule_are_mutated() -> None:
    kernels = {f"reduce/kernels/{path.name}" for path in (CHECKOUT / "reduce" / "kernels").glob("*.py")}
    wanted = {name for name in kernels if Path(name).stem not in _WITHOUT} | _OTHERS
    assert len(kernels) > 20
    assert wanted <= {target.module for target in read_targets()}


def _share(name: str, tried: int, survived: int, population: int) -> Share:
    mutant = Mutant("m.py", "f", 1, "number", "0", "1", "0", "1")
    verdicts = [Verdict(mutant, "survived" if k < survived else "killed", 0.1) for k in range(tried)]
    return Share(Target(name, "m.py"), population, 0, tuple(verdicts))


def test_the_whole_is_judged_with_each_module_at_its_weight() -> None:
    row = whole([_share("small", 40, 8, 40), _share("large", 40, 2, 360)])
    assert row.value == pytest.approx(80.0 * 0.1 + 95.0 * 0.9)
    assert row.ok
    left_open = 100 * 0.9 * np.sqrt(39 / 42 * 3 / 42 / 40 * (1 - 40 / 360))  # the large one's draw alone
    assert row.quantity == f"of 400 mutants, 80 tried, modules weighted; +- {left_open:.1f}"
    assert not whole([_share("small", 40, 2, 40), _share("large", 40, 8, 360)]).ok
    missing = whole([_share("small", 40, 0, 40), _share("large", 0, 0, 360)])
    assert (missing.value, missing.ok) == (None, False)


def test_a_module_is_held_to_less_for_its_draw_is_small() -> None:
    assert _share("one", 40, 8, 400).row().ok
    assert not _share("one", 40, 9, 400).row().ok
    assert not replace(_share("one", 40, 0, 400), stale=["gone"]).row().ok
    assert not replace(_share("one", 0, 0, 400), failure="tests fail\nlong").row().ok


def _is_there(test: str) -> bool:
    path, _, name = test.partition("[")[0].partition("::")
    text = (CHECKOUT / path).read_text(encoding="utf-8") if (CHECKOUT / path).is_file() else ""
    return f"def {name}(" in text if name else bool(text)


def test_targets_and_their_tests_are_there() -> None:
    targets = read_targets()
    assert max(Counter(target.name for target in targets).values()) == 1
    for target in targets:
        assert target.quick or target.tests, target.name
        for test in (*target.quick, *target.tests):
            assert _is_there(test.removeprefix("--deselect=")), test
        for function in target.within:
            assert _is_there(f"{target.module}::{function}"), f"{target.name}: {function}"


def test_every_planted_fault_can_be_put_in_and_has_its_tests() -> None:
    planted = read_planted()
    for entry in planted:
        mutant = planted_mutant(entry, CHECKOUT)
        compile(mutant.text, entry.file, "exec")
        assert mutant.before != mutant.after
        assert entry.quick or entry.tests, entry.before
        assert all(_is_there(test) for test in (*entry.quick, *entry.tests)), entry.before
    counts = Counter(entry.kind for entry in planted)
    assert min(counts[kind] for kind in _PLANTED) >= 5
    assert len({(entry.file, entry.before, entry.after) for entry in planted}) == len(planted)


def test_of_planted_faults_every_one_must_die() -> None:
    row = planted_row("ND", _share("m", 7, 0, 7).verdicts)
    assert (row.case, row.quantity, row.value, row.goal, row.ok) == (
        "planted ND",
        "killed 7 of 7",
        100.0,
        "all",
        True,
    )
    assert not planted_row("ND", _share("m", 40, 1, 40).verdicts).ok
    assert not planted_row("ND", (), "tests fail\nlong").ok


def test_a_kind_is_held_by_all_tests_of_its_faults() -> None:
    entries = [entry for entry in read_planted() if entry.kind == "dithering"]
    target = planted_target("dithering", entries)
    assert target.name == planted_target("dithering", entries[:1]).name
    assert set(target.quick) == {test for entry in entries for test in entry.quick}
    assert len(target.tests) == len({test for entry in entries for test in entry.tests})


def test_each_equivalent_has_a_reason() -> None:
    assert all(entry.why and (CHECKOUT / entry.file).is_file() for entry in read_equivalents())


def test_equivalents_are_of_the_code_that_is_there() -> None:
    """Lines may run on in the code; the list has them as one."""
    for entry in read_equivalents():
        text = " ".join((CHECKOUT / entry.file).read_text(encoding="utf-8").split())
        assert entry.before in text, f"{entry.file}, {entry.within}: {entry.before}"


def test_one_fault_a_mutant_and_none_twice(tmp_path: Path) -> None:
    found = _of(tmp_path, _SOURCE)
    changes = {(mutant.line, mutant.before, mutant.after) for mutant in found}
    assert len(changes) == len(found)
    after = {mutant.after for mutant in found}
    assert "x += np.sin(angle) * 2" in after
    assert "x -= np.cos(angle) * 2" in after
    assert "x -= np.sin(angle)" in after
    assert "x -= np.sin(angle) / 2" in after
    assert "if x is not None or not angle:" in after
    assert "if x is None and not angle:" in after
    assert not [mutant for mutant in found if "|" in mutant.before and "=>" in mutant.before]
    assert {mutant.within for mutant in found} == {"turned"}
    assert all("-> float | None" in mutant.text for mutant in found)


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    found = _of(tmp_path, _SOURCE)
    assert sampled(found, 5, 1) == sampled(found, 5, 1) != sampled(found, 5, 2)
    assert sampled(found, 10_000, 1) == found


def test_text_is_changed_where_it_stands_once(tmp_path: Path) -> None:
    source = 'RULE = "released <= now()"\n'
    entry = TextMutant("module.py", "<= now()", "< now()")
    (mutant,) = (m for m in _of(tmp_path, source, entry) if m.operator == "text")
    assert mutant.text == 'RULE = "released < now()"\n'
    assert (mutant.line, mutant.before, mutant.after) == (1, source.strip(), mutant.text.strip())
    with pytest.raises(ValueError, match="stands there 0 times, wanted once"):
        _of(tmp_path, source, TextMutant("module.py", "withdrawn", "true"))
