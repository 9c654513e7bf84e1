"""Residuals as numbers at points, linearised: what the local solves of patches read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sympy import Abs, Expr, Heaviside, Max, Min, Symbol, sign
from sympy.core.relational import Relational

from kanpde.geometry import Box, Face, Piece, as_box, as_face
from kanpde.networks import JetLayout, Network
from kanpde.problem import (
    Measured,
    MultiIndex,
    Problem,
    SymbolicResidual,
    compiled,
    require_finite,
)

Values = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""A function of points (N, D) and, on the boundary, normals (N, D)."""


@dataclass(frozen=True)
class LinearForm:
    r"""The residual :math:`\sum_i c_i(x)\,\partial^{\alpha_i}u_{k_i} + s(x)`.

    Args:
        label: of the equation or condition, for messages.
        names: of the coordinates, for messages.
        unknowns: the :math:`k_i`.
        orders: the multi-indices :math:`\alpha_i`.
        coefficients: gives all :math:`c_i`, (parts, N).
        source: gives s, (N,).
        constants: the :math:`c_i` where all are plain numbers, else None.
    """

    label: str
    names: tuple[str, ...]
    unknowns: tuple[int, ...]
    orders: tuple[MultiIndex, ...]
    coefficients: Values
    source: Values
    constants: tuple[float, ...] | None

    @property
    def order(self) -> int:
        """The highest order of differentiation."""
        return max(sum(alpha) for alpha in self.orders)

    def order_along(self, axis: int, unknown: int = 0) -> int:
        """Return the highest order of differentiation of an unknown along one axis alone."""
        parts = zip(self.unknowns, self.orders, strict=True)
        pure = [a[axis] for k, a in parts if k == unknown and a[axis] == sum(a)]
        return max(pure, default=0)

    def coefficients_at(self, points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        """Return all coefficients at points (N, D), shape (parts, N).

        Raises:
            ValueError: if one is not finite.
        """
        values = self.coefficients(points, normals)
        for row in values:
            require_finite(row, points, self.names, self.label)
        return values

    def source_at(self, points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        """Return the source at points (N, D), shape (N,).

        Raises:
            ValueError: if it is not finite somewhere.
        """
        values = self.source(points, normals)
        require_finite(values, points, self.names, self.label)
        return values


@dataclass(frozen=True)
class Linearisation:
    r"""Where residuals that are not linear are linearised, and which part of the data acts.

    Newton's method solves :math:`F(u_0)+F'(u_0)(u-u_0)=(1-\lambda)F(0)` for u. With
    :math:`\lambda=1` that is the problem; for :math:`\lambda=0` the zero field solves it.

    Args:
        field: :math:`u_0`; the zero field if None.
        load: :math:`\lambda`.
    """

    field: Network | None = None
    load: float = 1.0

    def jets(self, residual: SymbolicResidual, points: np.ndarray) -> np.ndarray:
        """Return the parts of a residual, of the field at points (N, D), shape (parts, N)."""
        if self.field is None:
            return np.zeros((len(residual.parts), len(points)))
        layout = JetLayout.of(points.shape[1], [p.order for p in residual.parts])
        with torch.no_grad():
            jets = self.field.jets(torch.as_tensor(points), layout).numpy()
        return np.stack([jets[p.unknown, layout.index[p.order]] for p in residual.parts])


@dataclass(frozen=True)
class CompiledResidual:
    """An equation or condition as functions of numbers.

    Args:
        residual: in sympy.
        label: for messages.
        names: of the coordinates, for messages.
        value: of points and, where it is not linear, the parts of the unknowns behind them; of a
            linear one the source.
        partials: the same for the derivatives by the parts.
    """

    residual: SymbolicResidual
    label: str
    names: tuple[str, ...]
    value: Values
    partials: tuple[Values, ...]

    @staticmethod
    def of(
        residual: SymbolicResidual, coordinates: tuple[Symbol, ...], kind: str
    ) -> CompiledResidual:
        """Compile a residual."""
        linear = residual.is_linear
        symbols = coordinates if linear else (*coordinates, *(p.symbol for p in residual.parts))
        return CompiledResidual(
            residual,
            f'{kind} "{residual.name}"',
            tuple(c.name for c in coordinates),
            compiled(residual.source if linear else residual.expression, symbols),
            tuple(compiled(p, symbols) for p in residual.partials),
        )

    def form(self, about: Linearisation) -> LinearForm:
        """Return the residual linearised about a field, under its load."""
        residual = self.residual
        unknowns = tuple(p.unknown for p in residual.parts)
        orders = tuple(p.order for p in residual.parts)
        if not residual.is_linear:
            coefficients, source = self._tangent(about)
            return LinearForm(
                self.label, self.names, unknowns, orders, coefficients, source, constants=None
            )

        def values(points: np.ndarray, normals: np.ndarray | None) -> np.ndarray:
            return np.stack([p(points, normals) for p in self.partials])

        def loaded(points: np.ndarray, normals: np.ndarray | None) -> np.ndarray:
            return about.load * self.value(points, normals)

        plain = all(p.is_number for p in residual.partials)
        constants = tuple(float(p) for p in residual.partials) if plain else None
        return LinearForm(self.label, self.names, unknowns, orders, values, loaded, constants)

    def at_jets(self, points: np.ndarray, jets: np.ndarray, load: float) -> np.ndarray:
        """Return the residual under a load (N,) for the values of its parts (parts, N)."""
        if self.residual.is_linear:
            slopes = np.stack([p(points, None) for p in self.partials])
            return (slopes * jets).sum(axis=0) + load * self.value(points, None)
        value = self._at(points, None, jets)[0]
        return value if load == 1 else value - (1 - load) * self._at(points, None, 0 * jets)[0]

    def _at(
        self, points: np.ndarray, normals: np.ndarray | None, jets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a nonlinear residual (N,) and its partials (parts, N) for its parts' values."""
        if normals is not None:
            normals = np.column_stack([normals, np.zeros_like(jets.T)])
        extended = np.column_stack([points, jets.T])
        slopes = np.stack([p(extended, normals) for p in self.partials])
        return self.value(extended, normals), slopes

    def _tangent(self, about: Linearisation) -> tuple[Values, Values]:
        def coefficients(points: np.ndarray, normals: np.ndarray | None) -> np.ndarray:
            return self._at(points, normals, about.jets(self.residual, points))[1]

        def source(points: np.ndarray, normals: np.ndarray | None) -> np.ndarray:
            jets = about.jets(self.residual, points)
            value, slopes = self._at(points, normals, jets)
            result = value - (slopes * jets).sum(axis=0)
            if about.load < 1:
                result = result - (1 - about.load) * self._at(points, normals, 0 * jets)[0]
            return result

        return coefficients, source


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
class PointForm:
    """A condition at points inside of the domain or on its boundary.

    Args:
        points: (N, D).
        values: that the form equals, (N,).
        form: what is given there.
    """

    points: np.ndarray
    values: np.ndarray
    form: LinearForm


@dataclass(frozen=True)
class Forms:
    """A problem on a box, compiled; one that is not linear about a field.

    Args:
        domain: the box.
        unknowns: how many there are.
        equations: what holds inside.
        conditions: what holds on the faces.
        points: what holds at points.
        cuts: for each axis the places where a coefficient or the source has a kink or a jump.
    """

    domain: Box
    unknowns: int
    equations: tuple[LinearForm, ...]
    conditions: tuple[FaceForm, ...]
    points: tuple[PointForm, ...]
    cuts: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(problem: Problem) -> Forms:
        """Compile a problem that :func:`refusal` has nothing against, about the zero field."""
        return CompiledProblem.of(problem).forms(Linearisation())

    @property
    def equation(self) -> LinearForm:
        """The equation where there is one."""
        (equation,) = self.equations
        return equation

    @property
    def constant(self) -> bool:
        """Whether all coefficients of the equations are plain numbers."""
        return all(e.constants is not None for e in self.equations)

    def order_along(self, axis: int, unknown: int) -> int:
        """Return the highest order of differentiation of an unknown along one axis alone."""
        return max(e.order_along(axis, unknown) for e in self.equations)


@dataclass(frozen=True)
class CompiledProblem:
    """A problem on a box as functions of numbers, to be linearised about one field after another.

    Args:
        problem: what was compiled.
        equations, conditions: in its order.
        cuts: see :class:`Forms`.
    """

    problem: Problem
    equations: tuple[CompiledResidual, ...]
    conditions: tuple[CompiledResidual, ...]
    cuts: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(problem: Problem) -> CompiledProblem:
        """Compile a problem."""
        cuts = [_kinks(residual, problem) for residual in problem.equation_residuals]
        return CompiledProblem(
            problem,
            tuple(
                CompiledResidual.of(r, problem.coordinates, "equation")
                for r in problem.equation_residuals
            ),
            tuple(
                CompiledResidual.of(r, problem.coordinates, "condition")
                for r in problem.condition_residuals
            ),
            tuple(tuple(sorted(set().union(*along))) for along in zip(*cuts, strict=True)),
        )

    def forms(self, about: Linearisation) -> Forms:
        """Return the problem linearised about a field."""
        faces, points = [], []
        for residual, c in zip(self.conditions, self.problem.conditions, strict=True):
            form = residual.form(about)
            if isinstance(c.on, Measured):
                points.append(PointForm(c.on.points, about.load * c.on.values, form))
            else:
                opposite = c.opposite is not None
                faces += [FaceForm(_face(piece), form, opposite) for piece in c.on.pieces]
        return Forms(
            _box(self.problem),
            len(self.problem.unknowns),
            tuple(residual.form(about) for residual in self.equations),
            tuple(faces),
            tuple(points),
            self.cuts,
        )


def refusal(problem: Problem) -> str | None:
    """Return why patches cannot solve a problem, as the end of a sentence; None if they can."""
    if as_box(problem.domain) is None:
        return "its domain is no box"
    for condition in problem.conditions:
        at_points = isinstance(condition.on, Measured)
        pieces = condition.on.pieces
        if not at_points and (not pieces or None in map(as_face, pieces)):
            return "some of its conditions hold not on faces of the box"
    if problem.parameters:
        return "some of its parameters are sought"
    if problem.dimension > 3:
        return f"it has {problem.dimension} coordinates and patches take one to three"
    if len(problem.unknowns) != len(problem.equations):
        return (
            f"it has {len(problem.unknowns)} unknowns and {len(problem.equations)} equations, and "
            "patches take as many of one as of the other"
        )
    if not all(residual.parts for residual in problem.equation_residuals):
        return "one of its equations holds no unknown"
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
