"""What of a family each published table shows, by its column that carries the token."""

from collections.abc import Callable

from hcvo.config import Settings
from hcvo.published.declaration import views
from hcvo.site.database import connect
from tests.embargo.private_rows import Family

__all__ = ["of_the_families"]


def of_the_families(settings: Settings) -> Callable[[Family], dict[str, bytes]]:
    """How to know a family's row in each table of TAP: by its token.

    Parameters
    ----------
    settings : Settings
        A site with a public family.

    Returns
    -------
    Callable[[Family], dict[str, bytes]]
        Table to what its row of a family holds.
    """
    session = connect(settings)
    shown = []
    try:
        with session, session.cursor() as ask:
            for name in [*(view.qualified for view in views().values()), "ivoa.obscore"]:
                ask.execute(f"SELECT count(*) FROM {name} AS t WHERE t::text LIKE '%Zqopen%'")
                (count,) = ask.fetchone() or (0,)
                if count:
                    shown.append(name)
    finally:
        session.close()
    return lambda family: {name: family.token.encode() for name in shown}
