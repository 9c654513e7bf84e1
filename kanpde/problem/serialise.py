"""Read sympy expressions back from their ``srepr`` text without executing it."""

from __future__ import annotations

import ast
from typing import Any

import sympy
from sympy import Basic, Expr
from sympy.functions.elementary.piecewise import ExprCondPair

from kanpde.problem.symbols import NormalComponent, Parameter, parameter

TAKES_TEXT = ("Symbol", "Function", "Float")
"""Classes that take a text as a name or number; others would evaluate it."""

LARGEST_EXPONENT = 1000
"""Of a power of two numbers; a file could ask for one that never ends."""

OTHER_CLASSES = {"ExprCondPair": ExprCondPair}


def expression_from_srepr(text: str) -> Expr:
    """Return the expression that ``sympy.srepr`` wrote.

    The text is parsed, never evaluated: only classes and constants of sympy may be called, so a
    file from a stranger can do no harm.

    Raises:
        ValueError: if the text is no srepr of an expression.

    >>> from sympy import Symbol, pi, sin, srepr
    >>> expression_from_srepr(srepr(sin(pi * Symbol("x", real=True))))
    sin(pi*x)
    """
    try:
        expression = _build(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"this is no sympy expression: {text[:80]!r} ({error})") from None
    if not isinstance(expression, Expr):
        raise ValueError(f"this is no sympy expression: {text[:80]!r}")
    return expression


def _build(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(_build(e) for e in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_build(node.operand)
    if isinstance(node, ast.Name):
        value = getattr(sympy, node.id, None)
        if isinstance(value, Basic):
            return value
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return _call(node.func.id, node)
        if isinstance(node.func, ast.Call) and getattr(node.func.func, "id", "") == "Function":
            # Function('u')(x, y): srepr forgets that unknowns are real.
            name = _text(node.func.args[0])
            return sympy.Function(name, real=True)(*(_build(a) for a in node.args))
    raise ValueError(f"{ast.unparse(node)[:80]!r} may not occur in a saved expression.")


def _call(name: str, node: ast.Call) -> Any:
    """Return the call of a sympy class; a text may stand only where a class takes a name."""
    if name == "NormalComponent":
        return NormalComponent(_text(node.args[0]).removeprefix("n_"))
    if name == "Parameter":
        return _parameter(node)
    called = OTHER_CLASSES.get(name, getattr(sympy, name, None))
    if not (isinstance(called, type) and issubclass(called, Basic)):
        raise ValueError(f"{name!r} may not occur in a saved expression.")
    if name in TAKES_TEXT:
        arguments = [_text(a) if _is_text(a) else _build(a) for a in node.args]
    else:
        arguments = [_build(a) for a in node.args]
    numbers = [a for a in arguments if isinstance(a, sympy.Rational)]
    if name == "Pow" and len(numbers) == 2 and abs(numbers[1]) > LARGEST_EXPONENT:
        # An honest srepr holds no such power, for sympy has evaluated it.
        raise ValueError(f"{ast.unparse(node)[:80]!r} may not occur in a saved expression.")
    return called(*arguments, **{k.arg: _build(k.value) for k in node.keywords if k.arg})


def _parameter(node: ast.Call) -> Parameter:
    """Return an unknown number: its name, the first guess, and two bounds or None."""
    if len(node.args) != 4 or _is_none(node.args[1]):
        raise ValueError(f"{ast.unparse(node)[:80]!r} is no unknown number.")
    low, high = (None if _is_none(a) else float(_build(a)) for a in node.args[2:])
    initial = float(_build(node.args[1]))
    return parameter(_text(node.args[0]), initial=initial, bounds=(low, high))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _text(node: ast.expr) -> str:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        raise ValueError(f"{ast.unparse(node)[:80]!r} is no name.")
    return node.value
