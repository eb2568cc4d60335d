"""Root gives nothing away and writes nowhere else, whatever links the servers' account makes."""

import os
from pathlib import Path

import pytest

from hcvo.config import load_settings
from hcvo.errors import SiteError
from hcvo.site.account import Account, server_account
from hcvo.site.up import bring_down, make_folders


@pytest.fixture
def account() -> Account:
    return server_account(load_settings())


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that is none of the account's business."""
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o700)
    (folder / "shadow").write_text("secret")
    return folder


def test_a_folder_swapped_for_a_link_is_refused(account: Account, elsewhere: Path, tmp_path: Path) -> None:
    link = tmp_path / "store"
    link.symlink_to(elsewhere)
    before = elsewhere.stat()
    for path in (link, link / "below"):
        with pytest.raises(SiteError, match="store is a link or no folder"):
            account.folder(path)
    with pytest.raises(SiteError, match="store is a link or no folder"):
        account.own(link, 0o777)
    with pytest.raises(SiteError, match="store is a link or no folder"):
        account.write(link / "file", "text")
    after = elsewhere.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    assert [path.name for path in elsewhere.iterdir()] == ["shadow"]


def test_a_file_swapped_for_a_link_is_replaced_not_followed(
    account: Account, elsewhere: Path, tmp_path: Path
) -> None:
    link = tmp_path / "gavo.rc"
    link.symlink_to(elsewhere / "shadow")
    account.write(link, "ours", 0o600)
    assert (elsewhere / "shadow").read_text() == "secret"
    assert link.read_text() == "ours"
    assert link.lstat().st_mode & 0o777 == 0o600


def test_modes_do_not_depend_on_the_umask(account: Account, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        account.folder(tmp_path / "a" / "b")
        account.write(tmp_path / "a" / "file", "text")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/file")] == [
        0o755,
        0o755,
        0o644,
    ]


def test_a_lock_that_is_a_link_is_refused(account: Account, elsewhere: Path, tmp_path: Path) -> None:
    settings = load_settings(state=tmp_path / "site")
    make_folders(settings, account)
    (settings.sockets / "lock").symlink_to(elsewhere / "shadow")
    with pytest.raises(SiteError, match=r"cannot lock .*run/lock"):
        bring_down(settings)
    assert (elsewhere / "shadow").read_text() == "secret"


@pytest.mark.parametrize("name", ["raw", "store", "postgres"])
def test_folders_of_the_same_names_make_no_site(account: Account, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "observed.fits").write_text("mine")
    before = tmp_path.stat()
    with pytest.raises(SiteError, match=r"no state folder of a site: it holds .* and no file \.hcvo-site"):
        make_folders(load_settings(state=tmp_path), account)
    assert (tmp_path.stat().st_uid, tmp_path.stat().st_mode) == (before.st_uid, before.st_mode)


def test_other_accounts_cannot_enter_the_state_folder(account: Account, tmp_path: Path) -> None:
    settings = load_settings(state=tmp_path / "site")
    make_folders(settings, account)
    make_folders(settings, account)
    found = settings.state.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (account.uid, account.gid, 0o750)
