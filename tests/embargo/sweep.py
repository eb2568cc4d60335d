"""Ask every route as everybody, and name each answer that knows what it should not."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from hcvo.config import Settings
from tests.embargo.finding import Searcher
from tests.embargo.private_rows import Family
from tests.embargo.questions import Question, about, wide
from tests.embargo.routes import Route

__all__ = ["ASKERS", "Answer", "Asked", "Client", "Finding", "sweep"]

ASKERS = {"anonymous": "", "wrong user": "zq-wrong:zq-password", "unknown user": "zq-nobody:zq-password"}
"""Who asks, and with which name and password."""
_FICKLE = re.compile(rb"\d+|(?<=jobid=)\w+|/[\w-]{10}(?=<)")
_CLOSED = (401, 403, 404)
_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes
    location: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer that tells too much, or fails."""

    asker: str
    question: Question
    why: str


@dataclass(slots=True)
class Asked:
    """What a sweep saw.

    Attributes
    ----------
    questions : int
        Requests sent.
    found : list[Finding]
        Those that were answered wrongly.
    public : set[str]
        Kinds of routes of which an answer held something of the public family: the search can see.
    """

    questions: int
    found: list[Finding]
    public: set[str]


class Client:
    """One asker with a connection that stays."""

    def __init__(self, settings: Settings, credentials: str = "") -> None:
        self._port = settings.dachs.port
        self._headers = {}
        if credentials:
            self._headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
        self._connection = HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)

    def ask(self, question: Question) -> Answer:
        """Send one request; an answer that is no HTTP, or does not come, is an error."""
        path = "/" + question.path.replace(" ", "%20")
        self._connection.request(
            question.method, path, question.body or None, self._headers | question.headers
        )
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.read(), answer.getheader("location") or "")

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def sweep(
    settings: Settings,
    routes: Iterable[Route],
    tables: list[str],
    private: Sequence[Family],
    public: Family,
    askers: Mapping[str, int],
) -> Asked:
    """Ask.

    Parameters
    ----------
    settings : Settings
        A running site.
    routes : Iterable[Route]
        Whom.
    tables : list[str]
        Tables of TAP.
    private : Sequence[Family]
        Whose rows nobody may see.
    public : Family
        Whose rows all may see.
    askers : Mapping[str, int]
        As whom, and about how many of the private families by name; the wide questions look for all.

    Returns
    -------
    Asked
        The wrong answers.
    """
    asked = Asked(0, [], set())
    search = Searcher([*private, public])
    for asker, count in askers.items():
        client = Client(settings, ASKERS[asker])
        for route in routes:
            for question, family in _questions(settings, route, tables, [*private[:count], public]):
                asked.questions += 1
                for why in _wrong(client, route, question, family, search, public, asked):
                    asked.found.append(Finding(asker, question, why))
        client.close()
    return asked


def _questions(
    settings: Settings, route: Route, tables: list[str], families: Sequence[Family]
) -> Iterator[tuple[Question, Family | None]]:
    for question in wide(route, tables):
        yield question, None
    for family in families:
        for question in about(route, family, settings.dachs.authority, str(settings.store)):
            yield question, family


def _wrong(
    client: Client,
    route: Route,
    question: Question,
    family: Family | None,
    search: Searcher,
    public: Family,
    asked: Asked,
) -> Iterator[str]:
    try:
        answer = client.ask(question)
    except (HTTPException, OSError) as error:
        client.close()
        yield f"no answer: {error!r}"
        return
    if route.kind == "closed" and answer.status not in _CLOSED:
        yield f"open to all: {answer.status}"
    if answer.status >= 500:
        yield f"fails: {answer.status}"
    found = search.families_in(answer.body + answer.location.encode())
    if public.token in found and family is None:
        asked.public.add(route.kind)
    named = family.token if family is not None and question.named else ""
    for token in found.keys() - {public.token}:
        if token != named:
            yield f"tells of {token}: {found[token]!r}"
    if family is not None and family is not public and named:
        if family.pixels in answer.body:
            yield "tells pixels"
        yield from _told_from_none(client, question, family, answer)


def _told_from_none(client: Client, question: Question, family: Family, answer: Answer) -> Iterator[str]:
    """Is the answer another one than to the same question with a name that never was?"""
    token = family.token.encode()
    never = token[::-1]
    other = client.ask(
        Question(
            question.path.replace(family.token, never.decode()),
            question.method,
            question.body.replace(token, never),
            headers=question.headers,
        )
    )
    if other.status != answer.status:
        yield f"told from one that never was: {answer.status}, not {other.status}"
    elif _settled(answer.body, token) != _settled(other.body, never):
        yield f"told from one that never was: {len(answer.body)} bytes, not {len(other.body)}"


def _settled(body: bytes, token: bytes) -> bytes:
    for one in (token, token.lower()):
        body = body.replace(one, b"*")
    return _FICKLE.sub(b"#", body)
