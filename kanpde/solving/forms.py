"""Linear residuals as numbers at points: what the local solves of patches read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sympy import Abs, Expr, Heaviside, Max, Min, Symbol, sign
from sympy.core.relational import Relational

from kanpde.geometry import Box, Face, Piece, as_box, as_face
from kanpde.problem import MultiIndex, Problem, SymbolicResidual, compiled, require_finite

Values = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class LinearForm:
    r"""The residual :math:`\sum_i c_i(x)\,\partial^{\alpha_i}u + s(x)`.

    Args:
        label: of the equation or condition, for messages.
        names: of the coordinates, for messages.
        orders: the multi-indices :math:`\alpha_i`.
        coefficients: functions of points (N, D) and normals that give :math:`c_i`, (N,).
        source: the same for s.
        constants: the :math:`c_i` where all are plain numbers, else None.
    """

    label: str
    names: tuple[str, ...]
    orders: tuple[MultiIndex, ...]
    coefficients: tuple[Values, ...]
    source: Values
    constants: tuple[float, ...] | None

    @staticmethod
    def of(residual: SymbolicResidual, coordinates: tuple[Symbol, ...], kind: str) -> LinearForm:
        """Compile a residual that is linear in one unknown."""
        partials = residual.partials
        plain = all(p.is_number for p in partials)
        return LinearForm(
            f'{kind} "{residual.name}"',
            tuple(c.name for c in coordinates),
            tuple(p.order for p in residual.parts),
            tuple(compiled(p, coordinates) for p in partials),
            compiled(residual.source, coordinates),
            tuple(float(p) for p in partials) if plain else None,
        )

    @property
    def order(self) -> int:
        """The highest order of differentiation."""
        return max(sum(alpha) for alpha in self.orders)

    def order_along(self, axis: int) -> int:
        """Return the highest order of differentiation along one axis alone."""
        pure = [a[axis] for a in self.orders if a[axis] == sum(a)]
        return max(pure, default=0)

    def coefficients_at(self, points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        """Return all coefficients at points (N, D), shape (parts, N).

        Raises:
            ValueError: if one is not finite.
        """
        return np.stack([self._finite(c, points, normals) for c in self.coefficients])

    def source_at(self, points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        """Return the source at points (N, D), shape (N,).

        Raises:
            ValueError: if it is not finite somewhere.
        """
        return self._finite(self.source, points, normals)

    def _finite(
        self, function: Values, points: np.ndarray, normals: np.ndarray | None
    ) -> np.ndarray:
        values = function(points, normals)
        require_finite(values, points, self.names, self.label)
        return values


@dataclass(frozen=True)
class FaceForm:
    """A condition on one face of the domain.

    Args:
        face: where it holds.
        form: what vanishes there; if periodic, what is equal to its value on the opposite face.
        periodic: whether it is.
    """

    face: Face
    form: LinearForm
    periodic: bool = False


@dataclass(frozen=True)
class Forms:
    """A linear problem for one unknown on a box, compiled.

    Args:
        domain: the box.
        equation: what holds inside.
        conditions: what holds on the faces.
        cuts: for each axis the places where a coefficient or the source has a kink or a jump.
    """

    domain: Box
    equation: LinearForm
    conditions: tuple[FaceForm, ...]
    cuts: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(problem: Problem) -> Forms:
        """Compile a problem that :func:`refusal` has nothing against."""
        (residual,) = problem.equation_residuals
        conditions = [
            FaceForm(_face(piece), form, c.opposite is not None)
            for r, c in zip(problem.condition_residuals, problem.conditions, strict=True)
            for form in [LinearForm.of(r, problem.coordinates, "condition")]
            for piece in c.on.pieces
        ]
        return Forms(
            _box(problem),
            LinearForm.of(residual, problem.coordinates, "equation"),
            tuple(conditions),
            _kinks(residual, problem),
        )


def refusal(problem: Problem) -> str | None:
    """Return why patches cannot solve a problem, as the end of a sentence; None if they can."""
    if as_box(problem.domain) is None:
        return "its domain is no box"
    if any(not c.on.pieces or None in map(as_face, c.on.pieces) for c in problem.conditions):
        return "some of its conditions hold not on faces of the box"
    if problem.parameters:
        return "some of its parameters are sought"
    if problem.dimension > 2:
        return f"it has {problem.dimension} coordinates and patches take one or two"
    if len(problem.unknowns) != 1 or len(problem.equations) != 1:
        return (
            f"it has {len(problem.unknowns)} unknowns and {len(problem.equations)} equations, and "
            "patches take one of each"
        )
    if not problem.is_linear:
        return "it is not linear in its unknown"
    if problem.equation_residuals[0].parts == ():
        return "its equation holds no unknown"
    return None


def _box(problem: Problem) -> Box:
    box = as_box(problem.domain)
    assert box is not None  # refusal has seen to it
    return box


def _face(piece: Piece) -> Face:
    face = as_face(piece)
    assert face is not None
    return face


def _kinks(residual: SymbolicResidual, problem: Problem) -> tuple[tuple[float, ...], ...]:
    """Return for each axis where a coefficient or the source switches, as far as can be seen.

    Looked for are comparisons, absolute values, steps, maxima and minima whose switch depends on
    one coordinate alone and linearly.
    """
    found: list[set[float]] = [set() for _ in problem.coordinates]
    for expression in (*residual.partials, residual.source):
        for switch in _switches(expression):
            symbols = switch.free_symbols
            if len(symbols) != 1:
                continue
            (symbol,) = symbols
            slope = switch.diff(symbol)
            if symbol in problem.coordinates and slope.is_number and slope != 0:
                place = float(-switch.subs(symbol, 0) / slope)
                axis = problem.coordinates.index(symbol)
                low, high = _box(problem).ranges[axis]
                if low < place < high:
                    found[axis].add(place)
    return tuple(tuple(sorted(places)) for places in found)


def _switches(expression: Expr) -> list[Expr]:
    switches = [r.lhs - r.rhs for r in expression.atoms(Relational)]
    switches += [f.args[0] for f in expression.atoms(Abs, Heaviside, sign)]
    for extremum in expression.atoms(Max, Min):
        first, *rest = extremum.args
        switches += [first - other for other in rest]
    return switches
