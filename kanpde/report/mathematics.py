"""Equations, conditions and formulas as MathML, which every browser shows without a library."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from sympy import Add, Derivative, Expr, Mul, Piecewise, Symbol, exp, expand
from sympy.core.function import AppliedUndef
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.precedence import precedence_traditional

from kanpde.problem import Condition, Problem
from kanpde.problem.symbols import NormalComponent

SHORT = 400
"""A right-hand side of more operations is written as a text, not as mathematics."""

_SIGNS = {"-": "−", "\u2147": "e"}
"""What sympy writes, and the sign that a page has for it."""


class _Shown(Symbol):
    """A combination of derivatives with a sign of its own, such as the Laplacian of u."""

    before: str
    of: str

    def __new__(cls, before: str, of: str) -> _Shown:
        symbol = super().__new__(cls, f"{before}{of}", real=True)
        symbol.before, symbol.of = before, of
        return symbol


class _Printer(MathMLPresentationPrinter):
    """sympy's printer with unknowns by their names alone and partial derivatives as fractions."""

    def _tag(self, kind: str, *children: Any) -> Any:
        node = self.dom.createElement(kind)
        for child in children:
            node.appendChild(self.dom.createTextNode(child) if isinstance(child, str) else child)
        return node

    def parenthesize(self, item: Any, level: int, strict: bool = False) -> Any:
        """Return the item, in parentheses if it binds less than the level; fractions need none."""
        if isinstance(item, Derivative) and isinstance(item.expr, AppliedUndef):
            return self._print(item)
        return super().parenthesize(item, level, strict)

    def _name(self, name: str) -> Any:
        head, _, foot = name.partition("_")
        if not (head and foot):
            return self._print(Symbol(name))
        return self._tag("msub", self._print(Symbol(head)), self._tag("mi", foot))

    def _print_AppliedUndef(self, e: AppliedUndef) -> Any:
        return self._name(e.func.__name__)

    def _print__Shown(self, e: _Shown) -> Any:
        if e.before == "Δ":
            sign = self._tag("mi", "Δ")
            sign.setAttribute("mathvariant", "normal")
            return self._tag("mrow", sign, self._name(e.of))
        above = self._tag("mrow", self._tag("mo", "∂"), self._name(e.of))
        below = self._tag("mrow", self._tag("mo", "∂"), self._tag("mi", "n"))
        return self._tag("mfrac", above, below)

    def _print_Mul(self, e: Mul) -> Any:
        """Print derivatives and falling exponentials after their coefficient, not in fractions."""
        shown = [
            a
            for a in e.args
            if isinstance(a, (Derivative, _Shown))
            or (isinstance(a, exp) and a.exp.could_extract_minus_sign())
        ]
        if not shown or len(shown) == len(e.args):
            return super()._print_Mul(e)
        rest = Mul(*(a for a in e.args if a not in shown))
        if rest.could_extract_minus_sign():
            row = self._tag("mrow", self._tag("mo", "-"))
            rest = -rest
        else:
            row = self._tag("mrow")
        if rest != 1:
            level = precedence_traditional(e)
            row.appendChild(self.parenthesize(rest, level, strict=True))
        for a in shown:
            space = self._tag("mspace")
            space.setAttribute("width", "0.2em")
            row.appendChild(space)
            row.appendChild(self._print(a))
        return row

    def _print_Piecewise(self, e: Piecewise) -> Any:
        table = self._tag("mtable")
        for value, where in e.args:
            place = self._tag("mtext", "otherwise") if where == True else self._print(where)  # noqa: E712
            cells = [self._tag("mtd", self._print(value)), self._tag("mtd", place)]
            table.appendChild(self._tag("mtr", *cells))
        return self._tag("mrow", self._tag("mo", "{"), table)

    def _print_Derivative(self, e: Derivative) -> Any:
        order = sum(count for _, count in e.variable_count)
        simple = isinstance(e.expr, AppliedUndef)
        letter = "d" if simple and len(e.expr.args) == 1 else "∂"
        sign = self._tag("mo", letter)
        top = self._tag("msup", sign, self._print(order)) if order != 1 else sign
        above = self._tag("mrow", top, *([self._print(e.expr)] if simple else []))
        below = self._tag("mrow")
        for variable, count in e.variable_count:
            name = self._print(variable)
            below.appendChild(self._tag("mo", letter))
            below.appendChild(name if count == 1 else self._tag("msup", name, self._print(count)))
        fraction = self._tag("mfrac", above, below)
        if simple:
            return fraction
        inner = [self._tag("mo", "("), self._print(e.expr), self._tag("mo", ")")]
        return self._tag("mrow", fraction, *inner)


def mathml(expression: Any) -> str:
    """Return an expression as a MathML element, without ``<math>`` around it.

    What the printer does not know is written as text.

    >>> from sympy import Symbol
    >>> mathml(Symbol("x") ** 2)
    '<msup><mi>x</mi><mn>2</mn></msup>'
    """
    try:
        return _written(_Printer()._print(expression))
    except Exception:
        return f"<mtext>{html.escape(str(expression))}</mtext>"


def _written(node: Any) -> str:
    """Return a node of sympy's as a text; what the node says is escaped, which sympy does not."""
    if node.nodeType == node.TEXT_NODE:
        said = html.unescape(node.data)
        number = said[1:2].isdigit() and said.startswith("-")
        return html.escape("−" + said[1:] if number else _SIGNS.get(said, said))
    inner = "".join(_written(child) for child in node.childNodes)
    if inner == "\u2062":  # sympy's invisible product
        return '<mspace width="0.14em"/>'
    attributes = "".join(f' {k}="{html.escape(v)}"' for k, v in node.attributes.items())
    return f"<{node.tagName}{attributes}>{inner}</{node.tagName}>"


def math(*parts: str) -> str:
    """Return parts of MathML in a row, as an element that stands by itself."""
    return f'<math display="block"><mrow>{"".join(parts)}</mrow></math>'


def inline(*parts: str) -> str:
    """Return parts of MathML in a row, within a line of text."""
    return f"<math><mrow>{''.join(parts)}</mrow></math>"


def equality(left: Any, right: Any) -> str:
    """Return ``left = right`` as MathML."""
    return f"{mathml(left)}<mo>=</mo>{mathml(right)}"


def equation(expression: Expr, problem: Problem, right: str = "") -> str:
    """Return what vanishes as an equation: terms without an unknown go to the right.

    Args:
        expression: that vanishes.
        problem: says what is unknown.
        right: MathML for the right-hand side, if it is no expression (measured values).
    """
    shown = gathered(expression, problem)
    known = [t for t in Add.make_args(shown) if not _is_unknown(t, problem)]
    left = Add(*(t for t in Add.make_args(shown) if t not in known))
    side = -Add(*known)
    if left.could_extract_minus_sign():
        left, side = -left, -side
    if right:
        return f"{mathml(left)}<mo>=</mo>{right}"
    if side.count_ops() > SHORT:
        return f"{mathml(left)}<mo>=</mo><mtext>{html.escape(str(side))}</mtext>"
    return equality(left, side)


def condition(c: Condition, problem: Problem) -> str:
    """Return what a condition says, as MathML."""
    if c.opposite is not None:
        left = mathml(gathered(c.expression, problem))
        return f'{left}<mspace width="0.5em"/><mtext>equal on both</mtext>'
    values = getattr(c.on, "right_hand_side", "0")
    right = "" if values in ("0", 0) else f"<mtext>{html.escape(str(values))}</mtext>"
    return equation(c.expression, problem, right)


def gathered(expression: Expr, problem: Problem) -> Expr:
    """Return the expression with Laplacians and normal derivatives as signs of their own.

    Both are told by what is left when one of their derivatives is eliminated: nothing.
    """
    time = getattr(problem.domain, "time", None)
    names = problem.domain.names if time is None else problem.domain.names[:-1]
    space = [c for c in problem.coordinates if c.name in names]
    for u in problem.unknowns:
        own = [c for c in space if c in u.args]
        if len(own) > 1:
            laplacian = _Shown("Δ", u.func.__name__)
            expression = _swapped(expression, [u.diff(c, 2) for c in own], laplacian)
        normals = [
            n
            for n in expression.atoms(NormalComponent)
            if u.diff(Symbol(n.coordinate, real=True)) in expression.atoms(Derivative)
        ]
        if normals:
            slope = _Shown("∂n", u.func.__name__)
            expression = _without_normals(expression, u, normals, slope)
    return expression


def _swapped(expression: Expr, parts: list[Expr], sign: Expr) -> Expr:
    """Return the expression by ``sign``, the sum of the parts, if no part is left."""
    if not all(expression.has(p) for p in parts):
        return expression
    unknown = Add(*(t for t in Add.make_args(expression) if any(t.has(p) for p in parts)))
    swapped = expand(unknown.xreplace({parts[-1]: sign - Add(*parts[:-1])}))
    left = any(swapped.has(p) for p in parts)
    return expression if left else swapped + (expression - unknown)


def _without_normals(
    expression: Expr, u: AppliedUndef, normals: Iterable[NormalComponent], sign: Expr
) -> Expr:
    terms = [n * u.diff(Symbol(n.coordinate, real=True)) for n in normals]
    own = Add(*(t for t in Add.make_args(expression) if t.atoms(NormalComponent)))
    flat = expand(own)
    factor = flat.coeff(terms[0])
    whole = expand(flat - factor * Add(*terms))
    left = whole.atoms(NormalComponent) & set(normals)
    if left or factor == 0:
        return expression
    return whole + factor * sign + (expression - own)


def _is_unknown(term: Expr, problem: Problem) -> bool:
    return bool(term.atoms(AppliedUndef) & set(problem.unknowns) or term.atoms(_Shown))
