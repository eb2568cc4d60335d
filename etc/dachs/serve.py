"""Start the site's DaCHS 2.11 with our repairs; nothing of the machine's own files is touched.

Each tells what it repairs, in which of DaCHS's files, and what to propose there.

Runs under Debian's Python as ``serve.py serve start -f``. When a later DaCHS has them, this goes.
"""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import bad_requests
import data_origin
import side_by_side
from gavo import base, formats, rscdesc, svcs
from gavo.formats import geojson, votablewrite
from gavo.protocols import dali, tap, uws, uwsactions
from gavo.svcs import renderers
from gavo.user.cli import main
from gavo.votable import V
from gavo.web import productrender, root, syncrender, tap_uploads, vodal, weberrors
from twisted.python import failure
from twisted.web import server
from twisted.web.error import UnsupportedMethod


def end_head(resource: Any, request: Any) -> None:
    """Let a resource end its answer to HEAD: DaCHS waits for a body that never comes."""
    render = getattr(resource, "render", None)
    if request.method != b"HEAD" or render is None:
        return

    def render_or_end(request: Any) -> Any:
        done = render(request)
        if done == b"":
            request.finish()
        return server.NOT_DONE_YET

    resource.render = render_or_end


def answer_head_of_files(renderer: type[Any]) -> None:
    """Answer HEAD of getproduct."""
    deliver = renderer._deliverSingle

    def deliver_or_end(self: Any, result: Any, request: Any) -> Any:
        end_head(result[0], request)
        return deliver(self, result, request)

    renderer._deliverSingle = deliver_or_end


def answer_head_of_processed(renderer: type[Any]) -> None:
    """Answer HEAD of what services make of files."""
    deliver = renderer._formatData

    def deliver_or_end(self: Any, data: Any, request: Any) -> Any:
        end_head(data, request)
        return deliver(self, data, request)

    renderer._formatData = deliver_or_end


def answer_without_rows(renderer: type[Any]) -> None:
    """Make MAXREC=0 the normal answer without rows, as SIA 2 wants it, where DaCHS calls it metadata."""
    describe = renderer._getMetadataData

    def describe_results(self: Any) -> Any:
        data = describe(self)
        data.setMeta("_type", "results")
        return data

    renderer._getMetadataData = describe_results


def describe_itself(renderer: type[Any], writer: Any) -> None:
    """End answers of SIA 2 with a description of the service, by which clients offer its parameters."""
    answer = renderer._formatOutput
    resources = writer._iterDatalinkResources

    def answer_with_service(self: Any, data: Any, request: Any, *rest: Any, **named: Any) -> Any:
        if hasattr(data, "setMeta"):
            data.answered_by = self
        return answer(self, data, request, *rest, **named)

    def resources_and_service(context: Any, data: Any) -> Iterator[Any]:
        yield from resources(context, data)
        used = getattr(data, "answered_by", None)
        if used is not None:
            address = used.service.getURL(used.name).rstrip("?")
            text = {"datatype": "char", "arraysize": "*"}
            yield V.RESOURCE(type="meta", utype="adhoc:service", name="this")[
                V.PARAM(name="standardID", value="ivo://ivoa.net/std/SIA#query-2.0", **text),
                V.PARAM(name="accessURL", value=address, **text),
                V.GROUP(name="inputParams")[
                    [
                        writer.makeFieldFromColumn(context, V.PARAM, key.change(name=key.name.upper()))
                        for key in used.service.getInputKeysFor(used)
                        if key.name not in {"responseformat", "verb"}
                    ]
                ],
            ]

    renderer._formatOutput = answer_with_service
    writer._iterDatalinkResources = resources_and_service


def give_all_links(renderer: type[Any]) -> None:
    """Let DataLink answer as many rows as other protocols do, where DaCHS stops at its forms' 100."""
    start = renderer.__init__

    def start_with_limit(self: Any, request: Any, *rest: Any, **named: Any) -> None:
        start(self, request, *rest, **named)
        self.queryMeta = svcs.QueryMeta.fromRequest(
            request, defaultLimit=base.getConfig("ivoa", "dalDefaultLimit")
        )

    renderer.__init__ = start_with_limit


def find_in_others(descriptor: type[Any]) -> None:
    """Let ObsCore's DataLink lead to a service of another descriptor: DaCHS looks in the table's own only."""
    find = descriptor.getById

    def find_or_resolve(self: Any, name: str, *rest: Any, **named: Any) -> Any:
        return base.resolveCrossId(name) if "#" in name else find(self, name, *rest, **named)

    descriptor.getById = find_or_resolve


_CLOSED = (
    "__system__/tests",  # for its authors: they fail, wait, and change tables on request
    "__system__/siap2/sitewide/form",  # these pages fail whatever they are asked
    "__system__/products/getTar/form",
    "__system__/products/p/form",
)
"""Addresses that come with DaCHS and are of no use."""


def close(site: type[Any]) -> None:
    """Know nothing of DaCHS's own tests, which fail, wait and delete rows for anybody, and of broken pages.

    In gavo/web/root.py; to propose: `__system__/tests` answers only where [web]enabletests is set, and these
    services do without their forms.
    """
    locate = site._locateResourceBasedChild

    def locate_open(self: Any, request: Any, segments: list[str]) -> Any:
        if "/".join(segments).startswith(_CLOSED):
            raise svcs.UnknownURI("No matching RD")
        return locate(self, request, segments)

    site._locateResourceBasedChild = locate_open


def forget_soap(registry: dict[str, Any]) -> None:
    """Know no renderer that needs SOAPpy, which is gone: any service asked by it answered 500.

    In gavo/svcs/renderers.py; to propose: the entry goes.
    """
    registry.pop("soap", None)


def list_own_jobs(actions: Any) -> None:
    """List one's own jobs only: DaCHS tells everybody's jobs, owners' names aside, to who gives no name.

    What nobody owns is known to who made it, by its random name. In gavo/protocols/uwsactions.py, getJobList;
    to propose: owner IS NULL AND false for anonymous requests, or a setting.
    """
    list_jobs = actions.getJobList

    def list_own(worker: Any, owner: str | None = None, **wanted: Any) -> Any:
        # Nobody has the empty name.
        return list_jobs(worker, owner or "", **wanted)

    actions.getJobList = list_own


def blame_requests() -> None:
    """Answer 4xx to what a request has wrong, where DaCHS says 500.

    In gavo/utils/excs.py; to propose: these classes have an httpCode, as those of gavo/svcs/common.py do.
    """
    for kind, code in (
        (base.ValidationError, 400),
        (base.SourceParseError, 400),
        (base.LiteralParseError, 400),
        (base.DataError, 400),
        (base.NotFoundError, 404),
        (formats.CannotSerializeIn, 400),
    ):
        kind.httpCode = code


def keep_blame_through_jobs(core: type[Any], job: type[Any]) -> None:
    """Let a synchronous query fail with the status of its error: DaCHS keeps its words alone and says 500.

    In gavo/protocols/tap.py, TAPCore.run, and gavo/protocols/uws.py, UWSJob._encode_error; to propose: the
    httpCode is kept beside msg and hint.
    """
    run, encode = core.run, job._encode_error
    last = threading.local()

    def encode_with_code(self: Any, value: Any) -> Any:
        last.code = getattr(value, "httpCode", 500)
        return encode(self, value)

    def run_with_code(self: Any, *arguments: Any) -> Any:
        last.code = 500
        try:
            return run(self, *arguments)
        except base.Error as error:
            if not hasattr(error, "httpCode"):
                error.httpCode = last.code
            raise

    core.run, job._encode_error = run_with_code, encode_with_code


def page_of_errors(errors: Any) -> None:
    """Show a page with 4xx for what a request has wrong, where DaCHS shows an internal error.

    In gavo/web/weberrors.py; to propose: pages that handle ValidationError and twisted's UnsupportedMethod.
    """
    find = errors.getDCErrorPage

    def find_with_blame(flr: Any) -> Any:
        flr = flr or failure.Failure()
        error = flr.value
        if isinstance(error, UnsupportedMethod):
            error = svcs.BadMethod("other than " + b" ".join(error.allowedMethods).decode("ascii"))
        elif getattr(error, "httpCode", None) == HTTPStatus.BAD_REQUEST and not isinstance(
            error, base.ExecutiveAction
        ):
            error = svcs.BadRequest(str(error), hint=getattr(error, "hint", None))
        return find(failure.Failure(error) if error is not flr.value else flr)

    errors.getDCErrorPage = find_with_blame


def do_not_render(renderer: type[Any]) -> None:
    """Know no page of TAP's combined interface, which answers 500, "I'm not joking".

    In gavo/web/syncrender.py, DALIRenderer; to propose: UnknownURI instead of NotImplementedError.
    """

    def render(self: Any, request: Any) -> Any:
        del self, request
        raise svcs.UnknownURI("This is asked by sync and async")

    renderer.render = render


def keep_no_tables(renderer: type[Any]) -> None:
    """Refuse the list of a user's tables as each of them is refused: none are kept here, and DaCHS fails.

    In gavo/web/tap_uploads.py, PersistentUploadRenderer; to propose: render looks for tap_user.tables first,
    as getChild does.
    """

    def render(self: Any, request: Any) -> Any:
        del self
        return dali.serveDALIError(request, svcs.ForbiddenURI("Tables of users are not kept here"))

    renderer.render = render


def answer_post(renderer: type[Any]) -> None:
    """Deliver a whole file to a POST, as SODA and DALI want it: twisted's files know GET and HEAD alone.

    In gavo/web/vodal.py, DatalinkGetDataRenderer; to propose: the method is GET when a resource renders.
    """
    deliver = renderer._formatData

    def deliver_as_get(self: Any, data: Any, request: Any) -> Any:
        if request.method == b"POST":
            request.method = b"GET"
        return deliver(self, data, request)

    renderer._formatData = deliver_as_get


def refuse_geojson(writer: Any) -> None:
    """Say that a table cannot be had as GeoJSON, where DaCHS fails: no table of ours is made for it.

    In gavo/formats/geojson.py, writeTableAsGeoJSON; to propose: next() ends with StopIteration there,
    not IndexError.
    """

    def refuse(table: Any, target: Any, **_: Any) -> None:
        del table, target
        raise formats.CannotSerializeIn("geojson")

    writer.common.registerDataWriter("geojson", refuse, "application/geo+json", "GeoJSON", ".geojson")


data_origin.repair()  # first: it is about the base class of renderers that are repaired below
answer_head_of_files(productrender.ProductRenderer)
answer_head_of_processed(vodal.DatalinkGetDataRenderer)
answer_without_rows(vodal.SIAP2Renderer)
describe_itself(vodal.SIAP2Renderer, votablewrite)
give_all_links(vodal.DatalinkGetMetaRenderer)
find_in_others(rscdesc.RD)
close(root.ArchiveService)
forget_soap(renderers.RENDERER_REGISTRY)
list_own_jobs(uwsactions)
blame_requests()
keep_blame_through_jobs(tap.TAPCore, uws.BaseUWSJob)
page_of_errors(weberrors)
do_not_render(syncrender.DALIRenderer)
keep_no_tables(tap_uploads.PersistentUploadRenderer)
answer_post(vodal.DatalinkGetDataRenderer)
refuse_geojson(geojson)
bad_requests.repair()
side_by_side.repair()
if __name__ == "__main__":
    main()
