"""Start the site's DaCHS 2.11 with repairs; nothing of the machine's own files is touched.

Runs under Debian's Python as ``serve.py serve start -f``. When a later DaCHS has them, this goes.
"""

from typing import Any

from gavo import base, rscdesc, svcs
from gavo.user.cli import main
from gavo.web import productrender, vodal
from twisted.web import server


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


answer_head_of_files(productrender.ProductRenderer)
answer_head_of_processed(vodal.DatalinkGetDataRenderer)
answer_without_rows(vodal.SIAP2Renderer)
give_all_links(vodal.DatalinkGetMetaRenderer)
find_in_others(rscdesc.RD)
if __name__ == "__main__":
    main()
