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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HCVO_DATABSE__PORT", "HCVO_DATABASE__PORT"),
        ("HCVO_DATABASE__PROT", "HCVO_DATABASE__PORT"),
        ("HCVO_STAET", "HCVO_STATE"),
        ("hcvo_stat", "HCVO_STATE"),
    ],
)
def test_an_unknown_name_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigError, match=rf"{name} in the environment .* did you mean {meant}\?"):
        load_settings()


def test_what_the_installer_reads_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCVO_ACCOUNT", "astro")
    assert load_settings().account == "astro"


def test_a_missing_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HCVO_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match=r"absent\.toml.* is no file"):
        load_settings()


@pytest.mark.parametrize("content", [b"[database\nport = 1\n", b"state = '\xff'\n"])
def test_a_broken_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.toml").write_bytes(content)
    monkeypatch.setenv("HCVO_CONFIG", str(tmp_path / "broken.toml"))
    with pytest.raises(ConfigError, match=r"broken\.toml cannot be read"):
        load_settings()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_an_impossible_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("HCVO_DACHS__PORT", port)
    with pytest.raises(ConfigError, match=r"dachs\.port"):
        load_settings()


def test_a_part_that_is_no_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCVO_DATABASE", "port=1")
    with pytest.raises(ConfigError, match="it wants JSON"):
        load_settings()
