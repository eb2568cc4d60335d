"""HTTP as a plain client speaks it: status, headers and body, refusals included."""

import http.client
import urllib.parse
from dataclasses import dataclass

__all__ = ["Answer", "ask"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : dict[str, str]
        Headers by lower-case name.
    body : bytes
        All that followed.
    """

    status: int
    headers: dict[str, str]
    body: bytes


def ask(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """Send one request, without following redirections; TimeoutError after 30 s."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        target = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        connection.request(method, target, headers=headers or {})
        answer = connection.getresponse()
        lower = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, lower, answer.read())
    finally:
        connection.close()
