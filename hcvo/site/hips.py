"""A finding layer: the public S/N maps as one HiPS of PNG tiles, made by Aladin's hipsgen."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from hcvo.config import CHECKOUT, Settings
from hcvo.errors import SiteError
from hcvo.site.account import server_account
from hcvo.site.database import connect

__all__ = ["ADDRESS", "Built", "build", "findings"]

ADDRESS = "hci/hips/finding/hips"
"""Where the site delivers it."""
_CUT = "-3 10"
"""S/N that is black and white: noise is seen, a detection of 5 is well above the middle."""
_TIME_S = 24 * 3600.0
_CELESTIAL = re.compile(r"(CTYPE|CRVAL|CRPIX|CUNIT)[12]|CD[12]_[12]|RADESYS|EQUINOX")
_NOT_TOLD = {"hipsgen_params"}
"""Properties that tell folders of this machine."""
_FINDING = re.compile(r"\*(WARN|ERROR)\*?\s*: (.*?)(?:\x1b\[0m)?$", re.MULTILINE)
_MAPS = """
SELECT DISTINCT ON (p.obs_id, p.filter) p.accref, p.t_min, p.t_max, p.em_min, p.em_max
FROM hci.product AS p WHERE p.kind = 'snr' AND p.s_ra IS NOT NULL
ORDER BY p.obs_id, p.filter, p.algorithm = 'pca' DESC, p.process_id DESC
"""
_FILE = "SELECT accesspath FROM dc.products WHERE accref = %s"


@dataclass(frozen=True, slots=True)
class _Map:
    """A public S/N map: its file, MJD of start and end, wavelengths in m."""

    path: Path
    t_min: float
    t_max: float
    em_min: float
    em_max: float


@dataclass(frozen=True, slots=True)
class Built:
    """What `build` made.

    Attributes
    ----------
    maps : int
        S/N maps in it, one for each observation and filter; 0: nothing is public, the layer is gone.
    tiles : int
        PNG tiles of all orders.
    """

    maps: int
    tiles: int


def build(settings: Settings) -> Built:
    """Make the finding layer anew from what is public now, and put it in the place of the old one.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose PostgreSQL runs.

    Returns
    -------
    Built
        How much is in it.

    Raises
    ------
    SiteError
        If Aladin is not unpacked or fails, or its LINT finds an error.
    """
    maps = list(_public_maps(settings))
    with tempfile.TemporaryDirectory(prefix="hcvo-hips-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers' account fetches the result from here
        tiles = folder / "hips"
        tiles.mkdir()
        if maps:
            planes = folder / "maps"
            planes.mkdir()
            for number, one in enumerate(maps):
                _write_plane(one.path, planes / f"{number}.fits")
            _hipsgen(settings, planes, tiles)
            _describe(settings, tiles, maps)
            if errors := [line for line in findings(tiles) if line.startswith("ERROR")]:
                raise SiteError(f"Aladin's LINT refuses the finding layer: {'; '.join(errors)}")
        _put_in_place(settings, tiles)
        return Built(len(maps), sum(path.name != "Allsky.png" for path in tiles.rglob("Norder*/**/*.png")))


def findings(tiles: Path) -> list[str]:
    """What Aladin's LINT says against a HiPS.

    Parameters
    ----------
    tiles : Path
        Its folder.

    Returns
    -------
    list[str]
        Errors and warnings, each with its kind before it.

    Raises
    ------
    SiteError
        If LINT did not run.
    """
    text = _aladin("-hipsgen", f"in={tiles}", f"out={tiles}", "LINT")
    if "Lint" not in text:
        raise SiteError(f"Aladin's LINT said nothing of {tiles}: {text[-300:]}")
    return [f"{kind} {what}" for kind, what in _FINDING.findall(text)]


def _public_maps(settings: Settings) -> Iterator[_Map]:
    """As DaCHS's own role: it sees public rows and files only."""
    with closing(connect(settings, user="gavo")) as session, session, session.cursor() as ask:
        ask.execute(_MAPS)
        for accref, *ends in ask.fetchall():
            ask.execute(_FILE, [accref])
            for (path,) in ask.fetchall():
                yield _Map(Path(path), *ends)


def _write_plane(path: Path, target: Path) -> None:
    """The map of all channels together, the last plane, with its celestial coordinates and nothing else."""
    try:
        with fits.open(path) as hdus:
            data, header = np.asarray(hdus[0].data, np.float32), hdus[0].header
            cards = [card for card in header.cards if _CELESTIAL.fullmatch(card.keyword)]
    except (OSError, TypeError, ValueError) as error:
        raise SiteError(f"{path} cannot be read as an image; see 'hcvo store check': {error}") from error
    plane = data.reshape(-1, *data.shape[-2:])[-1]
    fits.PrimaryHDU(plane, fits.Header(cards)).writeto(target)


def _hipsgen(settings: Settings, planes: Path, tiles: Path) -> None:
    text = _aladin(
        "-hipsgen",
        f"in={planes}",
        f"out={tiles}",
        f"creator_did=ivo://{settings.dachs.authority}/hips/finding",
        f"hips_pixel_cut={_CUT}",
        "hips_status=public master clonableOnce",
        *("INDEX", "TILES", "PNG", "CLEANFITS", "CHECKCODE"),
    )
    if not (tiles / "properties").exists() or not any(tiles.rglob("Norder*/**/*.png")):
        raise SiteError(f"Aladin's hipsgen made no tiles; it ended: {text[-500:]}")


def _describe(settings: Settings, tiles: Path, maps: Sequence[_Map]) -> None:
    """Complete the properties; take away what tells of this machine's folders."""
    told = {
        "creator_did": f"ivo://{settings.dachs.authority}/hips/finding",
        "hips_creator": "High-Contrast Archive",
        "hips_service_url": f"{settings.base_url}/{ADDRESS}",
        "obs_title": "High-Contrast Archive: signal-to-noise maps",
        "obs_description": "Signal-to-noise ratio (Mawet et al. 2014) around each observed star, -3 to 10",
        "obs_collection": "High-Contrast Archive",
        "obs_regime": "Infrared",
        "prov_progenitor": "S/N maps of the archive, all channels together, PCA where there is one",
        "t_min": min(one.t_min for one in maps),
        "t_max": max(one.t_max for one in maps),
        "em_min": min(one.em_min for one in maps),
        "em_max": max(one.em_max for one in maps),
    }
    properties = tiles / "properties"
    lines = properties.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("#") and _key(line) not in {*told, *_NOT_TOLD}]
    added = [f"{key:<20} = {value}" for key, value in told.items()]
    properties.write_text("\n".join([*kept, *added]) + "\n", encoding="utf-8")
    shutil.rmtree(tiles / "HpxFinder")  # its tiles name the source files


def _key(line: str) -> str:
    return line.partition("=")[0].strip()


def _put_in_place(settings: Settings, tiles: Path) -> None:
    """As the account: root follows no link that lies in its folders."""
    packed = tiles.with_suffix(".tar")
    with tarfile.open(packed, "w") as tar:
        tar.add(tiles, arcname=".")
    packed.chmod(0o644)
    account, place = server_account(settings), settings.dachs_root / "hips"
    aside, old = place.with_suffix(".new"), place.with_suffix(".old")

    def run(*command: str | Path) -> None:
        account.run(command, cwd=settings.dachs_root, env={})

    run("rm", "-rf", aside, old)
    run("mkdir", aside)
    run("tar", "--extract", "--no-same-owner", "--file", packed, "--directory", aside)
    run("sync", "-f", aside)
    run("sh", "-c", 'if [ -e "$0" ]; then mv -T "$0" "$1"; fi; mv -T "$2" "$0"', place, old, aside)
    run("rm", "-rf", old)


def _aladin(*words: str) -> str:
    command = [str(CHECKOUT / "etc" / "aladin.sh"), *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            command, capture_output=True, text=True, errors="replace", timeout=_TIME_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SiteError(f"Aladin did not end within {_TIME_S / 3600:.0f} h") from error
    if done.returncode:
        raise SiteError(f"Aladin ended with {done.returncode}: {(done.stdout + done.stderr)[-500:].strip()}")
    return done.stdout + done.stderr
