"""Passwords of the database roles: made once, kept in a libpq password file nobody else can read."""

import secrets

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site.account import Account

__all__ = ["DACHS_ROLES", "SUPERUSER", "make_passwords", "password_of"]

SUPERUSER = "postgres"
DACHS_ROLES = ("gavoadmin", "gavo", "untrusted")
"""DaCHS's roles: owner of its tables, trusted queries, queries of the public."""


def make_passwords(settings: Settings, account: Account) -> None:
    """Write the password file, keeping the passwords it has.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that will own the file.
    """
    account.folder(settings.passwords.parent, 0o700)
    known = _read(settings) if settings.passwords.exists() else {}
    roles = (SUPERUSER, settings.database.user, *DACHS_ROLES)
    if set(roles) <= set(known):
        return
    known |= {role: secrets.token_hex(20) for role in roles if role not in known}
    text = "".join(f"*:*:*:{role}:{password}\n" for role, password in known.items())
    account.write(settings.passwords, text, 0o600)


def password_of(settings: Settings, role: str) -> str:
    """Password of a database role.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    role : str
        Role.

    Returns
    -------
    str
        From the site's password file.

    Raises
    ------
    SiteError
        If the file cannot be read or does not know the role.
    """
    known = _read(settings)
    if role not in known:
        raise SiteError(f"{settings.passwords} has no password of {role!r}; run 'hcvo site up'")
    return known[role]


def _read(settings: Settings) -> dict[str, str]:
    try:
        lines = settings.passwords.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise SiteError(f"cannot read {settings.passwords}: {error.strerror}; run 'hcvo site up'") from error
    return {line.split(":")[3]: line.split(":")[4] for line in lines}
