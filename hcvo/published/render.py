"""Declarations to the table elements of a DaCHS resource descriptor."""

from xml.sax.saxutils import escape, quoteattr

from hcvo.errors import ConfigError
from hcvo.published.declaration import Column, View, views

__all__ = ["rd_columns", "rd_table"]

_INTEGER_NULL = {"smallint": "-32768", "integer": "-2147483648", "bigint": "-9223372036854775808"}
_PRINCIPAL, _ORDINARY = 5, 15


def rd_columns(view: str) -> str:
    """Columns of a view as RD ``<column>`` elements.

    Parameters
    ----------
    view : str
        Name of a published view.

    Returns
    -------
    str
        One element a line or more, in the view's order.
    """
    return "\n".join(_column(column) for column in _view(view).columns)


def rd_table(view: str, *, extra: str = "") -> str:
    """A view as a complete RD ``<table>`` element, adopted with ``dachs imp -m``.

    Parameters
    ----------
    view : str
        Name of a published view.
    extra : str
        RD elements to put before the columns: mixins, meta, properties.

    Returns
    -------
    str
        The element; its id is the view's name, keys and indexes are told but not made.
    """
    declared = _view(view)
    parts = [
        f'<table id={quoteattr(view)} onDisk="True" adql="True" primary={_listed(declared.primary)}>',
        f'<meta name="title">{escape(declared.title)}</meta>',
        f'<meta name="description">{escape(declared.description)}</meta>',
        extra,
        *(
            f"<foreignKey source={_listed(key.columns)} inTable={quoteattr(key.view)}"
            f' dest={_listed(key.refers)} metaOnly="True"/>'
            for key in declared.foreign
        ),
        *(
            f"<index columns={_listed(index.columns)}"
            + (f" kind={quoteattr(index.kind)}" if index.kind else "")
            + ' metaOnly="True"/>'
            for index in declared.indexes
        ),
        f"<stc>{escape(declared.stc)}</stc>" if declared.stc else "",
        rd_columns(view),
        "</table>",
    ]
    return "\n".join(part for part in parts if part)


def _view(name: str) -> View:
    try:
        return views()[name]
    except KeyError as error:
        raise ConfigError(f"no published view {name!r}; there are {', '.join(views())}") from error


def _listed(names: tuple[str, ...]) -> str:
    return quoteattr(",".join(names))


def _column(column: Column) -> str:
    attributes = {
        "name": column.name,
        "type": column.type,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "xtype": column.xtype,
        "tablehead": column.name,
        "description": " ".join(column.description.split()),
        "required": "True" if column.required else "",
        "displayHint": "type=product" if column.link else "",
        "verbLevel": str(_PRINCIPAL if column.principal else _ORDINARY),
    }
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    inner = _inner(column)
    return f"<column {written}>{inner}</column>" if inner else f"<column {written}/>"


def _inner(column: Column) -> str:
    standard = '<property name="std">1</property>' if column.std else ""
    null = "" if column.required else column.null or _INTEGER_NULL.get(column.type, "")
    return standard + (f"<values nullLiteral={quoteattr(null)}/>" if null else "")
