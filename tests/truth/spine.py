"""``make truth-spine``: planted companions recovered from raw frames, seed after seed.

Each night is simulated, its raw frames alone are moved to another folder, and the program reduces that
folder as any user would; then the candidate lists are held against the truth.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import fmean

import click
import numpy as np
from astropy.io import fits

from hcvo.report import Row, publish_report
from hcvo.site.planted import Found, compare, read_truth

_METHODS = ("cadi", "pca")
_SHARE = 0.9
_COLUMNS = ("SEP", "SEP_ERR", "PA", "PA_ERR", "CONTRAST", "CONTRAST_ERR", "SNR", "SIGNIFICANCE")
_PIXEL_MAS = 12.255
_PLANTED = ((200.0, 3.4e-5, 4.0e-5), (400.0, 6.0e-6, 7.2e-6), (800.0, 2.6e-6, 3.2e-6))
"""Separation (mas) and contrast in each channel."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All figures of one seed, or why there are none."""

    seed: int
    rows: tuple[Row, ...]
    statistical: tuple[Row, ...] = ()
    trouble: str = ""

    @property
    def missed(self) -> list[Row]:
        return [row for row in self.rows if not row.ok]

    @property
    def met(self) -> bool:
        return bool(self.rows) and not self.missed


@click.command()
@click.argument("seeds", nargs=-1, type=int)
@click.option("--workers", type=int, default=os.cpu_count() or 1, show_default=True)
def main(*, seeds: tuple[int, ...], workers: int) -> None:
    """Run the nights of SEEDS (1 to 10 when none is given)."""
    wanted = seeds or tuple(range(1, 11))
    with ThreadPoolExecutor(workers) as pool:
        verdicts = list(pool.map(run_seed, wanted))
    sys.exit(0 if publish_report("truth-spine", summary(verdicts)) else 1)


def run_seed(seed: int) -> Verdict:
    """Simulate, hide the truth, reduce, compare."""
    with tempfile.TemporaryDirectory(prefix=f"hcvo-seed-{seed}-") as name:
        folder = Path(name)
        night, raw, out = folder / "night", folder / "raw", folder / "out"
        try:
            _hcvo("simulate", "irdis", "--seed", str(seed), "--out", str(night), *_companions(seed))
            raw.mkdir()
            for path in night.glob("SPHER.*.fits"):
                path.rename(raw / path.name)
            _hcvo("reduce", str(raw), "--out", str(out))
        except subprocess.CalledProcessError as error:
            return Verdict(seed, (), trouble=str(error.stderr)[-400:])
        planted = read_truth(night / "truth.json")
        rows, statistical = [], []
        for one in _METHODS:
            case = f"seed {seed}, {one}"
            rows += compare(case, planted, candidates(out, one, quoted=True), _PIXEL_MAS)
            statistical += compare(case, planted, candidates(out, one, quoted=False), _PIXEL_MAS)
    verdict = Verdict(seed, tuple(rows), tuple(statistical))
    click.echo(f"seed {seed}: {len(rows) - len(verdict.missed)} of {len(rows)} met", err=True)
    for row in verdict.missed:
        click.echo(f"   missed {row.case}: {row.quantity} {row.value} {row.unit}, goal {row.goal}", err=True)
    return verdict


def candidates(out: Path, method: str, *, quoted: bool) -> list[Found]:
    """Candidate rows of one algorithm as the product file has them.

    Errors are the quoted ones, or those without the errors of true north and plate scale: the simulated
    sky has the nominal values of both, so only the rest can show in many nights.
    """
    found = []
    for path in out.rglob(f"*_{method}_candidates_*.fits"):
        header = fits.getheader(path)
        north, scale = header["NORTHERR"], header["PIXSCERR"] / _PIXEL_MAS
        for row in fits.getdata(path, "CANDIDATES"):
            one = Found(int(row["CANDIDATE"]), int(row["CHANNEL"]), *(float(row[name]) for name in _COLUMNS))
            if not quoted:
                sep_err = sqrt(one.sep_err**2 - (scale * one.sep_mas) ** 2)
                one = replace(one, sep_err=sep_err, pa_err=sqrt(one.pa_err**2 - north**2))
            found.append(one)
    return found


def summary(verdicts: Sequence[Verdict]) -> list[Row]:
    """One row a seed, then what all seeds together say."""
    share = fmean(verdict.met for verdict in verdicts)
    enough = share >= _SHARE
    rows = [
        Row(
            f"seed {verdict.seed}",
            verdict.trouble or "figures missed",
            float(len(verdict.missed)) if verdict.rows else None,
            f"of {len(verdict.rows)}",
            f"0 in {_SHARE:.0%} of the seeds",
            ok=verdict.met or (enough and bool(verdict.rows)),
        )
        for verdict in verdicts
    ]
    for method in _METHODS:
        rows += _pulls(
            [row for verdict in verdicts for row in verdict.statistical if f", {method}" in row.case], method
        )
    rows.append(Row("all seeds", "seeds with every figure met", share, "", f">= {_SHARE:g}", ok=enough))
    return rows


def _pulls(rows: Sequence[Row], method: str) -> list[Row]:
    """Root mean square of off / error without true north and plate scale: are the errors true?"""
    report = []
    for quantity in ("separation off / error", "PA off / error", "contrast off / error"):
        pulls = [row.value for row in rows if row.quantity == quantity and isinstance(row.value, float)]
        if not pulls:
            report.append(Row(method, f"rms {quantity}", None, "sigma", "0.5 to 1.5", ok=False))
            continue
        rms = sqrt(fmean(pull * pull for pull in pulls))
        report.append(Row(method, f"rms {quantity}", rms, "sigma", "0.5 to 1.5", ok=0.5 <= rms <= 1.5))
    return report


def _companions(seed: int) -> list[str]:
    """Options that plant the demo's three companions elsewhere for each seed: any angle, 5 % in or out."""
    rng = np.random.default_rng(seed)
    words = []
    for separation, left, right in _PLANTED:
        place = f"{separation * rng.uniform(0.95, 1.05):.3f},{rng.uniform(0, 360):.3f}"
        words += ["--companion", f"{place},{left},{right}"]
    return words


def _hcvo(*arguments: str) -> None:
    program = Path(sys.executable).with_name("hcvo")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    subprocess.run([program, *arguments], check=True, text=True, capture_output=True, env=environment)


if __name__ == "__main__":
    main()
