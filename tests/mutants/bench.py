"""A copy of the tree in which mutants are tried, and the process that runs the tests there."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.mutants.population import Mutant
from tests.mutants.targets import Target

__all__ = ["BaselineError", "Bench", "Verdict"]

_COPIED = ("hcvo", "ingest", "reduce", "resources", "etc", "tests", "pyproject.toml", "README.md")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", ".hypothesis")
_FIRST_LIMIT_S = 900.0
_KILLED = {1, 2}  # tests failed; a test file could not be imported


class BaselineError(RuntimeError):
    """The tests do not pass on the code as it is, so they can say nothing of a mutant."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: 'killed', 'timeout' (killed too) or 'survived'."""

    mutant: Mutant
    outcome: str
    seconds: float


class Bench:
    """One worker's copy of the tree.

    Parameters
    ----------
    root : Path
        Of the checkout.
    """

    def __init__(self, root: Path) -> None:
        bench = root / "build" / "mutants"
        bench.mkdir(parents=True, exist_ok=True)
        self.tree = Path(tempfile.mkdtemp(dir=bench))
        self.tree.chmod(0o755)  # a server's account reads the code
        self._log = self.tree / "tests.log"
        # pytest tidies its folder of temporary files when it ends: not while another bench does so
        self._temporary = Path(tempfile.mkdtemp(prefix="hcvo-mutants-"))
        self._temporary.chmod(0o755)
        for name in _COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, self.tree / name, ignore=_NOT_COPIED)
            elif source.exists():
                shutil.copy(source, self.tree / name)
        shared = bench / "shared"  # the real data stand beside the checkout: the copy finds them beside it
        if not shared.is_symlink() and (root.parent / "shared").is_dir():
            shared.symlink_to(root.parent / "shared")
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *_COPIED[:3]],
            cwd=self.tree,
            check=False,  # a file that does not compile fails its own tests
        )
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker"],
            cwd=self.tree,
            env=os.environ
            | {
                "OPENBLAS_NUM_THREADS": "1",
                "PYTEST_DEBUG_TEMPROOT": str(self._temporary),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # twice as fast
                "PYTHONPATH": str(self.tree),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._limits: dict[tuple[str, bool], float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        for folder in (self.tree, self._temporary):
            shutil.rmtree(folder, ignore_errors=True)

    def baseline(self, target: Target) -> None:
        """Run the target's tests on the code as it is: they must pass, and set the time limits.

        Parameters
        ----------
        target : Target
            Whose tests.

        Raises
        ------
        BaselineError
            If a test fails without any mutant.
        """
        for compiled, tests in _stages(target):
            for _ in range(1 + compiled):  # the first fills numba's cache
                code, seconds = self._ask(tests, target, compiled=compiled, limit_s=_FIRST_LIMIT_S)
                if code != 0:
                    said = self._log.read_text(encoding="utf-8")[-3000:]
                    raise BaselineError(f"{target.name}: tests end with {code} without a mutant\n{said}")
            self._limits[target.name, compiled] = 4.0 * seconds + (60.0 if compiled else 10.0)

    def judge(self, target: Target, mutant: Mutant) -> Verdict:
        """Put the fault in, run the tests until one fails, take it out.

        Parameters
        ----------
        target : Target
            Whose tests.
        mutant : Mutant
            The fault.

        Returns
        -------
        Verdict
            Killed at the first stage that notices.

        Raises
        ------
        BaselineError
            If pytest could not run at all.
        """
        path, spent = self.tree / mutant.file, 0.0
        path.write_text(mutant.text, encoding="utf-8")
        try:
            for compiled, tests in _stages(target):
                limit_s = self._limits[target.name, compiled]
                code, seconds = self._ask(tests, target, compiled=compiled, limit_s=limit_s)
                spent += seconds
                if code is None:
                    return Verdict(mutant, "timeout", spent)
                if code in _KILLED or code < 0:
                    return Verdict(mutant, "killed", spent)
                if code != 0:
                    said = self._log.read_text(encoding="utf-8")[-3000:]
                    raise BaselineError(f"{target.name}: pytest ends with {code}\n{mutant.diff()}\n{said}")
        finally:
            path.write_text(mutant.source, encoding="utf-8")
        return Verdict(mutant, "survived", spent)

    def _ask(
        self, tests: tuple[str, ...], target: Target, *, compiled: bool, limit_s: float
    ) -> tuple[int | None, float]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory(prefix="hcvo-numba-") as cache:
            order = {
                "tests": tests,
                "compiled": compiled,
                "cache": cache if target.fresh and compiled else "",
                "limit_s": limit_s,
                "log": str(self._log),
            }
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
            answer = json.loads(self._server.stdout.readline())
        return answer["code"], answer["seconds"]


def _stages(target: Target) -> tuple[tuple[bool, tuple[str, ...]], ...]:
    both = ((False, target.quick), (True, target.tests))
    return tuple((compiled, tests) for compiled, tests in both if tests)
