"""An equation or condition in terms of the parts of a jet: the form every solver reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import Derivative, Expr, Integer, Integral, Limit, Product, Subs, Sum, Symbol
from sympy.core.function import AppliedUndef

from kanpde.problem.symbols import Parameter

MultiIndex = tuple[int, ...]


@dataclass(frozen=True)
class JetPart:
    """The derivative of one unknown that a residual asks for, and the symbol that stands for it.

    ``order[i]`` is the order of differentiation in coordinate i; all zero is the value itself.
    With ``laplacian`` the part is the sum of these weights times the second derivatives instead,
    and ``order`` is empty.
    """

    unknown: int
    order: MultiIndex
    symbol: Symbol
    laplacian: tuple[float, ...] | None = None


@dataclass(frozen=True)
class SymbolicResidual:
    r"""The expression :math:`F(x, n, \partial^\alpha u)` that must vanish.

    Args:
        name: of the equation or condition.
        expression: sympy expression in coordinates, normal components and the part symbols.
        parts: the parts of the unknowns' jets that occur.
    """

    name: str
    expression: Expr
    parts: tuple[JetPart, ...]

    @cached_property
    def partials(self) -> tuple[Expr, ...]:
        """Derivatives of the expression with respect to each part: the linearised operator."""
        symbols = {part.symbol for part in self.parts}
        found = []
        for part in self.parts:
            partial = self.expression.diff(part.symbol)
            if partial.free_symbols & symbols:
                expanded = partial.expand()  # unknowns may cancel only then
                partial = partial if expanded.free_symbols & symbols else expanded
            found.append(partial)
        return tuple(found)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The unknown numbers that occur, sorted by name."""
        return tuple(sorted(self.expression.atoms(Parameter), key=str))

    @cached_property
    def parameter_partials(self) -> tuple[Expr, ...]:
        """Derivatives of the expression with respect to each parameter."""
        return tuple(self.expression.diff(p) for p in self.parameters)

    @cached_property
    def is_linear(self) -> bool:
        """Whether the residual is an affine function of the unknowns."""
        symbols = {part.symbol for part in self.parts}
        return all(not (partial.free_symbols & symbols) for partial in self.partials)

    def collapsed(self) -> SymbolicResidual:
        """Return the same residual with its second derivatives in one part, where that is possible.

        That is when one unknown occurs, its second derivatives are pure, at least two, enter with
        constant factors, and no derivative is of a higher order.
        """
        second = [
            (part, partial)
            for part, partial in zip(self.parts, self.partials, strict=True)
            if sum(part.order) > 1
        ]
        possible = len(second) > 1 and all(
            max(part.order) == sum(part.order) == 2 and partial.is_number
            for part, partial in second
        )
        if not possible or any(part.unknown for part in self.parts):
            return self
        weights = [0.0] * len(second[0][0].order)
        for part, partial in second:
            weights[part.order.index(2)] = float(partial)
        symbol = Symbol("jet_laplacian", real=True)
        zero = {part.symbol: Integer(0) for part, _ in second}
        rest = tuple(p for p in self.parts if sum(p.order) < 2)
        part = JetPart(second[0][0].unknown, (), symbol, tuple(weights))
        return SymbolicResidual(self.name, self.expression.xreplace(zero) + symbol, (*rest, part))

    @cached_property
    def source(self) -> Expr:
        """The residual of the zero field: the terms without any unknown."""
        return self.expression.xreplace({part.symbol: Integer(0) for part in self.parts})


def symbolic_residual(
    name: str,
    expression: Expr,
    unknowns: tuple[AppliedUndef, ...],
    coordinates: tuple[Symbol, ...],
) -> SymbolicResidual:
    """Replace the unknowns and their derivatives in an expression by plain symbols.

    Raises:
        ValueError: if a derivative is of anything but an unknown in its coordinates.
    """
    expression = expression.doit()
    for atom in expression.atoms(Integral, Limit, Product, Subs, Sum):
        if atom.atoms(AppliedUndef):
            raise ValueError(
                f'"{name}" holds {atom}, a {type(atom).__name__} of an unknown; only the unknowns '
                "and their derivatives at the point itself may occur."
            )
    parts: list[JetPart] = []
    replacements: dict[Expr, Symbol] = {}
    found = expression.atoms(Derivative) | expression.atoms(AppliedUndef)
    for atom in sorted(found, key=lambda a: (str(a.func), str(a))):
        function, order = atom, tuple(0 for _ in coordinates)
        if isinstance(atom, Derivative):
            function = atom.expr
            counts = dict(atom.variable_count)
            order = tuple(int(counts.pop(c, 0)) for c in coordinates)
            if counts:
                raise ValueError(
                    f'equation or condition "{name}" differentiates with respect to '
                    f"{', '.join(map(str, counts))}, which is no coordinate of the domain."
                )
        if function not in unknowns:
            raise ValueError(
                f'"{name}" holds {atom}, which is not a derivative of an unknown; expand it, or '
                "write it with the unknowns " + ", ".join(map(str, unknowns)) + "."
            )
        index = unknowns.index(function)
        label = "_".join(f"{c.name}{n}" for c, n in zip(coordinates, order, strict=True) if n)
        symbol = Symbol(f"jet_{function.func.__name__}_{label}", real=True)
        replacements[atom] = symbol
        parts.append(JetPart(index, order, symbol))
    parts.sort(key=lambda p: (p.unknown, sum(p.order), tuple(-n for n in p.order)))
    replaced = expression.xreplace(replacements)
    # The function inside a derivative was found too; keep what occurs by itself.
    kept = tuple(part for part in parts if part.symbol in replaced.free_symbols)
    return SymbolicResidual(name, replaced, kept)
