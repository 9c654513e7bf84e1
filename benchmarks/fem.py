"""Quadratic finite elements (scikit-fem) at equal time, for linear problems of second order.

Needs scikit-fem: ``pip install -e ".[benchmarks]"``. The operator is read from the same problem as
ours, brought to divergence form. On boxes and polygons in the plane the mesh is refined adaptively
(Doerfler marking by the jumps of the normal derivative), where all levels count; everywhere it is
refined uniformly too, straight at curved boundaries, and only the last mesh counts. The better of
the two by TRUE error is taken.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from skfem import (
    Basis,
    BilinearForm,
    ElementLineP2,
    ElementTetP2,
    ElementTriP2,
    FacetBasis,
    Functional,
    InteriorFacetBasis,
    LinearForm,
    MeshLine,
    MeshTet,
    MeshTri,
    adaptive_theta,
    condense,
    solve,
)
from skfem.helpers import dot, grad
from sympy import Expr, Integer

from kanpde import Problem
from kanpde.geometry import as_box, triangulate
from kanpde.geometry.curves import Segment
from kanpde.problem import NormalComponent, SymbolicResidual, compiled

logging.getLogger("skfem").setLevel(logging.ERROR)
ELEMENTS = {1: ElementLineP2, 2: ElementTriP2, 3: ElementTetP2}
MESHES = {1: MeshLine, 2: MeshTri, 3: MeshTet}
MOST = 400_000
"""Degrees of freedom at which refinement ends whatever the time."""

Field = Callable[[np.ndarray], np.ndarray]
"""Maps points (N, D) to values (N,)."""


@dataclass(frozen=True)
class Baseline:
    """What another method reached: relative L2 error, unknowns, seconds, and how."""

    error: float
    unknowns: int
    seconds: float
    kind: str


def elliptic(problem: Problem, reference: Field, seconds: float) -> Baseline | None:
    """Return the best field that finite elements find in the seconds given; None if they cannot.

    Args:
        problem: linear, one unknown, of second order in one to three coordinates.
        reference: what its field is compared with.
        seconds: the first mesh counts even if it takes longer.
    """
    if not _suits(problem):
        return None
    forms = _Forms(problem)
    found = [_refined(forms, _uniform(problem), reference, seconds, adaptive=False)]
    if problem.dimension == 2 and _is_straight(problem):
        found.append(_refined(forms, _adaptive(problem), reference, seconds, adaptive=True))
    return min(found, key=lambda baseline: baseline.error)


def _refined(
    forms: _Forms, meshes: Any, reference: Field, seconds: float, *, adaptive: bool
) -> Baseline:
    best, spent, mesh = None, 0.0, next(meshes)
    while True:
        start = time.process_time()
        basis = Basis(mesh, ELEMENTS[mesh.dim()]())
        field = forms.solve(basis)
        marks = _jumps(basis, field) if adaptive else None
        spent = (spent if adaptive else 0.0) + time.process_time() - start
        if best is not None and spent > seconds:
            return best
        error = distance(basis, field, reference)
        best = Baseline(error, int(basis.N), spent, "P2 adaptive" if adaptive else "P2")
        if spent > seconds or basis.N > MOST:
            return best
        mesh = meshes.send(marks)


def distance(basis: Basis, field: np.ndarray, reference: Field) -> float:
    """Return the relative L2 distance of a finite-element field from a reference."""

    def at(w: Any) -> np.ndarray:
        return reference(w.x.reshape(len(w.x), -1).T).reshape(w.x.shape[1:])

    gap = Functional(lambda w: (w["u"] - at(w)) ** 2).assemble(basis, u=basis.interpolate(field))
    size = Functional(lambda w: at(w) ** 2).assemble(basis)
    return float(np.sqrt(gap / size))


def _suits(problem: Problem) -> bool:
    plain = problem.is_linear and len(problem.unknowns) == 1 and problem.dimension <= 3
    if not plain or problem.evolution is not None:
        return False
    return max(sum(p.order) for p in problem.equation_residuals[0].parts) == 2


def _is_straight(problem: Problem) -> bool:
    pieces = [piece for loop in problem.domain.loops for piece in loop]
    return as_box(problem.domain) is not None or all(isinstance(p.curve, Segment) for p in pieces)


def _uniform(problem: Problem) -> Generator[Any, Any, None]:
    """Yield meshes with twice as many cells along each axis as the one before."""
    dimension, cells = problem.dimension, 8
    while True:
        if as_box(problem.domain) is None:
            nodes, triangles = triangulate(problem.domain, cells**2)
            yield MeshTri(nodes.T, triangles.T)
        else:
            ends = zip(problem.domain.lower, problem.domain.upper, strict=True)
            axes = [np.linspace(a, b, cells + 1) for a, b in ends]
            yield MESHES[dimension].init_tensor(*axes)
        cells *= 2


def _adaptive(problem: Problem) -> Generator[Any, np.ndarray, None]:
    """Yield meshes refined where the marks that are sent back say so."""
    nodes, triangles = triangulate(problem.domain, 100)
    mesh = MeshTri(nodes.T, triangles.T)
    while True:
        marks = yield mesh
        mesh = mesh.refined(adaptive_theta(marks, theta=0.5)).smoothed()


def _jumps(basis: Basis, field: np.ndarray) -> np.ndarray:
    """Return for each cell what its sides' jumps of the normal derivative are."""
    sides = [InteriorFacetBasis(basis.mesh, basis.elem, side=i) for i in range(2)]
    above, below = (s.interpolate(field) for s in sides)
    jump = Functional(lambda w: w.h * dot(grad(w["a"]) - grad(w["b"]), w.n) ** 2)
    squares = np.zeros(basis.mesh.facets.shape[1])
    squares[sides[0].find] = jump.elemental(sides[0], a=above, b=below)
    return np.sqrt(squares[basis.mesh.t2f].sum(axis=0))


class _Forms:
    """The weak form of a problem: equation in divergence form, natural conditions, given values."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        d, (residual,) = problem.dimension, problem.equation_residuals
        second: list[list[Expr]] = [[Integer(0)] * d for _ in range(d)]
        first: list[Expr] = [Integer(0)] * d
        zeroth: Expr = Integer(0)
        for part, partial in zip(residual.parts, residual.partials, strict=True):
            axes = [a for a, n in enumerate(part.order) for _ in range(n)]
            if len(axes) == 2:
                i, j = axes
                second[i][j] += partial / 2
                second[j][i] += partial / 2
            elif len(axes) == 1:
                first[axes[0]] += partial
            else:
                zeroth += partial
        for j in range(d):
            first[j] -= sum(second[i][j].diff(problem.coordinates[i]) for i in range(d))
        self._second = [[self._function(e) for e in row] for row in second]
        self._first = [self._function(e) for e in first]
        self._zeroth, self._source = self._function(zeroth), self._function(residual.source)

    def _function(self, expression: Expr) -> Callable[[Any], np.ndarray]:
        found = compiled(expression, self._problem.coordinates)

        def at(w: Any) -> np.ndarray:
            points = w.x.reshape(len(w.x), -1).T
            normals = None if getattr(w, "n", None) is None else w.n.reshape(len(w.x), -1).T
            return found(points, normals).reshape(w.x.shape[1:])

        return at

    def solve(self, basis: Basis) -> np.ndarray:
        """Return the coefficients of the finite-element field."""
        d = range(self._problem.dimension)

        @BilinearForm
        def operator(u, v, w):
            result = self._zeroth(w) * u * v
            for i in d:
                result = result + self._first[i](w) * u.grad[i] * v
                for j in d:
                    result = result - self._second[i][j](w) * u.grad[j] * v.grad[i]
            return result

        matrix = operator.assemble(basis)
        target = LinearForm(lambda v, w: -self._source(w) * v).assemble(basis)
        values, given = basis.zeros(), []
        facets = self._facets(basis.mesh)
        pairs = zip(self._problem.condition_residuals, facets, strict=True)
        for residual, chosen in pairs:
            if all(sum(p.order) == 0 for p in residual.parts):
                dofs = basis.get_dofs(chosen).all()
                value = compiled(-residual.source / residual.partials[0], self._problem.coordinates)
                values[dofs] = value(basis.doflocs[:, dofs].T, None)
                given.append(dofs)
            else:
                extra, load = self._natural(residual, basis, chosen)
                matrix, target = matrix + extra, target + load
        if not given:
            return solve(matrix, target)
        return solve(*condense(matrix, target, x=values, D=np.unique(np.concatenate(given))))

    def _natural(self, residual: SymbolicResidual, basis: Basis, facets: np.ndarray):
        r"""Return what a slope given on facets adds: :math:`\oint (A\nabla u\cdot n)\,v`.

        With the slope g known along n and :math:`\nabla u=g\,n+(\nabla u\cdot t)\,t`.
        """
        d = range(self._problem.dimension)
        side = FacetBasis(basis.mesh, basis.elem, facets=facets)
        source = self._function(residual.source)
        slope, value = Integer(0), Integer(0)
        names = [c.name for c in self._problem.coordinates]
        for part, partial in zip(residual.parts, residual.partials, strict=True):
            if sum(part.order) == 0:
                value += partial
            else:  # the factor of du/dn, read off along that normal
                slope += partial * NormalComponent(names[part.order.index(1)])
        slope, value = self._function(slope), self._function(value)

        def along(w, a, b):
            return sum(self._second[i][j](w) * a[i] * b[j] for i in d for j in d)

        @BilinearForm
        def bilinear(u, v, w):
            n = w.n
            tangential = [u.grad[i] - sum(u.grad[j] * n[j] for j in d) * n[i] for i in d]
            own = -value(w) / slope(w) * u
            return (along(w, n, n) * own + along(w, n, tangential)) * v

        load = LinearForm(lambda v, w: along(w, w.n, w.n) * source(w) / slope(w) * v)
        return bilinear.assemble(side), load.assemble(side)

    def _facets(self, mesh: Any) -> list[np.ndarray]:
        """Return the boundary facets of every condition: those nearest to its pieces."""
        boundary = mesh.boundary_facets()
        middles = mesh.p[:, mesh.facets[:, boundary]]
        middles = middles.mean(axis=1).T if middles.ndim == 3 else middles.T
        samples, owner = [], []
        for k, condition in enumerate(self._problem.conditions):
            for piece in condition.on.pieces:
                samples.append(piece.sample(4000, seed=0)[0])
                owner += [k] * len(samples[-1])
        nearest = np.array(owner)[cKDTree(np.concatenate(samples)).query(middles)[1]]
        return [boundary[nearest == k] for k in range(len(self._problem.conditions))]
