"""At its release an archive's row is there for all, and no command has run."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db import transaction

from hcvo.catalogue.models.rights import Guarded
from hcvo.config import Settings
from tests.embargo.private_rows import Family
from tests.embargo.questions import Question
from tests.embargo.sweep import Client

__all__ = ["wrong_at_release"]

_TRIES = (6.0, 20.0, 60.0)
"""Seconds until the release: more when the machine was too slow to ask all before it."""


def wrong_at_release(settings: Settings, family: Family, views: dict[str, bytes]) -> Iterator[str]:
    """Set a release a few seconds ahead, ask before it and after it.

    Parameters
    ----------
    settings : Settings
        A running site.
    family : Family
        Validated, not withdrawn, and not released.
    views : dict[str, bytes]
        Table of TAP to what its row of the family holds.

    Yields
    ------
    str
        What was there too early, or not there at the time.
    """
    client = Client(settings)
    for seconds in _TRIES:
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        _release(family, moment)
        before = [
            (what, _seen(client, question, wanted))
            for what, question, wanted in _asked(settings, family, views)
        ]
        if datetime.now(UTC) < moment:
            break
    else:
        yield "the machine is too slow to ask before the release"
        return
    yield from (f"there before its release: {what}" for what, seen in before if seen)
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.05)
    for what, question, wanted in _asked(settings, family, views):
        if not _seen(client, question, wanted):
            yield f"not there at its release: {what}"
    client.close()


def _release(family: Family, moment: datetime) -> None:
    with transaction.atomic():
        for model, row in family.rows.items():
            if issubclass(model, Guarded):
                model._default_manager.filter(pk=row.pk).update(release_time=moment)


def _asked(
    settings: Settings, family: Family, views: dict[str, bytes]
) -> Iterator[tuple[str, Question, bytes]]:
    accref, token = family.product.accref, family.token.encode()
    did = f"ivo://{settings.dachs.authority}/~?{accref}"
    yield "file", Question(f"getproduct/{accref}"), family.pixels
    yield "raw frame", Question(f"getproduct/{family.frame.accref}"), family.pixels
    yield "preview", Question(f"getproduct/{accref}?preview=True"), b"-preview"
    yield "links", _query("hci/dl/links/dlmeta", ID=did), b"getproduct/" + accref.encode()
    circle = f"{family.ra} {family.dec} 0.0001"
    yield "cut-out", _query("hci/soda/cutout/dlget", ID=did, CIRCLE=circle), family.pixels
    yield (
        "image search",
        _query("hci/sia/v2/siap2.xml", ID=did, RESPONSEFORMAT="votable/td"),
        token + b"-star",
    )
    place = {"RA": family.ra, "DEC": family.dec, "SR": 0.01, "RESPONSEFORMAT": "votable/td"}
    yield "cone search", _query("hci/cone/observations/scs.xml", **place), token
    for table, wanted in views.items():
        adql = f"SELECT * FROM {table}"
        query = {"LANG": "ADQL", "QUERY": adql, "FORMAT": "votable/td", "MAXREC": 1000000}
        yield table, _query("tap/sync", **query), wanted


def _query(path: str, **parameters: object) -> Question:
    return Question(f"{path}?{urlencode(parameters)}")


def _seen(client: Client, question: Question, wanted: bytes) -> bool:
    answer = client.ask(question)
    return answer.status == 200 and wanted in answer.body
