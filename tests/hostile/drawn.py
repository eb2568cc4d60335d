"""Bad requests to each protocol, drawn by hypothesis from a fixed seed."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.hostile.speaking import Request, form

__all__ = ["drawn"]

Texts = st.SearchStrategy[str]
_NASTY = (
    "", "'", "''", '"', "\\", ";", "--", "/*", "*/", "%", "%%", "%s", "%(x)s", "{}", "{0}", "$1",
    "\x00", "a\x00b",
    "\n", "\r\n", "\t", "\x1b[2J", "\x7f", "\ufeff", "\u202e", "\ud7ff", "\U0001f980", "é", "٣", "NaN", "nan",
    "Inf", "-Inf", "+Inf", "infinity", "1e309", "-1e309", "1e-400", "0x10", "1_000", "١٢", "--1", "1e",
    "9" * 400,
    "-0", "None", "null", "true", "[]", "()", "<x>", "&lt;", "<!--", "]]>", "<?xml version='1.0'?>",
    "../../../../etc/passwd", "..%2f..%2f", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/",
    "' OR '1'='1", "'; DROP TABLE archive.product; --", "1; SELECT pg_sleep(30)", "A" * 5000,
    "' UNION SELECT * FROM archive.product --",
    "x' AND 1=CAST((SELECT usename FROM pg_user LIMIT 1) AS INT) --",
    "$$;SELECT 1;$$", "{{7*7}}", "${jndi:ldap://x}", "`id`", "|id",
)  # fmt: skip
_nasty: Texts = st.sampled_from(_NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
_numbers: Texts = (
    st.floats().map(repr)
    | st.integers(-(10**30), 10**30).map(str)
    | st.sampled_from(("NaN", "Inf", "-Inf", "1e309", "", "x", "1 2", "360.0000001", "-90.1", "1e-320"))
)
_limits: Texts = _numbers | _nasty
_words: Texts = st.lists(_numbers | _nasty, max_size=9).map(" ".join)
_shapes: Texts = (
    st.builds(
        "{} {}".format,
        st.sampled_from(("CIRCLE", "RANGE", "POLYGON", "BOX", "ELLIPSE", "circle", "", "UNION")),
        st.lists(_numbers, max_size=12).map(" ".join),
    )
    | _words
)
_formats: Texts = (
    st.sampled_from(("votable", "csv", "fits", "json", "geojson", "html", "text/xml", "", "x", "votable/td"))
    | _nasty
)

_tables = st.sampled_from(
    ("hci.product", "ivoa.obscore", "archive.product", "pg_stats", "dc.products", "tap_schema.tables", "x.y")
)
_columns = st.sampled_from(
    ("*", "s_ra", "COUNT(*)", "access_url, s_ra, s_dec", "nothing", "MAX(s_ra)", "DISTINCT obs_id", "1/0",
    "s_region", "CAST(obs_id AS INTEGER)", "SQRT(-1)", "LOG(0)", "POWER(10, 400)", "pg_sleep(20)",
    "version()")
)  # fmt: skip
_geometries = st.builds(
    "{}('ICRS', {})".format,
    st.sampled_from(("POINT", "CIRCLE", "POLYGON", "BOX")),
    st.lists(_numbers, max_size=8).map(", ".join),
)
_conditions = st.one_of(
    st.builds("1=CONTAINS(POINT('ICRS', s_ra, s_dec), {})".format, _geometries),
    st.builds("1=INTERSECTS(s_region, {})".format, _geometries),
    st.builds("DISTANCE({}, {}) < {}".format, _geometries, _geometries, _numbers),
    st.builds("obs_id = '{}'".format, _nasty),
    st.builds("s_ra > {}".format, _numbers),
    st.builds("obs_id LIKE '{}'".format, _nasty),
    st.builds("s_ra IN ({})".format, st.lists(_numbers, max_size=5).map(", ".join)),
    _nasty,
)
_adql: Texts = st.one_of(
    st.builds("SELECT {} FROM {} WHERE {}".format, _columns, _tables, _conditions),
    st.builds("SELECT TOP {} {} FROM {} ORDER BY {}".format, _numbers, _columns, _tables, _nasty),
    st.builds(
        "SELECT {} FROM {} AS a JOIN {} AS b ON {} GROUP BY {}".format,
        _columns, _tables, _tables, _conditions, _nasty,
    ),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(("INSERT INTO", "DELETE FROM", "DROP TABLE", "UPDATE", "COPY")), _tables, _nasty,
    ),
    _nasty,
)  # fmt: skip
_TAP: dict[str, Texts] = {
    "MAXREC": _limits, "FORMAT": _formats, "QUERY": _adql, "LANG": _nasty, "RESPONSEFORMAT": _formats,
    "UPLOAD": _nasty, "RUNID": _nasty,
}  # fmt: skip
_SIA: dict[str, Texts] = {
    "POS": _shapes, "BAND": _words, "TIME": _words, "POL": _nasty, "FOV": _words, "SPATRES": _words,
    "SPECRP": _words, "EXPTIME": _words, "TIMERES": _words, "ID": _nasty, "COLLECTION": _nasty,
    "FACILITY": _nasty, "INSTRUMENT": _nasty, "DPTYPE": _nasty, "CALIB": _words, "TARGET": _nasty,
    "FORMAT": _formats, "MAXREC": _limits, "RESPONSEFORMAT": _formats, "UPLOAD": _nasty,
}  # fmt: skip
_CONE: dict[str, Texts] = {
    "RA": _limits, "DEC": _limits, "SR": _limits, "VERB": _numbers, "MAXREC": _limits, "target_name": _nasty,
    "night": _nasty, "RESPONSEFORMAT": _formats,
}  # fmt: skip
_CUT: dict[str, Texts] = {
    "ID": _nasty, "POS": _shapes, "CIRCLE": _words, "POLYGON": _words, "BAND": _words, "TIME": _words,
    "POL": _nasty,
}  # fmt: skip
_JOBS: dict[str, Texts] = {
    "QUERY": _adql, "LANG": _nasty, "PHASE": _nasty, "MAXREC": _limits, "AFTER": _nasty, "LAST": _limits,
    "DESTRUCTION": _nasty, "EXECUTIONDURATION": _limits, "UPLOAD": _nasty,
}  # fmt: skip
_BELOW_A_JOB = (
    "", "/phase", "/results", "/results/result", "/parameters", "/error", "/quote", "/owner",
    "/nothing", "/../..",
    "/destruction", "/executionduration",
)  # fmt: skip
_METHODS = ("GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")


def _asked(
    path: str, parameters: dict[str, Texts], fixed: Sequence[tuple[str, str]] = ()
) -> st.SearchStrategy[Request]:
    """A request with some of the parameters, each given once or more."""
    chosen = st.fixed_dictionaries(
        {}, optional={name: st.lists(value, min_size=1, max_size=3) for name, value in parameters.items()}
    )
    return st.builds(
        lambda values, method: _written(
            path, [*fixed, *((name, text) for name, texts in values.items() for text in texts)], method
        ),
        chosen,
        st.sampled_from(_METHODS),
    )


def _written(path: str, parameters: list[tuple[str, str]], method: str) -> Request:
    query = urlencode(parameters)
    if method == "POST":
        return form(f"POST {path}?{query[:80]}", path, parameters)
    return Request(f"{method} {path}?{query[:80]}", f"{path}?{query}".encode(), method.encode())


def _all(image: str) -> st.SearchStrategy[Request]:
    sync = "/tap/sync"
    did = f"ivo://org.hcvo.test/~?{image}"
    return st.one_of(
        _asked(sync, _TAP, [("LANG", "ADQL")]),
        _adql.map(lambda query: _written(sync, [("LANG", "ADQL"), ("QUERY", query)], "POST")),
        _asked("/hci/sia/v2/siap2.xml", _SIA),
        _asked("/hci/cone/observations/scs.xml", _CONE),
        _asked("/hci/dl/links/dlmeta", {"ID": _nasty, "RESPONSEFORMAT": _formats, "MAXREC": _limits}),
        _asked("/hci/soda/cutout/dlget", _CUT),
        _asked("/hci/soda/cutout/dlget", {name: _CUT[name] for name in _CUT if name != "ID"}, [("ID", did)]),
        _asked("/tap/async", _JOBS),
        st.builds(
            lambda job, below, method: Request(
                f"{method} job {job[:40]!r}{below}",
                f"/tap/async/{quote(job)}{below}".encode(),
                method.encode(),
            ),
            _nasty,
            st.sampled_from(_BELOW_A_JOB),
            st.sampled_from(("GET", "POST", "DELETE", "PUT")),
        ),
        st.builds(
            lambda name, more: Request(
                f"file {name[:40]!r}", f"/getproduct/{quote(name)}?{quote(more)}".encode()
            ),
            _nasty | st.just(image),
            _nasty,
        ),
    )


def drawn(count: int, image: str) -> list[Request]:
    """Draw requests, the same ones each time.

    Parameters
    ----------
    count : int
        How many.
    image : str
        Access key of a public image.

    Returns
    -------
    list[Request]
        As many.
    """
    found: list[Request] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_all(image))
    def collect(request: Request) -> None:
        found.append(request)

    collect()
    return found
