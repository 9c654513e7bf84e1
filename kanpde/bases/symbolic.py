"""One symbolic function as a basis: what an edge becomes once it is snapped to a formula."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from kanpde.bases import checks
from kanpde.bases.basis import Basis

if TYPE_CHECKING:
    import sympy

_PREPARED = 4  # derivatives found at construction; PDEs seldom need more, sympy finds more later

_FUNCTIONS: dict[str, Any] = {
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "exp": torch.exp,
    "log": torch.log,
    "erf": torch.erf,
    "Abs": torch.abs,
    "sign": torch.sign,
}
"""The functions a formula may use, by their sympy names."""


@final
@dataclass(frozen=True)
class Symbolic(Basis):
    """Represent functions by multiples of one formula,  phi(s) = f(scale s + shift).

    The formula is kept as a string in the variable x, so the basis can be compared, hashed, and
    stored; strings are read through a list of allowed names and never run as code. Derivatives
    are sympy's; those of Abs and sign hold almost everywhere.
    Source: KAN, arXiv:2404.19756, section 2.5.1 (symbolification, y = c f(a x + b) + d).

    Args:
        expression: sympy expression in at most one symbol, or its string (str or srepr).
        scale: the factor of s.
        shift: the constant added.

    Raises:
        ValueError: the expression cannot be read, has several symbols, is not real, or uses a
            function that is not allowed; `scale` or `shift` is not finite.

    >>> Symbolic("sin(pi*x)").evaluate(torch.zeros(()), 0).item()
    0.0
    """

    expression: str
    scale: float = 1.0
    shift: float = 0.0
    _derivatives: tuple[Any, ...] = field(init=False, repr=False, compare=False)

    family: ClassVar[str] = "symbolic"

    def __post_init__(self) -> None:
        formula = _canonical(self.expression)
        object.__setattr__(self, "expression", _text(formula))
        for name in ("scale", "shift"):
            number = checks.real(name, getattr(self, name), owner="Symbolic")
            object.__setattr__(self, name, number)
        object.__setattr__(self, "_derivatives", _differentiated((formula,), _PREPARED))

    @property
    def size(self) -> int:
        """Count the functions: one."""
        return 1

    def formula(self) -> sympy.Expr:
        """Return the sympy expression f in the real symbol x.

        >>> Symbolic("x**2 + 1").formula()
        x**2 + 1
        """
        return self._derivatives[0]

    def evaluate(self, s: Tensor, order: int) -> Tensor:
        """Evaluate scale^k f^(k)(scale s + shift); see `Basis.evaluate`."""
        order = checks.evaluation(s, order, owner="Symbolic")
        x = self.scale * s + self.shift
        rows = []
        for k, derivative in enumerate(_differentiated(self._derivatives, order)[: order + 1]):
            value = _computed(derivative, x)
            if not isinstance(value, Tensor):
                value = 0 * x + value  # in the graph of s, so that its gradient is zero
            rows.append(value * self.scale**k)
        return torch.stack(rows)[:, None]

    def identity(self) -> np.ndarray:
        """Return [1 / c] where f(scale s + shift) is c s, else raise; see `Basis.identity`."""
        import sympy

        x, formula = _variable(), self.formula()
        if self.scale == 0 or not formula.is_polynomial(x):
            return super().identity()
        # Rational numbers, equal to the floats, make the comparison with zero exact.
        exact = formula.xreplace({f: sympy.Rational(f) for f in formula.atoms(sympy.Float)})
        inner = sympy.Rational(self.scale) * x + sympy.Rational(self.shift)
        line = sympy.Poly(exact.subs(x, inner), x)
        if line.degree() != 1 or not line.coeff_monomial(1).is_zero:
            return super().identity()
        return np.array([1 / float(line.coeff_monomial(x))])


def _variable() -> sympy.Symbol:
    import sympy

    return sympy.Symbol("x", real=True)


def _canonical(given: Any) -> sympy.Expr:
    """Return the formula as a checked sympy expression in the real symbol x."""
    import sympy

    formula = _parsed(given) if isinstance(given, str) else given
    if not isinstance(formula, sympy.Expr):
        raise ValueError(
            f"Symbolic: expression must be a sympy expression or a string, got {given!r}."
        )
    symbols = formula.free_symbols
    if len(symbols) > 1:
        names = ", ".join(sorted(map(str, symbols)))
        raise ValueError(f"Symbolic: expression must have one symbol, got {names} in {given}.")
    formula = formula.subs({symbol: _variable() for symbol in symbols})
    for part in sympy.preorder_traversal(formula):
        if part.is_Function and part.func.__name__ not in _FUNCTIONS:
            known = ", ".join(sorted(_FUNCTIONS))
            raise ValueError(f"Symbolic: {part.func} is not among the functions {known}.")
        known_kind = part.is_Function or part.is_Add or part.is_Mul or part.is_Pow
        if not (_is_real(part) if part.is_number else known_kind or part.is_Symbol):
            raise ValueError(
                f"Symbolic: {given} holds {part}, which is neither a finite real number nor built "
                "of the known functions."
            )
    return formula


def _is_real(number: sympy.Expr) -> bool:
    try:
        value = complex(number)
    except (TypeError, OverflowError):
        return False
    return value.imag == 0 and math.isfinite(value.real)


def _text(formula: sympy.Expr) -> str:
    """Print the formula so that reading it gives the same numbers, to the last bit."""
    from sympy.printing.str import StrPrinter

    class Lossless(StrPrinter):
        def _print_Float(self, number: sympy.Float) -> str:
            return repr(float(number))

    return Lossless().doprint(formula)


def _differentiated(known: tuple[Any, ...], order: int) -> tuple[Any, ...]:
    """Extend a list of derivatives up to the given order."""
    derivatives = list(known)
    while len(derivatives) <= order:
        derivatives.append(derivatives[-1].diff(_variable()))
    return tuple(derivatives)


def _computed(formula: sympy.Expr, x: Tensor) -> Tensor | float:
    """Compute a formula in x by walking its tree; a part without x is a float."""
    if formula.is_number:
        return float(formula)
    if formula.is_Symbol:
        return x
    if formula.func.__name__ == "DiracDelta":  # from the derivative of sign: zero almost everywhere
        return 0.0
    parts = [_computed(part, x) for part in formula.args]
    if formula.is_Add:
        return sum(parts[1:], parts[0])
    if formula.is_Mul:
        product = parts[0]
        for part in parts[1:]:
            product = product * part
        return product
    if formula.is_Pow:
        exponent = formula.args[1]
        if exponent.is_Integer:  # an int lets torch multiply, exact for negative bases too
            return parts[0] ** int(exponent)
        return parts[0] ** parts[1]
    return _FUNCTIONS[formula.func.__name__](parts[0])


def _parsed(text: str) -> sympy.Expr:
    """Read a formula from a string through a list of allowed names; nothing is run."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _Reader(text).visit(tree.body)
    except (SyntaxError, RecursionError, TypeError, ArithmeticError) as error:
        raise ValueError(f"Symbolic: cannot read {text!r} as a formula: {error}.") from None


class _Reader(ast.NodeVisitor):
    """Turn a syntax tree of numbers, one variable, arithmetic and known functions into sympy."""

    def __init__(self, text: str) -> None:
        self.text = text

    def generic_visit(self, node: ast.AST) -> Any:
        """Refuse everything that has no method below."""
        raise ValueError(
            f"Symbolic: {ast.unparse(node)!r} is not allowed in the formula {self.text!r}; write "
            f"numbers, one variable, + - * / **, pi, E and {', '.join(sorted(_FUNCTIONS))}, sqrt."
        )

    def visit_Constant(self, node: ast.Constant) -> sympy.Expr:
        import sympy

        if type(node.value) is int:
            return sympy.Integer(node.value)
        if type(node.value) is float:
            return sympy.Float(node.value)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> sympy.Expr:
        import sympy

        constants = {"pi": sympy.pi, "E": sympy.E}
        if node.id in constants:
            return constants[node.id]
        return sympy.Symbol(node.id, real=True)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> sympy.Expr:
        if not isinstance(node.op, ast.USub | ast.UAdd):
            return self.generic_visit(node)
        value = self.visit(node.operand)
        return -value if isinstance(node.op, ast.USub) else value

    def visit_BinOp(self, node: ast.BinOp) -> sympy.Expr:
        left, right = self.visit(node.left), self.visit(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Pow():
                return self._power(node, left, right)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> sympy.Expr:
        import sympy

        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in {"Symbol", "Integer", "Rational", "Float"}:
            return self._atom(node, name)
        if node.keywords:
            return self.generic_visit(node)
        parts = [self.visit(part) for part in node.args]
        if name in {"Add", "Mul"}:
            return getattr(sympy, name)(*parts)
        if name == "Pow" and len(parts) == 2:
            return self._power(node, *parts)
        if name in {*_FUNCTIONS, "sqrt"} and len(parts) == 1:
            return getattr(sympy, name)(*parts)
        return self.generic_visit(node)

    def _power(self, node: ast.AST, base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
        # sympy powers integers at once, so 9**9**9 would hang; beyond floats it is of no use.
        if base.is_number and exponent.is_number and not base.is_zero:
            logarithm = math.log(abs(complex(base)))
            if abs(complex(exponent)) * abs(logarithm) > 700:
                return self.generic_visit(node)
        return base**exponent

    def _atom(self, node: ast.Call, name: str) -> sympy.Expr:
        """Read the atoms of srepr, whose arguments are plain strings and numbers."""
        import sympy

        try:
            values = [ast.literal_eval(part) for part in node.args]
        except ValueError:
            return self.generic_visit(node)
        if name == "Symbol" and len(values) == 1 and isinstance(values[0], str):
            return sympy.Symbol(values[0], real=True)
        if name == "Float" and len(values) == 1 and isinstance(values[0], str | int | float):
            return sympy.Float(float(values[0]))
        if name in {"Integer", "Rational"} and all(type(value) is int for value in values):
            return getattr(sympy, name)(*values)
        return self.generic_visit(node)
