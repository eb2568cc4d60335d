"""What a site's servers do at this moment."""

from dataclasses import dataclass

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import database, postgres, proxy, web
from hcvo.site.processes import read_pid_file

__all__ = ["Status", "status_of"]


@dataclass(frozen=True, slots=True)
class Status:
    """State of a site.

    Attributes
    ----------
    postgres, proxy : int | None
        Process ids, None for a server that is down.
    dachs : tuple[int, ...]
        Process ids of DaCHS's servers.
    answers : bool
        Whether TAP answers a query.
    products : int | None
        Public products; None when the database does not tell.
    """

    postgres: int | None
    proxy: int | None
    dachs: tuple[int, ...]
    answers: bool
    products: int | None

    @property
    def up(self) -> bool:
        """The servers run and TAP answers."""
        return self.postgres is not None and bool(self.dachs) and self.answers


def status_of(settings: Settings) -> Status:
    """Look at a site without changing it.

    Parameters
    ----------
    settings : Settings
        Settings of the site.

    Returns
    -------
    Status
        What runs.
    """
    servers = web.running(settings)
    before = read_pid_file(proxy.pid_file(settings))
    return Status(
        postgres=postgres.server_pid(settings),
        proxy=before.pid if before and before.alive else None,
        dachs=tuple(server.pid for server in servers.values()),
        answers=bool(servers) and web.answers(settings),
        products=_products(settings),
    )


def _products(settings: Settings) -> int | None:
    if not postgres.is_running(settings):
        return None
    try:
        return database.count_products(settings)
    except SiteError:
        return None
