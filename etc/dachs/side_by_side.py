"""Repairs of DaCHS 2.11 for several servers on one database.

Jobs, their files and the descriptors are common to all; what each holds by itself is told here. Loaded by
serve.py, in the server and in the process of each asynchronous query. When a later DaCHS has them, this goes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gavo import base
from gavo.protocols import tap, uws

__all__ = ["repair"]

_QUEUE = 0x68637671
"""Number of the lock in PostgreSQL by which one process at a time takes jobs from the queue."""
_RUNNING = "SELECT count(*) FROM tap_schema.tapjobs WHERE phase = 'EXECUTING' AND (pid IS NULL OR pid > 1)"


def repair() -> None:
    """Apply all of them."""
    count_what_runs_by_itself(tap.TAPUWS)
    take_jobs_in_turn(tap.TAPUWS)
    end_own_processes_only(tap.TAPTransitions, tap.TAPJob)


def count_what_runs_by_itself(system: type[Any]) -> None:
    """Let synchronous queries take no place of asynchronous ones.

    DaCHS counts both as running: four synchronous queries, of any server, stop the queue, and those of a
    server that was killed count for days. In gavo/protocols/uws.py, countRunning; to propose: this
    condition.
    """

    def count(self: Any) -> int:
        del self
        with base.getTableConn() as connection:
            ((number,),) = connection.query(_RUNNING)
        return int(number)

    system.countRunningJobs = count


def take_jobs_in_turn(system: type[Any]) -> None:
    """Let one process at a time take jobs from the queue, wherever it runs.

    DaCHS's lock is of one process: two servers count together and start more than maxTAPRunning; and a job
    deleted elsewhere in between ended the round, so that the rest waited for the next, up to a minute. In
    gavo/protocols/uws.py, UWSWithQueueing._processQueue; to propose: an advisory lock of PostgreSQL, and
    going on after JobNotFound.
    """

    def process(self: Any) -> None:
        try:
            with _alone():
                started = _start_queued(self)
            if not started and base.IS_DACHS_SERVER:
                self._ensureJobsAreRunning()
        except Exception:  # noqa: BLE001 - as DaCHS: the next round tries again
            base.ui.notifyError(f"Jobs could not be taken from the queue of {type(self).__name__}")

    system._processQueue = process


@contextmanager
def _alone() -> Iterator[None]:
    with base.getTableConn() as connection:
        list(connection.query("SELECT 1 FROM pg_advisory_lock(%(number)s)", {"number": _QUEUE}))
        try:
            yield
        finally:
            list(connection.query("SELECT pg_advisory_unlock(%(number)s)", {"number": _QUEUE}))


def _start_queued(system: Any) -> bool:
    """Start what there is room for; whether nothing waits, or something was started."""
    with base.getTableConn() as connection:
        queued = [row["jobId"] for row in system.runCanned("getIdsScheduledNext", {}, connection)]
    started = not queued
    for job in queued:
        if system.countRunningJobs() >= system.runcountGoal:
            break
        try:
            uws.UWS.changeToPhase(system, job, uws.EXECUTING)
        except uws.JobNotFound:
            continue
        started = True
    return started


def end_own_processes_only(transitions: type[Any], job: type[Any]) -> None:
    """Signal a job's process only while it is the job's.

    A job whose process was killed stays EXECUTING until somebody looks; its number may be another process's
    by then, PostgreSQL's even. In gavo/protocols/uws.py, killJob, and tap.py, prepareForDestruction; to
    propose: look at /proc/<pid>/cmdline.
    """
    kill, end = transitions.killJob, job.prepareForDestruction

    def kill_own(self: Any, phase: str, writable: Any, ignored: Any) -> None:
        if writable.pid is not None and writable.pid > 1 and not _is_runner(writable):
            self.markAborted(uws.ABORTED, writable, ignored)
            writable.uws.scheduleProcessQueueCheck()
        else:
            kill(self, phase, writable, ignored)

    def end_own(self: Any) -> None:
        if self.phase == uws.EXECUTING and self.pid is not None and self.pid > 1 and not _is_runner(self):
            self.change(pid=-1)
        end(self)

    transitions.killJob, job.prepareForDestruction = kill_own, end_own


def _is_runner(job: Any) -> bool:
    """Whether the process of a job runs this job; one that was forked a moment ago may not say so yet."""
    try:
        command = Path(f"/proc/{job.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(job.jobId).encode() in command or job.startTime is None
