"""Which faults are put in: a choice of cosmic-ray's, and three of ours for numerical code.

cosmic-ray replaces each operator by each other one. Of those only the near ones are taken: `a << b`
of two floats fails at once whatever the tests do, and would lift the share killed for nothing.
Decorators stay: `compiled` and caches change speed alone.
"""

from collections.abc import Iterator
from typing import Any

from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import Name
from parso.python.tree import Operator as Sign
from parso.tree import BaseNode, NodeOrLeaf

__all__ = ["OPERATORS", "AugmentedAssignment", "DroppedFactor", "NearName", "in_signature"]

Span = tuple[tuple[int, int], tuple[int, int]]

_CHOSEN = (
    *(
        f"ReplaceBinaryOperator_{change}"
        for change in (
            "Add_Sub",
            "Sub_Add",
            "Mul_Div",
            "Div_Mul",
            "Mod_Add",
            "FloorDiv_Div",
            "FloorDiv_Mul",
            "Pow_Mul",
            "BitOr_BitAnd",
            "BitAnd_BitOr",
        )
    ),
    *(
        f"ReplaceComparisonOperator_{change}"
        for change in (
            "Lt_LtE",
            "Lt_Gt",
            "LtE_Lt",
            "LtE_GtE",
            "Gt_GtE",
            "Gt_Lt",
            "GtE_Gt",
            "GtE_LtE",
            "Eq_NotEq",
            "NotEq_Eq",
            "Is_IsNot",
            "IsNot_Is",
        )
    ),
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "ZeroIterationForLoop",
)

_PAIRS = (
    ("sin", "cos"),
    ("arcsin", "arccos"),
    ("min", "max"),
    ("minimum", "maximum"),
    ("nanmin", "nanmax"),
    ("argmin", "argmax"),
    ("floor", "ceil"),
    ("radians", "degrees"),
    ("mean", "median"),
    ("nanmean", "nanmedian"),
    ("zeros", "ones"),
    ("any", "all"),
    ("sf", "cdf"),
    ("isf", "ppf"),
)
_NEAR = {a: b for one, other in _PAIRS for a, b in ((one, other), (other, one))}

_AUGMENTED = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|="}


class NearName(Operator):  # type: ignore[misc]
    """A function called by the name of its twin: sin for cos, minimum for maximum."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        if isinstance(node, Name) and node.value in _NEAR and _called(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Name, index: int) -> Name:
        del index
        node.value = _NEAR[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class AugmentedAssignment(Operator):  # type: ignore[misc]
    """Add where the code takes away."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        if isinstance(node, Sign) and node.value in _AUGMENTED:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Sign, index: int) -> Sign:
        del index
        node.value = _AUGMENTED[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class DroppedFactor(Operator):  # type: ignore[misc]
    """Forget the last factor or divisor of a product."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        if isinstance(node, BaseNode) and node.type == "term":
            yield node.children[-2].start_pos, node.children[-1].end_pos

    def mutate(self, node: BaseNode, index: int) -> BaseNode:
        del index
        node.children = node.children[:-2]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


_cosmic_ray = OperatorProvider()
OPERATORS: dict[str, Operator] = {name: _cosmic_ray[name]() for name in _CHOSEN} | {
    own.__name__: own() for own in (NearName, AugmentedAssignment, DroppedFactor)
}
"""Name to operator."""


def in_signature(node: NodeOrLeaf) -> bool:
    """Whether a node is part of a type annotation, a decorator or a parameter list's own signs."""
    inner, outer = node, node.parent
    while outer is not None:
        if outer.type == "parameters":
            return inner.type == "operator"
        if outer.type == "decorator" or _annotates(inner, outer):
            return True
        inner, outer = outer, outer.parent
    return False


def _annotates(inner: NodeOrLeaf, outer: BaseNode) -> bool:
    place = outer.children.index(inner)
    return outer.type in {"annassign", "tfpdef", "funcdef"} and (
        place > 0 and outer.children[place - 1].get_code().strip() in {":", "->"} and inner.type != "suite"
    )


def _called(name: Any) -> bool:  # noqa: ANN401 - parso's leaves know their neighbours without types
    """Whether a name is called, or is a library's function handed to another."""
    before, after = name.get_previous_leaf(), name.get_next_leaf()
    return after is not None and (after.value == "(" or (before.value == "." and after.value in ",)"))
