"""One side of a race: runs its job when told to, in a process of its own.

Needs nothing but Python, so that the peers' environment can read it too. A small warm-up comes first: it
imports, compiles and plans. Then each line on standard input is one run, answered by its seconds; at the end
of the input the answer is the peak memory of the process. What a job prints goes to standard error.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["serve"]


def serve(
    warm_up: Callable[[], Any], prepare: Callable[[], Callable[[], Any]], peak_mib: Callable[[], float]
) -> None:
    """Warm up, prepare a job, then run it at each line of standard input.

    Parameters
    ----------
    warm_up : Callable[[], Any]
        Does the same job on little data.
    prepare : Callable[[], Callable[[], Any]]
        Reads what the job needs and gives back the job.
    peak_mib : Callable[[], float]
        Most memory ever resident, MiB.
    """
    with os.fdopen(os.dup(1), "w", encoding="ascii") as answers:
        os.dup2(2, 1)

        def answer(**said: float) -> None:
            answers.write(json.dumps(said) + "\n")
            answers.flush()

        warm_up()
        job = prepare()
        answer(ready_mib=peak_mib())
        for _ in sys.stdin:
            begin = time.perf_counter()
            job()
            answer(seconds=time.perf_counter() - begin)
        answer(peak_mib=peak_mib())
