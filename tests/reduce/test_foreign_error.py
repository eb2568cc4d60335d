"""Other people's errors and warnings while a recipe runs: an operator is told what to do."""

import warnings
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import structlog

from hcvo.errors import HcvoError, InputError, ReductionError, StoreError
from reduce.foreign_error import in_our_words, warnings_into
from reduce.kernels.recentre import resampling

_LOG = Path("logs/flat-12.jsonl")


def _told(function: Callable[[], object]) -> BaseException:
    """The error that comes out of a recipe that does this."""
    try:
        with in_our_words(_LOG):
            function()
    except BaseException as error:  # noqa: BLE001 - looked at by the test
        return error
    raise AssertionError


def _raising(error: BaseException) -> Callable[[], object]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize("error", [InputError("x"), KeyboardInterrupt(), SystemExit(2)])
def test_ours_and_the_end_of_the_program_stay_what_they_are(error: BaseException) -> None:
    assert _told(_raising(error)) is error


@pytest.mark.parametrize(
    ("error", "family", "words"),
    [
        (
            PermissionError(13, "Permission denied", "/a"),
            StoreError,
            "/a: Permission denied; its log is logs/",
        ),
        (OSError(28, "No space left on device"), StoreError, "the system refused: No space left on device"),
        (MemoryError("3 GiB"), ReductionError, "not enough memory (3 GiB); take fewer --workers"),
        (BrokenProcessPool("x"), ReductionError, "one of its processes was killed"),
        (
            KeyError("A"),
            ReductionError,
            "stopped by a fault of the program (KeyError: 'A'); logs/flat-12.jsonl",
        ),
    ],
)
def test_others_are_told_in_words_with_what_to_do(
    error: Exception, family: type[HcvoError], words: str
) -> None:
    ours = _told(_raising(error))
    assert type(ours) is family
    assert str(ours).startswith(words)
    assert ours.__cause__ is error


def test_what_a_kernel_refuses_is_no_fault_of_the_program() -> None:
    ours = _told(lambda: resampling((5, 5), (2.0, 2.0), 4, (1.0, 1.0)))
    assert isinstance(ours, ReductionError)
    assert str(ours).startswith("size is 4 px, wanted an odd number")
    assert "fault of the program (ValueError" in str(_told(lambda: int("x")))
    inside = _told(lambda: resampling((5, 5), (2.0,), 5, (1.0, 1.0)))  # type: ignore[arg-type]
    assert "fault of the program (IndexError" in str(inside)


def test_warnings_go_into_the_log() -> None:
    log = structlog.stdlib.get_logger()
    with structlog.testing.capture_logs() as lines, warnings.catch_warnings():
        warnings.simplefilter("always")
        with warnings_into(log):
            warnings.warn("odd", RuntimeWarning, stacklevel=1)
    (line,) = lines
    assert (line["log_level"], line["what"]) == ("warning", "RuntimeWarning: odd")
    assert line["where"].startswith(__file__)


def test_a_warning_that_is_an_error_stays_one() -> None:
    with warnings_into(structlog.stdlib.get_logger()), pytest.raises(RuntimeWarning):
        warnings.warn("odd", RuntimeWarning, stacklevel=1)


def test_without_a_log_none_is_named() -> None:
    for error, words in (
        (OSError(28, "No space left on device"), "the system refused: No space left on device"),
        (KeyError("A"), "stopped by a fault of the program (KeyError: 'A'); please report it"),
    ):
        with pytest.raises(HcvoError) as told, in_our_words(None):
            raise error
        assert str(told.value) == words
