"""Is something of a private family in an answer, in whatever form it came?"""

import base64
import gzip
import html
import io
import re
import struct
import tarfile
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator

from tests.embargo.private_rows import Family

__all__ = ["Searcher", "forms_of"]

_STREAM = re.compile(rb"<STREAM[^>]*encoding=.base64.[^>]*>([^<]*)</STREAM>")
_LEAST_DIGITS = 9
"""With fewer, another number would look alike now and then."""


class Searcher:
    """Looks for tokens, numbers and pixels of families, all at once."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._known: dict[bytes, Family] = {}
        for family in families:
            self._known[family.token.lower().encode()] = family
            self._known[family.pixels] = family
            for number in family.numbers:
                if len(repr(number).replace(".", "")) >= _LEAST_DIGITS:
                    self._known[repr(number).encode()] = family
                    self._known[struct.pack(">d", number)] = family
        parts = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, parts)))

    def families_in(self, body: bytes) -> dict[str, bytes]:
        """Token of each family that something in an answer is of, with what it was."""
        found: dict[str, bytes] = {}
        for text in forms_of(body):
            for one in (text, text.lower()):
                for match in self._pattern.finditer(one):
                    found.setdefault(self._known[match[0]].token, match[0])
        return found


def forms_of(body: bytes, depth: int = 3) -> Iterator[bytes]:
    """What an answer says as it is, unpacked, and with its characters decoded.

    Parameters
    ----------
    body : bytes
        The answer.
    depth : int
        How often what was unpacked is unpacked again.

    Yields
    ------
    bytes
        One form.
    """
    yield body
    text = body.decode("utf-8", "replace")
    for plain in {html.unescape(text), urllib.parse.unquote(text)} - {text}:
        yield plain.encode("utf-8", "replace")
    if depth:
        for inner in _unpacked(body):
            yield from forms_of(inner, depth - 1)


def _unpacked(body: bytes) -> Iterator[bytes]:
    for stream in _STREAM.findall(body):
        yield base64.b64decode(stream)
    if body.startswith(b"\x1f\x8b"):
        try:
            yield gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return
    if body[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            for member in archive:
                yield member.name.encode()
                handle = archive.extractfile(member)
                if handle is not None:
                    yield handle.read()
