r"""One slab: Galerkin with splines in x, Radau collocation in t, solved by Newton's method.

The field is :math:`u(x,t)=\sum_l\sum_i c_{il}B_i(x)\,\ell_l(t)`. At every Radau point :math:`t_j`
and for every spline :math:`B_i` the residual of an equation is made orthogonal,
:math:`\int B_i\,G(x,t_j,u,u_x,u_t,\ldots)\,dx=0` by Gauss points; each condition takes the place of
one test function at its end. The Jacobian is block-banded with blocks of all stages and unknowns.
Energy estimates carry over to the splines, for trial and test functions are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.solving.slab_band import BlockBand, Factor, SingularMatrix
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_system import Part, Residual, System
from kanpde.solving.slab_time import RadauRule

ITERATIONS = 14
CONTRACTION = 0.2
"""A correction that falls by less than this factor gets a new Jacobian."""


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
        return State(finer, moved[:, 0], moved[:, 1])


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
        self.system, self.state, self.rule = system, state, rule
        self.space, self.length = state.space, length
        self.times = time + rule.points * length
        nodes, weights = self.space.gauss(points)
        self._x = nodes[:, :, None]
        self._table = self.space.table(nodes, system.space_order)
        self._tested = (
            weights[:, :, None] * self._table[:, 0] / self.space.integrals[self.space.windows][:, None]
        ).transpose(0, 2, 1)  # (cells, p + 1, q), each test function of mean one
        d = rule.differentiation
        first, inner = d[:, 0] / length, d[:, 1:] / length
        # d^a u / dt^a at the stages = operators[a] @ stages + what the start contributes
        self._operators = [np.eye(rule.stages), inner, inner @ inner]
        self._from_values = [np.zeros(rule.stages), first, inner @ first]
        self._from_rates = [np.zeros(rule.stages), np.zeros(rule.stages), first]
        self._scales = [length**order for order in system.time_orders]

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

    def _at_end(self, side: int, residual: Residual, stages: np.ndarray) -> list[np.ndarray]:
        """Return the parts of a condition at an end and the splines' table there."""
        cell = np.array([0 if side < 0 else self.space.cells - 1])
        x = self.space.breaks[[0 if side < 0 else -1]]
        table = self.space.table_at(cell, x, self.system.space_order)[0]  # (order + 1, p + 1)
        window = self.space.windows[cell[0]]
        values = []
        for u, a, b in residual.parts:
            c = stages[window, :, u] @ self._operators[a].T
            c = c + np.outer(self.state.values[window, u], self._from_values[a])
            c = c + np.outer(self.state.rates[window, u], self._from_rates[a])
            values.append(table[b] @ c)
        return [x[0], self.times, *values]

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
        for index, e, side, condition in self._conditions():
            arguments = self._at_end(side, condition, stages)
            scale = self._row_scale(side, condition, arguments)
            result[index, :, e] = condition.value(*arguments) * scale
        return result

    def jacobian(self, stages: np.ndarray) -> Factor:
        """Return the factorised Jacobian.

        Raises:
            SingularMatrix: if it has no inverse.
        """
        space, m, n = self.space, len(self.times), self.system.unknowns
        p = space.degree
        cells = np.zeros((space.cells, p + 1, p + 1, m, n, m, n))
        for e, equation in enumerate(self.system.equations):
            arguments = self.parts(stages, self._table, equation.parts)
            slopes = equation.partials(self._x, self.times, *arguments)
            for key, local in self._local(equation, slopes).items():
                u, a = key
                local = local * self._scales[e]
                if a == 0:
                    for j in range(m):
                        cells[:, :, :, j, u, j, e] += local[:, j]
                else:
                    operator = self._operators[a].T[None, None, None]  # (l, j)
                    cells[..., u, :, e] += operator * local.transpose(0, 2, 3, 1)[:, :, :, None]
        matrix = BlockBand(space.size, p, m * n, space.periodic)
        matrix.add(cells.reshape(space.cells, p + 1, p + 1, m * n, m * n))
        for index, e, side, condition in self._conditions():
            self._add_condition(matrix, (index, e, side), condition, stages)
        return matrix.factorised()

    def _local(
        self, equation: Residual, slopes: list[np.ndarray]
    ) -> dict[tuple[int, int], np.ndarray]:
        """Return for each unknown and order in t the cell matrices (cells, stages, p+1, p+1)."""
        shape = (*self._x.shape[:2], len(self.times))
        weighted: dict[tuple[int, int], np.ndarray] = {}
        for (u, a, b), slope in zip(equation.parts, slopes, strict=True):
            slope = np.broadcast_to(np.asarray(slope, dtype=float), shape)
            term = slope.transpose(0, 2, 1)[..., None] * self._table[:, None, b]
            weighted[u, a] = weighted[u, a] + term if (u, a) in weighted else term
        return {key: self._tested[:, None] @ term for key, term in weighted.items()}

    def _conditions(self) -> list[tuple[int, int, int, Residual]]:
        """Return for each condition its row (index, unknown), its side and itself."""
        rows = []
        for side, conditions in ((-1, self.system.left), (1, self.system.right)):
            used = [0] * self.system.unknowns
            for e, condition in conditions:
                index = used[e] if side < 0 else self.space.size - 1 - used[e]
                used[e] += 1
                rows.append((index, e, side, condition))
        return rows

    def _end_entries(
        self, side: int, condition: Residual, arguments: list[np.ndarray]
    ) -> np.ndarray:
        """Return the entries of a condition's rows, (p + 1, stages, unknowns, stages)."""
        m, n = len(self.times), self.system.unknowns
        cell = np.array([0 if side < 0 else self.space.cells - 1])
        x = self.space.breaks[[0 if side < 0 else -1]]
        table = self.space.table_at(cell, x, self.system.space_order)[0]
        entries = np.zeros((self.space.degree + 1, m, n, m))
        slopes = condition.partials(*arguments)
        for (u, a, b), slope in zip(condition.parts, slopes, strict=True):
            rows = np.broadcast_to(np.asarray(slope, dtype=float), (m,)) * self._operators[a].T
            entries[:, :, u] += table[b][:, None, None] * rows
        return entries

    def _row_scale(
        self, side: int, condition: Residual, arguments: list[np.ndarray]
    ) -> np.ndarray:
        """Return factors (stages,) that make the largest entry of a condition's rows one."""
        size = np.abs(self._end_entries(side, condition, arguments)).max(axis=(0, 1, 2))
        return 1 / np.where(size > 0, size, 1.0)

    def _add_condition(
        self,
        matrix: BlockBand,
        row: tuple[int, int, int],
        condition: Residual,
        stages: np.ndarray,
    ) -> None:
        index, e, side = row
        arguments = self._at_end(side, condition, stages)
        scale = self._row_scale(side, condition, arguments)
        entries = self._end_entries(side, condition, arguments) * scale
        m, n = len(self.times), self.system.unknowns
        window = self.space.windows[0 if side < 0 else -1]
        for j in range(m):
            matrix.clear_row(index, j * n + e)
            columns = entries[..., j].reshape(len(window), m * n)
            matrix.add_to_row(index, j * n + e, window, columns)


@dataclass(frozen=True, eq=False)
class Newton:
    """How a slab's iteration ended.

    Args:
        stages: the coefficients.
        converged: whether the corrections fell below the tolerance.
        iterations: corrections made.
        factor: of the last Jacobian.
    """

    stages: np.ndarray
    converged: bool
    iterations: int
    factor: Factor | None


def newton(
    step: SlabStep,
    guess: np.ndarray,
    sizes: np.ndarray,
    tol: float,
    *,
    factor: Factor | None = None,
) -> Newton:
    """Solve a slab by Newton's method; the Jacobian is kept while corrections fall fast.

    Args:
        step: the slab.
        guess: coefficients to start from.
        sizes: of the unknowns, (unknowns,).
        tol: for the correction relative to the sizes.
        factor: of a Jacobian to begin with, that of another slab of this length and space.
    """
    stages, last = guess.copy(), None
    for iteration in range(1, ITERATIONS + 1):
        with np.errstate(all="ignore"):
            residual = step.residual(stages)
            try:
                factor = step.jacobian(stages) if factor is None else factor
            except SingularMatrix:
                break
            correction = factor.solve(residual.ravel()).reshape(stages.shape)
            change = float((step.space.rms(correction).max(axis=0) / sizes).max())
        if not np.isfinite(change):
            break
        stages = stages - correction
        rate = np.inf if last is None else change / last
        if change <= tol or (rate < 0.9 and rate / (1 - rate) * change <= tol):
            return Newton(stages, True, iteration, factor)
        if iteration > 4 and rate > 2:
            break
        if last is not None and rate > CONTRACTION:
            factor = None
        last = change
    return Newton(stages, False, iteration, factor)
