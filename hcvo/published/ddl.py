"""Declarations to SQL: the views of the schema ``hci``, and DaCHS's table of products."""

from collections.abc import Mapping
from pathlib import Path

from hcvo.published.declaration import RULE_OF, Column, View

__all__ = [
    "IS_PUBLIC", "READERS", "RULE_COLUMNS", "SCHEMA", "create_view", "dc_last_update_sql",
    "dc_process_logs_sql", "dc_products_sql", "is_public",
]  # fmt: skip

SCHEMA = "hci"
READERS = ("gavo", "gavoadmin", "untrusted")
"""Roles of DaCHS that may read the views, when they exist."""

IS_PUBLIC = """\
CREATE OR REPLACE FUNCTION archive.is_public(
    release_time timestamp with time zone, validated boolean, withdrawn boolean, workspace text
) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN release_time IS NOT NULL AND release_time <= now() AND validated AND NOT withdrawn
    AND workspace = ''"""
"""The one place that decides who may see a row: the row's own columns and now(), nothing else.

What lies in a user's workspace is never public, whatever its release says: it is published by leaving it.

Not STRICT and without SECURITY DEFINER, so that the planner inlines it.
"""


RULE_COLUMNS = ("release_time", "validated", "withdrawn", "workspace")
"""Columns of a row that ``archive.is_public`` takes, in its order."""


def is_public(alias: str) -> str:
    """The rule applied to the row of one alias, as SQL."""
    return f"archive.is_public({', '.join(f'{alias}.{column}' for column in RULE_COLUMNS)})"


def create_view(view: View, *, authority: str, url: str) -> str:
    """Write a view's DDL.

    Parameters
    ----------
    view : View
        Its declaration; ``{public x}`` in an expression or condition stands for the rule on alias x.
    authority : str
        IVOA authority, put where an expression says ``{authority}``.
    url : str
        Address of the site without a slash at its end, put where an expression says ``{url}``.

    Returns
    -------
    str
        One ``CREATE OR REPLACE VIEW`` statement; it shows public rows only.
    """
    site = {"{authority}": authority.replace("'", "''"), "{url}": url.replace("'", "''")}
    columns = ",\n    ".join(_selected(column, site) for column in view.columns)
    where = [f"({_with_rule(view.where)})"] if view.where else []
    conditions = " AND ".join([*map(is_public, view.guards), *where])
    return (
        f"CREATE OR REPLACE VIEW {view.qualified} AS\nSELECT\n    {columns}\n"
        f"FROM {_with_rule(view.source)}" + (f"\nWHERE {conditions}" if conditions else "")
    )


def _selected(column: Column, site: Mapping[str, str]) -> str:
    expression = _with_rule(column.sql)
    for name, value in site.items():
        expression = expression.replace(name, value)
    return f"CAST({expression} AS {column.type}) AS {column.name}"


def _with_rule(text: str) -> str:
    return RULE_OF.sub(lambda found: is_public(found[1]), text)


def dc_products_sql(store: Path) -> str:
    """The SELECT of the view that stands in for DaCHS's ``dc.products``.

    It holds public files only: getproduct, SODA and DataLink find nothing else.

    Parameters
    ----------
    store : Path
        Folder of the product store, absolute.

    Returns
    -------
    str
        A SELECT with the columns of DaCHS 2.11 in its order; paths are absolute.
    """
    root = str(store).replace("'", "''")
    return f"""\
SELECT
    p.accref, CAST(NULL AS text) AS owner, CAST(NULL AS date) AS embargo, p.mime,
    '{root}/' || p.accref AS accesspath, CAST('{SCHEMA}.product' AS text) AS sourcetable,
    CASE WHEN p.preview <> '' THEN '{root}/' || p.preview END AS preview,
    CAST(NULL AS text) AS datalink,
    CASE WHEN p.preview <> '' THEN CAST('image/png' AS text) END AS preview_mime
FROM archive.product p WHERE {is_public("p")}
UNION ALL
SELECT
    r.accref, NULL, NULL, CASE WHEN r.ndit > 0 THEN 'image/fits' ELSE 'application/fits' END,
    r.path, '{SCHEMA}.raw_frame', NULL, NULL, NULL
FROM archive.raw_frame r WHERE {is_public("r")}"""  # noqa: S608 - a folder of the settings, quoted


def dc_process_logs_sql() -> str:
    """The SELECT of the view by which DaCHS finds logs of processes: public ones only, not open to ADQL."""
    return f"""\
SELECT s.id AS process_id, s.log AS path FROM archive.process s WHERE {is_public("s")} AND s.log <> ''"""  # noqa: S608


def dc_last_update_sql() -> str:
    """The SELECT of the view by which DaCHS tells how new the archive is: one row, of public rows only.

    The later of the newest release of a product and the end of the newest process, in UTC; each is one step
    into an index. NULL while nothing is public.
    """
    released = "p.release_time AT TIME ZONE 'UTC'"
    return f"""\
SELECT greatest(
    (SELECT {released} FROM archive.product p
     WHERE {is_public("p")} AND {released} <= now() AT TIME ZONE 'UTC' ORDER BY {released} DESC LIMIT 1),
    (SELECT s.ended AT TIME ZONE 'UTC' FROM archive.process s
     WHERE {is_public("s")} AND s.state = 'done' ORDER BY s.id DESC LIMIT 1)
) AS time"""  # noqa: S608 - the rule
