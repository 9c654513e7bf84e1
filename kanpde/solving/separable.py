r"""Direct solution of separable problems on boxes by fast diagonalisation.

If the operator is a sum of one-dimensional ones, :math:`L=\sum_i L_i(x_i,\partial_i)`, and every
face carries one condition with constant coefficients, the coefficients of all product nodes
:math:`\prod_i T_{k_i}(x_i)` follow from D small eigenvalue problems (Lynch, Rice and Thomas, Numer.
Math. 6, 1964; Haidvogel and Zang, J. Comput. Phys. 30, 1979): :math:`O(n^{D+1})` operations for
:math:`n^D` coefficients, where least squares would take :math:`O(n^{3D})`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial import chebyshev
from sympy import Expr, Integer, Symbol

from kanpde.geometry import Box, Face
from kanpde.networks import TensorKAN
from kanpde.networks.hard import hard_conditions
from kanpde.problem import NormalComponent, Problem, SymbolicResidual, evaluate

LARGEST_CONDITION = 1e10
"""Condition of the eigenvectors of an axis beyond which the diagonalisation is not trusted."""


@dataclass(frozen=True)
class SeparableProblem:
    r"""A problem that :func:`separate` found to be separable.

    Args:
        problem: the problem.
        terms: for each axis the pairs (order, coefficient expression in that coordinate alone).
        ends: for each axis and side the numbers (a, b) of the condition
            :math:`a u + b\,\partial_i u = 0` that the homogeneous part satisfies.
        lift: expression with the boundary values.
        source: what L of the homogeneous part must be.
    """

    problem: Problem
    terms: tuple[tuple[tuple[int, Expr], ...], ...]
    ends: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    lift: Expr
    source: Expr

    def solve(self, degree: int) -> TensorKAN | None:
        """Return the field of this degree along every axis, or None if it cannot be trusted."""
        problem = self.problem
        lower, upper = problem.domain.lower, problem.domain.upper
        axes = [_Axis(degree, lower[i], upper[i]) for i in range(problem.dimension)]
        inverses, vectors, values, restores = [], [], [], []
        for i, axis in enumerate(axes):
            operator, restore = self._reduced(i, axis)
            eigenvalues, right = np.linalg.eig(operator)
            if np.linalg.cond(right) > LARGEST_CONDITION:
                return None
            inverses.append(np.linalg.inv(right))
            vectors.append(right)
            values.append(eigenvalues)
            restores.append(restore)
        inner = [axis.nodes[1:-1] for axis in axes]
        field = _on_grid(self.source, problem.coordinates, inner).astype(np.complex128)
        for i, inverse in enumerate(inverses):
            field = _apply(inverse, field, i)
        total = sum(
            v.reshape([-1 if j == i else 1 for j in range(len(values))])
            for i, v in enumerate(values)
        )
        if np.abs(total).min() <= 1e-13 * np.abs(total).max():
            return None  # singular: an eigenvalue of the operator, or pure Neumann conditions
        field = field / total
        for i, right in enumerate(vectors):
            field = _apply(right, field, i)
        homogeneous = field.real
        for i, restore in enumerate(restores):
            homogeneous = _apply(restore, homogeneous, i)
        nodes = [axis.nodes for axis in axes]
        full = homogeneous + _on_grid(self.lift, problem.coordinates, nodes)
        for i, axis in enumerate(axes):
            full = _apply(axis.to_coefficients, full, i)
        network = TensorKAN(full.shape, lower, upper)
        return network.with_output_coefficients(torch.as_tensor(np.ascontiguousarray(full))[None])

    def _reduced(self, i: int, axis: _Axis) -> tuple[np.ndarray, np.ndarray]:
        """Return the operator on interior nodes and the map from them to all nodes."""
        coordinate = self.problem.coordinates[i]
        n = len(axis.nodes)
        operator = np.zeros((n, n))
        for order, coefficient in self.terms[i]:
            values = evaluate(coefficient, (coordinate,), axis.nodes[:, None])
            operator += values[:, None] * axis.derivative(order)
        first = axis.derivative(1)
        (a0, b0), (a1, b1) = self.ends[i]
        rows = np.zeros((2, n))
        rows[0, 0], rows[1, -1] = a0, a1
        rows[0] += b0 * first[0]
        rows[1] += b1 * first[-1]
        ends = -np.linalg.solve(rows[:, [0, -1]], rows[:, 1:-1])
        restore = np.vstack([ends[:1], np.eye(n - 2), ends[1:]])
        return operator[1:-1] @ restore, restore


def separate(problem: Problem) -> SeparableProblem | None:
    """Return the separable form of a problem, or None if it has none that is supported.

    Supported: one unknown on a box, a linear equation without mixed derivatives whose coefficient
    of each derivative depends on that coordinate alone, one condition on every face: all Dirichlet
    with values that agree at the edges, or any of Dirichlet, Neumann and Robin with zero values.
    """
    if not isinstance(problem.domain, Box) or len(problem.unknowns) != 1 or not problem.is_linear:
        return None
    if len(problem.equations) != 1:
        return None
    residual = problem.equation_residuals[0]
    terms = _terms(problem, residual)
    faces = _faces(problem)
    if terms is None or faces is None:
        return None
    lift: Expr = Integer(0)
    source = -residual.source
    if any(value != 0 for _, _, value in faces.values()):
        hard = hard_conditions(problem)
        if hard is None or len(hard.names) != len(problem.conditions):
            return None
        lift = hard.lift[0]
        source = source - _applied(problem, residual, lift)
    ends = tuple((_end(faces, i, -1), _end(faces, i, 1)) for i in range(problem.dimension))
    return SeparableProblem(problem, terms, ends, lift, source)


def _terms(
    problem: Problem, residual: SymbolicResidual
) -> tuple[tuple[tuple[int, Expr], ...], ...] | None:
    terms: list[list[tuple[int, Expr]]] = [[] for _ in problem.coordinates]
    for part, coefficient in zip(residual.parts, residual.partials, strict=True):
        coefficient = coefficient.expand()
        axes = [i for i, n in enumerate(part.order) if n]
        if len(axes) > 1:
            return None
        strange = coefficient.free_symbols - ({problem.coordinates[axes[0]]} if axes else set())
        if axes and strange:
            return None
        if axes:
            if part.order[axes[0]] > 2:
                return None
            terms[axes[0]].append((part.order[axes[0]], coefficient))
            continue
        for term in coefficient.as_ordered_terms():  # c(x) + d(y) splits over the axes
            used = [i for i, c in enumerate(problem.coordinates) if c in term.free_symbols]
            if len(used) > 1:
                return None
            terms[used[0] if used else 0].append((0, term))
    if not all(any(order == 2 for order, _ in axis) for axis in terms):
        return None
    return tuple(tuple(axis) for axis in terms)


def _faces(problem: Problem) -> dict[tuple[int, int], tuple[float, float, Expr]] | None:
    """Return for each face (a, b, value) of its condition a u + b du/dn = value, or None."""
    found: dict[tuple[int, int], tuple[float, float, Expr]] = {}
    for residual, condition in zip(problem.condition_residuals, problem.conditions, strict=True):
        if not condition.on.pieces or condition.opposite is not None:
            return None  # data, an integral, or a tie to the opposite face
        for face in condition.on.pieces:
            if not isinstance(face, Face) or (face.axis, face.side) in found:
                return None
            numbers = _constants(problem, residual, face)
            if numbers is None:
                return None
            found[face.axis, face.side] = (*numbers, -residual.source)
    return found if len(found) == 2 * problem.dimension else None


def _end(
    faces: dict[tuple[int, int], tuple[float, float, Expr]], axis: int, side: int
) -> tuple[float, float]:
    """Return (a, b) of a face's condition with the derivative along the axis, not outward."""
    a, b, _ = faces[axis, side]
    return a, side * b


def _constants(
    problem: Problem, residual: SymbolicResidual, face: Face
) -> tuple[float, float] | None:
    """Return the constants (a, b) of a u + b du/dn on a face, or None if they are not constant."""
    normal = {
        NormalComponent(c.name): Integer(face.side if i == face.axis else 0)
        for i, c in enumerate(problem.coordinates)
    }
    a = b = 0.0
    for part, coefficient in zip(residual.parts, residual.partials, strict=True):
        value = coefficient.xreplace(normal)
        if value == 0:
            continue
        if value.free_symbols:
            return None
        if sum(part.order) == 0:
            a += float(value)
        elif sum(part.order) == 1 and part.order[face.axis] == 1:
            b += float(value) * face.side
        else:
            return None
    return a, b


def _applied(problem: Problem, residual: SymbolicResidual, lift: Expr) -> Expr:
    """Return the linear operator applied to an expression."""
    total: Expr = Integer(0)
    for part, coefficient in zip(residual.parts, residual.partials, strict=True):
        derivative = lift
        for coordinate, n in zip(problem.coordinates, part.order, strict=True):
            derivative = derivative.diff(coordinate, n) if n else derivative
        total = total + coefficient * derivative
    return total


class _Axis:
    """Chebyshev points and matrices of one axis; nodes increase."""

    def __init__(self, degree: int, lower: float, upper: float) -> None:
        half = (upper - lower) / 2
        s = -np.cos(np.pi * np.arange(degree + 1) / degree)
        self.nodes = (lower + upper) / 2 + half * s
        values = chebyshev.chebvander(s, degree)
        self.to_coefficients = np.linalg.inv(values)
        self._matrices = [np.eye(degree + 1)]
        coefficients = np.eye(degree + 1)
        for order in (1, 2):
            coefficients = np.vstack([chebyshev.chebder(coefficients), np.zeros((1, degree + 1))])
            matrix = values @ coefficients @ self.to_coefficients / half**order
            self._matrices.append(matrix)

    def derivative(self, order: int) -> np.ndarray:
        """Return the matrix that differentiates values at the nodes."""
        return self._matrices[order]


def _apply(matrix: np.ndarray, field: np.ndarray, axis: int) -> np.ndarray:
    """Apply a matrix along one axis of an array."""
    return np.moveaxis(np.tensordot(matrix, field, axes=(1, axis)), 0, axis)


def _on_grid(
    expression: Expr, coordinates: tuple[Symbol, ...], axes: list[np.ndarray]
) -> np.ndarray:
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    return evaluate(expression, coordinates, points).reshape([len(a) for a in axes])
