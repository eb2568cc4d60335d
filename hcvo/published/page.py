"""The page of tables: every published column and the worked examples, in Markdown, made from declarations."""

from collections.abc import Iterator
from pathlib import Path

from hcvo.published.declaration import View, views
from hcvo.published.examples import examples

__all__ = ["PAGE", "tables_page"]

PAGE = Path(__file__).with_name("TABLES.md")
"""The page as it stands in the repository; a test tells when it is stale."""


def tables_page() -> str:
    """Write the page.

    Returns
    -------
    str
        Markdown.
    """
    ordered = sorted(views().values(), key=lambda view: view.qualified)
    lines = [
        "# Tables of the archive",
        "",
        "Made from the declarations in `hcvo/published` by `python -m hcvo.published.page`: do not edit.",
        "Ask in ADQL through TAP, with TOPCAT, pyvo or STILTS; the examples are also at `/tap/examples`.",
        "",
        "- [Examples](#examples)",
        *(f"- [{view.qualified}](#{_anchor(view)}): {view.title.lower()}" for view in ordered),
        "",
        "## Examples",
        *(
            line
            for one in examples()
            for line in ("", f"### {one.title}", "", one.text, "", "```sql", one.query.rstrip(), "```")
        ),
        *(line for view in ordered for line in _section(view)),
    ]
    return "\n".join(lines) + "\n"


def _anchor(view: View) -> str:
    return view.qualified.replace(".", "")


def _section(view: View) -> Iterator[str]:
    yield from ("", f"## {view.qualified}", "", " ".join(view.description.split()), "")
    yield f"Key: {', '.join(view.primary)}."
    for key in view.foreign:
        target = views()[key.view].qualified
        yield f"{', '.join(key.columns)} → {target} ({', '.join(key.refers)})."
    yield from ("", "| column | type | unit | UCD | meaning |", "|---|---|---|---|---|")
    for column in view.columns:
        meaning = " ".join(column.description.split()).replace("|", "\\|")
        yield f"| {column.name} | {column.type} | {column.unit} | {column.ucd} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(tables_page(), encoding="utf-8")
