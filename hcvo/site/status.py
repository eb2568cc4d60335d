"""What a site's servers do at this moment."""

from dataclasses import dataclass

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import dachs, database, postgres

__all__ = ["Status", "status_of"]


@dataclass(frozen=True, slots=True)
class Status:
    """State of a site.

    Attributes
    ----------
    postgres, dachs : int | None
        Process ids, None for a server that is down.
    answers : bool
        Whether TAP answers a query.
    products : int | None
        Public products; None when the database does not tell.
    """

    postgres: int | None
    dachs: int | None
    answers: bool
    products: int | None

    @property
    def up(self) -> bool:
        """Both servers run and TAP answers."""
        return self.postgres is not None and self.dachs is not None and self.answers


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
    server = dachs.server(settings)
    return Status(
        postgres=postgres.server_pid(settings),
        dachs=server.pid if server else None,
        answers=server is not None and dachs.answers(settings),
        products=_products(settings),
    )


def _products(settings: Settings) -> int | None:
    if not postgres.is_running(settings):
        return None
    try:
        return database.count_products(settings)
    except SiteError:
        return None
