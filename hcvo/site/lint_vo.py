"""The Virtual Observatory's validators against the running site.

STILTS 3.5 (taplint, datalinklint, votlint), Aladin (HiPS), and DaCHS's own: descriptors, regression tests,
registry records.
"""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping

from hcvo.config import CHECKOUT, Settings
from hcvo.errors import SiteError
from hcvo.published.declaration import views
from hcvo.report import Row
from hcvo.site import dachs, hips, templates
from hcvo.site.account import Account, server_account

__all__ = ["lint"]

_JARS = CHECKOUT / "build" / "stilts" / "usr" / "share" / "java"
_TAP_STAGES = "-TMV -LOC"
"""TMV fetches a schema from the network and fails without; LOC is for services of observation times."""
_TIME_S = 600.0
_TOTALS = re.compile(r"Totals: Errors: (\d+); Warnings: (\d+);.*Failures: (\d+)")
_TESTS = re.compile(r"(\d+) of (\d+) bad")


def lint(settings: Settings) -> Iterator[Row]:
    """Validate every service of a running site.

    Parameters
    ----------
    settings : Settings
        Settings of the site, which is up and has a public image.

    Yields
    ------
    Row
        One figure each; `ok` where nothing was found.

    Raises
    ------
    SiteError
        If the site has no public image, or STILTS is not unpacked.
    """
    if not _JARS.is_dir():
        raise SiteError(f"STILTS is not in {_JARS}; run etc/install.sh")
    linked = _identifiers(settings)
    if "image" not in linked:
        raise SiteError(f"{settings.base_url} has no public image to validate with; run 'make demo' first")
    yield from _taplint(settings)
    for name, dids in _asked(linked):
        yield _errors("datalinklint", name, _datalink(settings, *dids), "version=1.1")
    for name, url in _answers(settings, linked["image"]):
        yield _errors("votlint", name, url)
    yield from _dachs_rows(settings)
    tiles = settings.dachs_root / "hips"
    if (tiles / "properties").exists():
        found = hips.findings(tiles)
        yield Row("HiPS", "errors and warnings of Aladin's LINT", len(found), "", "0", not found)


def _taplint(settings: Settings) -> Iterator[Row]:
    text = _stilts("taplint", f"tapurl={_local(settings)}/tap", f"stages={_TAP_STAGES}", "report=EWFS")
    totals = _TOTALS.search(text)
    errors, warnings, failures = totals.groups() if totals else (None, None, None)
    yield Row("taplint", "errors", errors, "", "0", errors == "0")
    yield Row("taplint", "failures", failures, "", "0", failures == "0")
    yield Row("taplint", "warnings", warnings, "", "any", totals is not None)
    queries = re.search(r"Execution success/attempt: (\d+)/(\d+)", text)
    run = f"{queries[1]}/{queries[2]}" if queries else None
    good = queries is not None and queries[1] == queries[2] and int(queries[2]) > 1
    yield Row("taplint", "examples that run", run, "", "all, at least 2", good)


def _asked(linked: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What DataLink is asked for: each kind by itself, many at once, and what nobody knows."""
    for kind, did in linked.items():
        yield kind, (did,)
    unknown = linked["image"] + "x"
    yield "several products", tuple(linked.values())
    yield "an unknown product", (unknown,)
    yield "known and unknown ones", (unknown, linked["image"], "nonsense")


def _errors(task: str, name: str, url: str, *options: str) -> Row:
    text = _stilts(task, f"votable={url}", *options)
    errors = sum(line.startswith(("ERROR", "E-", "Error")) for line in text.splitlines())
    return Row(task, f"errors in {name}", errors, "", "0", errors == 0)


def _dachs_rows(settings: Settings) -> Iterator[Row]:
    account = server_account(settings)
    for descriptor in (*templates.descriptors(), "//tap"):
        text = _output(settings, account, "val", descriptor)
        yield Row("dachs val", descriptor, text.split()[-1] if text else None, "", "OK", text.endswith("OK"))
    for descriptor in templates.descriptors():  # not DaCHS's own: its test pages are closed
        text = _output(settings, account, "test", "-n", "1", "-u", _local(settings), descriptor)
        tests = _TESTS.search(text)
        bad = f"{tests[1]} of {tests[2]}" if tests else None
        yield Row(
            "dachs test",
            f"bad tests of {descriptor}",
            bad,
            "",
            "0",
            bad is not None and bad.startswith("0 of"),
        )
    records = settings.sockets / "oai.xml"
    url = f"{_local(settings)}/oai.xml?verb=ListRecords&metadataPrefix=ivo_vor"
    account.write(records, _get(url).decode())
    text = _output(settings, account, "adm", "xsdValidate", str(records))
    verdict = text.rpartition("--")[2].strip()
    yield Row("registry records", "XML schemas", verdict[:60], "", "valid", verdict == "valid")


def _output(settings: Settings, account: Account, *arguments: str) -> str:
    """Output of a dachs command that may fail: its failure is a finding."""
    try:
        return dachs.run(settings, account, *arguments).strip()
    except SiteError as error:
        return str(error).strip()


def _answers(settings: Settings, did: str) -> Iterator[tuple[str, str]]:
    base = _local(settings)
    for view in views().values():
        yield view.qualified, _sync(settings, f"SELECT TOP 5 * FROM {view.qualified}", "votable")  # noqa: S608 - a declared name
    yield "ivoa.obscore", _sync(settings, "SELECT TOP 5 * FROM ivoa.obscore", "votable")
    ra, dec = _rows(settings, "SELECT TOP 1 s_ra, s_dec FROM hci.product WHERE kind = 'image'")[0]
    circle = urllib.parse.urlencode({"POS": f"CIRCLE {ra} {dec} 0.1"})
    yield "SIA2", f"{base}/hci/sia/v2/siap2.xml?{circle}"
    yield "SIA2 without rows", f"{base}/hci/sia/v2/siap2.xml?MAXREC=0"
    yield "SIA2 refused", f"{base}/hci/sia/v2/siap2.xml?POS=nowhere"
    yield "SIA1", f"{base}/hci/sia/v1/siap.xml?POS={ra},{dec}&SIZE=0.1"
    yield "SIA1 metadata", f"{base}/hci/sia/v1/siap.xml?FORMAT=METADATA"
    for table in ("observations", "targets", "detections"):
        yield f"cone search on {table}", f"{base}/hci/cone/{table}/scs.xml?RA={ra}&DEC={dec}&SR=0.1"
    yield "DataLink", _datalink(settings, did)
    yield "DataLink of an unknown product", _datalink(settings, did + "x")


def _identifiers(settings: Settings) -> dict[str, str]:
    """Kind of product to the identifier of one of that kind."""
    rows = _rows(settings, "SELECT kind, MIN(obs_publisher_did) AS did FROM hci.product GROUP BY kind")
    return dict(rows)


def _rows(settings: Settings, query: str) -> list[list[str]]:
    rows: list[list[str]] = json.loads(_get(_sync(settings, query, "json")))["data"]
    return rows


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own address
            content: bytes = answer.read()
            return content
    except urllib.error.URLError as error:
        raise SiteError(f"{url} does not answer: {error}") from error


def _sync(settings: Settings, query: str, form: str) -> str:
    return f"{_local(settings)}/tap/sync?" + urllib.parse.urlencode(
        {"LANG": "ADQL", "FORMAT": form, "QUERY": query}
    )


def _datalink(settings: Settings, *dids: str) -> str:
    return f"{_local(settings)}/hci/dl/links/dlmeta?" + urllib.parse.urlencode({"ID": dids}, doseq=True)


def _local(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.dachs.port}"


def _stilts(task: str, *options: str) -> str:
    command = [CHECKOUT / "etc" / "stilts.sh", task, *options]
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            list(map(str, command)), capture_output=True, text=True, timeout=_TIME_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SiteError(f"stilts {task} did not end within {_TIME_S:.0f} s") from error
    return done.stdout + done.stderr
