"""Repairs of DaCHS 2.11 against requests that are wrong or meant ill.

Loaded by serve.py, in the server and in the process of each asynchronous query. Each tells in which of
DaCHS's files its cause lies and what to propose there. When a later DaCHS has them, this goes.
"""

import ipaddress
import re
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gavo import adql, base, svcs, utils
from gavo.adql import morphpg
from gavo.formats import fitstable  # noqa: F401 - before any service lists the formats it knows
from gavo.protocols import adqlglue, dali, products, tap, taprunner, uws, vocabularies
from gavo.svcs import streaming
from gavo.web import common, root, tap_uploads, vodal
from twisted.web import http, resource

__all__ = ["repair"]

_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|[\w.]+|[^\s\w]")
_MOC = re.compile(r"\bMOC\s*\(([^',]*),", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")
_FINEST_MOC = 8
_DEEPER = 1.4
"""So much longer does the parser take for what stands one parenthesis deeper (measured: 1.35)."""
_DEAREST = 5000.0
"""Tokens of a query at no depth: about 2 ms each to parse."""
_SLOWEST_S = 60
"""A client that says nothing for so long has gone."""
_LARGEST_SCALE = 1000
_MOST_RANGES = 10
_ADDRESSES = re.compile(r"(https?|ftp)://|param:", re.IGNORECASE)
_UPLOAD = (
    "An upload is a table's name of at most 63 letters, a comma, and an address: http, https, ftp, or param:"
    " with the name of a file that is sent along"
)
_LONGEST_NAME = 63
"""Of a table, in PostgreSQL."""
_CORNERS = (3, 100)
"""Of polygons that q3c may see; with 500 it writes beyond its arrays and PostgreSQL goes down."""


def repair() -> None:
    """Apply all of them."""
    spare_other_processes(tap.TAPJob)
    run_jobs_repaired(tap.TAPTransitions)
    know_no_magic(taprunner)
    weigh_queries(adql)
    skip_q3c_for_odd_polygons(morphpg)
    leave_unknown_corners_out(morphpg)
    keep_no_tables_of_strangers(tap_uploads, adqlglue)
    fetch_from_the_internet_only(utils)
    refuse_uploads_of_nothing(dali, tap)
    refuse_bad_uploads(taprunner)
    blame_more(uws, vocabularies)
    look_at_requests_first(root)
    answer_bad_bodies(common.Request)
    hang_up_on_the_slow(root.site)
    lead_to_jobs(svcs.standardcores)
    report_failed_cutouts(products.CutoutProduct)
    finish_without_links(vodal.BiblinksRenderer)
    answer_long_lines(http.HTTPChannel)
    tell_no_tracebacks(streaming)
    ask_for_arguments(common.JSONQuery)


def spare_other_processes(job: type[Any]) -> None:
    """End the process of a job only if it has one.

    A synchronous query has the number -1: when it is destroyed while it runs (anybody can: DELETE; or the
    database went away) DaCHS signals *every* process of its account to end, PostgreSQL too. In
    gavo/protocols/tap.py, TAPJob.prepareForDestruction; to propose: the test of pid < 2 that uws.py has in
    killJob.
    """
    end = job.prepareForDestruction
    parent = super(job, job).prepareForDestruction  # type: ignore[misc]

    def end_own(self: Any) -> None:
        if self.pid is not None and self.pid > 1:
            end(self)
        else:
            parent(self)

    job.prepareForDestruction = end_own


def run_jobs_repaired(transitions: type[Any]) -> None:
    """Let asynchronous queries run with these repairs, in a program of their own as in DaCHS.

    No fault of DaCHS's; gavo/protocols/tap.py, TAPTransitions.getCommandLine.
    """
    program = str(Path(__file__).with_name("serve.py"))

    def command(self: Any, job: Any) -> tuple[str, list[str]]:
        del self
        return sys.executable, [sys.executable, program, "--ui", "stingy", "taprun", "--", str(job.jobId)]

    transitions.getCommandLine = command


def know_no_magic(runner: Any) -> None:
    """Know no query that sleeps or crashes on purpose.

    In gavo/protocols/taprunner.py, _hangIfMagic ("JUST HANG around"); to propose: only where base.DEBUG is
    set.
    """
    runner._hangIfMagic = lambda *_: None


def weigh_queries(language: Any) -> None:
    """Refuse queries that take the parser longer than some seconds, in which nobody else is served.

    In gavo/adql/__init__.py, parseToTree; to propose: a limit on length and depth, by a setting.
    """
    parse = language.parseToTree

    def parse_light(statement: str) -> Any:
        if "\x00" in statement:
            raise base.ValidationError("A query cannot hold the character NUL", "query")
        if _weight(statement) > _DEAREST:
            raise base.ValidationError(
                "The query is too long, or its parentheses are too deep, to be read in a few seconds",
                "query",
                hint="Upload long lists as a table and join with it; use WITH instead of deep nesting",
            )
        orders = [order.strip() for order in _MOC.findall(_COMMENT.sub(" ", statement))]
        if any(not order.isdecimal() or int(order) > _FINEST_MOC for order in orders):
            # pgSphere computes finer ones for minutes and hears neither a time limit nor a shutdown
            raise base.ValidationError(f"The order of a MOC is a number of at most {_FINEST_MOC}", "query")
        try:
            return parse(statement)
        except RecursionError:
            raise base.ValidationError("The query is nested too deeply", "query") from None

    language.parseToTree = parse_light


def _weight(statement: str) -> float:
    """Tokens, each dearer the deeper it stands."""
    weight, depth = 0.0, 0
    for token in _TOKEN.finditer(statement):
        text = token[0]
        depth += (text == "(") - (text == ")")
        weight += _DEEPER ** min(max(depth, 0), 50)
    return weight


def skip_q3c_for_odd_polygons(morphs: Any) -> None:
    """Let pgSphere, not q3c, find what lies in polygons of more than a hundred corners.

    q3c 2.0 has room for a few hundred and does not count: PostgreSQL goes down, all its sessions with it. In
    gavo/adql/morphpg.py, _booleanizeContainsQ3C; to propose there: this; to q3c: an error, as for two
    corners.
    """
    booleanize = morphs._booleanizeContainsQ3C

    def booleanize_small(node: Any, operator: Any, operand: Any) -> Any:
        for arg in node.args:
            corners = getattr(getattr(arg, "original", arg), "coos", None)
            if corners is not None and not _CORNERS[0] <= len(corners) <= _CORNERS[1]:
                return None
        return booleanize(node, operator, operand)

    morphs._booleanizeContainsQ3C = booleanize_small


def leave_unknown_corners_out(morphs: Any) -> None:
    """Make a polygon with an unknown corner unknown.

    pgSphere 1.2's aggregate spoly takes NULL for a place and PostgreSQL goes down. In gavo/adql/morphpg.py,
    _makePoly; to propose there: FILTER as here; to pgSphere: a strict transition function.
    """

    def make(system: Any, points: list[str], node: Any) -> Any:
        values = ", ".join(f"({number}, {point})" for number, point in enumerate(points))
        return morphs.PgSphereCode(
            system,
            "(SELECT CASE WHEN bool_and(q.p IS NOT NULL) THEN spoly(q.p) FILTER (WHERE q.p IS NOT NULL) END"
            f" FROM (VALUES {values} ORDER BY column1) AS q(ind, p))",
            original=node,
        )

    morphs._makePoly = make


def keep_no_tables_of_strangers(uploads: Any, glue: Any) -> None:
    """Keep tables for users with a password only.

    DaCHS keeps what strangers send, in the database, under one common name: each can read, replace and drop
    what another sent, and nobody counts bytes. In gavo/web/tap_uploads.py and gavo/protocols/adqlglue.py,
    _runCreateAs; to propose: a setting that refuses anonymous tables, as the list of them is refused
    already.
    """
    manager = uploads.PersistentUploadManager
    for method in ("render_GET", "render_PUT", "render_DELETE"):
        setattr(manager, method, _for_users(getattr(manager, method)))
    create = glue._runCreateAs

    def create_for_users(connection: Any, query: str, table: Any, user: str) -> Any:
        if user == "anonymous":
            raise base.ValidationError("Tables are kept for users of this site only", "query")
        return create(connection, query, table, user)

    glue._runCreateAs = create_for_users


def _for_users(render: Any) -> Any:
    def render_for_users(self: Any, request: Any) -> Any:
        if request.getAuthUser() is None:
            raise svcs.ForbiddenURI("Tables are kept for users of this site only")
        return render(self, request)

    return render_for_users


def fetch_from_the_internet_only(tools: Any) -> None:
    """Fetch uploads given by address from public hosts only: not from this machine, nor from those beside it.

    In gavo/utils/ostricks.py, urlopenRemote; to propose: a setting with networks that are never asked.
    """
    fetch = tools.urlopenRemote

    def fetch_public(url: str, **wanted: Any) -> Any:
        try:
            host = urllib.parse.urlsplit(url).hostname or ""
            addresses = {found[4][0] for found in socket.getaddrinfo(host, None)}
        except (OSError, ValueError) as error:
            raise OSError(f"Could not open URL {url}: {error}") from error
        if not all(ipaddress.ip_address(address).is_global for address in addresses):
            raise OSError(f"Could not open URL {url}: this site fetches from public hosts only")
        return fetch(url, **({"timeout": 10} | wanted))

    tools.urlopenRemote = fetch_public


def refuse_uploads_of_nothing(protocol: Any, tables: Any) -> None:
    """Say what is wrong with an UPLOAD instead of failing in the middle of it.

    In gavo/protocols/tap.py and dali.py, mangleUploads, which trust that a file came in a multipart body;
    to propose: catch IndexError and TypeError beside KeyError.
    """
    for module in (protocol, tables):
        module.mangleUploads = _saying_what_is_wrong(module.mangleUploads)


def _saying_what_is_wrong(mangle: Any) -> Any:
    def mangle_or_say(request: Any) -> Any:
        for given in request.strargs.get("UPLOAD", []):
            for part in str(given).split(";"):
                name, _, address = part.partition(",")
                if len(name) > _LONGEST_NAME or (address and not _ADDRESSES.match(address)):
                    raise base.ValidationError(_UPLOAD, "UPLOAD")
        try:
            return mangle(request)
        except (IndexError, TypeError, AttributeError, UnicodeError) as error:
            raise base.ValidationError(f"The upload cannot be read: {error}", "UPLOAD") from error

    return mangle_or_say


def refuse_bad_uploads(runner: Any) -> None:
    """Blame the table that was sent when it cannot be read, and tell nothing of this machine's folders.

    In gavo/protocols/taprunner.py, _ingestUploads; to propose: ValidationError instead of ReportableError,
    and the message without the path of the file.
    """
    ingest = runner._ingestUploads

    def ingest_or_blame(job: Any, uploads: Any, connection: Any) -> Any:
        try:
            return ingest(job, uploads, connection)
        except base.ValidationError:
            raise
        except Exception as error:
            said = str(error).replace(f"{job.getWD()}/", "")
            raise base.ValidationError(said, "UPLOAD", hint=getattr(error, "hint", None)) from error

    runner._ingestUploads = ingest_or_blame


def blame_more(jobs: Any, words: Any) -> None:
    """Answer 400 to unknown languages, requests and vocabularies, where DaCHS says 500.

    In gavo/protocols/uws.py and vocabularies.py; to propose: an httpCode on UWSError, ValidationError for
    ReportableError.
    """
    jobs.UWSError.httpCode = 400
    load = words.get_vocabulary

    def load_known(*named: Any, **wanted: Any) -> Any:
        try:
            return load(*named, **wanted)
        except base.ReportableError as error:
            raise base.ValidationError(str(error), "query") from error

    words.get_vocabulary = load_known


class _Refused(resource.Resource):
    """What is wrong with a request, as text."""

    isLeaf = True

    def __init__(self, status: int, said: str) -> None:
        super().__init__()
        self.status, self.said = status, said

    def render(self, request: Any) -> bytes:
        request.setResponseCode(self.status)
        request.setHeader("content-type", "text/plain;charset=utf-8")
        return f"{self.said}\n".encode()


def look_at_requests_first(web: Any) -> None:
    """Refuse what cannot be a good request of any service before one looks at it, and leave odd headers out.

    NUL reaches PostgreSQL or the file system in a hundred places of DaCHS, each answering 500; headers that
    are not ASCII fail where they are decoded. In gavo/web/root.py, ArchiveService.getChild; to propose:
    these tests there.
    """
    find = web.ArchiveService.getChild

    def find_for_good_ones(self: Any, name: Any, request: Any) -> Any:
        said = _what_is_wrong(request)
        if said:
            request.postpath = []
            return _Refused(400, said)
        _leave_odd_headers_out(request)
        return find(self, name, request)

    web.ArchiveService.getChild = find_for_good_ones


def _what_is_wrong(request: Any) -> str:
    """The first thing that is, in words; empty for nothing."""
    return next((said for wrong, said in _tests_of(request) if wrong), "")


def _tests_of(request: Any) -> Iterator[tuple[bool, str]]:
    address = urllib.parse.unquote_to_bytes(request.uri.partition(b"?")[0])
    up = b".." in address.split(b"/")
    yield b"\0" in address or up, "An address holds neither the character NUL nor '..'"
    yield None in request.args, "A part of the body has no name"
    # an identifier with NUL is one that nothing has: its service says so
    named = ((name, values) for name, values in request.args.items() if (name or b"").upper() != b"ID")
    given = (text for name, values in named for text in (name or b"", *values))
    yield any(b"\0" in text for text in given), "No parameter holds the character NUL"
    secret = (request.getUser() or "") + (request.getPassword() or "")
    yield "\0" in secret, "No name or password holds the character NUL"
    form = request.args.get(b"__nevow_form__", [b""])[0]
    yield form not in {b"", b"genForm"}, "There is no such form"
    scale = request.args.get(b"scale", [b""])[0]
    yield scale.isdigit() and int(scale) > _LARGEST_SCALE, f"Images are scaled by {_LARGEST_SCALE} at most"
    words = request.path.endswith(b"/byFulltext") and not request.args.get(b"q")
    yield words, "q, the words to look for, is missing"


def _leave_odd_headers_out(request: Any) -> None:
    for name, values in list(request.requestHeaders.getAllRawHeaders()):
        if not all(value.isascii() for value in values):
            request.requestHeaders.removeHeader(name)
    for value in request.requestHeaders.getRawHeaders(b"range", []):
        if value.count(b",") >= _MOST_RANGES:
            # RFC 9110, 14.2: many small ranges are a sign of an attack and may be ignored
            request.requestHeaders.removeHeader(b"range")


def answer_bad_bodies(request_class: type[Any]) -> None:
    """Answer 400 to a body that cannot be read: DaCHS ends the connection without a word.

    In gavo/formal/twistedpatch.py, MPRequest.requestReceived, which raises after it has answered; to
    propose: return.
    """
    receive = request_class.requestReceived

    def receive_or_answer(self: Any, command: bytes, path: bytes, version: bytes) -> None:
        if self.maxUploadSize == 0:  # DaCHS's mark of a body over its limit
            self.method, self.uri, self.clientproto = command, path, version
            _refuse_large(self)
            return
        try:
            receive(self, command, path, version)
        except Exception:  # noqa: BLE001 - whatever a parser of strangers' bodies raises
            if self.channel is not None:
                self.channel.loseConnection()

    request_class.requestReceived = receive_or_answer


def _refuse_large(request: Any) -> None:
    """Say how large a request may be: DaCHS says that it is too large, and of some kinds takes it."""
    synchronous, job = (base.getConfig("web", name) for name in ("maxSyncUploadSize", "maxUploadSize"))
    said = f"A request may have {synchronous} bytes here, that of an asynchronous job {job}. {_more_time()}\n"
    request.setResponseCode(http.REQUEST_ENTITY_TOO_LARGE)
    request.setHeader("content-type", "text/plain;charset=utf-8")
    request.write(said.encode())
    request.finish()


class _OutOfTime(base.ValidationError):
    """A query that was stopped at its time limit."""

    httpCode = http.REQUEST_TIMEOUT


def lead_to_jobs(cores: Any) -> None:
    """Answer 408 to a query that ran out of time, and say where it has more.

    In gavo/svcs/standardcores.py, mapDBErrors, which blames the query with 400 and tells of asynchronous jobs
    only where a maintainer is named; to propose: this class.
    """
    explain = cores.mapDBErrors

    def explain_time(kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, base.QueryCanceledError):
            sync, job = (base.getConfig("async", name) for name in ("defaultExecTimeSync", "defaultExecTime"))
            raise _OutOfTime(
                f"The query was stopped at its time limit ({sync} s, {job} s in an asynchronous job)",
                "query",
                hint=_more_time(),
            ) from error
        explain(kind, error, traceback)

    cores.mapDBErrors = svcs.mapDBErrors = explain_time


def _more_time() -> str:
    return f"Ask by an asynchronous TAP job: {base.getConfig('web', 'serverURL')}/tap/async"


def hang_up_on_the_slow(site: Any) -> None:
    """Let clients keep a connection open for a minute without saying anything, not for five.

    In gavo/web/root.py; to propose: a setting.
    """
    site.timeOut = _SLOWEST_S


def report_failed_cutouts(product: type[Any]) -> None:
    """Blame the request when a cut-out of getproduct cannot be made, e.g. without coordinates.

    In gavo/protocols/products.py, CutoutProduct._getCutoutHDU; to propose: this.
    """
    cut = product._getCutoutHDU

    def cut_or_blame(self: Any) -> Any:
        try:
            return cut(self)
        except (AttributeError, ValueError, TypeError, IndexError, OverflowError) as error:
            raise base.ValidationError(f"This cannot be cut out: {error}", "ra") from error

    product._getCutoutHDU = cut_or_blame


def finish_without_links(renderer: type[Any]) -> None:
    """Have no list of publications: its table is not made, and DaCHS never ends an answer that failed.

    In gavo/web/vodal.py, BiblinksRenderer; to propose: an errback, as its neighbours have.
    """

    def render(self: Any, request: Any) -> Any:
        del self, request
        raise svcs.UnknownURI("This site has no list of publications")

    renderer.render = render


def answer_long_lines(channel: type[Any]) -> None:
    """Answer 400 to lines of more than 16 kB, where twisted ends the connection without a word.

    In twisted/web/http.py, HTTPChannel; to propose there: 414 and 431.
    """

    def answer(self: Any, line: bytes) -> None:
        del line
        self._respondToBadRequestAndDisconnect()

    channel.lineLengthExceeded = answer


def tell_no_tracebacks(streams: Any) -> None:
    """End an answer that fails half-way with a sentence: DaCHS shows its traceback, with folders and values.

    In gavo/svcs/streaming.py, DataStreamer.run; to propose: the traceback goes to the log alone.
    """
    start = streams.DataStreamer.__init__

    def start_discreet(self: Any, write: Any, *rest: Any, **named: Any) -> None:
        def write_or_say(target: Any) -> None:
            try:
                write(target)
            except (streams.StopWriting, OSError):
                raise
            except Exception:  # noqa: BLE001 - whatever makes answers
                base.ui.notifyError(f"While streaming:\n{utils.getTracebackAsString()}")
                target.write(b"\n\nThe answer ends here: its rest could not be made.\n")

        start(self, write_or_say, *rest, **named)

    streams.DataStreamer.__init__ = start_discreet


def ask_for_arguments(page: Any) -> None:
    """Refuse a question of the front page that lacks what its query needs, where DaCHS answers 500.

    In gavo/web/common.py, JSONQuery.doQuery; to propose: the same.
    """
    ask = page.doQuery

    def ask_or_refuse(self: Any, given: Any) -> Any:
        try:
            return ask(self, given)
        except KeyError as error:
            raise base.ValidationError("This page wants an argument of that name", error.args[0]) from error

    page.doQuery = ask_or_refuse
