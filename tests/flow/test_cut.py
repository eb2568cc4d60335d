"""Cut-outs of the pipeline's own files."""

import urllib.parse
from io import BytesIO

import numpy as np
from astropy.io import fits

from hcvo.site.demo import ask as ask_tap
from tests.flow.conftest import Reduced
from tests.hcvo.site.asking import ask


def test_a_cube_is_cut_with_its_planes_of_variance_and_quality(reduced: Reduced) -> None:
    settings = reduced.operator.settings
    rows = ask_tap(
        settings, "SELECT accref, obs_publisher_did, s_ra, s_dec FROM hci.product WHERE kind = 'cube'"
    )
    circle = f"{rows['s_ra'][0]:.9f} {rows['s_dec'][0]:.9f} {0.3 / 3600:.9f}"
    query = urllib.parse.urlencode({"ID": rows["obs_publisher_did"][0], "CIRCLE": circle})
    answer = ask(f"{settings.base_url}/hci/soda/cutout/dlget?{query}")
    assert answer.status == 200, answer.body
    path = settings.store / str(rows["accref"][0])
    with fits.open(BytesIO(answer.body)) as cut, fits.open(path) as whole:
        assert [hdu.name for hdu in cut] == [hdu.name for hdu in whole]
        x, y = (int(whole[0].header[f"CRPIX{axis}"] - cut[0].header[f"CRPIX{axis}"]) for axis in (1, 2))
        height, width = cut[0].data.shape[-2:]
        assert 0 < height < whole[0].data.shape[-2]
        for name in ("PRIMARY", "VARIANCE", "QUALITY"):
            part = whole[name].data[..., y : y + height, x : x + width]
            assert np.array_equal(cut[name].data, part, equal_nan=part.dtype.kind == "f")
        assert len(cut["DEROTATION"].data) == len(whole["DEROTATION"].data)
