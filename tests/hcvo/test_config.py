"""Settings: the environment wins over the file, and a slip of the pen is named."""

import os
from pathlib import Path

import pytest

from hcvo.config import load_settings
from hcvo.errors import ConfigError


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("HCVO_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "hcvo.toml"
    path.write_text('[database]\nport = 5999\n[dachs]\nauthority = "org.example"\n')
    monkeypatch.setenv("HCVO_CONFIG", str(path))


def test_file_then_environment_then_argument(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().database.port == 5999
    monkeypatch.setenv("HCVO_DATABASE__PORT", "6001")
    assert load_settings().database.port == 6001
    assert load_settings().dachs.authority == "org.example"
    assert load_settings(state=tmp_path).store == tmp_path / "store"


def test_default_state_folder() -> None:
    wanted = "/var/lib/hcvo" if os.geteuid() == 0 else "build/site"
    assert str(load_settings().state).endswith(wanted)


def test_an_unknown_key_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[database]\nprot = 1\n")
    monkeypatch.setenv("HCVO_CONFIG", str(path))
    with pytest.raises(ConfigError, match=r"database\.prot.*wrong\.toml"):
        load_settings()


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.account = "root"
