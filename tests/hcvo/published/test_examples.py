"""The examples as data, and the page made of them."""

from pathlib import Path

import pytest

from hcvo.errors import ConfigError
from hcvo.published.declaration import views
from hcvo.published.examples import examples, load_examples, rd_examples
from hcvo.published.page import PAGE, tables_page


def test_the_page_of_tables_is_as_the_declarations_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_page(), "stale: run python -m hcvo.published.page"


def test_there_are_enough_and_every_table_is_asked() -> None:
    assert len(examples()) >= 25
    asked = {name for one in examples() for name in one.tables}
    unasked = {view.qualified for view in views().values()} - asked
    assert unasked <= {"hci.ao_condition", "hci.quality", "hci.prov_entity"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- {title: A title, text: Some words that are long enough, query: x, colour: red}", "colour"),
        ("- {title: A title, text: Some words that are long enough}", "query"),
        (
            "- &a {title: A title, text: Some words that are long enough, query: x}\n- *a",
            "used twice: A title",
        ),
        ("- [", "examples"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "examples.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=wanted):
        load_examples(path)


def test_signs_of_xml_are_escaped() -> None:
    made = rd_examples()
    assert "&gt;" in made
    assert made.count("<meta ") == len(examples())
