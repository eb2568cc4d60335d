"""Presets of a site: under what a user gives, over the defaults."""

from pathlib import Path

import pytest

from hcvo.config import CHECKOUT
from hcvo.errors import ConfigError
from reduce.presets import with_presets
from reduce.recipes import REGISTRY


def test_what_the_user_gives_wins(tmp_path: Path) -> None:
    (tmp_path / "ird_level1.toml").write_text("size_px = 601\n")
    (tmp_path / "pca.toml").write_text("threshold = 4.5\n")
    made = with_presets({"ird_level1": {"size_px": 201}, "cadi": {"combine": "mean"}}, tmp_path)
    assert made == {"ird_level1": {"size_px": 201}, "pca": {"threshold": 4.5}, "cadi": {"combine": "mean"}}
    assert with_presets({}, tmp_path / "none") == {}


def test_a_broken_preset_is_named(tmp_path: Path) -> None:
    (tmp_path / "pca.toml").write_text("threshold is 4")
    with pytest.raises(ConfigError, match=r"pca\.toml: not a preset"):
        with_presets({}, tmp_path)


def test_the_presets_that_come_with_us_are_valid() -> None:
    recipes = {recipe.name: recipe for recipe in REGISTRY}
    for name, values in with_presets({}, CHECKOUT / "etc" / "recipes").items():
        recipes[name].parameters(**values)
