"""What each kind of route is asked of a family: by its identifiers, by its place, by everything at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from tests.embargo.private_rows import Family
from tests.embargo.routes import Route

__all__ = ["Question", "about", "wide"]

_FORMATS = ("votable", "votable/td", "csv", "json", "fits", "geojson", "html")


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Attributes
    ----------
    path : str
        Below the site's address, with its query.
    method : str
        Of HTTP.
    body : bytes
        What is posted.
    named : bool
        It holds identifiers: the answer may repeat them, and nobody may tell them from ones that never were.
    """

    path: str
    method: str = "GET"
    body: bytes = b""
    named: bool = True
    headers: dict[str, str] = field(default_factory=dict)


def about(route: Route, family: Family, authority: str, store: str) -> Iterator[Question]:
    """Questions about one family.

    Parameters
    ----------
    route : Route
        Whom.
    family : Family
        About whom.
    authority : str
        IVOA authority of the site.
    store : str
        Folder of the store, as an absolute path.

    Yields
    ------
    Question
        One request.
    """
    accref, did = family.product.accref, f"ivo://{authority}/~?{family.product.accref}"
    yield Question(f"{route.path}/{accref}")
    yield _query(route.path, ID=did, id=did, accref=accref, key=accref, TARGET=family.token, q=family.token)
    make = _ABOUT.get(route.kind)
    if make is not None:
        yield from make(route.path, family, did, store)


def wide(route: Route, tables: list[str]) -> Iterator[Question]:
    """Questions about everything.

    Parameters
    ----------
    route : Route
        Whom.
    tables : list[str]
        Tables of TAP.

    Yields
    ------
    Question
        One request.
    """
    yield Question(route.path, named=False)
    make = _WIDE.get(route.kind)
    if make is not None:
        yield from make(route.path, tables)


def _query(path: str, **parameters: object) -> Question:
    return Question(f"{path}?{urlencode(parameters)}")


def _all(path: str, **parameters: object) -> Question:
    return Question(f"{path}?{urlencode(parameters)}", named=False)


def _file(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    for accref in (family.product.accref, family.frame.accref, family.product.preview, family.product.name):
        for suffix in (
            "",
            "?preview=True",
            "?scale=2",
            "?width=200&preview=True",
            "?ra=1&dec=1&sra=1&sdec=1",
        ):
            yield Question(f"{path}/{accref}{suffix}")
        for method in ("HEAD", "POST"):
            yield Question(f"{path}/{accref}", method)
        yield Question(f"{path}/{quote(accref, safe='')}")
        yield _query(path, accref=accref)
        yield _query(path, accref=accref, preview="True")
        yield Question(f"{path}?accref={quote(accref)}&accref={quote(accref)}")  # a tar of two
        yield Question(f"{path}/./{accref}")
    for folder in (store, "../store", "..%2f..%2fstore"):
        yield Question(f"{path}/{folder}/{family.product.accref}")
    yield _query(path, pattern=f"hci.%#%{family.token}%")
    yield _query(path, accref=did)


def _datalink(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del store
    raw = did.replace(family.product.accref, family.frame.accref)
    for identifier in (did, raw, family.product.accref, family.frame.accref, family.frame.dp_id):
        for form in ("", "votable/td", "text/html"):
            yield _query(path, ID=identifier, **({"RESPONSEFORMAT": form} if form else {}))
    yield Question(f"{path}?{urlencode({'ID': [did, raw]}, doseq=True)}")
    yield Question(path, "POST", urlencode({"ID": did}).encode(), headers=_POSTED)


def _cutout(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    yield from _datalink(path, family, did, store)
    circle = f"{family.ra} {family.dec} 0.0001"
    for more in ({"CIRCLE": circle}, {"POS": f"CIRCLE {circle}"}, {"BAND": "1e-6 3e-6"}, {"CIRCLE": "1 2 3"}):
        yield _query(path, ID=did, **more)


def _tap(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del did, store
    for table, column in (
        ("hci.product", "accref"), ("hci.raw_frame", "dp_id"), ("hci.target", "target_name"),
        ("hci.observation", "obs_id"), ("hci.process_input", "name"), ("ivoa.obscore", "obs_publisher_did"),
    ):  # fmt: skip
        adql = f"SELECT * FROM {table} WHERE {column} LIKE '%{family.token}%'"
        yield _ask(path, adql, "csv")
    place = f"CIRCLE('ICRS', {family.ra}, {family.dec}, 0.01)"
    for table, ra, dec in (("ivoa.obscore", "s_ra", "s_dec"), ("hci.target", "ra", "dec")):
        yield _ask(
            path, f"SELECT * FROM {table} WHERE 1=CONTAINS(POINT('ICRS', {ra}, {dec}), {place})", "csv"
        )
    yield _ask(path, f"SELECT * FROM ivoa.obscore WHERE 1=INTERSECTS(s_region, {place})", "csv")
    yield _ask(path, f"SELECT * FROM hci.process WHERE process_id = {family.product.process_id}0", "csv")


def _ask(path: str, adql: str, form: str, *, named: bool = True) -> Question:
    sync = path if path.endswith(("sync", "dali")) else f"{path}/sync"
    make = _query if named else _all
    return make(sync, LANG="ADQL", QUERY=adql, FORMAT=form, MAXREC=100000)


def _image(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del store
    for more in (
        {"POS": f"CIRCLE {family.ra} {family.dec} 0.01"},
        {"POS": f"RANGE {family.ra - 1} {family.ra + 1} {family.dec - 1} {family.dec + 1}"},
        {"ID": did},
        {"TARGET": f"{family.token}-star"},
        {"COLLECTION": f"{family.token}-Product-obs_collection"},
        {"BAND": "1.6e-6", "POS": f"CIRCLE {family.ra} {family.dec} 0.01"},
    ):
        yield _query(path, RESPONSEFORMAT="votable/td", MAXREC=100000, **more)


def _old_image(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del did, store
    for size in (0.01, 90):
        yield _query(
            path,
            POS=f"{family.ra},{family.dec}",
            SIZE=size,
            INTERSECT="OVERLAPS",
            RESPONSEFORMAT="votable/td",
        )


def _cone(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del did, store
    place = {"RA": family.ra, "DEC": family.dec}
    yield _query(path, SR=0.01, VERB=3, RESPONSEFORMAT="votable/td", **place)
    yield _query(path, SR=0.01, target_name=f"{family.token}-star", **place)


def _form(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del store
    sent = {"__nevow_form__": "genForm", "_FORMAT": "VOTable", "_VERB": "H", "VERB": 3, "MAXREC": 100000}
    for form in ("VOTable", "TSV", "HTML", "JSON", "tar"):
        yield _query(path, **sent | {"_FORMAT": form, "hscs_pos": f"{family.ra} {family.dec}", "hscs_sr": 60})
    yield _query(path, **sent | {"target_name": family.token, "POS": f"CIRCLE {family.ra} {family.dec} 1"})
    yield _query(path, **sent | {"accref": family.product.accref, "ID": did})
    adql = f"SELECT * FROM ivoa.obscore WHERE obs_id LIKE '%{family.token}%'"
    yield _query(path, **sent | {"query": adql})


def _registry(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del family, store
    for prefix in ("ivo_vor", "oai_dc"):
        yield _query(path, verb="GetRecord", metadataPrefix=prefix, identifier=did)


def _record(path: str, family: Family, did: str, store: str) -> Iterator[Question]:
    del did, store
    yield Question(f"{path}/hci/q/{family.token}")


def _wide_tap(path: str, tables: list[str]) -> Iterator[Question]:
    yield from _whole_tables(path, tables)
    for form in _FORMATS:
        for table in ("ivoa.obscore", "hci.process_input"):
            yield _ask(path, f"SELECT * FROM {table}", form, named=False)
    for adql in _AGGREGATES:
        yield _ask(path, adql, "csv", named=False)
    for table in _CLOSED_TABLES:
        yield _ask(path, f"SELECT * FROM {table}", "csv", named=False)
    for child in ("tables", "tables?detail=max", "capabilities", "availability", "examples", "async"):
        yield Question(f"{path}/{child}", named=False)


_COUNTED = (
    ("hci.product", "s_ra"), ("ivoa.obscore", "t_exptime"), ("hci.raw_frame", "dit"), ("hci.target", "ra"),
    ("hci.detection", "sep_mas"), ("hci.contrast", "contrast"),
)  # fmt: skip


def _whole_tables(path: str, tables: list[str]) -> Iterator[Question]:
    for table in tables:
        yield _ask(path, f"SELECT * FROM {table}", "votable/td", named=False)


_AGGREGATES = (
    *(f"SELECT COUNT(*), MIN({name}), MAX({name}), AVG({name}) FROM {table}" for table, name in _COUNTED),
    "SELECT target_name, COUNT(*) FROM hci.product GROUP BY target_name",
    """SELECT p.*, o.*, t.* FROM hci.product AS p LEFT JOIN hci.observation AS o ON o.obs_id = p.obs_id
    LEFT JOIN hci.target AS t ON t.target_id = o.target_id""",
    """SELECT i.*, p.*, r.* FROM hci.process_input AS i LEFT JOIN hci.product AS p ON p.accref = i.accref
    LEFT JOIN hci.raw_frame AS r ON r.dp_id = i.dp_id""",
)
_CLOSED_TABLES = (
    "archive.product", "archive.raw_frame", "archive.target", "archive.process", "public.product", "product",
    "dc.products", "dc.users", "dc.resources", "dc.columnmeta", "tap_schema.tapjobs", "uws.tapjobs",
    "tap_user.tables", "pg_catalog.pg_stats", "pg_stats", "pg_catalog.pg_statistic", "pg_class",
    "information_schema.tables", "information_schema.columns", "pg_stat_activity", "django_migrations",
    "auth_user", '"archive"."product"', '"pg_catalog"."pg_stats"',
)  # fmt: skip


def _wide_image(path: str, tables: list[str]) -> Iterator[Question]:
    del tables
    for form in _FORMATS:
        yield _all(path, MAXREC=100000, RESPONSEFORMAT=form)
    yield _all(path, MAXREC=100000, POS="CIRCLE 180 0 180", RESPONSEFORMAT="votable/td")
    yield _all(path, MAXREC=100000, VERB=3, RESPONSEFORMAT="votable/td")
    yield _all(path, FORMAT="METADATA")


def _wide_old_image(path: str, tables: list[str]) -> Iterator[Question]:
    del tables
    for form in ("ALL", "image/fits", "METADATA"):
        yield _all(path, POS="180,0", SIZE="360,180", INTERSECT="OVERLAPS", FORMAT=form, MAXREC=100000,
                     RESPONSEFORMAT="votable/td")  # fmt: skip


def _wide_cone(path: str, tables: list[str]) -> Iterator[Question]:
    del tables
    for form in _FORMATS:
        yield _all(path, RA=0, DEC=0, SR=180, VERB=3, MAXREC=100000, RESPONSEFORMAT=form)


def _wide_form(path: str, tables: list[str]) -> Iterator[Question]:
    del tables
    sent = {"__nevow_form__": "genForm", "MAXREC": 100000, "_DBOPTIONS_LIMIT": 100000, "VERB": 3, "_VERB": 3}
    for form in ("VOTable", "VOTable2", "TSV", "CSV", "HTML", "JSON", "txt", "tar"):
        yield _all(path, _FORMAT=form, hscs_pos="0 0", hscs_sr=10800, **sent)
        yield _all(path, _FORMAT=form, **sent)


def _wide_registry(path: str, tables: list[str]) -> Iterator[Question]:
    del tables
    for verb in ("Identify", "ListSets", "ListMetadataFormats"):
        yield _all(path, verb=verb)
    for verb in ("ListRecords", "ListIdentifiers"):
        for prefix in ("ivo_vor", "oai_dc"):
            yield _all(path, verb=verb, metadataPrefix=prefix)


def _wide_table(path: str, tables: list[str]) -> Iterator[Question]:
    if path.count("/") > 1 and not path.startswith("__system__/dc_tables/show/"):
        return  # the same page by another service's name
    for table in tables:
        yield Question(f"{path}/{table}", named=False)
        yield _all(path, tableName=table)


def _wide_record(path: str, tables: list[str]) -> Iterator[Question]:
    for name in (
        "hci/q/collection",
        "hci/sia/v2",
        "hci/cone/observations",
        *(f"hci/q/{one[4:]}" for one in tables),
    ):
        yield Question(f"{path}/{name}", named=False)


def _wide_file(path: str, tables: list[str]) -> Iterator[Question]:
    del tables
    for pattern in ("%#%", "hci.%#%", "hci.product#Zq%"):
        yield _all(path, pattern=pattern)
        yield _all(path, pattern=pattern, _FORMAT="tar", __nevow_form__="genForm")
    for accref in ("", "%", "*", "Zq", "Zq/", "..", "../store/Zq/", "raw", "raw/"):
        yield Question(f"{path}/{accref}", named=False)


_POSTED = {"Content-Type": "application/x-www-form-urlencoded"}
_About = Callable[[str, Family, str, str], Iterator[Question]]
_ABOUT: dict[str, _About] = {
    "file": _file, "datalink": _datalink, "cutout": _cutout, "tap": _tap, "image": _image,
    "old image": _old_image, "cone": _cone, "form": _form, "registry": _registry, "record": _record,
}  # fmt: skip
_WIDE: dict[str, Callable[[str, list[str]], Iterator[Question]]] = {
    "tap": _wide_tap, "table of TAP": _whole_tables, "image": _wide_image, "old image": _wide_old_image,
    "cone": _wide_cone, "form": _wide_form,
    "registry": _wide_registry, "table": _wide_table, "record": _wide_record, "file": _wide_file,
}  # fmt: skip
