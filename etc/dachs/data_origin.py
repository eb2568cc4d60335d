"""Data Origin (IVOA note 1.2) in every VOTable: where the rows come from, by which request, as of when.

DaCHS 2.11 tells publisher, rights, creator and contact (gavo/formats/votablewrite.py, _iterResourceMeta); to
propose there: all of this. Loaded by serve.py, in the server and in the process of each asynchronous query.
"""

import re
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from gavo import base, utils
from gavo.formats import votablewrite
from gavo.protocols import datalink, taprunner
from gavo.svcs import common, service
from gavo.votable import V
from gavo.web import serviceresults, vodal

__all__ = ["repair"]

_PRODUCTS = "hci/q#product"
_OBSCORE = "__system__/obscore"
_STANDARDS = {
    "tap": "ivo://ivoa.net/std/TAP",
    "siap2.xml": "ivo://ivoa.net/std/SIA#query-2.0",
    "siap.xml": "ivo://ivoa.net/std/SIA",
    "scs.xml": "ivo://ivoa.net/std/ConeSearch",
    "dlmeta": "ivo://ivoa.net/std/DataLink#links-1.1",
}
"""Renderer to the standard it follows, as its capability says."""
_SECRET = re.compile(r"//[^/@\s?#]*@")
"""Name and password within an address."""
_LAST_UPDATE = "SELECT time FROM dc.last_update"
_FRESH_S = 10.0


class Asked(NamedTuple):
    """What an answer answers: its request as one address, and by which renderer."""

    request: str
    renderer: str


_now = threading.local()
"""What this thread answers, where DaCHS hands down neither request nor renderer."""


def repair() -> None:
    """Apply all of them."""
    remember_requests(common.QueryMeta)
    say_what_is_answered(vodal.DALRenderer)
    answer_jobs(taprunner)
    answer_links(datalink.DatalinkCore)
    answer_forms(serviceresults.VOTableResult)
    tell_origin(votablewrite)


def _address(base_url: str, parameters: list[tuple[str, str]]) -> str:
    shown = [(name, _SECRET.sub("//", value)) for name, value in parameters if "password" not in name.lower()]
    return base_url + ("?" + urllib.parse.urlencode(shown) if shown else "")


def remember_requests(query_meta: type[Any]) -> None:
    """Keep the address a question came by, with the parameters of a POST, beside the question."""
    read = query_meta.fromRequest.__func__

    def read_with_address(cls: type[Any], request: Any, **named: Any) -> Any:
        made = read(cls, request, **named)
        given = [
            (name, value)
            for name, values in request.strargs.items()
            for value in (values if isinstance(values, list) else [values])
            if isinstance(value, str)  # no files
        ]
        path = utils.debytify(request.uri).partition("?")[0]
        made["asked"] = _address(base.getConfig("web", "serverURL") + path, given)
        return made

    query_meta.fromRequest = classmethod(read_with_address)


def say_what_is_answered(renderer: type[Any]) -> None:
    """Tell the data that SIA, cone searches and their descriptions answer with what they answer."""
    answer, describe = renderer._formatOutput, renderer._getMetadataData

    def answer_asked(self: Any, data: Any, request: Any, *rest: Any, **named: Any) -> Any:
        if not isinstance(data, tuple):
            data.asked = Asked(self.queryMeta["asked"], self.name)
        return answer(self, data, request, *rest, **named)

    def describe_asked(self: Any) -> Any:
        data = describe(self)
        data.asked = Asked(self.queryMeta["asked"], self.name)
        return data

    renderer._formatOutput, renderer._getMetadataData = answer_asked, describe_asked


@contextmanager
def _answering(asked: Asked) -> Iterator[None]:
    _now.asked = asked
    try:
        yield
    finally:
        _now.asked = None


def answer_jobs(runner: Any) -> None:
    """Tell results of TAP their query's parameters; synchronous ones are jobs too, with the number -1."""
    run = runner.runTAPJobNoState

    def run_asked(parameters: dict[str, Any], job_id: str, *rest: Any) -> Any:
        job = runner.tap.WORKER_SYSTEM.getJob(job_id)
        form = "sync" if job.pid == -1 else "async"
        given = [
            (name.upper(), _uploads(value) if name == "upload" else str(value))
            for name, value in parameters.items()
            if value is not None
        ]
        address = f"{base.getConfig('web', 'serverURL')}/tap/{form}"
        with _answering(Asked(_address(address, given), "tap")):
            return run(parameters, job_id, *rest)

    runner.runTAPJobNoState = run_asked


def _uploads(uploads: list[tuple[str, str]]) -> str:
    """As the parameter had them; what was sent along keeps the name it has in the job."""
    return ";".join(f"{table},{source.replace('file://', 'param:')}" for table, source in uploads)


def answer_links(core: type[Any]) -> None:
    """Tell answers of DataLink what they answer."""
    run = core.runForMeta

    def run_asked(self: Any, links: Any, table: Any, query_meta: Any) -> Any:
        with _answering(Asked(query_meta.get("asked", ""), "dlmeta")):
            return run(self, links, table, query_meta)

    core.runForMeta = run_asked


def answer_forms(result: type[Any]) -> None:
    """Tell the tables that pages of services give what they answer."""
    write = result._formatOutput.__func__

    def write_asked(cls: type[Any], data: Any, request: Any, query_meta: Any) -> Any:
        data.asked = Asked(query_meta["asked"], "form")
        return write(cls, data, request, query_meta)

    result._formatOutput = classmethod(write_asked)


def tell_origin(writer: Any) -> None:
    """Add to what DaCHS tells: which records the rows and the service have, protocol, request and dates."""
    tell = writer._iterResourceMeta
    last_update = _LastUpdate()

    def tell_all(context: Any, data: Any) -> Iterator[Any]:
        carriers = data.contributingMetaCarriers
        if any(_descriptor(carrier) == _OBSCORE for carrier in carriers):
            # a view of the products: theirs are licence, creators and version
            carriers.append(base.resolveCrossId(_PRODUCTS))
        asked = getattr(data, "asked", None) or getattr(_now, "asked", None)
        for element in tell(context, data):
            # DaCHS's own is a path, without the parameters of a POST
            if asked is None or getattr(element, "name", None) != "request":
                yield element
        if asked is not None:
            yield V.INFO(name="request", value=asked.request)["The request this answers"]
            if asked.renderer in _STANDARDS:
                yield V.INFO(name="service_protocol", ucd="meta.ref.ivoid", value=_STANDARDS[asked.renderer])[
                    "Protocol of the service"
                ]
        services = [carrier for carrier in carriers if isinstance(carrier, service.Service)]
        published = [found for found in services if found.publications]
        yield from writer._iterUniqueInfosFromMeta(
            context, published, "identifier", "service_ivoid", "meta.ref.ivoid", "Service that was asked"
        )
        ours = [carrier for carrier in carriers if carrier.getMeta("dataIvoid") is not None]
        yield from writer._iterUniqueInfosFromMeta(
            context, ours, "dataIvoid", "data_ivoid", "meta.ref.ivoid", "Resource the rows come from"
        )
        yield from writer._iterUniqueInfosFromMeta(
            context, ours, "creationDate", "publication_date", "time.release", "Published first"
        )
        if ours and (updated := last_update()):
            yield V.INFO(name="last_update_date", ucd="time.processing", value=updated)[
                "When the newest public row of the archive came"
            ]

    writer._iterResourceMeta = tell_all


def _descriptor(carrier: Any) -> str | None:
    """Of a table or what defines one."""
    defined = getattr(carrier, "tableDef", carrier)
    return getattr(getattr(defined, "rd", None), "sourceId", None)


class _LastUpdate:
    """When the archive's newest public row came, ISO 8601 in UTC; asked again when older than 10 s."""

    def __init__(self) -> None:
        self.told, self.asked_at = "", -_FRESH_S

    def __call__(self) -> str:
        if time.monotonic() - self.asked_at >= _FRESH_S:
            with base.getTableConn() as connection:
                ((newest,),) = connection.query(_LAST_UPDATE)
            self.told, self.asked_at = utils.formatISODT(newest) if newest else "", time.monotonic()
        return self.told
