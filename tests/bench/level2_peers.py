"""The environment of level 2's peers, below build/: never among our own requirements."""

import subprocess
import sys
from pathlib import Path

from hcvo.config import CHECKOUT

__all__ = ["PACKAGES", "peers_python"]

PACKAGES = (
    "vip_hci==2.1.1",
    "pyklip==2.10.1",
    "applefy==0.1.2",
    "numpy==2.4.6",
    "scipy==1.17.1",
    "scikit-image==0.26.0",
    "scikit-learn==1.9.1",
    "opencv-python-headless==5.0.0.93",
    "bottleneck==1.6.0",
    "numba==0.68.1",
)
_FOLDER = CHECKOUT / "build" / "bench-venv2"


def peers_python() -> Path:
    """Python of the peers' environment, made anew when the list of packages has changed.

    Returns
    -------
    Path
        Of the interpreter.
    """
    python, listed = _FOLDER / "bin" / "python", _FOLDER / "packages.txt"
    wanted = "\n".join(PACKAGES) + "\n"
    if not listed.exists() or listed.read_text(encoding="ascii") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", _FOLDER], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        listed.write_text(wanted, encoding="ascii")
    return python
