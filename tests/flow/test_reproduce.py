"""``hcvo reproduce``: products made again from their provenance, on the night that was reduced."""

from pathlib import Path

import pytest

from hcvo.site.demo import ask
from tests.flow.conftest import Reduced


def _accref(reduced: Reduced, kind: str) -> str:
    query = f"SELECT accref FROM hci.product WHERE kind = '{kind}' ORDER BY accref"
    return str(ask(reduced.operator.settings, query)["accref"][0])


@pytest.mark.parametrize("kind", ["dark", "snr"])
def test_a_product_comes_out_bit_by_bit(reduced: Reduced, kind: str) -> None:
    said = reduced.operator.run("reproduce", _accref(reduced, kind))
    assert said.strip().endswith("reproduced")
    assert "bit-identical" in said
    assert "different" not in said


def test_a_dry_run_names_the_inputs_and_runs_nothing(reduced: Reduced, tmp_path: Path) -> None:
    out = tmp_path / "again"
    said = reduced.operator.run("reproduce", _accref(reduced, "dark"), "--dry-run", "--out", str(out))
    assert "SPHER." in said
    assert not out.exists()


def test_raw_frames_may_come_from_another_folder(reduced: Reduced, tmp_path: Path) -> None:
    accref, names = _accref(reduced, "dark"), tmp_path / "frames" / "below"
    names.mkdir(parents=True)
    said = reduced.operator.run("reproduce", accref, "--raw", str(tmp_path / "frames"), code=1)
    assert "is not there; give the folder of the raw frames by --raw" in said
    for path in reduced.raw.glob("SPHER.*.fits"):
        (names / path.name).symlink_to(path)
    assert "bit-identical" in reduced.operator.run("reproduce", accref, "--raw", str(tmp_path / "frames"))
    changed = min(path for path in names.iterdir() if path.stem in _inputs(reduced, accref))
    content = bytearray(changed.resolve().read_bytes())
    content[-3000] ^= 1
    changed.unlink()
    changed.write_bytes(content)
    said = reduced.operator.run("reproduce", accref, "--raw", str(tmp_path / "frames"), code=1)
    assert "it is not the file that was read then" in " ".join(said.split())
    assert changed.name in said


def _inputs(reduced: Reduced, accref: str) -> set[str]:
    query = (
        "SELECT i.name FROM hci.process_input AS i JOIN hci.product AS p ON p.process_id = i.process_id"
        f" WHERE p.accref = '{accref}'"
    )
    return {str(name) for name in ask(reduced.operator.settings, query)["name"]}


def test_other_parameters_do_not_reproduce_it(reduced: Reduced) -> None:
    """The recorded parameter changed by hand: arrays differ, and the program says where."""
    from hcvo.catalogue.models import Process  # noqa: PLC0415 - Django must be set up first
    from hcvo.catalogue.setup import setup_django  # noqa: PLC0415

    setup_django(reduced.operator.settings)
    accref = _accref(reduced, "significance")
    process = Process.objects.get(products__accref=accref)
    parameters = dict(process.parameters)
    Process.objects.filter(pk=process.pk).update(parameters=parameters | {"inner_fwhm": 2.5})
    try:
        said = reduced.operator.run("reproduce", accref, code=1)
    finally:
        Process.objects.filter(pk=process.pk).update(parameters=parameters)
    assert "different" in said
    assert said.strip().endswith("not reproduced")


def test_another_version_of_the_code_is_refused_unless_asked_for(reduced: Reduced) -> None:
    from hcvo.catalogue.models import Process  # noqa: PLC0415 - Django must be set up first
    from hcvo.catalogue.setup import setup_django  # noqa: PLC0415

    setup_django(reduced.operator.settings)
    accref = _accref(reduced, "flat")
    process = Process.objects.get(products__accref=accref)
    Process.objects.filter(pk=process.pk).update(version="0.0+old")
    try:
        said = reduced.operator.run("reproduce", accref, code=1)
        assert "was made by 0.0+old" in said
        assert "reproduced" in reduced.operator.run("reproduce", accref, "--other-version")
    finally:
        Process.objects.filter(pk=process.pk).update(version=process.version)


def test_an_unknown_product_is_named(reduced: Reduced) -> None:
    said = reduced.operator.run("reproduce", "nothing.fits", code=1)
    assert "no product 'nothing.fits' in the catalogue" in said


def test_a_damaged_file_of_the_store_is_not_taken_for_the_product(reduced: Reduced) -> None:
    accref = _accref(reduced, "dark")
    path = reduced.operator.settings.store / accref
    content = path.read_bytes()
    path.write_bytes(content[:-2880] + bytes(2880))
    try:
        said = reduced.operator.run("reproduce", accref, code=1)
    finally:
        path.write_bytes(content)
    assert "is not the file that process" in " ".join(said.split())
