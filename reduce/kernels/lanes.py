"""Sixteen pixels times their weights, four at a time: what the compiler does not find in a loop by itself."""

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["ONE", "spline_sum"]

ONE = 1 << 32
"""A pixel, in the whole numbers in which `spline_sum` is told a place."""

_Node: TypeAlias = Any
"""Of llvmlite and numba's compiler, which tell no types."""
_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_FOUR, _EIGHT = ir.VectorType(_FLOAT, 4), ir.VectorType(_FLOAT, 8)
_MAY_FUSE = ("contract",)
_HALF_ONE = ONE >> 1  # fractions are told in 31 bits: none is a negative number of 32
# weights of the samples at -1, 0, 1, 2 as polynomials of the fraction: constant, linear, square, cube
_POLYNOMIALS = (
    (1 / 6, 2 / 3, 1 / 6, 0.0),
    (-1 / 2, 0.0, 1 / 2, 0.0),
    (1 / 2, -1.0, 1 / 2, 0.0),
    (-1 / 6, 1 / 2, -1 / 2, 1 / 6),
)


def _weights(builder: _Node, x: _Node, y: _Node) -> _Node:
    """Four weights along x and four along y, by Horner's rule."""
    both = ir.Constant(ir.VectorType(_INT, 2), ir.Undefined)
    for lane, place in enumerate((x, y)):
        fraction = builder.and_(builder.lshr(place, _LONG(1)), _LONG(_HALF_ONE - 1))
        both = builder.insert_element(both, builder.trunc(fraction, _INT), _INT(lane))
    f = builder.sitofp(_shuffled(builder, both, (0,) * 4 + (1,) * 4), _EIGHT)
    value = None
    for power in (3, 2, 1, 0):
        term = ir.Constant(_EIGHT, 2 * [factor / _HALF_ONE**power for factor in _POLYNOMIALS[power]])
        if value is not None:
            term = builder.fadd(builder.fmul(value, f, flags=_MAY_FUSE), term, flags=_MAY_FUSE)
        value = term
    return value


def _shuffled(builder: _Node, vector: _Node, order: tuple[int, ...]) -> _Node:
    mask = ir.Constant(ir.VectorType(_INT, len(order)), list(order))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def _total(builder: _Node, vector: _Node) -> _Node:
    """Sum of the four lanes."""
    for order in ((2, 3, 0, 1), (1, 0, 3, 2)):
        vector = builder.fadd(vector, _shuffled(builder, vector, order))
    return builder.extract_element(vector, _INT(0))


def _spline_sum(
    _context: _Node, pixels: _Node, width: _Node, x: _Node, y: _Node
) -> tuple[_Node, Callable[..., _Node]]:
    """Signature and code of `spline_sum`."""
    del width, x, y
    signature = types.float32(pixels, types.int64, types.int64, types.int64)

    def generate(context: _Node, builder: _Node, told: _Node, given: _Node) -> _Node:
        plane, columns, x, y = given
        data = context.make_array(told.args[0])(context, builder, plane).data
        weights = _weights(builder, x, y)
        row, column = (builder.sub(builder.ashr(place, _LONG(32)), _LONG(1)) for place in (y, x))
        begin, total = builder.add(builder.mul(row, columns), column), None
        for lane in range(4, 8):
            place = builder.bitcast(builder.gep(data, [begin]), _FOUR.as_pointer())
            weight = _shuffled(builder, weights, (lane,) * 4)
            part = builder.fmul(builder.load(place, align=4), weight, flags=_MAY_FUSE)
            total = part if total is None else builder.fadd(total, part, flags=_MAY_FUSE)
            begin = builder.add(begin, columns)
        across = _shuffled(builder, weights, (0, 1, 2, 3))
        return _total(builder, builder.fmul(total, across))

    return signature, generate


spline_sum = cast("Callable[[NDArray[np.float32], int, int, int], float]", intrinsic(_spline_sum))
"""Value of a cubic B-spline between its coefficients, for compiled code alone.

Parameters are the coefficients of a plane, row after row; its columns; column and row of the place in units
of 1 / `ONE`. The 4 x 4 coefficients around the place must lie within the plane.
"""
