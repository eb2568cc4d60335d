"""Parameters over the recipes' defaults: a site's, then those of a science case, then what a user gives."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hcvo.errors import ConfigError

__all__ = ["Preset", "preset_names", "read_preset", "with_presets"]

_Parameters = Mapping[str, Mapping[str, object]]
_EVERY = "level2"  # stands for every algorithm
_CASES = "presets"
"""Folder of the science cases, below that of the site's files."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What suits a science case.

    Attributes
    ----------
    about : str
        What for, one sentence.
    algorithms : tuple[str, ...]
        Of level 2.
    parameters : Mapping[str, Mapping[str, object]]
        Recipe name to parameters that differ from the defaults.
    """

    about: str = ""
    algorithms: tuple[str, ...] = ()
    parameters: _Parameters = field(default_factory=dict)


def preset_names(folder: Path) -> list[str]:
    """Names of the science cases that a site has.

    Parameters
    ----------
    folder : Path
        Of the site's parameters.

    Returns
    -------
    list[str]
        Sorted.
    """
    return sorted(path.stem for path in (folder / _CASES).glob("*.toml"))


def read_preset(name: str, folder: Path) -> Preset:
    """Read the preset of a science case.

    Parameters
    ----------
    name : str
        'point-source', 'disk'.
    folder : Path
        Of the site's parameters; the preset is ``presets/<name>.toml`` below it: lines ``about``,
        ``algorithms``, then a table of parameters for each recipe.

    Returns
    -------
    Preset
        Its content; whether recipes know the parameters shows when they run.

    Raises
    ------
    ConfigError
        If there is none of that name, or the file is not of that form.
    """
    known = preset_names(folder)
    if name not in known:
        raise ConfigError(f"no preset {name!r} in {folder / _CASES}; there are {', '.join(known) or 'none'}")
    path = folder / _CASES / f"{name}.toml"
    content = _read(path)
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    about, algorithms = content.get("about", ""), content.get("algorithms", [])
    odd = set(content) - set(tables) - {"about", "algorithms"}
    names = [str(one) for one in algorithms] if isinstance(algorithms, list) else []
    if odd or not isinstance(about, str) or not names:
        raise ConfigError(
            f'{path}: wanted about = "...", algorithms = ["pca", ...], then tables such as [pca]; '
            f"it has {', '.join(sorted(content)) or 'nothing'}"
        )
    return Preset(about, tuple(names), tables)


def with_presets(
    given: _Parameters, folder: Path, preset: Preset | None = None, algorithms: Sequence[str] = ()
) -> dict[str, dict[str, object]]:
    """Add the parameters of a site and of a science case to those that a user gave.

    Parameters
    ----------
    given : _Parameters
        Recipe name to parameters; these win.
    folder : Path
        Holds ``<recipe>.toml``, each a flat table of parameters; may be absent. These come last.
    preset : Preset | None
        Of the science case; it wins over the site.
    algorithms : Sequence[str]
        What the name 'level2' stands for; in each layer, what is said of one of them wins over it.

    Returns
    -------
    dict[str, dict[str, object]]
        Recipe name to parameters that differ from the defaults.
    """
    site = {path.stem: _read(path) for path in sorted(folder.glob("*.toml"))}
    merged: dict[str, dict[str, object]] = {}
    for layer in (site, preset.parameters if preset else {}, given):
        for recipe in sorted(layer, key=lambda name: name != _EVERY):
            for name in algorithms if recipe == _EVERY else (recipe,):
                merged.setdefault(name, {}).update(layer[recipe])
    return merged


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a preset ({error}); wanted lines such as size_px = 401") from error
