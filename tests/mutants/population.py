"""All mutants of a file, and a sample of them that can be drawn again."""

import ast
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code

from tests.mutants.operators import OPERATORS, in_signature
from tests.mutants.targets import Target, TextMutant

__all__ = ["Mutant", "mutants_of", "sampled", "text_mutant"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: the file, where in it, and the file's text with the fault."""

    file: str
    within: str
    line: int
    operator: str
    before: str
    after: str
    source: str
    text: str

    def diff(self) -> str:
        """The fault as a diff without surroundings."""
        lines = unified_diff(
            self.source.splitlines(), self.text.splitlines(), self.file, self.file, n=0, lineterm=""
        )
        return "\n".join(lines)


def mutants_of(target: Target, root: Path) -> tuple[Mutant, ...]:
    """All mutants of a target, in the order of its text.

    Parameters
    ----------
    target : Target
        The file and, for SQL, its textual mutants.
    root : Path
        Of the checkout.

    Returns
    -------
    tuple[Mutant, ...]
        Each differs from the source and from the others, and can be compiled.
    """
    found: dict[str, Mutant] = {}
    if target.python:
        source = (root / target.module).read_text(encoding="utf-8")
        for mutant in _python_mutants(target, source):
            found.setdefault(_meaning(mutant.text), mutant)
        found.pop(_meaning(source), None)
    for entry in target.text:
        mutant = text_mutant(entry, root)
        found.setdefault(f"{mutant.file}\n{mutant.text}", mutant)
    return tuple(sorted(found.values(), key=lambda m: (m.file, m.line, m.operator, m.after)))


def sampled(population: Sequence[Mutant], size: int, seed: int) -> tuple[Mutant, ...]:
    """Draw without replacement; the same for the same seed and source.

    Parameters
    ----------
    population : Sequence[Mutant]
        All mutants of a target.
    size : int
        How many; all if there are fewer.
    seed : int
        Of the draw.

    Returns
    -------
    tuple[Mutant, ...]
        In the order of the population.
    """
    if size >= len(population):
        return tuple(population)
    drawn = random.Random(seed).sample(range(len(population)), size)
    return tuple(population[index] for index in sorted(drawn))


def text_mutant(entry: TextMutant, root: Path) -> Mutant:
    """One text replaced by another.

    Parameters
    ----------
    entry : TextMutant
        File and texts.
    root : Path
        Of the checkout.

    Returns
    -------
    Mutant
        Of the operator 'text'.

    Raises
    ------
    ValueError
        If the text does not stand in the file just once.
    """
    source = (root / entry.file).read_text(encoding="utf-8")
    if source.count(entry.before) != 1:
        raise ValueError(
            f"{entry.file}: {entry.before!r} stands there {source.count(entry.before)} times, wanted once;"
            " mend the tables of tests/mutants"
        )
    line = source[: source.index(entry.before)].count("\n") + 1
    return _mutant(entry.file, "text", line, "text", source, source.replace(entry.before, entry.after))


def _python_mutants(target: Target, source: str) -> Iterator[Mutant]:
    for name, operator in OPERATORS.items():
        places = (
            (node, start)
            for node in ast_nodes(get_ast(source))
            for start, _ in operator.mutation_positions(node)
        )
        for occurrence, (node, start) in enumerate(places):
            within = ASTQuery(node).get_definition_name() or "module"
            if in_signature(node) or (target.within and within not in target.within):
                continue
            text = mutate_code(source, operator, occurrence)
            if text is not None and _compiles(text):
                yield _mutant(target.module, within, start[0], name, source, text)


def _mutant(file: str, within: str, line: int, operator: str, source: str, text: str) -> Mutant:
    before, after = _changed(source.splitlines(), text.splitlines())
    return Mutant(file, within, line, operator, before, after, source, text)


def _changed(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """The lines that differ, as one string each."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return _joined(before[head : len(before) - tail]), _joined(after[head : len(after) - tail])


def _joined(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())


class _Plain(ast.NodeTransformer):
    """`not a == b` and `a != b` are one mutant."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        inner = node.operand
        if not isinstance(node.op, ast.Not):
            return node
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
            return inner.operand
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1 and type(inner.ops[0]) in _OPPOSITE:
            return ast.Compare(inner.left, [_OPPOSITE[type(inner.ops[0])]()], inner.comparators)
        return node


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def _meaning(text: str) -> str:
    return ast.dump(_Plain().visit(ast.parse(text)))


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
