"""HTTP spoken to the letter: what a client library would refuse to send goes out as it stands."""

import contextlib
import socket
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["TIME_LIMIT_S", "Answer", "Request", "form", "get", "multipart", "send"]

TIME_LIMIT_S = 30.0
"""Within this every answer must have ended."""
_PIECE = 1 << 16
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire.

    Attributes
    ----------
    what : str
        In words, for the report.
    target : bytes
        Path and query as sent.
    method : bytes
        As sent.
    headers : tuple[tuple[bytes, bytes], ...]
        Beyond Host, Connection and Content-Length; a Content-Length of its own goes instead of the true one.
    body : bytes
        After the headers.
    pause_s : float
        Waited before each byte of the body's last ten: a slow client.
    whole : bytes | None
        If given, sent instead of all of the above.
    unfinished : bool
        It promises more than it sends: the server may wait until it hangs up.
    """

    what: str
    target: bytes
    method: bytes = b"GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    pause_s: float = 0.0
    whole: bytes | None = None
    unfinished: bool = False

    def written(self, host: str) -> bytes:
        """All bytes of it, for a server of a name."""
        if self.whole is not None:
            return self.whole
        lines = [b"%s %s HTTP/1.1" % (self.method, self.target)]
        given = {name.lower() for name, _ in self.headers}
        if b"host" not in given:
            lines.append(b"Host: " + host.encode())
        lines.append(b"Connection: close")
        if (self.body or self.method == b"POST") and not given & {b"content-length", b"transfer-encoding"}:
            lines.append(b"Content-Length: %d" % len(self.body))
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back within the time limit.

    Attributes
    ----------
    status : int | None
        None when the connection ended without a line of status.
    body : bytes
        All after the first line.
    seconds : float
        Until the last byte.
    ended : bool
        Whether the server ended the answer; false for a hang.
    """

    status: int | None
    body: bytes
    seconds: float
    ended: bool


_FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
Parameters = Mapping[str, str | bytes] | Sequence[tuple[str, str | bytes]]


def get(what: str, path: str, parameters: Parameters = ()) -> Request:
    """A GET with its parameters quoted."""
    query = urllib.parse.urlencode(parameters)
    return Request(what, (f"{path}?{query}" if query else path).encode())


def form(what: str, path: str, parameters: Parameters = ()) -> Request:
    """A POST of a form."""
    return Request(what, path.encode(), b"POST", _FORM, urllib.parse.urlencode(parameters).encode())


def multipart(
    what: str, path: str, parameters: Mapping[str, str], files: Mapping[str, bytes], *, pause_s: float = 0.0
) -> Request:
    """A POST with files in it."""
    mark = b"zqboundary"
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (mark, name.encode(), text.encode())
        for name, text in parameters.items()
    ]
    parts += [
        b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n'
        b"Content-Type: application/x-votable+xml\r\n\r\n%s\r\n"
        % (mark, name.encode(), name.encode(), content)
        for name, content in files.items()
    ]
    headers = ((b"Content-Type", b"multipart/form-data; boundary=" + mark),)
    return Request(what, path.encode(), b"POST", headers, b"".join(parts) + b"--" + mark + b"--\r\n", pause_s)


@dataclass(slots=True)
class _Reader:
    connection: socket.socket
    deadline: float
    received: bytearray = field(default_factory=bytearray)

    def to_the_end(self) -> bool:
        """Whether the server ended the answer before the deadline."""
        while len(self.received) < _LARGEST:
            left = self.deadline - time.monotonic()
            if left <= 0:
                return False
            self.connection.settimeout(left)
            try:
                piece = self.connection.recv(_PIECE)
            except TimeoutError:
                return False
            except ConnectionError:
                return True
            if not piece:
                return True
            self.received += piece
        return False


def send(port: int, request: Request, *, limit_s: float = TIME_LIMIT_S) -> Answer:
    """Send a request and read until the server ends the connection.

    Parameters
    ----------
    port : int
        Of 127.0.0.1.
    request : Request
        What to send.
    limit_s : float
        Given up after this many seconds, a slow client's own time not counted.

    Returns
    -------
    Answer
        What came.
    """
    data = request.written(f"127.0.0.1:{port}")
    with socket.create_connection(("127.0.0.1", port), timeout=limit_s) as connection:
        with contextlib.suppress(ConnectionError, TimeoutError):
            # refused before all of it was sent: the answer may still be there
            _write(connection, data, request.pause_s)
        began = time.monotonic()
        reader = _Reader(connection, began + limit_s)
        ended = reader.to_the_end()
    first, _, rest = bytes(reader.received).partition(b"\r\n")
    words = first.split()
    status = int(words[1]) if len(words) > 1 and first.startswith(b"HTTP/") and words[1].isdigit() else None
    return Answer(status, _joined(rest), time.monotonic() - began, ended)


def _joined(rest: bytes) -> bytes:
    """Headers and body, the body in one piece when it came in several."""
    headers, blank, body = rest.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in headers.lower():
        return rest
    whole = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:  # cut off
            break
        whole += body[:length]
        body = body[length + 2 :]
    return headers + blank + bytes(whole)


def _write(connection: socket.socket, data: bytes, pause_s: float) -> None:
    if not pause_s:
        connection.sendall(data)
        return
    connection.sendall(data[:-10])
    for byte in data[-10:]:
        time.sleep(pause_s)
        connection.sendall(bytes([byte]))
