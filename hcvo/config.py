"""Settings: frozen, read once from ``etc/hcvo.toml`` and ``HCVO_*``; unknown keys are refused.

The environment wins over the file: ``HCVO_STATE=/srv/hcvo``,
``HCVO_DATABASE__PORT=5599`` (two underscores between the parts of a name).
"""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from hcvo.errors import ConfigError

__all__ = ["CHECKOUT", "Dachs", "Database", "Resolver", "Settings", "load_settings"]

CHECKOUT = Path(__file__).resolve().parents[1]
"""Top of the checkout: where ``etc/`` and ``resources/`` lie."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Database(_Part):
    """The site's own PostgreSQL cluster."""

    port: int = Field(default=5433, description="port on 127.0.0.1, and number of its socket")
    name: str = Field(default="hcvo", description="database")
    user: str = Field(default="hcvo", description="owner of the schemas archive and hci")


class Dachs(_Part):
    """The site's own GAVO DaCHS."""

    port: int = Field(default=8080, description="port on 127.0.0.1")
    authority: str = Field(default="org.hcvo.demo", description="IVOA authority of our identifiers")
    public_url: str = Field(default="", description="address users see; empty: http://127.0.0.1:<port>")


class Resolver(_Part):
    """Where target names are looked up after the dictionary in etc/."""

    simbad_url: str = Field(default="", description="TAP service with SIMBAD's tables; empty: SIMBAD itself")
    online: bool = Field(default=True, description="ask the service at all")
    timeout_s: float = Field(default=10.0, description="seconds to wait for its answer")


class Settings(BaseSettings):
    """All settings of a site."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="HCVO_", env_nested_delimiter="__"
    )

    state: Path = Field(default=Path(), description="folder of everything the site makes; empty: chosen")
    account: str = Field(
        default="", description="unprivileged account of the servers; empty: hcvo, or yourself"
    )
    database: Database = Database()
    dachs: Dachs = Dachs()
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
        If a key is unknown or a value impossible.
    """
    try:
        settings = Settings(**overrides)
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
    return Path(os.environ.get("HCVO_CONFIG", CHECKOUT / "etc" / "hcvo.toml"))
