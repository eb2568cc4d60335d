"""Files as download managers ask for them: HEAD first, parts of a file, previews and thumbnails."""

import pytest

from tests.hcvo.site.archive import Planted
from tests.hcvo.site.asking import ask


def address(planted: Planted, kind: str) -> str:
    return f"{planted.settings.base_url}/getproduct/{planted.accref(kind)}"


@pytest.mark.parametrize("suffix", ["", "?preview=True", "?scale=2"])
def test_head_says_what_get_brings(planted: Planted, suffix: str) -> None:
    url = address(planted, "image") + suffix
    head, get = ask(url, "HEAD"), ask(url)
    assert (head.status, head.body) == (get.status, b"") == (200, b"")
    for name in ("content-type", "content-length", "last-modified", "accept-ranges"):
        if name in head.headers:
            assert head.headers[name] == get.headers[name]
    assert "content-type" in head.headers
    if suffix != "?scale=2":  # made on the fly, its size is not known
        assert int(head.headers["content-length"]) == len(get.body)


def test_head_of_a_raw_frame(planted: Planted) -> None:
    head = ask(f"{planted.settings.base_url}/getproduct/raw/{planted.raw.name}", "HEAD")
    assert head.status == 200
    assert int(head.headers["content-length"]) == planted.raw.stat().st_size


@pytest.mark.parametrize("kind", ["embargoed", "nothing"])
@pytest.mark.parametrize("suffix", ["", "?preview=True"])
def test_head_of_what_is_not_public_is_not_found(planted: Planted, kind: str, suffix: str) -> None:
    url = address(planted, "embargoed") if kind == "embargoed" else address(planted, "image") + "x"
    assert ask(url + suffix, "HEAD").status == 404


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-9", 0, 9), ("2880-2889", 2880, 2889), ("-10", -10, None), ("5750-", 5750, None)],
)
def test_a_part_of_a_file(planted: Planted, asked: str, first: int, last: int | None) -> None:
    answer = ask(address(planted, "image"), headers={"Range": f"bytes={asked}"})
    whole = planted.files["image"].read_bytes()
    assert answer.status == 206
    assert answer.body == whole[first : None if last is None else last + 1]
    start = first % len(whole)
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(answer.body) - 1}/{len(whole)}"


def test_a_part_beyond_the_end_is_refused(planted: Planted) -> None:
    assert ask(address(planted, "image"), headers={"Range": "bytes=999999-"}).status == 416


def test_a_download_goes_on_where_it_broke(planted: Planted) -> None:
    url = address(planted, "cube")
    begun = ask(url, headers={"Range": "bytes=0-999"}).body
    rest = ask(url, headers={"Range": f"bytes={len(begun)}-"}).body
    assert begun + rest == planted.files["cube"].read_bytes()
