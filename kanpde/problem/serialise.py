"""Read sympy expressions back from their ``srepr`` text without executing it."""

from __future__ import annotations

import ast
from typing import Any

import sympy
from sympy import Basic, Expr

from kanpde.problem.symbols import NormalComponent

TAKES_TEXT = ("Symbol", "Function", "Float")


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
    except (SyntaxError, TypeError, RecursionError) as error:
        raise ValueError(f"this is no sympy expression: {text[:80]!r} ({error})") from None
    if not isinstance(expression, Expr):
        raise ValueError(f"this is no sympy expression: {text[:80]!r}")
    return expression


def _build(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str, bool)):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(_build(e) for e in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_build(node.operand)
    if isinstance(node, ast.Name):
        value = getattr(sympy, node.id, None)
        if isinstance(value, Basic) or node.id in ("true", "false"):
            return value
    if isinstance(node, ast.Call):
        arguments = [_build(a) for a in node.args]
        keywords = {k.arg: _build(k.value) for k in node.keywords if k.arg}
        if isinstance(node.func, ast.Name) and node.func.id == "NormalComponent":
            return NormalComponent(str(arguments[0]).removeprefix("n_"))
        if isinstance(node.func, ast.Name):
            called = getattr(sympy, node.func.id, None)
            # Other classes would send a text through sympify, which evaluates it.
            text = any(isinstance(a, str) for a in arguments)
            if text and node.func.id not in TAKES_TEXT:
                raise ValueError(f"{node.func.id} with a text may not occur in a saved expression.")
            if isinstance(called, type) and issubclass(called, Basic):
                return called(*arguments, **keywords)
        elif isinstance(node.func, ast.Call) and _is_function(node.func):
            return _build(node.func)(*arguments)  # Function('u')(x, y)
    raise ValueError(f"{ast.unparse(node)[:80]!r} may not occur in a saved expression.")


def _is_function(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "Function"
