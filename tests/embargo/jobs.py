"""Asynchronous jobs: what one user asked and got is nobody else's."""

import time
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

from hcvo.config import Settings
from hcvo.site import dachs
from hcvo.site.account import server_account
from tests.embargo.questions import Question
from tests.embargo.sweep import ASKERS, Answer, Client

__all__ = ["OWNER", "add_users", "told_of_jobs"]

OWNER = "zq-owner:zq-password"
"""Name and password of a user who has a job."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_SECRET = b"zq-asked-in-secret"
_PARTS = (
    "",
    "/phase",
    "/parameters",
    "/results",
    "/results/result",
    "/owner",
    "/error",
    "/quote",
    "/executionduration",
)
_PATIENCE_S = 60.0


def add_users(settings: Settings) -> None:
    """Make DaCHS know a wrong user and one who has jobs; both may be there already."""
    account = server_account(settings)
    known = dachs.run(settings, account, "admin", "listusers")
    for credentials in (ASKERS["wrong user"], OWNER):
        name, _, password = credentials.partition(":")
        if name not in known:
            dachs.run(settings, account, "admin", "adduser", name, password)


def told_of_jobs(settings: Settings) -> Iterator[str]:
    """Have a job run for its owner and try to get at it as everybody else.

    Parameters
    ----------
    settings : Settings
        A running site with the users of `add_users`.

    Yields
    ------
    str
        What somebody else was told or could do.
    """
    owner = Client(settings, OWNER)
    for job in (_made(owner), _made(owner, run=False)):
        for asker, credentials in ASKERS.items():
            client = Client(settings, credentials)
            for why in _others(client, job):
                yield f"{asker}: {why}"
            client.close()
        if owner.ask(Question(f"{job}/phase")).status != 200:
            yield "its owner has lost the job"
        owner.ask(Question(job, "DELETE"))
    owner.close()


def _made(owner: Client, *, run: bool = True) -> str:
    """Path of a new job, done when it was to be run."""
    adql = f"SELECT obs_id FROM hci.product WHERE obs_id = '{_SECRET.decode()}'"
    body = urlencode({"LANG": "ADQL", "QUERY": adql}).encode()
    job = urlsplit(owner.ask(Question("tap/async", "POST", body, headers=_FORM)).location).path.strip("/")
    if run:
        owner.ask(Question(f"{job}/phase", "POST", b"PHASE=RUN", headers=_FORM))
    end = time.monotonic() + _PATIENCE_S
    while run and owner.ask(Question(f"{job}/phase")).body not in (b"COMPLETED", b"ERROR"):
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.1)
    return job


def _others(client: Client, job: str) -> Iterator[str]:
    listing = client.ask(Question("tap/async"))
    if job.rpartition("/")[2].encode() in listing.body:
        yield "is told the job's name"
    for part in _PARTS:
        answer = client.ask(Question(job + part))
        if answer.status < 400 or _SECRET in answer.body:
            yield f"sees {part or 'the job'}: {_shown(answer)}"
    for question in (
        Question(job, "DELETE"),
        Question(f"{job}/phase", "POST", b"PHASE=ABORT", headers=_FORM),
        Question(f"{job}/parameters", "POST", b"QUERY=x", headers=_FORM),
        Question(job, "POST", b"ACTION=DELETE", headers=_FORM),
    ):
        answer = client.ask(question)
        if answer.status < 400:
            yield f"may {question.method} {question.body.decode()}: {_shown(answer)}"


def _shown(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:60]!r}"
