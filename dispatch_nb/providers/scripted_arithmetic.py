"""An expression with several operators, taken apart into calls of one operation each."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from .scripted_words import expression, numbers

__all__ = ["Operation", "next_operations"]

Operation = tuple[str, float, float]

_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


LONGEST = 200  # characters; keeps the tree shallow


@dataclass(frozen=True, slots=True)
class _Node:
    sign: str
    left: _Node | float
    right: _Node | float


def next_operations(
    text: str, results: Sequence[Sequence[str]], signs: Collection[str]
) -> list[Operation] | None:
    """Return the operations that can be done now, [] when all are done, None if not a case.

    It is a case when `text` holds an expression of two or more operators, all of them in
    `signs`. `results` are the answers of the steps so far: each step did every operation
    whose numbers were known, from left to right.
    """
    source = expression(text)
    tree = None if source is None or len(source) > LONGEST else _parse(source)
    if not isinstance(tree, _Node) or not any(
        isinstance(n, _Node) for n in (tree.left, tree.right)
    ):
        return None
    if not all(node.sign in signs for node in _nodes(tree)):
        return None
    rest: _Node | float = tree
    for step in results:
        found = [numbers(result)[:1] for result in step]
        if not isinstance(rest, _Node) or not all(found):  # a result without a number
            return []
        rest = _replace(rest, iter([each[0] for each in found]))
    if not isinstance(rest, _Node):
        return []
    return [
        (node.sign, node.left, node.right)
        for node in _nodes(rest)
        if isinstance(node.left, float) and isinstance(node.right, float)
    ]


def _parse(source: str) -> _Node | float | None:
    try:
        return _convert(ast.parse(source.replace(",", ""), mode="eval").body)
    except (SyntaxError, ValueError):
        return None


def _convert(tree: ast.expr) -> _Node | float:
    match tree:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -float(number)
        case ast.BinOp() if type(tree.op) in _SIGNS:
            return _Node(_SIGNS[type(tree.op)], _convert(tree.left), _convert(tree.right))
        case _:
            raise ValueError("not an expression of the four operators")


def _nodes(tree: _Node) -> Iterator[_Node]:
    for side in (tree.left, tree.right):
        if isinstance(side, _Node):
            yield from _nodes(side)
    yield tree


def _replace(tree: _Node, answers: Iterator[float]) -> _Node | float:
    """Return `tree` with every operation on two numbers replaced by its answer."""
    if isinstance(tree.left, float) and isinstance(tree.right, float):
        return next(answers, 0.0)
    left = _replace(tree.left, answers) if isinstance(tree.left, _Node) else tree.left
    right = _replace(tree.right, answers) if isinstance(tree.right, _Node) else tree.right
    return _Node(tree.sign, left, right)
