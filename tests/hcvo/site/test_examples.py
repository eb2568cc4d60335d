"""Each worked example asked of the live site: its answer over the planted rows is known."""

import urllib.request
from typing import Any

import numpy as np
import pytest
from pyvo.dal import TAPService

from hcvo.published.examples import Example, examples
from tests.hcvo.site.archive import DEC, OBS_ID, RA, Planted

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unknown xsi.type:UserWarning"),  # of pyvo, in capabilities
    pytest.mark.filterwarnings("ignore::pyvo.utils.xml.exceptions.UnknownElementWarning"),
]
_RAW, _DARK_RAW = "SPHER.2018-04-21T00:00:00.000", "SPHER.2018-04-21T12:00:00.000"
_STAR = "* bet Pic"

ANSWERS: dict[str, dict[str, list[Any]]] = {
    "Everything about one star": {"target_name": [_STAR], "ra": [RA], "position_source": ["dictionary"]},
    "Stars in a cone": {"target_name": [_STAR], "dist": [pytest.approx(0.00351, abs=1e-4)]},
    "Observations of a star": {"obs_id": [OBS_ID], "t_exptime": [1536.0]},
    "Observations of a night": {"obs_id": [OBS_ID], "filter": ["DB_H23"]},
    "Stars observed more than once": {"target_name": [_STAR], "epochs": [1]},
    "Reduced images in a cone": {"obs_id": [OBS_ID], "target_name": [_STAR]},
    "Images that show a place on the sky": {"kind": ["image"], "algorithm": ["pca"]},
    "Products in a band and a period": {"obs_id": [OBS_ID], "n_obs": [48]},
    "All files of an observation": {
        "calib_level": [1, 2, 2, 3, 3, 3, 3, 3],
        "kind": ["candidates", "contrast", "cube", "dark", "image", "psf", "residual", "snr"],
    },
    "One file by its identifier": {"release_date": ["2020-01-01T00:00:00"]},
    "Significance maps": {"target_name": [_STAR], "algorithm": ["pca"]},
    "Files by algorithm": {"algorithm": ["calib", "l1", "l1"] + ["pca"] * 5, "n": [1] * 8},
    "Candidates around a star": {"sep_mas": [400.0], "pa": [31.0], "significance": [9.0]},
    "Candidates within half an arcsecond": {"target_name": [_STAR], "significance": [9.0]},
    "Candidates near a place on the sky": {"ra": [RA], "dec": [DEC]},
    "Who answers for a map": {
        "role": ["creator"],
        "name": ["High-Contrast Archive"],
        "type": ["Organization"],
        "process_role": ["operator"],
    },
    "Did two algorithms find it": {"candidate": [1], "methods": [1]},
    "Contrast curve of an observation": {"sep_mas": [500.0], "contrast": [1e-5], "dmag": [12.5]},
    "Depth at half an arcsecond": {"target_name": [_STAR], "best_contrast": [1e-5]},
    "Stars with a given contrast reached": {"target_name": [_STAR], "dmag": [12.5]},
    "Which raw frames, by which command": {"recipe": ["pca"], "dp_id": [_RAW]},
    "From a candidate back to its files": {"role": ["cube"]},
    "What a raw frame went into": {"kind": ["cube", "psf"], "role": ["science"] * 2},
    "Raw frames of a night by kind": {
        "frame_class": ["IRD_DARK_RAW", "IRD_SCIENCE_DBI_RAW"],
        "frames": [1, 1],
        "longest": [32.0, 32.0],
    },
    "Parameters that differ": {"param_value": ["5"], "runs": [1]},
    "Provenance in the IVOA's terms": {"role": ["cube"]},
    "Seeing during the observations": {"obs_id": []},
    "Sequences without a calibration": {"obs_id": []},
    "Products in EPN-TAP's terms": {"target_name": [_STAR] * 2},
    "Young stars that are bright enough": {
        "target_name": [_STAR],
        "age": [23.0],
        "age_ref": ["2014MNRAS.445.2169M"],
        "mag_h": [3.5],
        "sp_type": ["A6V"],
    },
    "A star by any of its names": {"obs_id": [OBS_ID]},
    "Programmes and their observations": {"proposal_id": ["0101.C-0001(A)"], "obs_id": [OBS_ID]},
    "What became public on a day": {"n_observations": [1]},
    "Versions of a recipe": {"recipe": ["pca"], "runs": [1]},
}
"""Columns of the answers, each sorted; the planted archive has no planes and misses no calibration."""


def test_every_example_has_an_answer() -> None:
    assert set(ANSWERS) == {one.title for one in examples()}


@pytest.fixture(scope="module")
def tap(planted: Planted) -> TAPService:
    return TAPService(f"{planted.settings.base_url}/tap")


@pytest.mark.parametrize("example", examples(), ids=lambda one: one.title)
def test_its_answer_is_what_was_planted(tap: TAPService, example: Example) -> None:
    table = tap.search(example.query).to_table()
    for name, wanted in ANSWERS[example.title].items():
        found = sorted(value.item() if isinstance(value, np.generic) else value for value in table[name])
        assert found == wanted, name


def test_they_are_offered_where_clients_look(planted: Planted) -> None:
    with urllib.request.urlopen(f"{planted.settings.base_url}/tap/examples", timeout=30) as answer:
        page = answer.read().decode()
    for one in examples():
        assert one.title.replace("'", "&#39;") in page or one.title in page
    assert page.count('property="query"') == len(examples())
