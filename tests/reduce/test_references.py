"""Cubes of other stars reach the recipes that take them, and no others."""

from pathlib import Path

import pytest

from hcvo.errors import ConfigError
from reduce import engine
from reduce.associate import Made, Plan, Task
from reduce.recipe import Consume, Parameters, Recipe, SourceFile
from reduce.selection import Choice, follows, references_of

_CUBE = frozenset({"cube"})


def _recipe(name: str, makes: str, *consumes: Consume) -> Recipe:
    return Recipe(name, consumes, frozenset({makes}), Parameters, lambda *_: None)


LEVEL1 = _recipe("level1", "cube", Consume("raw", frozenset({"RAW"})))
OTHER1 = _recipe("other1", "cube", Consume("raw", frozenset({"RAW"})))
PLAIN = _recipe("plain", "residual", Consume("cube", _CUBE, 1, 1))
RDI = _recipe("rdi", "residual", Consume("cube", _CUBE, 1, 1), Consume("reference", _CUBE, 0))
NEEDY = _recipe("needy", "residual", Consume("cube", _CUBE, 1, 1), Consume("flat", _CUBE, 1))


def _followers(references: tuple[SourceFile, ...]) -> dict[str, Task]:
    tasks = (Task("a", "level1", {}), Task("b", "level1", {}), Task("c", "other1", {}))
    recipes = [LEVEL1, OTHER1, PLAIN, RDI, NEEDY]
    made = engine._with_followers(Plan(tasks, ()), recipes, "level2", references)
    return {task.key: task for task in made.tasks}


def test_references_that_were_given_go_to_the_recipe_that_takes_some() -> None:
    given = (SourceFile(Path("/x"), "0", "x"), SourceFile(Path("/y"), "1", "y"))
    tasks = _followers(given)
    assert tasks["rdi of a"].inputs == {"cube": (Made("a", "cube"),), "reference": given}
    assert tasks["plain of a"].inputs == {"cube": (Made("a", "cube"),)}
    assert "needy of a" not in tasks


def test_without_any_the_other_cubes_of_the_run_are_taken_where_they_succeed() -> None:
    tasks = _followers(())
    assert tasks["rdi of a"].inputs["reference"] == (Made("b", "cube", without=0),)
    assert tasks["rdi of b"].inputs["reference"] == (Made("a", "cube", without=0),)
    assert tasks["rdi of c"].inputs["reference"] == ()


def test_a_recipe_follows_products_if_it_can_go_without_all_but_the_first() -> None:
    assert [follows(one) for one in (LEVEL1, PLAIN, RDI, NEEDY)] == [False, True, True, False]
    raw_too = _recipe("odd", "residual", Consume("cube", _CUBE), Consume("raw", frozenset({"RAW"}), 0))
    assert not follows(raw_too)


def test_paths_become_inputs_by_name_and_checksum(tmp_path: Path) -> None:
    cube = tmp_path / "cube.fits"
    cube.write_bytes(b"")
    (source,) = references_of(Choice(references=(cube,)))
    assert (source.path, source.name, source.match_level) == (cube, "cube.fits", 0)
    assert source.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(ConfigError, match=r"reference .*gone.fits: no such file"):
        references_of(Choice(references=(cube, tmp_path / "gone.fits")))
