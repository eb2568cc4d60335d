"""The program: a plain mistake is one line, and it runs where the home folder cannot be written."""

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

from hcvo.config import CHECKOUT

_PROGRAM = "from hcvo.cli import main; main()"
_CACHE = (
    "import os, sys; from hcvo import cli; os.setuid(int(sys.argv[1])); cli._give_numba_a_cache(); "
    "print(os.environ.get('NUMBA_CACHE_DIR'))"
)


def run(*arguments: str, script: str = _PROGRAM, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HCVO_", "NUMBA_"))}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=kept | env,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_refusal_of_the_system_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "site"
    done = run("site", "up", HCVO_STATE=str(state), HCVO_DATABASE__PORT="1", HCVO_DACHS__PORT="2")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("hcvo: ")


def test_out_in_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("simulate", "irdis", "--out", str(tmp_path / "file" / "out"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Not a directory" in done.stderr


def test_a_slip_of_the_pen_in_the_environment_is_one_line() -> None:
    done = run("site", "status", HCVO_STAET="/srv")
    assert done.returncode == 1
    assert done.stderr == "hcvo: HCVO_STAET in the environment is no setting; did you mean HCVO_STATE?\n"


def test_numba_has_a_cache_of_ours_without_a_home(tmp_path: Path) -> None:
    assert run(str(os.geteuid()), script=_CACHE, HOME=str(tmp_path)).stdout == "None\n"
    uid = os.geteuid() or pwd.getpwnam("nobody").pw_uid  # root can write everywhere
    done = run(str(uid), script=_CACHE, HOME="/nonexistent", XDG_CACHE_HOME="")
    cache = Path(done.stdout.strip())
    assert (cache.stat().st_uid, cache.stat().st_mode & 0o777) == (uid, 0o700)


def test_every_option_that_the_readme_shows_exists() -> None:
    """`hcvo <command> ... --option` in its blocks of commands, against the command's own help."""
    text = (CHECKOUT / "README.md").read_text().replace("\\\n", " ")
    shown: dict[tuple[str, ...], set[str]] = {}
    for words in re.findall(r"^(?:build/venv/bin/)?hcvo (.*)$", text, re.MULTILINE):
        called = words.partition("  #")[0].split()
        command = tuple(called[: 2 if called[0] in {"ingest", "site", "store", "simulate"} else 1])
        shown.setdefault(command, set()).update(word for word in called if word.startswith("--"))
    assert ("reduce",) in shown
    assert ("metrics",) in shown
    for command, options in shown.items():
        done = run(*command, "--help")
        assert done.returncode == 0, done.stderr
        assert options <= set(re.findall(r"--[a-z-]+", done.stdout)), command
