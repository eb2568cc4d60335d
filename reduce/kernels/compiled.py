"""How every loop kernel is compiled: by numba, kept on disk, NaN respected; other threads may run beside it.

numba watches only the file of a compiled function for changes, not the files of
those it calls: compiled functions shared between files live in `spline` alone.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled"]

_F = TypeVar("_F", bound=Callable[..., object])


def compiled(function: _F) -> _F:
    """Compile a function of arrays and numbers to machine code.

    Sums may be reordered (they become vector instructions), NaN keeps its meaning.

    Parameters
    ----------
    function : _F
        Loops over arrays.

    Returns
    -------
    Callable
        The same function, compiled at its first call and cached beside its file.
    """
    return cast("_F", numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(function))
