r"""One slab: Galerkin with splines in x, Radau collocation in t; a nonlinear system.

The field is :math:`u(x,t)=\sum_l\sum_i c_{il}B_i(x)\,\ell_l(t)`. At every Radau point :math:`t_j`
and for every spline :math:`B_i` the residual of an equation is made orthogonal,
:math:`\int B_i\,G(x,t_j,u,u_x,u_t,\ldots)\,dx=0` by Gauss points; each condition takes the place of
one test function at its end. The Jacobian is block-banded with blocks of all stages and unknowns.
Energy estimates carry over to the splines, for trial and test functions are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.solving.slab_band import BlockBand, Factor
from kanpde.solving.slab_ends import EndCondition, end_conditions
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_system import Part, Residual, System
from kanpde.solving.slab_time import RadauRule


@dataclass(frozen=True, eq=False)
class State:
    """The fields at one time, and their rates where an equation is of second order in time.

    Args:
        space: the splines.
        values: coefficients (size, unknowns).
        rates: coefficients of the derivatives in time, (size, unknowns); zero where not needed.
    """

    space: SplineSpace
    values: np.ndarray
    rates: np.ndarray

    def on(self, finer: SplineSpace) -> State:
        """Return the same fields on a finer space; exact."""
        both = np.stack([self.values, self.rates])
        moved = self.space.transfer(both.transpose(1, 0, 2), finer)
        return State(finer, moved[:, 0].copy(), moved[:, 1].copy())


class SlabStep:
    """The nonlinear system of one slab.

    Coefficients have shape (size, stages, unknowns).

    Args:
        system: the problem.
        state: at the start of the slab.
        rule: the stages.
        time: the start.
        length: of the slab.
        points: Gauss points in each cell.
    """

    def __init__(
        self,
        system: System,
        state: State,
        rule: RadauRule,
        time: float,
        length: float,
        *,
        points: int,
    ) -> None:
        self.system, self.state, self.rule, self._points = system, state, rule, points
        self.space, self.length = state.space, length
        self.times = time + rule.points * length
        nodes, weights = self.space.gauss(points)
        self._x = nodes[:, :, None]
        self._table = self.space.table(nodes, system.space_order)
        self._tested = (
            weights[:, :, None]
            * self._table[:, 0]
            / self.space.integrals[self.space.windows][:, None]
        ).transpose(0, 2, 1)  # (cells, p + 1, q), each test function of mean one
        d = rule.differentiation
        first, inner = d[:, 0] / length, d[:, 1:] / length
        # d^a u / dt^a at the stages = operators[a] @ stages + what the start contributes
        self._operators = [np.eye(rule.stages), inner, inner @ inner]
        self._from_values = [np.zeros(rule.stages), first, inner @ first]
        self._from_rates = [np.zeros(rule.stages), np.zeros(rule.stages), first]
        self._conditions = end_conditions(system, self.space)
        self._scales = [length**order for order in system.time_orders]

    def beginning(self, state: State, time: float, length: float) -> SlabStep:
        """Return the step of another slab, of the same system, stages and points."""
        return SlabStep(self.system, state, self.rule, time, length, points=self._points)

    def end(self, stages: np.ndarray) -> State:
        """Return the state at the end of the slab."""
        rates = np.zeros_like(self.state.values)
        for u, order in enumerate(self.system.time_orders):
            if order > 1:
                rates[:, u] = (
                    stages[:, :, u] @ self._operators[1][-1]
                    + self.state.values[:, u] * self._from_values[1][-1]
                )
        return State(self.space, stages[:, -1].copy(), rates)

    def with_start(self, stages: np.ndarray) -> np.ndarray:
        """Return the coefficients at the start and at all stages, (size, stages + 1, unknowns).

        An unknown without a derivative in time has no value at the start; the polynomial through
        its stages gives one.
        """
        both = np.concatenate([self.state.values[:, None], stages], axis=1)
        if self.rule.stages > 1:
            for u, order in enumerate(self.system.time_orders):
                if order == 0:
                    both[:, 0, u] = stages[:, :, u] @ self.rule.at_zero
        return both

    # Fields ----------------------------------------------------------------------------------

    def parts(
        self, stages: np.ndarray, table: np.ndarray, parts: tuple[Part, ...]
    ) -> list[np.ndarray]:
        """Return derivatives at the points of a table and all stages, each (cells, q, stages).

        Args:
            stages: coefficients.
            table: shape (cells, order + 1, q, degree + 1).
            parts: which derivatives.
        """
        found = []
        for u, a, b in parts:
            c = stages[:, :, u]
            if a:
                c = (
                    c @ self._operators[a].T
                    + np.outer(self.state.values[:, u], self._from_values[a])
                    + np.outer(self.state.rates[:, u], self._from_rates[a])
                )
            found.append(self.space.values(c, table[:, b]))
        return found

    # The system ------------------------------------------------------------------------------

    def residual(self, stages: np.ndarray) -> np.ndarray:
        """Return the residual, shape (size, stages, unknowns)."""
        shape = (*self._x.shape[:2], len(self.times))
        result = np.zeros_like(stages)
        for e, equation in enumerate(self.system.equations):
            arguments = self.parts(stages, self._table, equation.parts)
            values = equation.value(self._x, self.times, *arguments)
            local = self._tested @ (np.broadcast_to(values, shape) * self._scales[e])
            np.add.at(result[:, :, e], self.space.windows, local)
        for condition in self._conditions:
            values, entries = self._condition(condition, stages)
            result[condition.row, :, condition.unknown] = values / _largest(entries)
        return result

    def jacobian(self, stages: np.ndarray) -> Factor:
        """Return the factorised Jacobian.

        Raises:
            SingularMatrix: if it has no inverse.
        """
        space, m, n = self.space, len(self.times), self.system.unknowns
        p = space.degree
        matrix = BlockBand(space.size, p, m * n, space.periodic)
        for e, equation in enumerate(self.system.equations):
            arguments = self.parts(stages, self._table, equation.parts)
            slopes = equation.partials(self._x, self.times, *arguments)
            for (u, a), local in self._local(equation, slopes).items():
                matrix.add(
                    local * self._scales[e],
                    self._operators[a],
                    slice(e, None, n),
                    slice(u, None, n),
                )
        for condition in self._conditions:
            _, entries = self._condition(condition, stages)
            entries = entries / _largest(entries)
            for j in range(m):
                row = j * n + condition.unknown
                columns = entries[..., j].reshape(p + 1, m * n)
                matrix.clear_row(condition.row, row)
                matrix.add_to_row(condition.row, row, condition.window, columns)
        return matrix.factorised()

    def _local(
        self, equation: Residual, slopes: Sequence[np.ndarray]
    ) -> dict[tuple[int, int], np.ndarray]:
        """Return for each unknown and order in t the cell matrices (cells, stages, p+1, p+1)."""
        shape = (*self._x.shape[:2], len(self.times))
        weighted: dict[tuple[int, int], np.ndarray] = {}
        for (u, a, b), slope in zip(equation.parts, slopes, strict=True):
            slope = np.broadcast_to(np.asarray(slope, dtype=float), shape)
            term = slope.transpose(0, 2, 1)[..., None] * self._table[:, None, b]
            weighted[u, a] = weighted[u, a] + term if (u, a) in weighted else term
        return {key: self._tested[:, None] @ term for key, term in weighted.items()}

    def _condition(
        self, condition: EndCondition, stages: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a condition's residual (stages,) and derivatives.

        The derivatives have shape (p + 1, stages, unknowns, stages): by the coefficients of the
        end's splines, stages and unknowns; the last axis is that of the residual.
        """
        m, n = len(self.times), self.system.unknowns
        window, residual = condition.window, condition.residual
        values = []
        for u, a, b in residual.parts:
            c = (
                stages[window, :, u] @ self._operators[a].T
                + np.outer(self.state.values[window, u], self._from_values[a])
                + np.outer(self.state.rates[window, u], self._from_rates[a])
            )
            values.append(condition.table[b] @ c)
        arguments = (condition.place, self.times, *values)
        entries = np.zeros((len(window), m, n, m))
        for (u, a, b), slope in zip(residual.parts, residual.partials(*arguments), strict=True):
            rows = np.broadcast_to(np.asarray(slope, dtype=float), (m,)) * self._operators[a].T
            entries[:, :, u] += condition.table[b][:, None, None] * rows
        return np.broadcast_to(residual.value(*arguments), (m,)), entries


def _largest(entries: np.ndarray) -> np.ndarray:
    """Return the largest entry of each of a condition's rows, (stages,); one for zero rows."""
    size = np.abs(entries).max(axis=(0, 1, 2))
    return np.where(size > 0, size, 1.0)
