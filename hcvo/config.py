"""Settings: frozen, read once from ``etc/hcvo.toml`` and ``HCVO_*``; unknown keys are refused.

The environment wins over the file: ``HCVO_STATE=/srv/hcvo``,
``HCVO_DATABASE__PORT=5599`` (two underscores between the parts of a name).
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from hcvo.errors import ConfigError

__all__ = ["CHECKOUT", "Dachs", "Database", "Limits", "Resolver", "Settings", "load_settings"]

CHECKOUT = Path(__file__).resolve().parents[1]
"""Top of the checkout: where ``etc/`` and ``resources/`` lie."""
_PREFIX = "HCVO_"
_FILE = "HCVO_CONFIG"
"""Environment variable that names another settings file."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Database(_Part):
    """The site's own PostgreSQL cluster."""

    port: int = Field(default=5433, ge=1, le=65535, description="port on 127.0.0.1, and number of its socket")
    name: str = Field(default="hcvo", description="database")
    user: str = Field(default="hcvo", description="owner of the schemas archive and hci")


class Dachs(_Part):
    """The site's own GAVO DaCHS."""

    port: int = Field(default=8080, ge=1, le=65535, description="port on 127.0.0.1")
    authority: str = Field(default="org.hcvo.demo", description="IVOA authority of our identifiers")
    public_url: str = Field(default="", description="address users see; empty: http://127.0.0.1:<port>")
    processes: int = Field(
        default=1, ge=1, le=64, description="servers side by side; with more than one nginx has the port"
    )


class Limits(_Part):
    """What one client may ask of a site of several processes."""

    connections: int = Field(default=100, ge=1, description="requests at once from one address")
    requests_per_s: int = Field(default=200, ge=1, description="requests a second from one address")
    upload_mb: int = Field(default=20, ge=1, description="largest request, MB")
    client_silence_s: int = Field(default=60, ge=1, description="seconds a client may say nothing")
    answer_s: int = Field(default=90, ge=1, description="seconds within which an answer begins")


class Resolver(_Part):
    """Where target names are looked up after the dictionary in etc/."""

    simbad_url: str = Field(default="", description="TAP service with SIMBAD's tables; empty: SIMBAD itself")
    online: bool = Field(default=True, description="ask the service at all")
    timeout_s: float = Field(default=10.0, gt=0, description="seconds to wait for its answer")


class Settings(BaseSettings):
    """All settings of a site."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=_PREFIX, env_nested_delimiter="__"
    )

    state: Path = Field(default=Path(), description="folder of everything the site makes; empty: chosen")
    account: str = Field(
        default="", description="unprivileged account of the servers; empty: hcvo, or yourself"
    )
    database: Database = Database()
    dachs: Dachs = Dachs()
    limits: Limits = Limits()
    resolver: Resolver = Resolver()

    @property
    def postgres_data(self) -> Path:
        """Data folder of the PostgreSQL cluster."""
        return self.state / "postgres"

    @property
    def sockets(self) -> Path:
        """Folder of the PostgreSQL socket."""
        return self.state / "run"

    @property
    def passwords(self) -> Path:
        """Libpq password file of the site's database roles, readable by their owner only."""
        return self.state / "etc" / "pgpass"

    @property
    def dachs_root(self) -> Path:
        """DaCHS's rootDir."""
        return self.state / "dachs"

    @property
    def dachs_inputs(self) -> Path:
        """DaCHS's inputsDir: the descriptors of resources/, filled in."""
        return self.state / "inputs"

    @property
    def dachs_settings(self) -> Path:
        """DaCHS's configuration file."""
        return self.dachs_root / "gavo.rc"

    @property
    def store(self) -> Path:
        """Product files; accref is the path below."""
        return self.state / "store"

    @property
    def staging(self) -> Path:
        """Products being written, on the store's file system."""
        return self.state / "staging"

    @property
    def raw(self) -> Path:
        """Raw frames simulated or fetched for this site (ingest also takes other folders)."""
        return self.state / "raw"

    @property
    def logs(self) -> Path:
        """Log files of servers and processes."""
        return self.state / "logs"

    @property
    def base_url(self) -> str:
        """Address of DaCHS as users see it, no slash at the end."""
        return self.dachs.public_url.rstrip("/") or f"http://127.0.0.1:{self.dachs.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of sources: arguments, environment, file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file())


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - pydantic checks each value
    """Read the settings once.

    Parameters
    ----------
    **overrides : Any
        Values that win over environment and file.

    Returns
    -------
    Settings
        With `state` made absolute: ``/var/lib/hcvo`` for root, ``build/site`` in the checkout otherwise.

    Raises
    ------
    ConfigError
        If a key is unknown or a value impossible, or the file cannot be read.
    """
    _require_known(os.environ)
    _require_file()
    try:
        settings = Settings(**overrides)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"settings file {_config_file()} cannot be read: {error}") from error
    except SettingsError as error:
        raise ConfigError(f"HCVO_* environment: {error}; it wants JSON, or one name a value") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"setting {where}: {first['msg']} (found {first['input']!r}); "
            f"see {_config_file()} and the HCVO_* environment"
        ) from error
    chosen = settings.state
    if chosen == Path():
        chosen = Path("/var/lib/hcvo") if os.geteuid() == 0 else CHECKOUT / "build" / "site"
    return settings.model_copy(update={"state": chosen.resolve()})


def _config_file() -> Path:
    return Path(os.environ.get(_FILE) or CHECKOUT / "etc" / "hcvo.toml")


def _require_file() -> None:
    """A file that is asked for must be there; the checkout's own may be missing."""
    if os.environ.get(_FILE) and not _config_file().is_file():
        raise ConfigError(f"{_FILE} is {os.environ[_FILE]!r}, which is no file; correct or unset it")


def _require_known(names: Iterable[str]) -> None:
    """Refuse what starts like a setting but is none: pydantic passes over it in silence."""
    known = {_FILE, *_variables()}
    for name in names:
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"{name} in the environment is no setting; {meant}")


def _variables() -> Iterator[str]:
    """Environment variables that are settings: parts as a whole (JSON), and each value in them."""
    for name, field in Settings.model_fields.items():
        yield (_PREFIX + name).upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner in field.annotation.model_fields:
                yield f"{_PREFIX}{name}__{inner}".upper()
