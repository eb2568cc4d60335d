"""What a folder of raw files may hold besides: nothing that should be one is passed over in silence."""

import gzip
import os
from pathlib import Path

import pytest
from astropy.io import fits

from hcvo.errors import InputError, StoreError
from reduce.file_recorder import FileRecorder, only_one
from reduce.folder import read_folder, reduce_folder
from reduce.folder_files import find_files
from tests.reduce.raw_files import irdis_cards, write_raw

_NOWHERE = Path("/nowhere")


def _science(folder: Path, minute: int = 26) -> Path:
    return write_raw(folder, irdis_cards(start=f"2018-04-21T03:{minute:02d}:29.634"))


@pytest.mark.parametrize(
    ("end", "how"), [(".gz", "gunzip"), (".Z", "uncompress"), (".fz", "funpack"), (".bz2", "bunzip2")]
)
def test_packed_files_are_named_with_what_unpacks_them(tmp_path: Path, end: str, how: str) -> None:
    path = _science(tmp_path)
    packed = path.with_name(path.name + end)
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert find_files(tmp_path, _NOWHERE) == ([path], [])  # the plain one lies beside it
    path.unlink()
    (tmp_path / "notes.txt.gz").write_bytes(b"")
    assert find_files(tmp_path, _NOWHERE) == (
        [],
        [f"{packed}: a packed file, wanted plain FITS; unpack it with {how}"],
    )


def test_links_are_followed_and_broken_ones_named(tmp_path: Path) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "raw"
    archive.mkdir()
    folder.mkdir()
    _science(archive)
    (folder / "night").symlink_to(archive)
    (archive / "round").symlink_to(archive)
    (folder / "gone.fits").symlink_to(tmp_path / "not" / "there")
    (folder / "dir.fits").mkdir()
    frames, (bad,) = read_folder(folder, _NOWHERE)
    assert [frame.path.parent for frame in frames] == [folder / "night"]
    assert bad.startswith(
        f"{folder / 'gone.fits'}: a link to {tmp_path / 'not' / 'there'}, which is not there"
    )


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no raw files here", encoding="ascii")
    (bad,) = find_files(tmp_path, _NOWHERE)[1]
    assert bad == f"{tmp_path}: no file in it ends in .fits, .fit, .fts; give a folder with raw FITS files"


def test_what_the_simulator_planted_is_no_raw_file(tmp_path: Path) -> None:
    path = _science(tmp_path)
    planted = tmp_path / "truth_light.fits"
    fits.PrimaryHDU().writeto(planted)
    (bad,) = read_folder(tmp_path, _NOWHERE)[1]
    assert bad.startswith(f"{planted}: no raw frame of ours: INSTRUME is missing, wanted 'SPHERE'")
    (tmp_path / "truth.json").write_text("{}", encoding="ascii")
    assert find_files(tmp_path, _NOWHERE) == ([path], [])


@pytest.mark.parametrize("checksums", [True, False])
def test_one_name_with_two_contents_is_refused_with_or_without_checksums(
    tmp_path: Path, *, checksums: bool
) -> None:
    path = _science(tmp_path)
    (tmp_path / "same.fits").write_bytes(path.read_bytes())
    other = tmp_path / "zz.fits"
    other.write_bytes(path.read_bytes()[:-1] + b"x")
    frames, (bad,) = read_folder(tmp_path, _NOWHERE, checksums=checksums)
    assert len(frames) == 1
    assert bad.startswith(f"{other}: {path.stem} is also {path} with other content")


def test_a_file_that_cannot_be_read_is_told_without_numbers(tmp_path: Path) -> None:
    path = _science(tmp_path)
    path.unlink()
    path.symlink_to("/proc/self/mem")  # readable by its mode, refuses to be read
    (bad,) = read_folder(tmp_path, _NOWHERE)[1]
    assert "Errno" not in bad
    assert bad.startswith(f"{path}: ")


def test_products_do_not_go_where_raw_files_lie(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    _science(raw)
    for out in (raw, tmp_path, Path(os.path.relpath(raw))):
        with pytest.raises(InputError, match=r"products would go into .*wanted a folder beside or below it"):
            reduce_folder(raw, out, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_our_own_results_below_the_raw_files_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _science(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "product.fits").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert find_files(tmp_path, Path("out")) == ([path], [])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(StoreError, match=r"cannot write into .*give another folder"),
        only_one(tmp_path / "file" / "out"),
    ):
        pass


@pytest.mark.parametrize("content", ["[]", "{}", '{"process_id": 1}', "nothing"])
def test_a_process_record_of_another_make_is_named(tmp_path: Path, content: str) -> None:
    recorder = FileRecorder(tmp_path)
    (tmp_path / "processes" / "1.json").write_text(content, encoding="ascii")
    (tmp_path / "processes" / "1b.json").write_text("a copy", encoding="ascii")
    with pytest.raises(StoreError, match=r"1.json: not a process record.*move it away"):
        recorder.recover()
