"""What DataLink offers beside a product, and that it brings nothing of what is not public."""

import json
import tarfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from astropy.io import fits
from matplotlib import image as png
from matplotlib import pyplot as plt
from pyvo.dal.adhoc import DatalinkResults

from hcvo.catalogue.models import Process, ProcessInput, Product
from tests.hcvo.site.archive import Planted
from tests.hcvo.site.asking import Answer, ask

SERVICES = ("header", "thumbnail", "log", "package")


def links_of(planted: Planted, *dids: str) -> DatalinkResults:
    query = urllib.parse.urlencode({"ID": dids}, doseq=True)
    return DatalinkResults.from_result_url(f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}")


def beside(planted: Planted, service: str, did: str) -> Answer:
    query = urllib.parse.urlencode({"ID": did})
    return ask(f"{planted.settings.base_url}/hci/dl/{service}/dlget?{query}")


@pytest.fixture
def logged(planted: Planted) -> Iterator[Process]:
    """The process of the image, with a log that knows more than everybody may."""
    process = Product.objects.get(accref=planted.accref("image")).process
    folder = planted.settings.logs / "processes"
    folder.mkdir(exist_ok=True)
    path = folder / "pca-1.jsonl"
    lines = [
        {"event": "begin", "host": "secret.example.org", "parameters": {"components": 5}},
        {"event": "input", "name": planted.files["cube"].name, "role": "cube"},
        {"event": "input", "name": "SPHER.2031-01-01T00:00:00.000", "role": "science"},
        {"event": "wrote", "path": f"{planted.settings.store}/2018-04-20/image.fits", "ratio": "1/2"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    process.log = str(path)
    process.save()
    yield process
    process.log = ""
    process.save()
    path.unlink()


def test_the_links_of_an_image_are_all_there_and_lead_somewhere(planted: Planted, logged: Process) -> None:
    del logged
    links = {str(link["local_semantics"]): link for link in links_of(planted, planted.did("image"))}
    wanted = {
        "thumbnail": ("#thumbnail", "image/png"),
        "header": ("#detached-header", "text/plain"),
        "log": ("#documentation", "text/plain"),
        "tar": ("#package", "application/x-tar"),
    }
    for name, (semantics, media_type) in wanted.items():
        assert (links[name].semantics, links[name]["content_type"]) == (semantics, media_type)
        answer = ask(links[name].access_url)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(media_type)
    assert (links["psf"].semantics, links["psf"]["content_qualifier"]) == ("#auxiliary", "#image")


@pytest.mark.parametrize("service", [*SERVICES[:2], "package"])
def test_head_of_what_lies_beside_ends(planted: Planted, service: str) -> None:
    query = urllib.parse.urlencode({"ID": planted.did("image")})
    head = ask(f"{planted.settings.base_url}/hci/dl/{service}/dlget?{query}", "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_the_header_has_every_card_of_every_hdu(planted: Planted) -> None:
    text = beside(planted, "header", planted.did("cube")).body.decode()
    with fits.open(planted.files["cube"]) as hdus:
        for number, hdu in enumerate(hdus):
            assert f"# HDU {number} {hdu.name}" in text
            for card in hdu.header.cards:
                assert str(card).rstrip() in text


def test_a_raw_frame_has_a_header_too(planted: Planted) -> None:
    did = f"ivo://{planted.settings.dachs.authority}/~?raw/{planted.raw.name}"
    assert b"OBJECT  = " in beside(planted, "header", did).body


def test_a_thumbnail_is_the_preview_made_small(planted: Planted) -> None:
    preview = planted.files["image"].with_suffix(".png")
    kept = preview.read_bytes()
    try:
        plt.imsave(preview, [[number / 500 for number in range(500)]] * 300)
        answer = beside(planted, "thumbnail", planted.did("image"))
    finally:
        preview.write_bytes(kept)
    small = png.imread(BytesIO(answer.body))
    assert small.shape[:2] == (120, 200)
    assert abs(small[60, 0, 2] - small[60, 199, 2]) > 0.1  # dark on one side, bright on the other


def test_a_log_says_nothing_of_hosts_folders_and_what_is_not_public(
    planted: Planted, logged: Process
) -> None:
    del logged
    lines = [json.loads(line) for line in beside(planted, "log", planted.did("image")).body.splitlines()]
    assert lines == [
        {"event": "begin", "parameters": {"components": 5}},
        {"event": "input", "name": planted.files["cube"].name, "role": "cube"},
        {"event": "wrote", "path": "image.fits", "ratio": "1/2"},
    ]
    ProcessInput.objects.filter(process__products__accref=planted.accref("image")).update(withdrawn=True)
    try:
        assert b"input" not in beside(planted, "log", planted.did("image")).body
    finally:
        ProcessInput.objects.filter(process__products__accref=planted.accref("image")).update(withdrawn=False)


def test_without_a_log_there_is_none(planted: Planted) -> None:
    assert "log" not in {str(link["local_semantics"]) for link in links_of(planted, planted.did("image"))}
    assert beside(planted, "log", planted.did("image")).status == 404


def test_a_package_holds_what_the_process_made_with_its_sums(planted: Planted) -> None:
    made = ("residual", "image", "snr", "contrast", "candidates")
    with tarfile.open(fileobj=BytesIO(beside(planted, "package", planted.did("image")).body)) as tar:
        members = {Path(member.name).name: tar.extractfile(member) for member in tar.getmembers()}
        content = {name: stream.read() for name, stream in members.items() if stream}
    assert {name for name in content if name.endswith(".fits")} == {planted.files[kind].name for kind in made}
    sums = dict(line.split()[::-1] for line in content["SHA256SUMS"].decode().splitlines())
    assert sums == {name: sha256(content[name]).hexdigest() for name in sums}
    assert set(sums) == {planted.files[kind].name for kind in made}


def test_a_package_leaves_out_what_is_withdrawn(planted: Planted) -> None:
    Product.objects.filter(accref=planted.accref("snr")).update(withdrawn=True)
    try:
        packed = beside(planted, "package", planted.did("image")).body
    finally:
        Product.objects.filter(accref=planted.accref("snr")).update(withdrawn=False)
    assert planted.files["image"].name.encode() in packed
    assert planted.files["snr"].name.encode() not in packed


@pytest.mark.parametrize("service", SERVICES)
def test_of_what_is_not_public_there_is_nothing(planted: Planted, service: str) -> None:
    for did in (
        planted.did("embargoed"),
        planted.did("image") + "x",
        "ivo://elsewhere/~?x",
        "x",
        "a\0b",
        "é",
    ):
        answer = beside(planted, service, did)
        assert answer.status == 404
        assert planted.files["embargoed"].name.encode() not in answer.body.replace(did.encode(), b"")


def test_a_table_has_no_thumbnail_without_a_preview(planted: Planted) -> None:
    Product.objects.filter(accref=planted.accref("dark")).update(preview="")
    try:
        assert beside(planted, "thumbnail", planted.did("dark")).status == 404
        links = links_of(planted, planted.did("dark"))
        assert not {"#thumbnail", "#preview-image"} & {link.semantics for link in links}
    finally:
        preview = str(Path(planted.accref("dark")).with_suffix(".png"))
        Product.objects.filter(accref=planted.accref("dark")).update(preview=preview)


def test_many_products_at_once_each_with_its_links_or_its_fault(planted: Planted) -> None:
    known = [planted.did(kind) for kind in ("image", "cube", "contrast", "dark")]
    unknown = [planted.did("embargoed"), planted.did("image") + "x", "ivo://elsewhere/x", "not an identifier"]
    asked = [did for pair in zip(known, unknown, strict=True) for did in pair]
    links = links_of(planted, *asked)
    for did in known:
        mine = [link for link in links if str(link["ID"]) == did]
        assert [link.semantics for link in mine].count("#this") == 1
        assert not any(link.error_message for link in mine)
        alone = [(str(link["access_url"]), link.semantics) for link in links_of(planted, did)]
        assert sorted((str(link["access_url"]), link.semantics) for link in mine) == sorted(alone)
    for did in unknown:
        (fault,) = (link for link in links if str(link["ID"]) == did)
        assert str(fault.error_message).startswith("NotFoundFault")
        assert not fault["access_url"]


def test_a_hundred_links_are_not_the_end(planted: Planted) -> None:
    asked = [f"ivo://{planted.settings.dachs.authority}/~?{number}" for number in range(150)]
    links = links_of(planted, *asked, planted.did("image"))
    assert [str(link["ID"]) for link in links if link.error_message] == asked
    assert [link.semantics for link in links if not link.error_message].count("#this") == 1


def test_more_identifiers_than_an_address_holds_come_by_post(planted: Planted) -> None:
    asked = [planted.did("image") + str(number) for number in range(300)]
    body = urllib.parse.urlencode({"ID": [*asked, planted.did("image")]}, doseq=True).encode()
    with urllib.request.urlopen(
        f"{planted.settings.base_url}/hci/dl/links/dlmeta", body, timeout=30
    ) as answer:
        content = answer.read().decode()
    assert content.count("NotFoundFault") == 300
    assert content.count("<TD>#thumbnail</TD>") == 1


def test_fewer_links_on_request(planted: Planted) -> None:
    query = urllib.parse.urlencode(
        {"ID": [planted.did("image"), planted.did("cube")], "MAXREC": 3}, doseq=True
    )
    answer = ask(f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}").body
    assert b'value="OVERFLOW"' in answer
    assert planted.did("cube").encode() not in answer.partition(b"<DATA>")[2].replace(b"getproduct", b"")


def test_the_links_of_obscore_are_those_of_the_archive(planted: Planted) -> None:
    query = urllib.parse.urlencode({"ID": planted.did("image")})
    answer = ask(f"{planted.settings.base_url}/__system__/obscore/dl/dlmeta?{query}")
    assert answer.status in {301, 302, 303}
    assert answer.headers["location"].startswith(f"{planted.settings.base_url}/hci/dl/links/dlmeta?ID=ivo")


def test_no_identifier_is_an_empty_answer(planted: Planted) -> None:
    assert len(links_of(planted)) == 0
