"""Parameters of a site: one TOML file a recipe, over the recipe's defaults and under what a user gives."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from hcvo.errors import ConfigError

__all__ = ["with_presets"]

_Parameters = Mapping[str, Mapping[str, object]]


def with_presets(given: _Parameters, folder: Path) -> dict[str, dict[str, object]]:
    """Add a site's presets to the parameters that a user gave.

    Parameters
    ----------
    given : _Parameters
        Recipe name to parameters; these win.
    folder : Path
        Holds ``<recipe>.toml``, each a flat table of parameters; may be absent.

    Returns
    -------
    dict[str, dict[str, object]]
        Recipe name to parameters that differ from the defaults.

    Raises
    ------
    ConfigError
        If a file is not TOML.
    """
    merged: dict[str, dict[str, object]] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            merged[path.stem] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: not a preset ({error}); wanted lines such as size_px = 401"
            ) from error
    for recipe, parameters in given.items():
        merged.setdefault(recipe, {}).update(parameters)
    return merged
