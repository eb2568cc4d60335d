"""Faults put in by hand: views without the rule. A sweep that does not see them proves nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from hcvo.config import Settings
from hcvo.site.database import connect

__all__ = ["faulty", "guarded_views"]

_RULE = re.compile(r"archive\.is_public\([^()]*\)")
_VIEWS = """
SELECT c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class c
WHERE c.relkind = 'v' AND pg_get_viewdef(c.oid) LIKE '%archive.%' ORDER BY 1
"""


def guarded_views(settings: Settings) -> dict[str, bool]:
    """Views on the private tables: do they ask the rule?"""
    return {name: bool(_RULE.search(text)) for name, text in _definitions(settings).items()}


@contextmanager
def faulty(settings: Settings, view: str) -> Iterator[None]:
    """Let a view show every row, for a while.

    Parameters
    ----------
    settings : Settings
        A running site; of a test, whose rows are nobody's.
    view : str
        One of `guarded_views`.
    """
    right = _definitions(settings)[view]
    _run(settings, f"CREATE OR REPLACE VIEW {view} AS {_RULE.sub('true', right)}")
    try:
        yield
    finally:
        _run(settings, f"CREATE OR REPLACE VIEW {view} AS {right}")


def _definitions(settings: Settings) -> dict[str, str]:
    session = connect(settings)
    try:
        with session, session.cursor() as ask:
            ask.execute(_VIEWS)
            return {str(name): str(text) for name, text in ask.fetchall()}
    finally:
        session.close()


def _run(settings: Settings, statement: str) -> None:
    session = connect(settings)
    try:
        with session, session.cursor() as ask:
            ask.execute(statement)
    finally:
        session.close()
