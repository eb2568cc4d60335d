"""Processes side by side on a Dask cluster: on this machine, or wherever its workers are.

Only the work itself goes there; what is recorded, and when products become visible, stays with
the program that planned it. Workers see the same file systems and run the same code, one process
each at a time, BLAS and kernels at one thread: products are those of a run without a cluster, bit by bit.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from hcvo.errors import ReductionError
from hcvo.model.provenance import Output
from reduce.environment import code_version
from reduce.kernels.threads import limited
from reduce.process import Begun, work
from reduce.recipes import REGISTRY

__all__ = ["Cluster", "cluster"]

_PATIENCE = "30s"  # for the first answer of a cluster
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Of a worker, instead of Dask's own, which gives freed memory back at once: kernels ask for as much again
a moment later, and a fifth of their time went into clearing pages."""


class Cluster:
    """Workers that wait for processes."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def each(self, processes: Sequence[Begun]) -> Iterator[tuple[int, Callable[[], list[Output]]]]:
        """Do processes, and give each when it has ended, in any order.

        Parameters
        ----------
        processes : Sequence[Begun]
            Of recipes of ours.

        Yields
        ------
        tuple[int, Callable[[], list[Output]]]
            Its place among the processes, and what gives its outputs or raises what stopped it.
        """
        futures = [self._client.submit(_work, begun, pure=False) for begun in processes]
        places = {future.key: place for place, future in enumerate(futures)}
        try:
            for future in as_completed(futures):
                yield places[future.key], partial(_result, future)
        finally:
            self._client.cancel(futures)


@contextmanager
def cluster(workers: int, address: str = "") -> Iterator[Cluster]:
    """A cluster for as long as it is wanted.

    Parameters
    ----------
    workers : int
        Processes on this machine.
    address : str
        Of a Dask scheduler, ``tcp://host:port``; then `workers` does not count.

    Yields
    ------
    Cluster
        Ready.

    See Also
    --------
    hcvo.errors.ReductionError : raised if the scheduler does not answer or its workers run other code.
    """
    if address:
        with _distant(address) as client:
            yield Cluster(client)
        return
    with (
        _environment_kept(),
        tempfile.TemporaryDirectory(prefix="hcvo-dask-") as folder,
        _local(workers, folder) as here,
        Client(here) as client,
    ):
        yield Cluster(client)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Dask leaves in this program's environment what it sets for its workers: one thread, for one."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def _local(workers: int, folder: str) -> LocalCluster:
    try:
        with dask.config.set({"distributed.nanny.pre-spawn-environ": _ENVIRONMENT}):
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=None,
                local_directory=folder,
                silence_logs=logging.ERROR,
            )
    except (OSError, RuntimeError) as error:
        raise ReductionError(f"{workers} workers did not start ({error}); take --workers 1") from error


@contextmanager
def _distant(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise ReductionError(
            f"cluster {address}: no answer ({error}); wanted the address of a running Dask scheduler, "
            "tcp://host:port"
        ) from error
    with client:
        versions = set(client.run(code_version).values())
        if versions != {code_version()}:
            told = ", ".join(sorted(versions)) or "none at all"
            raise ReductionError(
                f"cluster {address}: its workers run {told}, wanted {code_version()} as here; "
                "start workers with this version of hcvo"
            )
        yield client


def _result(future: "Future[list[Output]]") -> list[Output]:
    try:
        outputs: list[Output] = future.result()
    except KilledWorker as error:
        raise ReductionError(
            "its worker was killed, as happens when memory runs out; take fewer --workers"
        ) from error
    return outputs


def _work(begun: Begun) -> list[Output]:
    """Runs on a worker."""
    recipe = next(recipe for recipe in REGISTRY if recipe.name == begun.recipe)
    with limited(1):
        return work(recipe, begun)
