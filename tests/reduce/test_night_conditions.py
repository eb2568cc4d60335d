"""Overview of a night's adaptive optics, by the command that draws it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from PIL import Image

from hcvo.centre.reduce_command import reduce as command
from hcvo.errors import InputError
from hcvo.model.frame import RawFrame
from reduce.classify import read_frame
from reduce.night_conditions import draw_conditions, sequences
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.telemetry import write_telemetry

_START = 1524281189  # 2018-04-21T03:26:29


def _science(folder: Path, start: str, target: str, ob_id: int) -> RawFrame:
    path = write_raw(
        folder, irdis_cards(start=start, OBJECT=target, ESO_OBS_TARG_NAME=target, ESO_OBS_ID=ob_id)
    )
    return read_frame(path, sha256="")


def _telemetry(folder: Path) -> Path:
    """Two hours of samples with a pause of one hour, as a raw file."""
    seconds = np.concatenate([np.arange(0.0, 1800.0, 25.0), np.arange(5400.0, 7200.0, 25.0)])
    cards = irdis_cards("OBJECT,AO", "2018-04-21T03:26:00.000", ESO_SEQ_ARM="SPARTA", ESO_DPR_TECH="IMAGE")
    path = write_raw(folder, cards)
    header = fits.getheader(path)
    made = write_telemetry(folder / "tables", seconds, start=_START)
    with fits.open(made, memmap=False) as tables:
        fits.HDUList([fits.PrimaryHDU(header=header), *tables[1:]]).writeto(path, overwrite=True)
    made.unlink()
    return path


def test_sequences_are_stars_and_filters_in_order_of_time(tmp_path: Path) -> None:
    early = _science(tmp_path, "2018-04-21T03:00:00.000", "HD 1", 1)
    later = _science(tmp_path, "2018-04-21T03:10:00.000", "HD 1", 1)
    other = _science(tmp_path, "2018-04-21T04:00:00.000", "HD 2", 2)
    again = _science(tmp_path, "2018-04-21T05:00:00.000", "HD 1", 3)
    dark = replace(early, frame_class="IRD_DARK_RAW")
    spans = sequences([again, other, later, dark, early])
    assert list(spans) == ["HD 1, DB_H23", "HD 2, DB_H23", "HD 1, DB_H23'"]
    assert spans["HD 1, DB_H23"] == (early.mjd_obs, later.mjd_end)
    assert spans["HD 2, DB_H23"] == (other.mjd_obs, other.mjd_end)


def test_the_command_draws_one_picture_a_night(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    _telemetry(raw)
    _science(raw, "2018-04-21T03:30:00.000", "HD 1", 1)
    done = CliRunner().invoke(command, [str(raw), "--conditions", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    path = tmp_path / "out" / f"ao_conditions_{date(2018, 4, 20)}.png"
    assert done.output.strip() == str(path)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert picture.shape == (800, 1200, 3)
    blue = (picture[..., 2] - picture[..., 0] > 15).any(axis=0)  # the science, shaded
    assert 5 < blue[100:].sum() < 200


def test_without_telemetry_it_is_said_what_is_wanted(tmp_path: Path) -> None:
    frame = _science(tmp_path, "2018-04-21T03:30:00.000", "HD 1", 1)
    with pytest.raises(InputError, match=r"no telemetry .* among 1 frames, wanted files of type OBJECT,AO"):
        draw_conditions([frame], tmp_path)
