"""Logs: readable lines on the console, one JSON line an event in each process's file."""

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog

__all__ = ["configure", "process_log"]

_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def configure(*, verbose: bool = False) -> None:
    """Send the program's own log lines to standard error.

    Parameters
    ----------
    verbose : bool
        Show debug lines too.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _STAMP,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def process_log(path: Path) -> tuple[structlog.stdlib.BoundLogger, TextIO]:
    """Open the log file of one process.

    Parameters
    ----------
    path : Path
        File to write, one JSON object a line; its folder is made.

    Returns
    -------
    tuple[structlog.stdlib.BoundLogger, TextIO]
        The logger and the stream to close when the process ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("a", buffering=1, encoding="utf-8")
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.add_log_level, _STAMP, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.BoundLogger,
    )
    return logger, stream
