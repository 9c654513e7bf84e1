r"""Quadratic finite elements in space, a third-order implicit method in time, at equal time.

For one unknown with :math:`\partial_t^ku=\nu\,\Delta u`-like terms with constant factors and a
nonlinear rest :math:`g(x,t,u,\nabla u)`, k = 1 or 2, over an interval or a rectangle, periodic or
with given values (scikit-fem; SDIRK of Alexander, SIAM J. Numer. Anal. 14, 1977: three stages,
L-stable, order 3). Meshes are uniform; of three ratios of steps to cells the best by TRUE error
counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fem import ELEMENTS, MESHES, Baseline
from scipy import sparse
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, LinearForm
from sympy import Expr, Integer, lambdify

from kanpde import Problem
from kanpde.problem import ConditionKind, Evolution

GAMMA = 0.43586652150845899942
B1 = -(6 * GAMMA**2 - 16 * GAMMA + 1) / 4
B2 = (6 * GAMMA**2 - 20 * GAMMA + 5) / 4
STAGES = ((GAMMA,), ((1 - GAMMA) / 2, GAMMA), (B1, B2, GAMMA))
RATIOS = (1, 4, 16)
SNAPSHOTS = 50
NEWTON = 1e-10
FEWEST, MOST = 16, 1 << 14

Field = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps points of space (N, D) and times (T,) to values (T, N)."""


def marching(problem: Problem, reference: Field, seconds: float) -> Baseline | None:
    """Return the best field that is found in the seconds given; None if there is no such method."""
    if not _suits(problem):
        return None
    system, best = _Semilinear(problem), None
    cells = FEWEST
    while cells <= MOST:
        fits = False
        for ratio in RATIOS:
            steps = SNAPSHOTS * int(np.ceil(ratio * cells / SNAPSHOTS))
            start = time.process_time()
            found = system.march(cells, steps, start + (seconds if best else 3600.0))
            took = time.process_time() - start
            if found is None:
                break
            fits = True
            error = system.distance(found, reference)
            if best is None or error < best.error:
                best = Baseline(error, found.basis.N, took, f"P2, {steps} steps")
        if not fits:
            break
        cells *= 2
    return best


def _suits(problem: Problem) -> bool:
    description = problem.evolution
    if description is None or len(problem.unknowns) != 1 or len(description.space) > 2:
        return False
    kinds = {c.kind for c in description.lateral}
    parts = description.equations[0].parts
    orders = [sum(p.order[:-1]) for p in parts]
    plain = all(p.order[-1] == 0 or not any(p.order[:-1]) for p in parts)
    usual = kinds in ({ConditionKind.DIRICHLET}, {ConditionKind.PERIODIC})
    return description.is_complete and max(orders) <= 2 and plain and usual


@dataclass(frozen=True)
class _March:
    """Snapshots of a march: the basis, times (T,) and coefficients (T, N)."""

    basis: Basis
    times: list[float] = field(default_factory=list)
    snapshots: list[np.ndarray] = field(default_factory=list)


class _Semilinear:
    """The equation split into what is linear with constant factors and the rest."""

    def __init__(self, problem: Problem) -> None:
        evolution = problem.evolution
        assert evolution is not None
        self.evolution, self._domain = evolution, problem.domain.space
        (residual,) = evolution.equations
        self.order = evolution.orders[0]
        space = range(len(evolution.space))
        zero, factor, self.diffusion = {}, Integer(1), [0.0 for _ in space]
        self._symbols: list[Any] = [None for _ in range(1 + len(evolution.space))]
        for part, partial in zip(residual.parts, residual.partials, strict=True):
            inside = part.order[:-1]
            if part.order[-1] == self.order:
                factor, zero[part.symbol] = partial, Integer(0)
            elif sum(inside) == 2:
                self.diffusion[inside.index(2)] = -float(partial)
                zero[part.symbol] = Integer(0)
            elif part.order[-1] == 0:
                self._symbols[inside.index(1) + 1 if sum(inside) else 0] = part.symbol
        self.diffusion = [d / float(factor) for d in self.diffusion]
        rest = residual.expression.xreplace(zero) / factor
        arguments = [s or Integer(0) for s in self._symbols]
        names = [*evolution.space, evolution.time, *(s for s in self._symbols if s is not None)]
        self._rest = self._compiled(rest, names)
        self._slopes = [self._compiled(rest.diff(s) if s else Integer(0), names) for s in arguments]
        self.linear = not any(
            rest.diff(s).has(*[q for q in self._symbols if q is not None]) for s in arguments if s
        )
        self.varies = rest.has(evolution.time)

    @staticmethod
    def _compiled(expression: Expr, names: list[Any]) -> Callable[..., np.ndarray]:
        return lambdify(names, expression, modules=["scipy", "numpy"], cse=True)

    def _arguments(self, w: Any) -> list[Any]:
        values = [w["u"].value, *w["u"].grad]
        used = [v for v, s in zip(values, self._symbols, strict=True) if s is not None]
        return [*w.x, w["t"], *used]

    def march(self, cells: int, steps: int, until: float) -> _March | None:
        """Return a march, or None if it is not done by the moment given."""
        axes = [
            np.linspace(a, b, cells + 1)
            for a, b in zip(self._domain.lower, self._domain.upper, strict=True)
        ]
        d = len(axes)
        basis = Basis(MESHES[d].init_tensor(*axes), ELEMENTS[d]())
        boundary = _Boundary(self.evolution, basis)
        p = boundary.prolongation
        mass = BilinearForm(lambda u, v, w: u * v).assemble(basis)
        stiff = BilinearForm(
            lambda u, v, w: sum(a * u.grad[i] * v.grad[i] for i, a in enumerate(self.diffusion))
        ).assemble(basis)
        slope = BilinearForm(
            lambda u, v, w: (
                (
                    self._slopes[0](*self._arguments(w)) * u
                    + sum(
                        s(*self._arguments(w)) * u.grad[i] for i, s in enumerate(self._slopes[1:])
                    )
                )
                * v
            )
        )
        load = LinearForm(lambda v, w: self._rest(*self._arguments(w)) * v)
        at_start = {"u": basis.interpolate(basis.zeros()), "t": self.evolution.start}
        if self.linear:  # assembled once: the rest is a matrix and a source
            stiff = stiff + slope.assemble(basis, **at_start)
            source = load.assemble(basis, **at_start)

        evolution = self.evolution
        u, *velocity = (
            np.broadcast_to(
                self._compiled(
                    e.xreplace({evolution.time: evolution.start}), list(evolution.space)
                )(*basis.doflocs),
                basis.N,
            ).astype(float)
            for e in evolution.initial[0]
        )
        w = velocity[0] if velocity else None
        dt, t = (evolution.end - evolution.start) / steps, evolution.start
        tau = (GAMMA * dt) ** self.order
        result = _March(basis, [t], [u])
        factor = None
        for step in range(1, steps + 1):
            if time.process_time() > until:
                return None
            if factor is not None and not self.linear:
                factor = None
            slopes_u: list[np.ndarray] = []
            slopes_w: list[np.ndarray] = []
            for row in STAGES:
                at = t + sum(row) * dt
                su = u + dt * sum((a * k for a, k in zip(row, slopes_u, strict=False)), 0 * u)
                known = su
                if w is not None:
                    sw = w + dt * sum((a * k for a, k in zip(row, slopes_w, strict=False)), 0 * w)
                    known = su + GAMMA * dt * sw
                stage = boundary.set(su.copy(), at)
                for _ in range(8):
                    if self.linear:
                        if self.varies:
                            source = load.assemble(basis, u=at_start["u"], t=at)
                    else:
                        here = {"u": basis.interpolate(stage), "t": at}
                        source = load.assemble(basis, **here)
                    residual = p.T @ (mass @ (stage - known) / tau + stiff @ stage + source)
                    if factor is None:
                        jacobian = mass / tau + stiff
                        if not self.linear:
                            jacobian = jacobian + slope.assemble(basis, **here)
                        factor = splu((p.T @ jacobian @ p).tocsc())
                    change = factor.solve(residual)
                    stage = stage - p @ change
                    size = np.abs(change).max()
                    if not np.isfinite(size):
                        return None
                    if self.linear or size < NEWTON:
                        break
                slopes_u.append((stage - su) / (GAMMA * dt))
                if w is not None:
                    slopes_w.append((slopes_u[-1] - sw) / (GAMMA * dt))
            u, t = stage, evolution.start + step * dt
            if w is not None:
                w = w + dt * sum(a * k for a, k in zip(STAGES[-1], slopes_w, strict=True))
            if step % (steps // SNAPSHOTS) == 0:
                result.times.append(t)
                result.snapshots.append(u)
        return result

    @staticmethod
    def distance(found: _March, reference: Field) -> float:
        """Return the relative L2 distance over space and time, by the trapezoidal rule in time."""
        basis = found.basis
        points = np.asarray(basis.global_coordinates())
        flat = points.reshape(len(points), -1).T
        exact = reference(flat, np.array(found.times)).reshape(-1, *points.shape[1:])
        gap = size = 0.0
        for k, (snapshot, truth) in enumerate(zip(found.snapshots, exact, strict=True)):
            weight = (0.5 if k in (0, len(exact) - 1) else 1.0) * basis.dx
            gap += (weight * (basis.interpolate(snapshot).value - truth) ** 2).sum()
            size += (weight * truth**2).sum()
        return float(np.sqrt(gap / size))


class _Boundary:
    """What the conditions do: values given at some nodes, or nodes that are the same."""

    def __init__(self, evolution: Evolution, basis: Basis) -> None:
        self._given: list[tuple[np.ndarray, Callable[..., Any]]] = []
        n, places = basis.N, basis.doflocs
        box = {"left": (0, 0), "right": (0, 1), "bottom": (1, 0), "top": (1, 1)}
        low, high = places.min(axis=1), places.max(axis=1)
        target = np.arange(n)
        fixed = np.zeros(n, dtype=bool)
        for condition in evolution.lateral:
            if condition.kind is ConditionKind.PERIODIC:
                (axis,) = {box[name][0] for name in condition.pieces}
                last = np.flatnonzero(places[axis] == high[axis])
                first = np.flatnonzero(places[axis] == low[axis])
                others = np.delete(places, axis, axis=0)
                last = last[np.lexsort(others[:, last])] if len(others) else last
                first = first[np.lexsort(others[:, first])] if len(others) else first
                target[last] = target[first]
                continue
            residual = condition.residual
            value = -residual.source / residual.partials[0]
            function = lambdify([*evolution.space, evolution.time], value, modules="numpy")
            for name in condition.pieces:
                axis, side = box[name]
                nodes = np.flatnonzero(places[axis] == (low, high)[side][axis])
                fixed[nodes] = True
                self._given.append((nodes, function))
        self._places = places
        free = np.unique(target[~fixed])
        number = np.full(n, -1)
        number[free] = np.arange(len(free))
        rows = np.flatnonzero(~fixed)
        entries = (np.ones(len(rows)), (rows, number[target[rows]]))
        self.prolongation = sparse.csr_array(entries, shape=(n, len(free)))

    def set(self, u: np.ndarray, t: float) -> np.ndarray:
        """Write the values that are given at a time."""
        for nodes, function in self._given:
            u[nodes] = function(*self._places[:, nodes], t)
        return u
