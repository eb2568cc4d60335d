"""Raw files in: real headers known, every broken file refused with its reason."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcvo.errors import ForeignFrameError, HeaderError, InputError, NotFitsError, TruncatedError
from hcvo.store import sha256_of
from reduce.classify import read_raw_frame
from reduce.instruments import sphere
from tests.reduce.raw_files import irdis_cards, real_raw, write_raw

_REAL = {
    "SPHER.2020-03-08T07_05_15.511": ("IFS_STAR_CENTER_RAW", 6, 64.0, 979),
    "SPHER.2020-03-08T07_12_03.720": ("IFS_SCIENCE_DR_RAW", 8, 64.0, 979),
    "SPHER.2020-03-08T07_20_53.733": ("IFS_SCIENCE_DR_RAW", 8, 64.0, 979),
    "SPHER.2020-03-08T07_48_21.618": ("IFS_FLUX_RAW", 10, 12.0, 979),
    "SPHER.2020-03-08T16_53_05.173": ("IFS_WAVECALIB_RAW", 10, 1.650726, 913),
}


@pytest.mark.parametrize("name", _REAL)
def test_real_headers_are_classified_with_every_card(shared_data: Path, tmp_path: Path, name: str) -> None:
    tag, ndit, dit, least_cards = _REAL[name]
    path = real_raw(shared_data / "raw_headers" / f"{name}.hdr.txt", tmp_path)
    frame = read_raw_frame(path)
    assert (frame.frame_class, frame.ndit, frame.dit_s) == (tag, ndit, dit)
    assert frame.dp_id == name.replace("_", ":")
    assert frame.sha256 == sha256_of(path)
    assert len(frame.cards) >= least_cards - 1
    assert frame.cards["ESO INS1 SENS101 VAL"] == pytest.approx(2e-5, rel=0.2)  # lower-case exponent
    if ndit != 10 or dit == 12.0:
        assert (frame.night.isoformat(), frame.ob_id, frame.target_name) == ("2020-03-07", 2485392, "A124420")
        assert 0 < (frame.mjd_end - frame.mjd_obs) * 86400 - ndit * dit < 30


@pytest.mark.parametrize(
    ("cards", "tag"),
    [
        (irdis_cards("DARK"), "IRD_DARK_RAW"),
        (irdis_cards("DARK,BACKGROUND"), "IRD_INS_BG_RAW"),
        (irdis_cards("FLAT,LAMP"), "IRD_FLAT_FIELD_RAW"),
        (irdis_cards("SKY"), "IRD_SKY_BG_RAW"),
        (irdis_cards("OBJECT,CENTER"), "IRD_STAR_CENTER_WAFFLE_RAW"),
        (irdis_cards("OBJECT,FLUX"), "IRD_FLUX_RAW"),
        (irdis_cards("OBJECT"), "IRD_SCIENCE_DBI_RAW"),
        (irdis_cards("OBJECT", ESO_DPR_TECH="IMAGE,CLASSICAL"), "IRD_SCIENCE_IMAGING_RAW"),
        (irdis_cards("OBJECT", ESO_DPR_TECH="POLARIMETRY,CORONOGRAPHY"), "IRD_SCIENCE_DPI_RAW"),
        (irdis_cards("OBJECT", ESO_DPR_CATG="ACQUISITION"), "SPH_ACQUISITION_RAW"),
        (
            irdis_cards("FLAT,LAMP", ESO_SEQ_ARM="IFS", ESO_INS2_COMB_IFS="CAL_BB_2_YJ"),
            "IFS_DETECTOR_FLAT_FIELD_RAW",
        ),
        (irdis_cards("FLAT,LAMP", ESO_SEQ_ARM="IFS", ESO_INS2_COMB_IFS="OBS_YJ"), "IFS_FLAT_FIELD_RAW"),
    ],
)
def test_tags(tmp_path: Path, cards: dict[str, object], tag: str) -> None:
    frame = read_raw_frame(write_raw(tmp_path, cards))
    assert frame.frame_class == tag
    assert sphere.arm_of(tag) in (frame.arm, "")


def test_telemetry_has_tables_and_no_images(tmp_path: Path) -> None:
    primary = fits.PrimaryHDU()
    for key, value in irdis_cards("OBJECT,AO", ESO_SEQ_ARM=None, ESO_DET_NDIT=None).items():
        primary.header[f"HIERARCH {key}" if key.startswith("ESO ") else key] = value
    table = fits.BinTableHDU.from_columns([fits.Column("R0", "E", array=np.ones(50))], name="AtmPerfParams")
    path = tmp_path / "sparta.fits"
    fits.HDUList([primary, table]).writeto(path)
    assert (read_raw_frame(path).frame_class, read_raw_frame(path).ndit) == ("SPH_SPARTA_RAW", 0)
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(TruncatedError, match="headers say"):
        read_raw_frame(path)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"INSTRUME": "NACO"}, ForeignFrameError, "NACO.*SPHERE"),
        ({"ESO_SEQ_ARM": "ZIMPOL"}, ForeignFrameError, "ZIMPOL"),
        ({"PRODKIND": "cube"}, ForeignFrameError, "product"),
        ({"DATE-OBS": None}, HeaderError, "DATE-OBS"),
        ({"DATE-OBS": "yesterday"}, HeaderError, "yesterday.*YYYY"),
        ({"DATE-OBS": "2018-04-21T04:26:29.634"}, HeaderError, "differ"),
        ({"ESO_DET_SEQ1_DIT": 0.0}, HeaderError, "DIT"),
        ({"ESO_DET_SEQ1_DIT": "long"}, HeaderError, "number"),
        ({"ESO_DPR_TYPE": None}, HeaderError, "DPR TYPE"),
        ({"ARCFILE": "../../etc/x.fits"}, HeaderError, "ARCFILE"),
        ({"RA": 400.0}, HeaderError, "400"),
        ({"ESO_OBS_ID": "many"}, HeaderError, "OBS ID"),
        ({"ESO_OBS_ID": 2**63}, HeaderError, "OBS ID is 9223372036854775808, wanted at most"),
        ({"DATE-OBS": "9999-12-31T23:59:59"}, HeaderError, "year from 1990 to 2100"),
        ({"DATE-OBS": "0001-01-01T00:00:00+05:00"}, HeaderError, "year from 1990 to 2100"),
        ({"ESO_DET_FRAM UTC": "9999-12-31T23:59:59-05:00"}, HeaderError, "FRAM UTC.*year"),
        ({"ESO_DET_SEQ1_DIT": 1e300}, HeaderError, "DIT is 1e.300 s"),
    ],
)
def test_refusals_name_what_was_found(
    tmp_path: Path, changes: dict[str, Any], error: type[InputError], words: str
) -> None:
    cards = irdis_cards(**changes)
    path = write_raw(tmp_path, cards | {"ARCFILE": "raw.fits"})
    if "ARCFILE" in changes:
        path = write_raw(tmp_path, irdis_cards(ARCFILE="x.fits"))
        fits.setval(path, "ARCFILE", value=changes["ARCFILE"])
    with pytest.raises(error, match=words) as refusal:
        read_raw_frame(path)
    assert path.name in str(refusal.value)


def test_ndit_must_be_the_number_of_planes(tmp_path: Path) -> None:
    path = write_raw(tmp_path, irdis_cards(ndit=2), np.zeros((3, 4, 6)))
    with pytest.raises(HeaderError, match="2 but NAXIS3 3"):
        read_raw_frame(path)


@pytest.mark.parametrize("keep", [100, 2880, 5000, -1])
def test_a_file_cut_anywhere_is_truncated(tmp_path: Path, keep: int) -> None:
    path = write_raw(tmp_path, irdis_cards(), np.zeros((2, 60, 60)))
    whole = path.read_bytes()
    size = len(whole) - 2880 * 3 if keep < 0 else keep
    path.write_bytes(whole[:size])
    with pytest.raises(TruncatedError, match="fetch it again"):
        read_raw_frame(path)


def test_missing_padding_at_the_end_is_no_harm(tmp_path: Path) -> None:
    path = write_raw(tmp_path, irdis_cards())
    path.write_bytes(path.read_bytes()[: -2880 + 2 * 4 * 6 * 4])
    assert read_raw_frame(path).ndit == 2


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"SIMPLE  =  T" * 500), b"\xff" * 6000])
def test_what_is_not_fits(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with pytest.raises(NotFitsError, match=r"a\.fits"):
        read_raw_frame(path)


def test_an_unparsable_card_is_named(tmp_path: Path) -> None:
    path = write_raw(tmp_path, irdis_cards())
    whole, card = path.read_bytes(), b"EXPTIME =                 16.0"
    assert card in whole
    path.write_bytes(whole.replace(card, b"EXPTIME = sixteen seconds".ljust(len(card))))
    with pytest.raises(HeaderError, match="EXPTIME"):
        read_raw_frame(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=9000), keep=st.integers(0, 30))
def test_junk_never_gives_anything_but_a_refusal(tmp_path: Path, junk: bytes, keep: int) -> None:
    path = tmp_path / "junk.fits"
    path.write_bytes(b"SIMPLE  =                    T"[:keep] + junk)
    with pytest.raises(InputError):
        read_raw_frame(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_header_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "SPHER.2018-04-21T03:26:29.634.fits"
    if not path.exists():
        write_raw(tmp_path, irdis_cards())
        path.rename(tmp_path / "whole")
        path.write_bytes((tmp_path / "whole").read_bytes())
    content = bytearray((tmp_path / "whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, 5000))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        instrument, message = read_raw_frame(path).instrument, path.name
    except InputError as refusal:
        instrument, message = sphere.INSTRUMENT, str(refusal)
    assert instrument == sphere.INSTRUMENT
    assert path.name in message
