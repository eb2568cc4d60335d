"""Same inputs, version and parameters: bit-identical arrays through levels 1 and 2, on 1 and 2 processes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from reduce.folder import reduce_folder
from reduce.selection import Choice
from tests.reduce.planted_night import PlantedNight

_PARAMETERS: dict[str, dict[str, object]] = {
    "ird_level1": {"size_px": 151, "raw_pixels": True},  # the field turns by one FWHM at its edge
    "cadi": {"injections": 4, "branches": 1},
    "pca": {"injections": 4, "branches": 1, "components": 2},
}
_KINDS = {
    *("dark", "flat", "centres", "psf", "cube", "pixels"),
    *("residual", "image", "snr", "significance", "contrast"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A night reduced twice, into ``1`` and ``2``: the names of both runs' products are the same."""
    folder = tmp_path_factory.mktemp("identical")
    (folder / "raw").mkdir()
    PlantedNight(folder / "raw").write()
    for workers in (1, 2):
        summary = reduce_folder(
            folder / "raw",
            folder / str(workers),
            choice=Choice(parameters=_PARAMETERS),
            progress=False,
            workers=workers,
        )
        assert summary.refusals == ()
    yield folder
    shutil.rmtree(folder)


def test_every_array_is_the_same_byte_by_byte(folder: Path) -> None:
    names = [
        sorted(path.relative_to(folder / run) for path in (folder / run).rglob("*.fits")) for run in "12"
    ]
    assert names[0] == names[1]
    kinds = set()
    for name in names[0]:
        with fits.open(folder / "1" / name) as one, fits.open(folder / "2" / name) as other:
            kinds.add(one[0].header["PRODKIND"])
            assert [hdu.name for hdu in one] == [hdu.name for hdu in other]
            for left, right in zip(one, other, strict=True):
                assert _bytes(left) == _bytes(right), (name, left.name)
    assert kinds >= _KINDS


def _bytes(hdu: fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU) -> bytes:
    return b"" if hdu.data is None else np.asarray(hdu.data).tobytes()


def test_so_are_pictures(folder: Path) -> None:
    pictures = sorted(path.relative_to(folder / "1") for path in (folder / "1").rglob("*.png"))
    assert pictures
    for name in pictures:
        assert (folder / "1" / name).read_bytes() == (folder / "2" / name).read_bytes(), name
