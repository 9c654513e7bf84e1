r"""One slab over a rectangle: tensor splines collocated in space, Radau collocation in time.

The stages are coupled only through the differentiation matrix of the Radau points. With its
eigenvalues :math:`\lambda_k` and the derivatives of the equations taken the same at all stages, a
correction of Newton's method needs one sparse system of the size of space for each real eigenvalue
and each complex pair (Butcher, BIT 16, 1976; Hairer and Wanner II, IV.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import SuperLU, splu

from kanpde.solving.plane_space import PlaneSpace
from kanpde.solving.plane_system import PlanePart, PlaneResidual, PlaneSystem
from kanpde.solving.slab_time import RadauRule

FRESH = np.array([0.07, 0.5, 0.8])
"""Places in a slab where the defect is looked at; none is a Radau point of few stages."""
ELIMINATION: dict[str, Any] = {
    "permc_spec": "NATURAL",
    "diag_pivot_thresh": 0.1,
    "options": {"SymmetricMode": True},
}
"""Of SuperLU: the order is ours, and rows are exchanged only where a pivot is small."""
DEFECT = 0.25
"""Error of the field over the defect times the length: the integral takes some of it away."""


@dataclass(frozen=True, eq=False)
class PlaneState:
    """The fields at one time and, where an equation is of second order in time, their rates.

    Args:
        space: the splines.
        values: coefficients (nx, ny, unknowns).
        rates: of the derivatives in time, (nx, ny, unknowns); zero where not needed.
    """

    space: PlaneSpace
    values: np.ndarray
    rates: np.ndarray

    def on(self, finer: PlaneSpace) -> PlaneState:
        """Return the same fields on a finer space; exact."""
        return PlaneState(
            finer,
            np.ascontiguousarray(self.space.transfer(self.values, finer)),
            np.ascontiguousarray(self.space.transfer(self.rates, finer)),
        )


@dataclass(frozen=True, eq=False)
class Factors:
    """The factorised systems of a slab, one for each eigenvalue that is kept.

    Args:
        systems: by eigenvalue.
    """

    systems: tuple[SuperLU, ...]


class PlaneStep:
    """The nonlinear system of one slab; its unknowns are the coefficients at the stages.

    Coefficients have shape (stages, unknowns, nx, ny).

    Args:
        system: the problem.
        state: at the start of the slab.
        rule: the stages.
        time: the start.
        length: of the slab.
    """

    def __init__(
        self, system: PlaneSystem, state: PlaneState, rule: RadauRule, time: float, length: float
    ) -> None:
        self.system, self.state, self.rule, self.length = system, state, rule, length
        self.space = state.space
        self.times = time + rule.points * length
        d = rule.differentiation / length
        first, inner = d[:, 0], d[:, 1:]
        # d^a u / dt^a at the stages = operators[a] @ stages + what the start contributes
        self._operators = [np.eye(rule.stages), inner, inner @ inner]
        self._from_values = [np.zeros(rule.stages), first, inner @ first]
        self._from_rates = [np.zeros(rule.stages), np.zeros(rule.stages), first]
        eigenvalues, self._vectors = np.linalg.eig(inner)
        self._inverse = np.linalg.inv(self._vectors)
        # Of a complex pair the one with a positive imaginary part stands for both.
        self._kept = np.flatnonzero(eigenvalues.imag >= 0)
        self._eigenvalues = eigenvalues
        self._values = np.moveaxis(state.values, 2, 0)
        self._rates = np.moveaxis(state.rates, 2, 0)
        self._rows = _side_rows(system, self.space)

    def start_guess(self) -> np.ndarray:
        """Return the start at all stages."""
        return np.repeat(self._values[None], self.rule.stages, axis=0)

    def end(self, stages: np.ndarray) -> PlaneState:
        """Return the state at the end of the slab."""
        rates = np.zeros_like(self._rates)
        for u, order in enumerate(self.system.orders):
            if order > 1:
                rates[u] = self._in_time(stages, u, 1)[-1]
        return PlaneState(
            self.space, np.moveaxis(stages[-1], 0, 2).copy(), np.moveaxis(rates, 0, 2).copy()
        )

    def with_start(self, stages: np.ndarray) -> np.ndarray:
        """Return the coefficients at the start and the stages, (stages + 1, unknowns, nx, ny)."""
        both = np.ascontiguousarray(np.concatenate([self._values[None], stages]))
        if self.rule.stages > 1:
            for u, order in enumerate(self.system.orders):
                if order == 0:
                    both[0, u] = np.tensordot(self.rule.at_zero, stages[:, u], axes=1)
        return both

    def residual(self, stages: np.ndarray) -> np.ndarray:
        """Return what should vanish at all points and stages, (stages, unknowns, nx, ny)."""
        result = np.empty_like(stages)
        everywhere = (slice(None), slice(None))
        for e, equation in enumerate(self.system.equations):
            result[:, e] = self._value(equation, stages, everywhere)
        for unknown, residual, where in self._rows:
            result[(slice(None), unknown, *where)] = self._value(residual, stages, where)
        return result

    def factorised(self, stages: np.ndarray) -> Factors:
        """Factorise the systems of Newton's corrections, linearised about the mean of the stages.

        Raises:
            RuntimeError: if a system is singular.
        """
        n, per_point = self.system.unknowns, self.space.places.shape[1]
        entries: dict[int, np.ndarray] = {
            a: np.zeros((self.space.size, n, per_point, n)) for a in range(3)
        }
        everywhere = (slice(None), slice(None))
        for e, equation in enumerate(self.system.equations):
            self._add_slopes(entries, e, equation, stages, everywhere)
        for unknown, residual, where in self._rows:
            rows = np.arange(self.space.size).reshape(self.space.shape)[where].ravel()
            for block in entries.values():
                block[rows, unknown] = 0
            self._add_slopes(entries, unknown, residual, stages, where)
        order = self.space.order
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        columns = rank[self.space.places[order]][:, None, :, None] * n + np.arange(n)
        columns = np.broadcast_to(columns, (self.space.size, n, per_point, n)).reshape(-1)
        starts = np.arange(self.space.size * n + 1) * (per_point * n)
        present = [a for a, block in entries.items() if block.any()]
        systems = []
        for k in self._kept:
            rate = self._eigenvalues[k]
            rate = rate.real if rate.imag == 0 else rate
            data = np.asarray(sum(entries[a] * rate**a for a in present))
            matrix = csr_array((data[order].reshape(-1), columns, starts))
            systems.append(splu(matrix.tocsc(), **ELIMINATION))
        return Factors(tuple(systems))

    def correction(self, factors: Factors, residual: np.ndarray) -> np.ndarray:
        """Return Newton's correction, to be subtracted, of the shape of the residual."""
        stages, n = self.rule.stages, self.system.unknowns
        by_point = np.moveaxis(residual, 1, 3).reshape(stages, -1, n).copy()
        flat = by_point[:, self.space.order].reshape(stages, -1)
        turned = self._inverse @ flat
        result = np.zeros_like(flat)
        for k, factor in zip(self._kept, factors.systems, strict=True):
            real = self._eigenvalues[k].imag == 0
            right = turned[k].real if real else turned[k]
            found = factor.solve(np.ascontiguousarray(right))
            share = np.outer(self._vectors[:, k], found)
            result += share.real if real else 2 * share.real
        by_point[:, self.space.order] = result.reshape(stages, -1, n)
        return np.moveaxis(by_point.reshape(stages, *self.space.shape, n), 3, 1)

    def defect(self, stages: np.ndarray, sizes: np.ndarray) -> float:
        r"""Return about the local error in time, relative to the field: the defect at fresh times.

        Between the Radau points the polynomials satisfy the equations only nearly. What is left,
        divided by the derivative of the equation by its highest derivative in time and times that
        power of the length, is about the error that it makes.

        Args:
            stages: the coefficients.
            sizes: of the unknowns.
        """
        inside = (slice(1, -1), slice(1, -1))
        worst = 0.0
        for e, equation in enumerate(self.system.equations):
            highest = self.system.orders[e]
            if highest == 0:
                continue
            arguments = self._arguments(equation.parts, stages, inside, fresh=True)
            value = np.asarray(equation.value(*arguments))
            slopes = equation.partials(*arguments)
            rate = sum(
                np.abs(slope)
                for (u, a, b, c), slope in zip(equation.parts, slopes, strict=True)
                if (u, a, b, c) == (e, highest, 0, 0)
            )
            error = np.abs(value) * self.length**highest / np.maximum(rate, 1e-300)
            worst = max(worst, float(np.sqrt((error**2).mean(axis=(1, 2)).max())) / sizes[e])
        return DEFECT * worst

    # Internals -------------------------------------------------------------------------------

    def _in_time(self, stages: np.ndarray, u: int, a: int) -> np.ndarray:
        """Return coefficients of the a-th derivative in time of an unknown, (stages, nx, ny)."""
        if a == 0:
            return stages[:, u]
        found = np.tensordot(self._operators[a], stages[:, u], axes=1)
        found += self._from_values[a][:, None, None] * self._values[u]
        if a > 1:
            found += self._from_rates[a][:, None, None] * self._rates[u]
        return found

    def _fresh(self, stages: np.ndarray, u: int, a: int) -> np.ndarray:
        """Return the same at the fresh times, (times, nx, ny)."""
        nodes = self.with_start(stages)[:, u]
        if a == 2:
            nodes = np.concatenate([self._rates[u][None], self._in_time(stages, u, 1)])
        table = self.rule.values(FRESH, min(a, 1)) / self.length ** min(a, 1)
        return np.tensordot(table, nodes, axes=1)

    def _arguments(
        self,
        parts: tuple[PlanePart, ...],
        stages: np.ndarray,
        where: tuple[slice | int, ...],
        *,
        fresh: bool = False,
    ) -> list[np.ndarray]:
        """Return x, y, t and the parts at the points of a set, each (stages or times, ...)."""
        in_time = self._fresh if fresh else self._in_time
        times = self.times[-1] + (FRESH - 1) * self.length if fresh else self.times
        x, y = np.meshgrid(self.space.x.points, self.space.y.points, indexing="ij")
        x, y = x[where], y[where]
        t = times.reshape(-1, *[1] * x.ndim)
        fields = [
            self.space.values(in_time(stages, u, a), b, c)[(slice(None), *where)]
            for u, a, b, c in parts
        ]
        return [x, y, t, *fields]

    def _value(
        self, residual: PlaneResidual, stages: np.ndarray, where: tuple[slice | int, ...]
    ) -> np.ndarray:
        arguments = self._arguments(residual.parts, stages, where)
        return np.asarray(residual.value(*arguments))

    def _add_slopes(
        self,
        entries: dict[int, np.ndarray],
        row: int,
        residual: PlaneResidual,
        stages: np.ndarray,
        where: tuple[slice | int, ...],
    ) -> None:
        """Add a residual's derivatives, by order in time, to the rows of the points of a set."""
        arguments = self._arguments(residual.parts, stages, where)
        points = np.arange(self.space.size).reshape(self.space.shape)[where]
        shape = (self.rule.stages, *points.shape)
        rows = points.ravel()
        for (u, a, b, c), slope in zip(residual.parts, residual.partials(*arguments), strict=True):
            mean = np.broadcast_to(np.asarray(slope, dtype=float), shape).mean(axis=0).ravel()
            entries[a][rows, row, :, u] += mean[:, None] * self.space.products(b, c)[rows]


@dataclass(eq=False)
class PlaneLinearised:
    """The last factorised systems, for Newton's method in a slab of this length and space.

    Args:
        state: at the start of the slab that they were made in.
        time, length: of that slab.
        place: coefficients that they were made at.
        factors: of them; made again from the others where there are none, to the same bits.
    """

    state: PlaneState
    time: float
    length: float
    place: np.ndarray
    factors: Factors | None = None

    derived: ClassVar[frozenset[str]] = frozenset({"factors"})

    def suits(self, step: PlaneStep) -> bool:
        """Whether they are of the step's space and length."""
        return self.state.space is step.space and self.length == step.length

    def factors_like(self, step: PlaneStep) -> Factors:
        """Return the factors, for a step of the same system and stages."""
        if self.factors is None:
            own = PlaneStep(step.system, self.state, step.rule, self.time, self.length)
            self.factors = own.factorised(self.place)
        return self.factors


def _side_rows(
    system: PlaneSystem, space: PlaneSpace
) -> list[tuple[int, PlaneResidual, tuple[slice | int, ...]]]:
    """Return which points each condition takes, of the equation of which unknown.

    A corner belongs to the sides x = constant where these have a condition for the unknown.
    """
    found: list[tuple[int, PlaneResidual, tuple[slice | int, ...]]] = []
    for side in system.sides:
        end = 0 if side.sign < 0 else space.shape[side.axis] - 1
        if side.axis == 0:
            found.append((side.unknown, side.residual, (end, slice(None))))
            continue
        taken = {s.sign for s in system.sides if s.axis == 0 and s.unknown == side.unknown}
        first, last = int(-1 in taken), space.shape[0] - int(1 in taken)
        found.append((side.unknown, side.residual, (slice(first, last), end)))
    return found
