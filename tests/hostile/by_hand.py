"""Bad requests somebody thought of, each with its reason in words."""

import urllib.parse
from collections.abc import Iterator

from tests.hostile.speaking import Request, form, get, multipart

__all__ = ["SLOW", "by_hand"]

SLOW = (
    "huge histogram",
    "product of six tables",
    "as it stands: ",
    "ten megabytes",
    "long union",
)
"""In the words of requests that take the site's whole time limit, or the client's."""

_SYNC, _ASYNC = "/tap/sync", "/tap/async"
_SIA, _SCS = "/hci/sia/v2/siap2.xml", "/hci/cone/observations/scs.xml"
_SODA, _LINKS = "/hci/soda/cutout/dlget", "/hci/dl/links/dlmeta"
_BESIDE = tuple(f"/hci/dl/{name}/dlget" for name in ("header", "thumbnail", "log", "package"))

_ADQL = {
    "another schema": "SELECT * FROM archive.product",
    "another schema, quoted": 'SELECT * FROM "archive"."product"',
    "another schema, in capitals": "SELECT * FROM ARCHIVE.PRODUCT",
    "another database": "SELECT * FROM hcvo.archive.product",
    "DaCHS's own tables": "SELECT * FROM dc.products",
    "DaCHS's users": "SELECT * FROM dc.users",
    "jobs of others": "SELECT * FROM uws.userjobs",
    "TAP jobs of others": "SELECT * FROM tap_schema.tapjobs",
    "uploads of others": "SELECT * FROM tap_user.tables",
    "PostgreSQL's catalogue": "SELECT * FROM pg_catalog.pg_class",
    "PostgreSQL's catalogue without its schema": "SELECT * FROM pg_class",
    "passwords": "SELECT rolname, rolpassword FROM pg_authid",
    "the information schema": "SELECT table_name FROM information_schema.tables",
    "statistics of others' columns": "SELECT * FROM pg_stats",
    "second statement": "SELECT TOP 1 obs_id FROM hci.product; SELECT * FROM archive.product",
    "second statement, destroying": "SELECT TOP 1 obs_id FROM hci.product; DROP TABLE archive.product; --",
    "no query": "DELETE FROM hci.product",
    "no query either": "CREATE TABLE hci.x AS SELECT 1",
    "COPY": "COPY hci.product TO PROGRAM 'id'",
    "quote in a string": "SELECT * FROM hci.product WHERE obs_id = ''' OR 1=1 --'",
    "quote left open": "SELECT * FROM hci.product WHERE obs_id = 'x",
    "backslash and quote": "SELECT * FROM hci.product WHERE obs_id = '\\' OR 1=1 --'",
    "percent signs for the driver": "SELECT * FROM hci.product WHERE obs_id LIKE '%(x)s%s%%' AND obs_id = '%'",
    "union with another schema": "SELECT obs_id FROM hci.product UNION SELECT accref FROM archive.product",
    "union of other columns": "SELECT obs_id FROM hci.product UNION SELECT s_ra, s_dec FROM hci.product",
    "subquery of another schema": "SELECT (SELECT max(accref) FROM archive.product) AS a FROM hci.product",
    "EXISTS in another schema": "SELECT 1 FROM hci.product WHERE EXISTS (SELECT 1 FROM archive.product)",
    "CTE of another schema": "WITH a AS (SELECT * FROM archive.product) SELECT * FROM a",
    "CTE named as a table": "WITH product AS (SELECT * FROM hci.product) SELECT * FROM archive.product",
    "recursive CTE": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t",
    "CTE of itself": "WITH t AS (SELECT * FROM t) SELECT * FROM t",
    "sleep": "SELECT pg_sleep(100) FROM hci.product",
    "read a file": "SELECT pg_read_file('/etc/passwd') FROM hci.product",
    "query as a string": "SELECT query_to_xml('SELECT * FROM archive.product', true, true, '') FROM hci.product",
    "server's settings": "SELECT current_setting('data_directory') FROM hci.product",
    "server's version": "SELECT version() FROM hci.product",
    "dblink": "SELECT dblink('dbname=hcvo', 'select 1') FROM hci.product",
    "cast to an internal type": "SELECT CAST('archive.product' AS regclass) FROM hci.product",
    "regular expression without end": "SELECT * FROM hci.product WHERE 1 = ivo_hasword(obs_title, '(a+)+$')",
    "word with quotes": "SELECT * FROM hci.product WHERE 1 = ivo_hasword(obs_title, 'a'' & ! | <-> :*')",
    "vocabulary beyond its folder": "SELECT * FROM hci.product WHERE 1 = gavo_vocmatch('../../etc/passwd', 'a', obs_id)",
    "vocabulary that is none": "SELECT * FROM hci.product WHERE 1 = gavo_vocmatch('nothing', 'a', obs_id)",
    "SIMBAD from ADQL": "SELECT gavo_simbadpoint('M 31') FROM hci.product",
    "specconv of nonsense": "SELECT gavo_specconv(1, 'x', 'y') FROM hci.product",
    "transform between nonsense": "SELECT gavo_transform('ICRS', 'X', POINT('ICRS', 1, 1)) FROM hci.product",
    "apply_pm to far away": "SELECT ivo_apply_pm(1, 91, 1e300, 1e300, 1e300) FROM hci.product",
    "histogram of nothing": "SELECT ivo_histogram(s_ra, 1, 0, 0) FROM hci.product",
    "huge histogram": "SELECT ivo_histogram(s_ra, 0, 1, 2000000000) FROM hci.product",
    "normal random of nonsense": "SELECT ivo_normal_random(1e308, 1e308) FROM hci.product",
    "healpix order": "SELECT ivo_healpix_index(99, s_ra, s_dec) FROM hci.product",
    "healpix of nothing": "SELECT ivo_healpix_center(2, -1) FROM hci.product",
    "MOC of nonsense": "SELECT * FROM hci.product WHERE 1 = CONTAINS(s_region, MOC('x'))",
    "MOC of a huge order": "SELECT MOC(29, CIRCLE('ICRS', 0, 0, 90)) FROM hci.product",
    "division by nothing": "SELECT 1/0 FROM hci.product",
    "root of a negative number": "SELECT SQRT(-1) FROM hci.product",
    "logarithm of nothing": "SELECT LOG(0) FROM hci.product",
    "exponential too large": "SELECT EXP(100000) FROM hci.product",
    "power of nothing": "SELECT POWER(0, -1) FROM hci.product",
    "arc sine of two": "SELECT ASIN(2) FROM hci.product",
    "modulo nothing": "SELECT MOD(1, 0) FROM hci.product",
    "integer too large": "SELECT 99999999999999999999999999999 FROM hci.product",
    "number too large": "SELECT 1e999 FROM hci.product",
    "cast of text": "SELECT CAST('x' AS INTEGER) FROM hci.product",
    "cast to huge text": "SELECT CAST(obs_id AS CHAR(999999999)) FROM hci.product",
    "NaN by cast": "SELECT * FROM hci.product WHERE s_ra = CAST('NaN' AS DOUBLE PRECISION)",
    "time without sense": "SELECT CAST('yesterday at ten' AS TIMESTAMP) FROM hci.product",
    "circle of infinite radius": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, CIRCLE('ICRS', 0, 0, 1e300))",
    "circle of negative radius": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, CIRCLE('ICRS', 0, 0, -1))",
    "circle beyond the pole": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, CIRCLE('ICRS', 0, 999, 1))",
    "polygon of two corners": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, POLYGON('ICRS', 1,1, 2,2))",
    "polygon of one place": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, POLYGON('ICRS', 1,1, 1,1, 1,1))",
    "polygon that crosses itself": "SELECT * FROM hci.product WHERE 1=INTERSECTS(s_region, POLYGON('ICRS', 0,0, 9,9, 9,0, 0,9))",
    "polygon of a hemisphere": "SELECT * FROM hci.product WHERE 1=INTERSECTS(s_region, POLYGON('ICRS', 0,0, 90,0, 180,0, 270,0))",
    "polygon of odd numbers": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, POLYGON('ICRS', 1,1, 2,2, 3))",
    "polygon of ten thousand corners": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, POLYGON('ICRS', "
    + ", ".join(f"{i / 100}, {(i * 7919) % 90}" for i in range(10000)) + "))",
    "box turned inside out": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, BOX('ICRS', 0, 0, -1, -1))",
    "box of a column": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, BOX('ICRS', s_ra, s_dec, 500, 500))",
    "region of nonsense": "SELECT * FROM hci.product WHERE 1=CONTAINS(s_region, REGION('x'))",
    "coordinate system of nonsense": "SELECT POINT('ZODIAC', s_ra, s_dec) FROM hci.product",
    "area of a point": "SELECT AREA(POINT('ICRS', 1, 1)) FROM hci.product",
    "distance of polygons": "SELECT DISTANCE(s_region, s_region) FROM hci.product",
    "negative TOP": "SELECT TOP -1 * FROM hci.product",
    "TOP of all": "SELECT TOP 99999999999999 * FROM hci.product",
    "negative OFFSET": "SELECT * FROM hci.product OFFSET -1",
    "huge OFFSET": "SELECT * FROM hci.product OFFSET 99999999999999999999",
    "unknown column": "SELECT nothing FROM hci.product",
    "unknown table": "SELECT * FROM nothing",
    "ambiguous column": "SELECT accref FROM hci.product AS a, hci.product AS b",
    "the same name twice": "SELECT * FROM hci.product AS a, hci.product AS a",
    "aggregate without a group": "SELECT obs_id, COUNT(*) FROM hci.product",
    "aggregate in WHERE": "SELECT obs_id FROM hci.product WHERE COUNT(*) > 1",
    "natural join of nothing": "SELECT * FROM hci.product NATURAL JOIN tap_schema.tables",
    "product of six tables": "SELECT COUNT(*) FROM hci.product a, hci.product b, hci.product c, hci.product d, "
    "tap_schema.columns e, tap_schema.columns f",
    "empty": "",
    "a blank": " ",
    "comment only": "-- nothing",
    "comment of the other kind": "/* */ SELECT 1",
    "semicolons": ";;;;",
    "NUL": "SELECT * FROM hci.product WHERE obs_id = 'a\x00b'",
    "NUL outside a string": "SELECT \x00 FROM hci.product",
    "right to left": "SELECT '\u202etcudorp' FROM hci.product",
    "letters that look alike": "SELECT * FROM hci.prоduct",
    "full-width letters": "ＳＥＬＥＣＴ * FROM hci.product",
    "beyond the first plane": "SELECT '\U0001f52d' AS \"\U0001f52d\" FROM hci.product",
    "quoted name with a quote": 'SELECT obs_id AS "a""b" FROM hci.product',
    "empty quoted name": 'SELECT obs_id AS "" FROM hci.product',
    "quoted name for the XML": 'SELECT obs_id AS "]]><script>&" FROM hci.product',
    "control characters out": "SELECT '\x01\x02\x0b' AS a FROM hci.product",
    "name of a thousand letters": f"SELECT obs_id AS {'a' * 1000} FROM hci.product",
    "a thousand columns": "SELECT " + ", ".join(f"obs_id AS c{i}" for i in range(2000)) + " FROM hci.product",
    "a string of a megabyte": f"SELECT obs_id FROM hci.product WHERE obs_id = '{'x' * 1_000_000}'",
    "a number of ten thousand digits": f"SELECT {'9' * 10000} FROM hci.product",
    "parentheses": f"SELECT {'(' * 3000}1{')' * 3000} FROM hci.product",
    "parentheses left open": f"SELECT {'(' * 3000} FROM hci.product",
    "negations": f"SELECT * FROM hci.product WHERE {'NOT ' * 3000} 1=1",
    "minus signs": f"SELECT {'- ' * 3000}1 FROM hci.product",
    "nested functions": f"SELECT {'ABS(' * 500}1{')' * 500} FROM hci.product",
    "nested queries": f"{'SELECT * FROM (' * 150}SELECT obs_id FROM hci.product{')' * 150}",
    "nested queries with names": "SELECT * FROM (" * 40 + "SELECT obs_id FROM hci.product"
    + "".join(f") AS q{i}" for i in range(40)),
    "a long conjunction": "SELECT * FROM hci.product WHERE " + " AND ".join(["1=1"] * 3000),
    "a long sum": "SELECT " + "+".join(["1"] * 5000) + " FROM hci.product",
    "a long list": f"SELECT * FROM hci.product WHERE obs_id IN ({', '.join(['1'] * 20000)})",
    "a long union": " UNION ALL ".join(["SELECT obs_id FROM hci.product"] * 300),
    "a long chain of CTEs": "WITH a0 AS (SELECT 1 AS x FROM hci.product), "
    + ", ".join(f"a{i} AS (SELECT * FROM a{i - 1})" for i in range(1, 100)) + " SELECT * FROM a99",
    "a long concatenation": "SELECT " + "||".join(["obs_id"] * 2000) + " FROM hci.product",
    "doubled text": "SELECT " + "a||a" + " FROM (SELECT " + "||".join(["obs_title"] * 500) + " AS a FROM hci.product) AS q",
}  # fmt: skip

_TAP_PARAMETERS: dict[str, dict[str, str]] = {
    "no parameters": {},
    "no language": {"QUERY": "SELECT 1"},
    "unknown language": {"LANG": "SQL; DROP", "QUERY": "SELECT TOP 1 * FROM hci.product"},
    "language with NUL": {"LANG": "ADQL\x00", "QUERY": "SELECT TOP 1 * FROM hci.product"},
    "unknown request": {"REQUEST": "doNothing", "LANG": "ADQL", "QUERY": "SELECT TOP 1 * FROM hci.product"},
    "unknown format": {"FORMAT": "../../../etc/passwd"},
    "format with a line break": {"FORMAT": "text/csv\r\nX-Evil: yes"},
    "format of nonsense": {"RESPONSEFORMAT": "application/x-votable+xml;serialization=NONSENSE"},
    "format with NUL": {"RESPONSEFORMAT": "csv\x00"},
    "negative MAXREC": {"MAXREC": "-1"},
    "MAXREC in words": {"MAXREC": "many"},
    "MAXREC of NaN": {"MAXREC": "NaN"},
    "huge MAXREC": {"MAXREC": "9" * 40},
    "MAXREC with a fraction": {"MAXREC": "1.5"},
    "unknown version": {"VERSION": "9.9"},
    "long RUNID": {"RUNID": "r" * 100000},
    "upload of nothing": {"UPLOAD": "x"},
    "upload without its file": {"UPLOAD": "a,param:b"},
    "upload of a file here": {"UPLOAD": "a,file:///etc/passwd"},
    "upload from this server": {"UPLOAD": "a,http://127.0.0.1:1/"},
    "upload by gopher": {"UPLOAD": "a,gopher://127.0.0.1/"},
    "upload from nowhere": {"UPLOAD": "a,http://nothing.invalid/"},
    "upload with semicolons": {"UPLOAD": ";;;a,param:b;c"},
    "upload with SQL": {"UPLOAD": 'a"; DROP TABLE archive.product; --,param:b'},
    "time limit of nonsense": {"EXECUTIONDURATION": "x"},
    "unknown parameter": {"\U0001f52d": "\U0001f52d"},
}
_BASE = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 obs_id FROM hci.product"}

_SIA_VALUES: dict[str, tuple[str, ...]] = {
    "POS": (
        "", "x", "CIRCLE", "CIRCLE 1 2", "CIRCLE 1 2 NaN", "CIRCLE Inf 0 1", "CIRCLE 0 91 1", "CIRCLE 0 0 -1", "CIRCLE 0 0 1e300",
        "CIRCLE 1e400 0 1", "RANGE 0 1", "RANGE 10 0 5 1", "RANGE NaN NaN NaN NaN", "POLYGON 1 1 2 2", "POLYGON 1 1 2 2 3",
        "POLYGON 1 1 1 1 1 1", "POLYGON 0 0 9 9 9 0 0 9", "POLYGON 0 0 90 0 180 0 270 0", "ELLIPSE 1 1 1 1 1",
        "POLYGON " + " ".join(f"{i / 100} {i * 7919 % 90}" for i in range(3000)), "CIRCLE 1 2 3'; DROP TABLE archive.product; --",
        "CIRCLE\x001 2 3", "CIRCLE ١ ٢ ٣", "circle 1 1 1", "CIRCLE 1,1,1",
    ),
    "BAND": ("x", "NaN", "Inf", "-Inf +Inf", "2 1", "1 2 3", "1e400", "-1", "", "0 0", "1'", "\x00", "1e-6/2e-6"),
    "TIME": ("x", "NaN NaN", "+Inf -Inf", "2 1", "2015-01-01", "1e308 1e308", "", "1 2 3 4"),
    "POL": ("x", "I' OR '1'='1", "", "/I/", "\x00", "☃"),
    "FOV": ("x", "-1", "NaN", "2 1", "Inf Inf"),
    "SPATRES": ("x", "-1", "NaN 1"),
    "SPECRP": ("x", "-1 -2", "1e400"),
    "EXPTIME": ("x", "-1", "NaN"),
    "TIMERES": ("x", "1 0"),
    "ID": ("x", "ivo://", "ivo://org.hcvo.test/~?../../etc/passwd", "'; SELECT 1; --", "\x00", "%00", "x" * 20000, "☃"),
    "COLLECTION": ("'", "\x00", "%", "_"),
    "FACILITY": ("'", "\\"),
    "INSTRUMENT": ("'", "((((", "*"),
    "DPTYPE": ("x", "", "'", "image cube"),
    "CALIB": ("x", "-1", "99", "NaN", "1e9", "99999999999999999999"),
    "TARGET": ("'", "\x00", "((((", "☃", "x" * 20000),
    "FORMAT": ("'", "image/*", "\x00"),
    "MAXREC": ("-1", "x", "NaN", "9" * 30, "1e3"),
    "RESPONSEFORMAT": ("x", "../x", "text/html\r\nX-Evil: yes", "\x00", "votable/td"),
    "NOTHING": ("x",),
    "UPLOAD": ("a,file:///etc/passwd", "x", "a,param:b"),
}  # fmt: skip

_SCS_VALUES: dict[str, tuple[str, ...]] = {
    "RA": (
        "x",
        "NaN",
        "Inf",
        "361",
        "-1e300",
        "12 13 14",
        "1;2",
        "",
        "\x00",
        "☃",
        "1' OR 1=1",
        "1e400",
        "0x10",
    ),
    "DEC": ("x", "NaN", "91", "-1e300", "+12:13:14", ""),
    "SR": ("x", "NaN", "-1", "181", "1e300", "", "Inf", "1 2"),
    "VERB": ("x", "99", "-1", "NaN", "1.5"),
    "MAXREC": ("-1", "x", "9" * 30),
    "target_name": ("'", "~ (((", "\x00", "! =", "a,b,c", "..", "% OR %"),
    "night": ("x", "2015 .. ", "-Infinity", "9999999-01-01", "2015-02-30", ".. ..", "> 1"),
    "RESPONSEFORMAT": ("x", "votabletd", "fits", "\x00"),
    "hscs_pos": ("x", "1,2", "M 31"),
}

_SODA_VALUES: dict[str, tuple[str, ...]] = {
    "CIRCLE": ("x", "1 2", "NaN 1 1", "1 1 -1", "1 91 1", "Inf Inf Inf", "1e400 0 1", "86.82 -51.06 1e300", "\x00", "1 1 1 1"),
    "POLYGON": (
        "x", "1 1 2 2", "1 1 2 2 3", "NaN NaN NaN NaN NaN NaN", "1 1 1 1 1 1", "266 51 267 51 266 52",
        "86.8 -51 86.9 -51 86.9 -51.1 86.8 -51.1 86.85 -51.05 86.8 -51.1", " ".join("86.8 -51.0" for _ in range(3000)),
    ),
    "POS": ("x", "CIRCLE 1", "RANGE 1 2 3", "RANGE 2 1 4 3", "POLYGON", "ELLIPSE 1 1 1", "\x00", "RANGE -Inf +Inf -Inf +Inf"),
    "BAND": ("x", "2 1", "NaN NaN", "1 2 3", "-1 -2", "1e400 1e400", "", "Inf -Inf"),
    "TIME": ("x", "1 2"),
    "POL": ("x", "I"),
    "RA": ("1 2", "x"),
    "PIXELS": ("-1 -1", "x"),
    "KIND": ("x", "HEADER", "HEADER HEADER"),
    "RESPONSEFORMAT": ("x", "image/png", "../x"),
    "ID": ("x",),
}  # fmt: skip

_IDENTIFIERS = (
    "", " ", "x", "ivo://", "ivo://org.hcvo.test/~", "ivo://org.hcvo.test/~?", "ivo://org.hcvo.test/~?../../../etc/passwd",
    "ivo://org.hcvo.test/~?/etc/passwd", "ivo://org.hcvo.test/~?a\x00b", "ivo://org.hcvo.test/~?%00", "ivo://org.hcvo.test/~?☃",
    "ivo://org.hcvo.test/~?' OR '1'='1", "ivo://org.hcvo.test/~?%(accref)s%s", "ivo://other.authority/~?x", "file:///etc/passwd",
    "http://127.0.0.1/", "ivo://org.hcvo.test/~?" + "x" * 30000, "ivo://org.hcvo.test/~?a#b#c?d?e&f", "\ud7ff", "ivo://org.hcvo.test/hci/q",
)  # fmt: skip

_PATHS = (
    "/getproduct", "/getproduct/", "/getproduct/../../etc/passwd", "/getproduct/%2e%2e/%2e%2e/etc/passwd", "/getproduct//etc/passwd",
    "/getproduct/%2fetc%2fpasswd", "/getproduct/%00", "/getproduct/a%00b", "/getproduct/%ff%fe", "/getproduct/%e2%98%83", "/getproduct/%",
    "/getproduct/" + "a" * 8000, "/getproduct/" + "a/" * 4000, "/getproduct/{image}?scale=0", "/getproduct/{image}?scale=-1",
    "/getproduct/{image}?scale=x", "/getproduct/{image}?scale=99999999999", "/getproduct/{image}?preview=x",
    "/getproduct/{image}?ra=x&dec=y&sra=z&sdec=w", "/getproduct/{image}?ra=NaN&dec=NaN&sra=1&sdec=1", "/getproduct/{image}?sra=1e300",
    "/getproduct/{image}?preview=True&scale=0", "/getproduct/{image}/x", "/getproduct/{image}%00", "/getproduct/{image}?key=../../etc/passwd",
    "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/%00", "/static/", "/static/nothing", "/static/img",
    "/tap/tables/../../etc", "/tap/tables/nothing", "/tap/tables/%00", "/tap/tables/archive.product", "/tap/tables/pg_catalog.pg_class",
    "/tap/tables/hci.product/x", "/tap/nothing", "/tap/sync/x/y", "/tap//sync", "/tap/examples/x", "/tap/capabilities/x",
    "/tap/availability/x", "/tap/user_tables", "/tap/user_tables/x", "/tap/user_tables/x;y", "/tap/user_tables/%00",
    "/tableinfo/archive.product", "/tableinfo/pg_catalog.pg_class", "/tableinfo/%00", "/tableinfo/nothing", "/tableinfo/x/y/z", "/tableinfo",
    "/tablenote/x/1", "/tablenote/hci.product/%00", "/tablenote", "/browse/x", "/browse/%00", "/browse/../../../etc/passwd", "/browse/hci",
    "/seffe/hci/q", "/genrd/x", "/getRR/x/y", "/getRR/hci/q", "/getRR/%00/x", "/getRR/hci/sia/v2", "/getRR/x/y/z/w", "/login", "/fancyroot",
    "/fancyroot/byFulltext", "/fancyroot/byFulltext?q=%00", "/fancyroot/byFulltext?q='", "/fancyroot/byAuthor/x", "/fancyroot/bySubject/%00",
    "/fancyroot/bySubject/x", "/fancyroot/serviceInfo/x", "/fancyroot/serviceInfo/%00", "/fancyroot/nothing", "/fancyroot/titles/x",
    "/fancyroot/authors/%ff", "/3rdparty", "/3rdparty/x", "/3rdparty/..%2f..%2fetc%2fpasswd", "/.well-known", "/.well-known/x",
    "/.well-known/acme-challenge/..%2f..%2f..%2fetc%2fpasswd", "/schemata", "/schemata/x", "/schemata/..%2f..", "/schemata/%00", "/teapot",
    "/test", "/nothing", "/%00", "/%ff", "/\u2603", "/hci", "/hci/q", "/hci/q/x", "/hci/q/x/form", "/hci/sia/v2", "/hci/sia/v2/nothing",
    "/hci/sia/v2/custom", "/hci/sia/v2/upload", "/hci/sia/v2/soap", "/hci/sia/v2/async", "/hci/sia/v2/uws.xml", "/hci/sia/v2/hips",
    "/hci/sia/v2/static", "/hci/sia/v2/static/../../..", "/hci/sia/v2/qp/x", "/hci/sia/v2/api", "/hci/sia/v2/get", "/hci/sia/v2/fixed",
    "/hci/sia/v2/examples", "/hci/sia/v2/coverage", "/hci/sia/v2/edition/x", "/hci/sia/v2/howtocite", "/hci/sia/v2/tableinfo",
    "/hci/sia/v2/tablenote", "/hci/sia/v2/info/x", "/hci/sia/v2/admin", "/hci/soda/cutout", "/hci/soda/cutout/dlasync",
    "/hci/soda/cutout/dlmeta", "/hci/soda/cutout/dlasync/x", "/hci/dl/links", "/hci/dl/links/dlget", "/hci/dl/links/dlmeta/x/y",
    "/hci/cone/observations", "/hci/cone/observations/siap.xml", "/hci/cone/observations/form?__nevow_form__=genForm&target_name=%00",
    "/hci/cone/observations/form?__nevow_form__=genForm&hscs_pos=x&hscs_sr=x", "/hci/cone/observations/form?__nevow_form__=x",
    "/hci/cone/observations/form?__nevow_form__=genForm&_FORMAT=x&_DBOPTIONS_LIMIT=x", "/hci/cone/observations/form?_ADDITEM=x&__nevow_form__=genForm",
    "/__system__/adql/query/form?__nevow_form__=genForm&query=SELECT", "/__system__/adql/query/form?__nevow_form__=genForm&query=%00",
    "/__system__/adql/query/form?__nevow_form__=genForm&query=SELECT+*+FROM+archive.product&_TIMEOUT=x",
    "/__system__/adql/query/form?__nevow_form__=genForm&query=SELECT+*+FROM+archive.product&_FORMAT=nothing",
    "/__system__/dc_tables/show/tableinfo/pg_catalog.pg_class", "/__system__/dc_tables/list/form?__nevow_form__=genForm",
    "/__system__/products/p/get?key=%00", "/__system__/products/p/get?accref=%00", "/__system__/products/p/form?__nevow_form__=genForm&accref=%00",
    "/__system__/products/getTar/get", "/__system__/products/getTar/get?pattern=x", "/__system__/products/getTar/get?pattern=%25%23%25%00",
    "/__system__/products/getTar/get?accref=%00", "/__system__/products/getTar/get?accref=x", "/__system__/products/dl/dlmeta?ID=%00",
    "/__system__/siap2/sitewide/siap2.xml?POS=x", "/__system__/siap2/sitewide/siap2.xml?ID=%00", "/__system__/obscore/dl/dlmeta?ID=%00",
    "/__system__/obscore/dl/dlmeta", "/__system__/services/registry/pubreg.xml", "/__system__/services/overview/form", "/__system__/users",
    "/__system__/services/overview/external/x", "/__system__/services/overview/rdinfo/x/y", "/__system__/run/genrd/fixed",
    "/__system__/tests/errors/form", "/__system__/tests/limited/form", "/__system__/tests/reset/form", "/__system__/tests/coredump/form",
    "/__system__/tests/timeout/form", "/__system__/tests/uploads/form?__nevow_form__=genForm", "/__system__/tests/dyntemplate/qp/x",
    "/__system__/biblinks/links/biblinks.json", "/__system__/services/cacheclear/form", "/datalinkuws", "/datalinkuws/x", "//adql/query/form", "//..",
    "/oai.xml", "/oai.xml?verb=x", "/oai.xml?verb=GetRecord", "/oai.xml?verb=GetRecord&identifier=%00&metadataPrefix=ivo_vor",
    "/oai.xml?verb=GetRecord&identifier='&metadataPrefix=ivo_vor", "/oai.xml?verb=GetRecord&identifier=ivo://org.hcvo.test/x&metadataPrefix=x",
    "/oai.xml?verb=ListRecords&resumptionToken=x", "/oai.xml?verb=ListRecords&resumptionToken=%00", "/oai.xml?verb=ListRecords&resumptionToken=eJwDAAAAAAE%3D",
    "/oai.xml?verb=ListRecords&metadataPrefix=ivo_vor&from=x", "/oai.xml?verb=ListRecords&metadataPrefix=ivo_vor&from=9999-99-99",
    "/oai.xml?verb=ListRecords&metadataPrefix=ivo_vor&until=-1&from=2", "/oai.xml?verb=ListRecords&metadataPrefix=ivo_vor&set='",
    "/oai.xml?verb=ListIdentifiers&metadataPrefix=%00", "/oai.xml?verb=Identify&verb=Identify", "/oai.xml?verb=Identify&x=y",
)  # fmt: skip

_JOBS = (
    ("GET", "/tap/async/nothing"), ("GET", "/tap/async/%00"), ("GET", "/tap/async/a%00b/phase"), ("GET", "/tap/async/%27"),
    ("GET", "/tap/async/../../etc/passwd"), ("GET", "/tap/async/..%2f..%2fetc/results/result"), ("GET", "/tap/async/x/y/z"),
    ("GET", "/tap/async/nothing/results/result"), ("GET", "/tap/async/nothing/results/..%2f..%2fx"), ("DELETE", "/tap/async/nothing"),
    ("DELETE", "/tap/async"), ("PUT", "/tap/async"), ("PUT", "/tap/async/x"), ("POST", "/tap/async/nothing/phase?PHASE=RUN"),
    ("POST", "/tap/async/nothing/phase"), ("POST", "/tap/async/nothing/parameters?QUERY=x"), ("GET", "/tap/async?LAST=x"),
    ("GET", "/tap/async?LAST=-1"), ("GET", "/tap/async?LAST=99999999999999999999"), ("GET", "/tap/async?AFTER=x"), ("GET", "/tap/async?PHASE=x"),
    ("GET", "/tap/async?AFTER=99999-01-01"), ("GET", "/tap/async?PHASE=%00"), ("GET", "/tap/async/?x"), ("GET", "/tap/async?dachs_authenticate=1"),
    ("GET", "/tap/async/nothing?WAIT=x"), ("GET", "/tap/async/nothing?WAIT=-5"), ("POST", "/tap/async/" + "x" * 5000 + "/phase?PHASE=RUN"),
)  # fmt: skip

_JOB_PARAMETERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/phase", {"PHASE": "NONSENSE"}), ("/phase", {}), ("/phase", {"PHASE": "\x00"}), ("/phase", {"PHASE": ""}),
    ("/executionduration", {"EXECUTIONDURATION": "x"}), ("/executionduration", {"EXECUTIONDURATION": "-1"}),
    ("/executionduration", {"EXECUTIONDURATION": "1e400"}), ("/executionduration", {"EXECUTIONDURATION": "NaN"}),
    ("/destruction", {"DESTRUCTION": "x"}), ("/destruction", {"DESTRUCTION": "0000-00-00"}),
    ("/destruction", {"DESTRUCTION": "99999-01-01T00:00:00"}), ("/parameters", {"QUERY": "\x00"}), ("/parameters", {"MAXREC": "x"}),
    ("/parameters", {"NOTHING": "x"}), ("/parameters", {"UPLOAD": "a,param:b"}), ("/parameters", {"UPLOAD": "x"}), ("/owner", {}), ("/quote", {"x": "y"}), ("/nothing", {}),
    ("/results/nothing", {}), ("/results/..%2fparameters", {}), ("/error", {"x": "y"}), ("/plan", {}), ("", {"ACTION": "NONSENSE"}), ("", {}),
)  # fmt: skip

_VOTABLE = (
    b'<?xml version="1.0"?>%s<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>%s</TABLE>'
    b"</RESOURCE></VOTABLE>"
)
_ROWS = b"<DATA><TABLEDATA>%s</TABLEDATA></DATA>"
_DOUBLE = b'<FIELD name="a" datatype="double"/>'
_LAUGHS = b"<!DOCTYPE v [<!ENTITY a0 'ha'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 12)
) + b"]>"  # fmt: skip
_FILES = {
    "empty": b"",
    "no XML": b"hello",
    "XML cut off": b"<VOTABLE><RESOURCE>",
    "no table": b"<VOTABLE/>",
    "table without columns": _VOTABLE % (b"", _ROWS % b"<TR/>"),
    "numbers that are none": _VOTABLE % (b"", _DOUBLE + _ROWS % b"<TR><TD>x</TD></TR>"),
    "too few cells": _VOTABLE % (b"", _DOUBLE * 2 + _ROWS % b"<TR><TD>1</TD></TR>"),
    "too many cells": _VOTABLE % (b"", _DOUBLE + _ROWS % b"<TR><TD>1</TD><TD>1</TD></TR>"),
    "two columns of one name": _VOTABLE % (b"", _DOUBLE * 2 + _ROWS % b"<TR><TD>1</TD><TD>1</TD></TR>"),
    "column with SQL": _VOTABLE % (b"", b'<FIELD name="a&quot;; DROP TABLE x; --" datatype="int"/>' + _ROWS % b""),
    "column without a name": _VOTABLE % (b"", b'<FIELD name="" datatype="int"/>' + _ROWS % b""),
    "column of an unknown type": _VOTABLE % (b"", b'<FIELD name="a" datatype="quaternion"/>' + _ROWS % b""),
    "column of an unknown size": _VOTABLE % (b"", b'<FIELD name="a" datatype="int" arraysize="x*y"/>' + _ROWS % b""),
    "column named by a NUL": _VOTABLE % (b"", b'<FIELD name="a&#0;" datatype="int"/>' + _ROWS % b""),
    "two thousand columns": _VOTABLE % (b"", b"".join(b'<FIELD name="a%d" datatype="int"/>' % i for i in range(2000)) + _ROWS % b""),
    "bad base 64": _VOTABLE % (b"", _DOUBLE + b'<DATA><BINARY><STREAM encoding="base64">!!!</STREAM></BINARY></DATA>'),
    "binary cut off": _VOTABLE % (b"", _DOUBLE + b'<DATA><BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2></DATA>'),
    "stream from a file": _VOTABLE % (b"", _DOUBLE + b'<DATA><BINARY><STREAM href="file:///etc/passwd"/></BINARY></DATA>'),
    "entities that grow": _VOTABLE % (_LAUGHS, _DOUBLE + _ROWS % b"<TR><TD>&a11;</TD></TR>"),
    "entity of a file": _VOTABLE % (b'<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<FIELD name="a" datatype="char" arraysize="*"/>' + _ROWS % b"<TR><TD>&x;</TD></TR>"),
    "deep nesting": b"<VOTABLE>" + b"<RESOURCE>" * 20000,
    "ten megabytes": _VOTABLE % (b"", _DOUBLE + _ROWS % (b"<TR><TD>1.25</TD></TR>" * 450_000)),
    "ten megabytes of nothing": b"\x00" * 10_000_000,
    "one huge cell": _VOTABLE % (b"", b'<FIELD name="a" datatype="char" arraysize="*"/>' + _ROWS % (b"<TR><TD>" + b"x" * 5_000_000 + b"</TD></TR>")),
}  # fmt: skip

_HEADERS: tuple[tuple[str, tuple[tuple[bytes, bytes], ...]], ...] = (
    ("range of nonsense", ((b"Range", b"bytes=x-y"),)),
    ("range backwards", ((b"Range", b"bytes=10-1"),)),
    ("range of another unit", ((b"Range", b"lines=1-2"),)),
    ("a thousand ranges", ((b"Range", b"bytes=" + b",".join(b"0-1" for _ in range(1000))),)),
    ("huge range", ((b"Range", b"bytes=0-" + b"9" * 60),)),
    ("negative range", ((b"Range", b"bytes=-0"),)),
    ("date of nonsense", ((b"If-Modified-Since", b"yesterday"),)),
    ("date far away", ((b"If-Modified-Since", b"Sat, 29 Oct 99999 19:43:31 GMT"),)),
    ("password that is no base 64", ((b"Authorization", b"Basic !!!"),)),
    ("password without a colon", ((b"Authorization", b"Basic YWJj"),)),
    ("password with NUL", ((b"Authorization", b"Basic YQA6YgA="),)),
    ("password not in UTF-8", ((b"Authorization", b"Basic //46//4="),)),
    ("password with SQL", ((b"Authorization", b"Basic JyBPUiAxPTE6eA=="),)),
    ("unknown scheme", ((b"Authorization", b"Negotiate x"),)),
    ("another host", ((b"Host", b'evil.example"><script>'),)),
    ("another host by a proxy", ((b"X-Forwarded-Host", b'evil.example"><script>'),)),
    ("host by a proxy not in ASCII", ((b"X-Forwarded-Host", b"\xff\xfe"),)),
    ("upgrade", ((b"Upgrade-Insecure-Requests", b"1"),)),
    ("websocket", ((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"))),
    ("origin", ((b"Origin", b"http://evil.example\xff"),)),
    ("accept of nonsense", ((b"Accept", b"\xff/\x01;q=x"),)),
    ("language", ((b"Accept-Language", b"x" * 10000),)),
    ("encoding", ((b"Accept-Encoding", b"gzip, br, \xff;q=x, *;q=0"),)),
    ("expect", ((b"Expect", b"200-maybe"),)),
    ("cookie", ((b"Cookie", b"a=b; \xff; ;;;=="),)),
    ("agent", ((b"User-Agent", b"%(x)s %s {0} \xff \x1b[31m"),)),
    ("one long header", ((b"X-Long", b"x" * 100_000),)),
    ("a thousand headers", tuple((b"X-%d" % i, b"x") for i in range(1000))),
    ("header without a name", ((b"", b"x"),)),
)  # fmt: skip

_WHOLE = {
    "nothing but a line break": b"\r\n\r\n",
    "no HTTP": b"HELP\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /tap/sync\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": b"GET /tap/sync?LANG=ADQL&QUERY=x HTTP/1.0\r\n\r\n",
    "an address whole": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "negative length": b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: -5\r\n\r\nabc",
    "length in words": b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: many\r\n\r\nabc",
    "two lengths": b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\nabc",
    "huge length": b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\nabc",
    "length and chunks": b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of nonsense": b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "two requests in one": b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /teapot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "bytes beyond ASCII in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "blank in the path": b"GET /a b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "line feeds alone": b"GET / HTTP/1.1\nHost: x\nConnection: close\n\n",
}  # fmt: skip
_UNFINISHED = {"TLS", "huge length", "line feeds alone"}
_METHODS = (
    b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"BREW", b"PROPFIND", b"get", b"G\x00T", b"X" * 5000,
)  # fmt: skip
_BODIES: tuple[tuple[str, bytes, bytes], ...] = (
    ("multipart without a boundary", b"multipart/form-data", b"--x\r\n\r\n"),
    ("multipart with an empty boundary", b"multipart/form-data; boundary=", b"--\r\n\r\n"),
    ("multipart that does not end", b"multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="QUERY"\r\n\r\nSEL'),
    ("multipart without a name", b"multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n"),
    ("multipart without a disposition", b"multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--\r\n"),
    ("multipart of another boundary", b"multipart/form-data; boundary=x", b"--y\r\n\r\na\r\n--y--\r\n"),
    ("multipart within multipart", b"multipart/form-data; boundary=x",
     b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nb\r\n--y--\r\n--x--\r\n'),
    ("multipart with a huge boundary", b"multipart/form-data; boundary=" + b"x" * 9000, b"--x\r\n\r\n"),
    ("multipart with a NUL", b"multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="QUERY\x00"\r\n\r\na\x00\r\n--x--\r\n'),
    ("multipart of ten thousand parts", b"multipart/form-data; boundary=x",
     b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 10000 + b"--x--\r\n"),
    ("JSON", b"application/json", b'{"QUERY": "SELECT 1"}'),
    ("XML", b"text/xml", b"<x/>"),
    ("no type", b"", b"QUERY=x"),
    ("unknown characters", b"application/x-www-form-urlencoded; charset=nonsense", b"QUERY=%ff%fe&LANG=ADQL"),
    ("not UTF-8", b"application/x-www-form-urlencoded", b"QUERY=%ff%fe%00&LANG=%ff"),
    ("half a surrogate", b"application/x-www-form-urlencoded", b"QUERY=SELECT+%27%ED%A0%80%27&LANG=ADQL"),
    ("percent signs", b"application/x-www-form-urlencoded", b"QUERY=%&LANG=%zz&%%%=%"),
    ("fifty thousand parameters", b"application/x-www-form-urlencoded", b"&".join(b"a%d=1" % i for i in range(50000))),
    ("one parameter twenty thousand times", b"application/x-www-form-urlencoded", b"&".join([b"QUERY=x"] * 20000)),
    ("semicolons", b"application/x-www-form-urlencoded", b";;;;QUERY=x;LANG=ADQL"),
)  # fmt: skip
_ENTRANCES = (
    "/",
    _SYNC,
    _ASYNC,
    _SIA,
    _SCS,
    _SODA,
    _LINKS,
    "/getproduct/{image}",
    "/oai.xml",
    "/tap/user_tables/zq",
)


def by_hand(image: str, jobs: Iterator[str]) -> Iterator[Request]:
    """Write all of them.

    Parameters
    ----------
    image : str
        Access key of a public image.
    jobs : Iterator[str]
        Gives a new pending job's address for each request that needs one.

    Yields
    ------
    Request
        One bad request.
    """
    yield from _adql()
    yield from _services(f"ivo://org.hcvo.test/~?{image}")
    for path in _PATHS:
        filled = path.replace("{image}", image)
        yield Request(f"GET {path[:60]}", urllib.parse.quote(filled, safe="/?&=%';:+.*#").encode())
    yield from _uws(jobs)
    yield from _uploads()
    yield from _malformed(image)


def _adql() -> Iterator[Request]:
    for what, query in _ADQL.items():
        long = len(query) > 6000  # more than fits into an address
        yield (form if long else get)(
            f"ADQL: {what}", _SYNC, {"LANG": "ADQL", "FORMAT": "csv", "QUERY": query}
        )
    for what, changed in _TAP_PARAMETERS.items():
        parameters = changed if what.startswith("no ") else _BASE | changed
        yield form(f"TAP: {what}", _SYNC, parameters)
        yield form(f"TAP job: {what}", _ASYNC, parameters | {"PHASE": "RUN"})


def _services(did: str) -> Iterator[Request]:
    for name, values in _SIA_VALUES.items():
        for value in values:
            yield form(f"SIA2: {name}={value[:20]!r}", _SIA, {name: value})
    yield form("SIA2: a thousand circles", _SIA, [("POS", f"CIRCLE {i % 360} 0 1") for i in range(1000)])
    for name, values in _SCS_VALUES.items():
        for value in values:
            yield get(f"SCS: {name}={value[:20]!r}", _SCS, {"RA": "1", "DEC": "1", "SR": "1"} | {name: value})
    yield get("SCS: nothing", _SCS)
    for name, values in _SODA_VALUES.items():
        for value in values:
            yield form(f"SODA: {name}={value[:20]!r}", _SODA, {"ID": did} | {name: value})
    yield form(
        "SODA: two of everything", _SODA, [("ID", did), ("ID", did), ("CIRCLE", "1 1 1"), ("CIRCLE", "2 2 2")]
    )
    for path in (_LINKS, _SODA, *_BESIDE, "/__system__/products/dl/dlmeta", "/__system__/obscore/dl/dlmeta"):
        yield get(f"{path}: nothing", path)
        for identifier in _IDENTIFIERS:
            yield form(f"{path}: ID={identifier[:40]!r}", path, {"ID": identifier})
    yield form(
        "DataLink: two thousand files", _LINKS, [("ID", f"ivo://org.hcvo.test/~?x{i}") for i in range(2000)]
    )


def _uws(jobs: Iterator[str]) -> Iterator[Request]:
    for method, path in _JOBS:
        yield Request(f"{method} {path[:50]}", path.encode(), method.encode())
    for below, parameters in _JOB_PARAMETERS:
        job = next(jobs)
        yield form(f"job{below}: {parameters}", job + below, parameters)
        yield get(f"job{below} by GET: {parameters}", job + below, parameters)
        yield Request(f"DELETE job{below}", (job + below).encode(), b"DELETE")


def _uploads() -> Iterator[Request]:
    query = {"LANG": "ADQL", "FORMAT": "csv", "QUERY": "SELECT TOP 5 * FROM TAP_UPLOAD.a"}
    for what, content in _FILES.items():
        yield multipart(f"upload: {what}", _SYNC, query | {"UPLOAD": "a,param:b"}, {"b": content})
        if len(content) < 100_000:
            yield Request(
                f"kept upload: {what}",
                b"/tap/user_tables/zq",
                b"PUT",
                ((b"Content-Type", b"application/x-votable+xml"),),
                content,
            )
    good = _VOTABLE % (b"", _DOUBLE + _ROWS % b"<TR><TD>1</TD></TR>")
    for name in (
        "a b",
        'a"b',
        "a;b",
        "1a",
        "select",
        "x" * 300,
        "pg_catalog.pg_class",
        "☃",
        "",
        "tap_upload.a",
    ):
        yield multipart(
            f"upload named {name[:20]!r}", _SYNC, query | {"UPLOAD": f"{name},param:b"}, {"b": good}
        )
    yield multipart("slow upload", _SYNC, query | {"UPLOAD": "a,param:b"}, {"b": good}, pause_s=0.2)


def _malformed(image: str) -> Iterator[Request]:
    for what, headers in _HEADERS:
        for path in (f"/getproduct/{image}", f"{_SYNC}?LANG=ADQL&QUERY=SELECT+1+FROM+nothing"):
            yield Request(f"header, {what}: {path[:12]}", path.encode(), headers=headers)
    for what, whole in _WHOLE.items():
        yield Request(f"as it stands: {what}", b"", whole=whole, unfinished=what in _UNFINISHED)
    for path in _ENTRANCES:
        target = path.replace("{image}", image).encode()
        for method in _METHODS:
            yield Request(f"{method[:10].decode()} {path[:30]}", target, method)
        yield Request(f"long address: {path[:30]}", target + b"?x=" + b"a" * 12_000)
        yield Request(f"too long an address: {path[:30]}", target + b"?x=" + b"a" * 100_000)
        for what, kind, body in _BODIES:
            yield Request(f"{what}: {path[:30]}", target, b"POST", ((b"Content-Type", kind),), body)
