"""What is wrong with an answer to a bad request, if anything is."""

import base64
import binascii
import http.client
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection

from tests.hostile.speaking import TIME_LIMIT_S, Answer, Request, send

__all__ = ["Judged", "alive", "judge", "new_jobs", "planted_secrets"]

_SERVER_ERROR = 500
_SECRET = "zq5ecret"
_STREAM = re.compile(rb"<STREAM[^>]*encoding=.base64.[^>]*>([^<]*)")
_OF_THE_MACHINE = (
    b"root:x:0",
    b"SCRAM-SHA",
    b"Traceback (most recent call last)",
    b"pg_catalog.pg_authid\x00",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer, and what is wrong with it.

    Attributes
    ----------
    request : Request
        What was asked.
    answer : Answer
        What came.
    wrong : str
        Empty when nothing is.
    """

    request: Request
    answer: Answer
    wrong: str


def planted_secrets() -> tuple[bytes, ...]:
    """Make a table that nobody may see, and name what must be in no answer.

    Returns
    -------
    tuple[bytes, ...]
        Words that no request holds: the table's name, which catalogues of PostgreSQL would tell, and its row.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS archive.{_SECRET}_table (kept text)")
        cursor.execute(f"INSERT INTO archive.{_SECRET}_table VALUES ('{_SECRET}_row')")
    return (_SECRET.encode(), *_OF_THE_MACHINE)


def judge(
    port: int, requests: Iterable[Request], secrets: Iterable[bytes], *, limit_s: float = TIME_LIMIT_S
) -> Iterator[Judged]:
    """Send requests one after the other.

    Parameters
    ----------
    port : int
        Of the site, on this machine.
    requests : Iterable[Request]
        What to ask.
    secrets : Iterable[bytes]
        What no answer may hold.
    limit_s : float
        Within these seconds each answer must have ended.

    Yields
    ------
    Judged
        Each of them.
    """
    words = tuple(secrets)
    for request in requests:
        try:
            answer = send(port, request, limit_s=limit_s)
        except OSError as error:
            yield Judged(request, Answer(None, b"", 0.0, ended=True), f"no connection: {error}")
            continue
        yield Judged(request, answer, _wrong(request, answer, words))


def _wrong(request: Request, answer: Answer, secrets: tuple[bytes, ...]) -> str:
    if not answer.ended and not request.unfinished:
        return f"no end within {answer.seconds:.0f} s"
    if answer.status is None and request.whole is None:
        return "the connection ended without an answer"
    if answer.status is not None and answer.status >= _SERVER_ERROR:
        return f"status {answer.status}: {answer.body[-400:]!r}"
    said = b"".join((answer.body, *map(_decoded, _STREAM.findall(answer.body))))
    told = [word for word in secrets if word in said]
    return f"tells {told[0]!r}" if told else ""


def _decoded(stream: bytes) -> bytes:
    try:
        return base64.b64decode(stream)
    except binascii.Error:  # cut off
        return b""


def alive(base_url: str) -> bool:
    """Whether TAP answers a good query with rows."""
    query = urllib.parse.urlencode(
        {"LANG": "ADQL", "FORMAT": "json", "QUERY": "SELECT TOP 1 table_name FROM tap_schema.tables"}
    )
    with urllib.request.urlopen(f"{base_url}/tap/sync?{query}", timeout=TIME_LIMIT_S) as answer:
        return bool(json.load(answer)["data"])


def new_jobs(port: int) -> Iterator[str]:
    """Paths of jobs that wait to be run, each made when it is asked for."""
    body = urllib.parse.urlencode({"LANG": "ADQL", "QUERY": "SELECT TOP 1 obs_id FROM hci.product"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    while True:
        session = http.client.HTTPConnection("127.0.0.1", port, timeout=TIME_LIMIT_S)
        session.request("POST", "/tap/async", body, headers)
        place = session.getresponse().getheader("Location")
        session.close()
        assert place is not None
        yield urllib.parse.urlsplit(place).path
