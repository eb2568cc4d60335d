"""Presets of a site and of science cases: under what a user gives, over the defaults."""

from pathlib import Path

import pytest

from hcvo.config import CHECKOUT
from hcvo.errors import ConfigError
from reduce.presets import Preset, preset_names, read_preset, with_presets
from reduce.recipes import REGISTRY
from reduce.selection import selected

SITE = CHECKOUT / "etc" / "recipes"


def test_what_the_user_gives_wins(tmp_path: Path) -> None:
    (tmp_path / "ird_level1.toml").write_text("size_px = 601\n")
    (tmp_path / "pca.toml").write_text("threshold = 4.5\n")
    made = with_presets({"ird_level1": {"size_px": 201}, "cadi": {"combine": "mean"}}, tmp_path)
    assert made == {"ird_level1": {"size_px": 201}, "pca": {"threshold": 4.5}, "cadi": {"combine": "mean"}}
    assert with_presets({}, tmp_path / "none") == {}


def test_the_science_case_stands_between_site_and_user(tmp_path: Path) -> None:
    (tmp_path / "pca.toml").write_text("threshold = 4.5\nbranches = 5\ninjections = 9\n")
    case = Preset("", ("pca",), {"pca": {"branches": 6, "injections": 8}, "noadi": {"branches": 1}})
    made = with_presets({"pca": {"injections": 7}}, tmp_path, case)
    assert made == {"pca": {"threshold": 4.5, "branches": 6, "injections": 7}, "noadi": {"branches": 1}}
    assert case.parameters["pca"] == {"branches": 6, "injections": 8}


def test_level2_stands_for_every_algorithm_and_yields_to_each(tmp_path: Path) -> None:
    (tmp_path / "cadi.toml").write_text("branches = 5\n")
    case = Preset("", ("pca",), {"pca": {"branches": 6}, "level2": {"branches": 4, "threshold": 3.0}})
    made = with_presets({"level2": {"injections": 7}}, tmp_path, case, ["cadi", "pca"])
    assert made == {
        "cadi": {"branches": 4, "threshold": 3.0, "injections": 7},
        "pca": {"branches": 6, "threshold": 3.0, "injections": 7},
    }


def test_a_science_case_is_read(tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    file = tmp_path / "presets" / "ring.toml"
    file.write_text('about = "rings"\nalgorithms = ["noadi", "pca"]\n[pca]\ncomponents = 2\n')
    assert read_preset("ring", tmp_path) == Preset("rings", ("noadi", "pca"), {"pca": {"components": 2}})
    assert preset_names(tmp_path) == ["ring"]
    with pytest.raises(ConfigError, match=r"no preset 'disc' in .*presets; there are ring$"):
        read_preset("disc", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'about = "no algorithms"',
        'algorithms = "pca"',
        'algorithms = ["pca"]\ncomponents = 3',
        "algorithms = []",
        'algorithms = ["pca"]\nabout = 3',
    ],
)
def test_a_science_case_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "ring.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"ring\.toml: wanted about"):
        read_preset("ring", tmp_path)


def test_a_broken_preset_is_named(tmp_path: Path) -> None:
    (tmp_path / "pca.toml").write_text("threshold is 4")
    with pytest.raises(ConfigError, match=r"pca\.toml: not a preset"):
        with_presets({}, tmp_path)


def test_the_parameters_that_come_with_us_are_valid() -> None:
    recipes = {recipe.name: recipe for recipe in REGISTRY}
    for name, values in with_presets({}, SITE).items():
        recipes[name].parameters(**values)


@pytest.mark.parametrize("name", preset_names(SITE))
def test_the_science_cases_that_come_with_us_are_valid(name: str) -> None:
    case = read_preset(name, SITE)
    recipes = {recipe.name: recipe for recipe in selected(REGISTRY, case.algorithms)}
    assert case.about.endswith(".")
    for recipe, values in with_presets({}, SITE / "none", case, case.algorithms).items():
        recipes[recipe].parameters(**values)


def test_point_sources_and_discs_have_a_preset() -> None:
    assert preset_names(SITE) == ["disk", "point-source"]
