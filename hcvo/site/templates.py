"""Files that servers read, made from etc/ and resources/: fill in, copy, say whether they changed."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from hcvo.config import CHECKOUT, Settings
from hcvo.errors import SiteError
from hcvo.published.examples import rd_examples
from hcvo.published.render import rd_table
from hcvo.site.account import Account

__all__ = [
    "copy_resources", "copy_vocabularies", "descriptors", "digest_of", "fill", "write_dachs_configuration",
]  # fmt: skip

_NAME = re.compile(r"@(\w+)@")
_TABLE = re.compile(r"<\?hcvo-table\s+(\w+)\s+(.*?)\?>", re.DOTALL)
_RESOURCES = CHECKOUT / "resources"
_VOCABULARY_URL = "http://www.ivoa.net/rdf/"


def fill(template: Path, values: Mapping[str, object]) -> str:
    """Put values into a template.

    Parameters
    ----------
    template : Path
        Text with names written ``@name@``.
    values : Mapping[str, object]
        Name to value.

    Returns
    -------
    str
        The filled text.

    Notes
    -----
    SiteError if the template names something that has no value.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise SiteError(
                f"{template}: nothing known as @{match[1]}@; known are {', '.join(sorted(values))}"
            )
        return str(values[match[1]])

    return _NAME.sub(value, template.read_text(encoding="utf-8"))


def write_dachs_configuration(settings: Settings, account: Account, passwords: Mapping[str, str]) -> None:
    """Write DaCHS's settings, site metadata and database profiles.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that runs DaCHS.
    passwords : Mapping[str, str]
        Database role to password.
    """
    values = {
        "root": settings.dachs_root,
        "inputs": settings.dachs_inputs,
        "logs": settings.logs / "dachs",
        "group": account.group,
        "port": settings.dachs.port,
        "url": settings.base_url,
        "authority": settings.dachs.authority,
        "examples": rd_examples(),
    }
    own = account.folder(settings.dachs_root / "etc", 0o700)
    source = CHECKOUT / "etc" / "dachs"
    account.write(settings.dachs_settings, fill(source / "gavo.rc", values))
    for name in ("defaultmeta.txt", "userconfig.rd"):
        account.write(own / name, fill(source / name, values))
    for program in source.glob("*.py"):
        account.write(own / program.name, program.read_text(encoding="utf-8"))
    place = (
        f"database = {settings.database.name}\nhost = {settings.sockets}\nport = {settings.database.port}\n"
    )
    account.write(own / "dsn", place, 0o600)
    for profile, role in (("feed", "gavoadmin"), ("trustedquery", "gavo"), ("untrustedquery", "untrusted")):
        text = f"include dsn\nuser = {role}\npassword = {passwords[role]}\n"
        account.write(own / profile, text, 0o600)


def copy_vocabularies(settings: Settings, account: Account) -> None:
    """Put our IVOA vocabularies into DaCHS's cache, so that it needs no network; a fuller one stays."""
    source = CHECKOUT / "etc" / "vocabularies"
    cache = account.folder(settings.dachs_root / "cache")
    for path in source.rglob("*.json"):
        url = _VOCABULARY_URL + path.relative_to(source).with_suffix("").as_posix()
        target = cache / url.replace("/", "=2F")
        if not target.exists() or target.stat().st_size <= path.stat().st_size:
            account.write(target, path.read_text(encoding="utf-8"))


def copy_resources(settings: Settings, account: Account) -> None:
    """Copy the collections' descriptors, filling in the published views as tables.

    A processing instruction ``<?hcvo-table NAME ... ?>`` stands for the table of one view;
    what follows the name goes into the table element.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that runs DaCHS.
    """
    for path in sorted(_RESOURCES.rglob("*")):
        target = settings.dachs_inputs / path.relative_to(_RESOURCES)
        if path.is_dir():
            account.folder(target)
            continue
        text = _TABLE.sub(_table, path.read_text(encoding="utf-8"))
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            account.write(target, text)


def descriptors(*, with_tables: bool = False) -> tuple[str, ...]:
    """Our descriptors by the names DaCHS knows them under.

    Parameters
    ----------
    with_tables : bool
        Only those that hold published views as tables.

    Returns
    -------
    tuple[str, ...]
        Paths below the resources without suffix, e.g. ``hci/q``, in alphabetical order.
    """
    return tuple(
        path.relative_to(_RESOURCES).with_suffix("").as_posix()
        for path in sorted(_RESOURCES.rglob("*.rd"))
        if not with_tables or _TABLE.search(path.read_text(encoding="utf-8"))
    )


def _table(match: re.Match[str]) -> str:
    return rd_table(match[1], extra=match[2].strip())


def digest_of(*folders: Path, extra: str = "") -> str:
    """SHA-256 over the names and contents of all files in folders, and a text."""
    digest = hashlib.sha256(extra.encode())
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
