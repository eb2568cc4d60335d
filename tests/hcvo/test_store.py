"""A file of the store is whole or absent, and never overwritten."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hcvo import store
from hcvo.errors import StoreError


def test_write_aside_leaves_the_whole_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.fits"
    with store.write_aside(target) as aside:
        aside.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert [p.name for p in target.parent.iterdir()] == ["a.fits"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.fits"

    def write_half() -> None:
        with store.write_aside(target) as aside:
            aside.write_bytes(b"half")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    target = tmp_path / "a.fits"
    script = (
        "import sys,time\nfrom pathlib import Path\nfrom hcvo.store import write_aside\n"
        f"with write_aside(Path({str(target)!r})) as aside:\n"
        "    aside.write_bytes(b'x' * 10); print('writing', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not target.exists()


def test_place_refuses_to_overwrite(tmp_path: Path) -> None:
    first, second, target = tmp_path / "1", tmp_path / "2", tmp_path / "store" / "p.fits"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    store.place(first, target)
    with pytest.raises(StoreError, match="exists already"):
        store.place(second, target)
    assert target.read_bytes() == b"first"
    assert second.read_bytes() == b"second"


def test_checksum_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "big"
    content = os.urandom((1 << 20) + 17)
    path.write_bytes(content)
    assert store.sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_of_many_who_want_one_place_one_gets_it(tmp_path: Path) -> None:
    target = tmp_path / "store" / "night" / "p.fits"
    sources = [tmp_path / str(number) for number in range(8)]
    for source in sources:
        source.write_text(source.name)

    def placed(source: Path) -> bool:
        try:
            store.place(source, target)
        except StoreError:
            return False
        return True

    with ThreadPoolExecutor(len(sources)) as pool:
        won = [source for source, done in zip(sources, pool.map(placed, sources), strict=True) if done]
    assert [source.name for source in won] == [target.read_text()]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(
        source.name for source in sources if source not in won
    )


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    source = tmp_path / "finished"
    before = os.umask(0o077)
    try:
        source.write_bytes(b"product")
        store.place(source, tmp_path / "store" / "night" / "p.fits")
        with store.write_aside(tmp_path / "raw" / "night" / "r.fits") as aside:
            aside.write_bytes(b"raw")
    finally:
        os.umask(before)
    for name in ("store", "store/night", "raw", "raw/night"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755
    for name in ("store/night/p.fits", "raw/night/r.fits"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = tmp_path / "finished"
    source.write_bytes(b"product")
    with pytest.raises(StoreError, match=r"cannot write .*below/p\.fits: Not a directory"):
        store.place(source, tmp_path / "file" / "below" / "p.fits")
    with pytest.raises(StoreError, match=r"cannot write .*below/p\.fits: Not a directory"):
        store.write_aside(tmp_path / "file" / "below" / "p.fits").__enter__()


def test_a_full_disk_is_told_and_other_errors_are_left_alone(tmp_path: Path) -> None:
    def fill(target: Path, number: int) -> None:
        with store.write_aside(target):
            raise OSError(number, os.strerror(number))

    with pytest.raises(StoreError, match=r"cannot write .*a\.fits: No space left on device"):
        fill(tmp_path / "a.fits", errno.ENOSPC)
    with pytest.raises(FileNotFoundError):
        fill(tmp_path / "a.fits", errno.ENOENT)
    assert list(tmp_path.iterdir()) == []
