"""One side of a race as seen from the course: a process that runs its job when told to."""

import contextlib
import json
import math
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from hcvo.config import CHECKOUT

__all__ = ["Side"]

_LIMIT_S = 1200.0  # a run that takes longer counts as failed
_LOG = CHECKOUT / "build" / "reports" / "bench-level2.log"


class Side:
    """A process that does one job; `seconds` are its runs, empty when it failed.

    Parameters
    ----------
    words : str
        Who and how.
    command : Sequence[str]
        Starts a process that serves as `level2_turns` says.
    threads : int
        Of OpenMP and numba.
    blas : int | None
        Threads of BLAS; None is as many. Ours has one: recipes run so, as idle ones spin.
    share : float
        How much of the job it does; the rest is extrapolated.
    """

    def __init__(
        self, words: str, command: Sequence[str], threads: int, blas: int | None = None, share: float = 1.0
    ) -> None:
        self.words, self.share = words, share
        self.seconds: list[float] = []
        self.peak_mib = float("nan")
        names = {"OPENBLAS": blas or threads, "OMP": threads, "MKL": threads, "NUMBA": threads}
        one = {f"{name}_NUM_THREADS": str(number) for name, number in names.items()}
        _LOG.parent.mkdir(parents=True, exist_ok=True)
        with _LOG.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                cwd=CHECKOUT,
                env=os.environ | one,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        self._timed("ready_mib")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self._process.wait()

    def _kill(self) -> None:
        """End the process and the ones it started, which hold its output open."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def best(self) -> float:
        """Least seconds of the whole job, extrapolated if only a share is done; NaN when it failed."""
        return min(self.seconds, default=float("nan")) / self.share

    def turn(self) -> float:
        """Run once, for `_LIMIT_S` at most; the seconds it took, 0 when it cannot."""
        if self._process.poll() is not None or self._process.stdin is None:
            return 0.0
        try:
            self._process.stdin.write("go\n")
        except BrokenPipeError:
            return 0.0
        took = self._timed("seconds")
        if math.isnan(took):
            self.seconds = []
            return 0.0
        self.seconds.append(took)
        return took

    def finish(self) -> None:
        """End the process and ask for its peak memory."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self.peak_mib = self._answer("peak_mib")
        self._process.wait(timeout=60)

    def _timed(self, name: str) -> float:
        """Answer; NaN if there is none after `_LIMIT_S`."""
        limit = threading.Timer(_LIMIT_S, self._kill)
        limit.start()
        answer = self._answer(name)
        limit.cancel()
        return answer

    def _answer(self, name: str) -> float:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        said: dict[str, float] = json.loads(line) if line else {}
        return said.get(name, float("nan"))
