r"""Residuals at points: the vector :math:`r` that every solver makes small, and its Jacobian.

A :class:`Collocation` is a list of blocks, one for each equation and condition. A block knows its
points, its weight w and the residual's coefficients there. Its rows are scaled by
:math:`\sqrt{w/N}`, so the loss :math:`\tfrac12 r^Tr` does not depend on the number of points.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
import torch
from sympy import (
    Dummy,
    Expr,
    Float,
    Heaviside,
    Max,
    Min,
    Piecewise,
    Rational,
    Symbol,
    Tuple,
    lambdify,
)
from torch import Tensor

from kanpde.geometry import Chebyshev, Sampler, Sobol
from kanpde.networks import JetLayout, Network, Prepared
from kanpde.problem import (
    Condition,
    Measured,
    NormalComponent,
    Problem,
    SymbolicResidual,
    Total,
    evaluate,
    given_values,
    holds,
    require_finite,
)

RULE = 40
"""Gauss points along each coordinate of an integral condition."""
EVEN = 4096
"""Points that an integral is averaged over where the shape has no quadrature rule."""


class Rows(ABC):
    """How the values of an expression at the points of a block become its rows: a linear map."""

    @abstractmethod
    def count(self, points: int) -> int:
        """Return the number of rows that so many points give."""

    @abstractmethod
    def of(self, values: Tensor) -> Tensor:
        """Map values (..., points) to rows (..., rows)."""

    @abstractmethod
    def back(self, adjoint: Tensor) -> Tensor:
        """Map derivatives by the rows (rows,) to those by the values (points,): the transpose."""


@dataclass(frozen=True)
class EachPoint(Rows):
    """One row for each point: the value itself."""

    def count(self, points: int) -> int:
        """Return the number of points."""
        return points

    def of(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the derivatives themselves."""
        return adjoint


@dataclass(frozen=True)
class Difference(Rows):
    """One row for each pair: the value at a point of the first half minus that at its match."""

    def count(self, points: int) -> int:
        """Return the number of pairs."""
        return points // 2

    def of(self, values: Tensor) -> Tensor:
        """Return the differences."""
        here, there = values.chunk(2, dim=-1)
        return here - there

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the derivatives by the first half, then the second."""
        return torch.cat([adjoint, -adjoint])


@dataclass(frozen=True)
class Scaled(Rows):
    """Each row times a factor of its own.

    Args:
        factors: (rows,).
        inner: how the values become rows before.
    """

    factors: Tensor
    inner: Rows = EachPoint()

    def count(self, points: int) -> int:
        """Return the number of rows."""
        return self.inner.count(points)

    def of(self, values: Tensor) -> Tensor:
        """Return the scaled rows."""
        return self.inner.of(values) * self.factors

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the scaled derivatives."""
        return self.inner.back(adjoint * self.factors)


@dataclass(frozen=True)
class WeightedSum(Rows):
    """One row in all: the sum of the values, weighted, such as an integral."""

    weights: Tensor

    def count(self, points: int) -> int:
        """Return one."""
        return 1

    def of(self, values: Tensor) -> Tensor:
        """Return the sum, (..., 1)."""
        return (values @ self.weights)[..., None]

    def back(self, adjoint: Tensor) -> Tensor:
        """Return the weights times the derivative by the sum."""
        return adjoint * self.weights


@dataclass(frozen=True)
class Block:
    """One equation or condition at its points.

    Args:
        name: of the equation or condition.
        is_equation: whether it is one; else it is a condition.
        points: shape (N, D).
        layout: of the jets the residual reads.
        parts: (unknown, part of the layout) of every argument of the residual.
        value: maps the argument tensors, each (N,), to the value of the expression (N,).
        partials: maps them to the derivatives by each argument, each (N,) .
        coefficients: for a linear residual the constant term (N,) and the derivatives by each
            argument (N,); else None.
        weight: w in the loss.
        rows: how the values at the points become rows; by default each is one.
        target: what the rows should be, (rows,); zero if None.
        numbers: which of the problem's unknown numbers the residual reads too; they are its last
            arguments.
    """

    name: str
    is_equation: bool
    points: Tensor
    layout: JetLayout
    parts: tuple[tuple[int, int], ...]
    value: Callable[[Sequence[Tensor]], Tensor]
    partials: Callable[[Sequence[Tensor]], Sequence[Tensor]]
    coefficients: tuple[Tensor, tuple[Tensor, ...]] | None
    weight: float = 1.0
    rows: Rows = EachPoint()
    target: Tensor | None = None
    numbers: tuple[int, ...] = ()

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return self.rows.count(len(self.points))

    @property
    def scale(self) -> float:
        """The factor of the rows in the least-squares system."""
        return sqrt(self.weight / self.row_count)

    def arguments(self, jets: Tensor, numbers: Tensor | None = None) -> list[Tensor]:
        """Return what the residual reads: parts of the jets (U, S, N), each (N,), and numbers."""
        parts = [jets[u, part] for u, part in self.parts]
        if not self.numbers:
            return parts
        if numbers is None or len(numbers) <= max(self.numbers):
            raise ValueError(
                f'"{self.name}" holds unknown numbers, which this network does not carry; wrap it: '
                "WithNumbers(network, ...), or let solve do so."
            )
        return parts + [numbers[i].to(jets) for i in self.numbers]

    def residual(self, jets: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Return the rows of the residual for jets (U, S, N) and unknown numbers, unscaled."""
        return self.residual_of(self.arguments(jets, numbers))

    def residual_of(self, arguments: Sequence[Tensor]) -> Tensor:
        """Return the rows of the residual for its arguments, each (N,), unscaled."""
        found = self.rows.of(self.value(arguments))
        return found if self.target is None else found - self.target

    def right_hand_side(self, values: Tensor) -> Tensor:
        """Return what the rows of the unknown part should be, for values (N,) at the points."""
        wanted = self.rows.of(values)
        return wanted if self.target is None else wanted + self.target

    def adjoint(self, jets: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Return the derivative of each point's value by the jets, (U, S, N)."""
        adjoint = torch.zeros_like(jets)
        derivatives = self.partials(self.arguments(jets, numbers))
        for (u, part), derivative in zip(self.parts, derivatives, strict=False):
            adjoint[u, part] += derivative
        return adjoint

    def by_numbers(self, jets: Tensor, numbers: Tensor) -> Tensor:
        """Return the derivative of each point's value by the numbers it reads, (M', N)."""
        derivatives = self.partials(self.arguments(jets, numbers))
        return torch.stack(list(derivatives[len(self.parts) :]))


@dataclass(frozen=True)
class Collocation:
    """All equations and conditions of a problem at chosen points."""

    blocks: tuple[Block, ...]

    @property
    def point_count(self) -> int:
        """The number of rows."""
        return sum(b.row_count for b in self.blocks)

    def weighted(self, weights: dict[str, float]) -> Collocation:
        """Return a copy with other weights for the named blocks.

        Raises:
            ValueError: if a name is none of the blocks'.
        """
        _check_names(weights, [b.name for b in self.blocks], "weighted")
        return Collocation(
            tuple(replace(b, weight=weights.get(b.name, b.weight)) for b in self.blocks)
        )

    def scaled(self, factors: np.ndarray) -> Collocation:
        """Return a copy whose equations' residuals are scaled at each interior point, (N,)."""

        def of(block: Block) -> Block:
            own = torch.as_tensor(factors).to(block.points)
            return replace(block, rows=Scaled(own)) if block.is_equation else block

        return Collocation(tuple(of(b) for b in self.blocks))

    def scaled_conditions(self, factors: Mapping[str, np.ndarray]) -> Collocation:
        """Return a copy with factors (rows,) on the rows of the named blocks, targets included."""

        def of(block: Block) -> Block:
            if block.name not in factors:
                return block
            own = torch.as_tensor(factors[block.name]).to(block.points)
            target = None if block.target is None else block.target * own
            return replace(block, rows=Scaled(own, block.rows), target=target)

        return Collocation(tuple(of(b) for b in self.blocks))

    def prepare(self, network: Network) -> list[Prepared]:
        """Return the prepared points of every block; valid while the network keeps its shape."""
        shared: dict[tuple[int, JetLayout], Prepared] = {}
        prepared = []
        for block in self.blocks:
            key = (id(block.points), block.layout)
            if key not in shared:
                shared[key] = network.prepare(block.points, block.layout)
            prepared.append(shared[key])
        return prepared

    def residual(self, network: Network, prepared: Sequence[Prepared]) -> Tensor:
        """Return the scaled residual vector r (rows,)."""
        numbers = network.numbers
        found: dict[str, Tensor] = {}
        with torch.no_grad():
            for points, blocks in self._together(prepared):
                jets = network.evaluate(points)
                found |= {b.name: b.scale * b.residual(jets, numbers) for b in blocks}
        return torch.cat([found[block.name] for block in self.blocks])

    def jacobian(self, network: Network, prepared: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
        """Return r (rows,) and its transposed Jacobian by all parameters (P, rows).

        Closed form, layer by layer; no autograd tape.
        """
        residuals: dict[str, Tensor] = {}
        rows: dict[str, Tensor] = {}
        numbers, slopes = network.numbers, network.number_slopes
        with torch.no_grad():
            for points, blocks in self._together(prepared):
                jets, pullback = network.linearize(points)
                for block in blocks:
                    residuals[block.name] = block.scale * block.residual(jets, numbers)
                    at_points = pullback.rows(block.scale * block.adjoint(jets, numbers))
                    if block.numbers:
                        chosen = list(block.numbers)
                        by_numbers = block.by_numbers(jets, numbers) * slopes[chosen, None].to(jets)
                        at_points[chosen] += block.scale * by_numbers
                    rows[block.name] = block.rows.of(at_points)
        names = [block.name for block in self.blocks]
        return torch.cat([residuals[n] for n in names]), torch.cat([rows[n] for n in names], dim=1)

    def gradient(self, network: Network, prepared: Sequence[Prepared]) -> tuple[float, Tensor]:
        r"""Return the loss :math:`\tfrac12 r^Tr` and its gradient by all parameters (P,).

        Closed form: one adjoint of jets goes back through the network for each set of points, and
        the Jacobian is never formed.
        """
        loss = 0.0

        def residual(block: Block, jets: Tensor) -> Tensor:
            nonlocal loss
            own = block.scale * block.residual(jets, network.numbers)
            loss += 0.5 * float(own @ own)
            return own

        gradient = self._pulled(network, prepared, residual)
        return loss, gradient

    def pulled(self, network: Network, prepared: Sequence[Prepared], rows: Tensor) -> Tensor:
        """Return the transposed Jacobian, which is never formed, times rows (rows,): (P,)."""
        parts = rows.split([block.row_count for block in self.blocks])
        own = dict(zip([block.name for block in self.blocks], parts, strict=True))
        return self._pulled(network, prepared, lambda block, jets: own[block.name])

    def _pulled(
        self,
        network: Network,
        prepared: Sequence[Prepared],
        rows: Callable[[Block, Tensor], Tensor],
    ) -> Tensor:
        """Return the transposed Jacobian times rows that each block gives at its jets."""
        numbers, slopes = network.numbers, network.number_slopes
        by_number = numbers.new_zeros(len(numbers))
        total: Tensor | None = None
        with torch.no_grad():
            for points, blocks in self._together(prepared):
                jets, pullback = network.linearize(points)
                adjoint = torch.zeros_like(jets)
                for block in blocks:
                    at_points = block.rows.back(block.scale * rows(block, jets))
                    adjoint += block.adjoint(jets, numbers) * at_points
                    if block.numbers:
                        own = block.by_numbers(jets, numbers) @ at_points
                        by_number[list(block.numbers)] += own.to(by_number)
                gradient = pullback.gradient(adjoint)
                total = gradient if total is None else total + gradient
        assert total is not None
        total[: len(numbers)] += (by_number * slopes).to(total)
        return total

    def _together(self, prepared: Sequence[Prepared]) -> list[tuple[Prepared, list[Block]]]:
        """Return the blocks that share their points, so that the field is evaluated there once."""
        groups: dict[int, tuple[Prepared, list[Block]]] = {}
        for block, points in zip(self.blocks, prepared, strict=True):
            groups.setdefault(id(points), (points, []))[1].append(block)
        return list(groups.values())

    def linear_system(
        self, network: Network, prepared: Sequence[Prepared]
    ) -> list[tuple[Tensor, Tensor]]:
        """Return for each block the unscaled rows (R, U * C) and right-hand side (R,).

        For linear residuals: rows @ c = right-hand side, with c the network's output coefficients,
        flattened.

        Raises:
            ValueError: if a residual is not linear.
        """
        systems = []
        with torch.no_grad():
            for block, points in zip(self.blocks, prepared, strict=True):
                if block.coefficients is None:
                    what = "unknown numbers" if block.numbers else "the unknowns"
                    raise ValueError(
                        f'"{block.name}" is not linear in {what}; train the network instead.'
                    )
                constant, coefficients = block.coefficients
                rows = _rows(network.columns_by_output(points), block, coefficients)
                target = -constant
                offset = network.offset(points)
                if offset is not None:
                    for (u, part), coefficient in zip(block.parts, coefficients, strict=True):
                        target = target - coefficient * offset[u, part]
                systems.append((block.rows.of(rows.T).T, block.right_hand_side(target)))
        return systems

    def linearised_system(
        self, network: Network, prepared: Sequence[Prepared], jets: Sequence[Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        """Return rows and right-hand sides of the residuals linearised about a field.

        As :meth:`linear_system`, for any residuals: the solution is the next field of Newton's
        method, in the coefficients of the network.

        Args:
            network: linear in its output coefficients.
            prepared: the points of every block, prepared for the network.
            jets: of the field linearised about, at the points of every block, (U, S, N).
        """
        systems = []
        with torch.no_grad():
            for block, points, jet in zip(self.blocks, prepared, jets, strict=True):
                arguments = block.arguments(jet)
                partials = block.partials(arguments)
                rows = _rows(network.columns_by_output(points), block, partials)
                target = -block.value(arguments)
                for partial, argument in zip(partials, arguments, strict=True):
                    target = target + partial * argument
                offset = network.offset(points)
                if offset is not None:
                    for (u, part), partial in zip(block.parts, partials, strict=True):
                        target = target - partial * offset[u, part]
                systems.append((block.rows.of(rows.T).T, block.right_hand_side(target)))
        return systems

    def rms(self, network: Network, prepared: Sequence[Prepared] | None = None) -> dict[str, float]:
        """Return the root mean square of each equation's and condition's residual, unscaled."""
        prepared = self.prepare(network) if prepared is None else prepared
        with torch.no_grad():
            return {
                block.name: float(_rms(block.residual(network.evaluate(points), network.numbers)))
                for block, points in zip(self.blocks, prepared, strict=True)
            }


def collocate(
    problem: Problem,
    interior: np.ndarray,
    boundary: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float64,
    collapse: bool = False,
    gradient: bool = True,
) -> Collocation:
    """Put a problem's equations and conditions on points.

    Args:
        problem: the problem.
        interior: points (N, D) for all equations.
        boundary: by name of the condition its points (N, D) and outward normals (N, D);
            conditions that are not named are left out (they hold by construction).
        device: of the tensors.
        dtype: of the tensors.
        collapse: carry Laplacians in one piece, for networks that take such layouts.
        gradient: carry the gradient with such a Laplacian, which the chain rule of layers needs.

    Raises:
        ValueError: if there are no points, or a source or coefficient is not finite at one of them
            (the message says where).
    """
    _check_names(boundary, problem.condition_names, "collocate")
    if len(interior) == 0:
        raise ValueError("no interior point was given.")
    x = torch.as_tensor(interior).to(device=device, dtype=dtype)
    equations = problem.equation_residuals
    if collapse and len(equations) == 1:
        equations = (equations[0].collapsed(),)
    layout = _layout(problem, equations, gradient)
    blocks = []
    for r in equations:
        block = _block(r, problem, interior, None, x, layout, is_equation=True)
        inside = holds(problem, r.name, interior)
        blocks.append(block if inside is None else _within(block, inside))
    for condition, residual in zip(problem.conditions, problem.condition_residuals, strict=True):
        if residual.name not in boundary:
            continue
        points, normals = boundary[residual.name]
        if len(points) == 0:
            raise ValueError(f'condition "{residual.name}" selects no point of the boundary.')
        placed = _place(condition, points, normals)
        x = torch.as_tensor(placed.points).to(device=device, dtype=dtype)
        layout = _layout(problem, (residual,))
        block = _block(
            residual, problem, placed.points, placed.normals, x, layout, is_equation=False
        )
        rows, target = placed.rows(x)
        blocks.append(replace(block, rows=rows, target=target))
    return Collocation(tuple(blocks))


@dataclass(frozen=True)
class _Placed:
    """A condition's points (N, D), normals (N, D) or None, and how they make rows."""

    condition: Condition
    points: np.ndarray
    normals: np.ndarray | None
    weights: np.ndarray | None = None

    def rows(self, like: Tensor) -> tuple[Rows, Tensor | None]:
        """Return how the values become rows, and what those should be."""
        on = self.condition.on
        if self.condition.opposite is not None:
            return Difference(), None
        if self.weights is not None:
            weights = torch.as_tensor(self.weights / self.weights.sum()).to(like)
            return WeightedSum(weights), like.new_tensor([on.value / self.weights.sum()])
        if isinstance(on, Measured):
            # Only the ratios of the noise matter: the loss keeps the units of the values.
            noise = np.ones(len(on.points)) if on.noise is None else on.noise / on.noise.min()
            factors = torch.as_tensor(1 / noise).to(like)
            return Scaled(factors), torch.as_tensor(on.values.copy()).to(like) * factors
        return EachPoint(), None


def _place(condition: Condition, points: np.ndarray, normals: np.ndarray | None) -> _Placed:
    """Return where a condition is imposed, given points of its part of the boundary."""
    if condition.opposite is not None:
        assert normals is not None
        both = np.concatenate([points, condition.opposite.matching(points)])
        return _Placed(condition, both, np.concatenate([normals, -normals]))
    if isinstance(condition.on, Total):
        return _Placed(condition, *_rule(condition.on.over))
    return _Placed(condition, points, normals)


def _rule(region: Any) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Return points, normals (None inside) and weights of a rule for a domain or a boundary.

    A quadrature rule where the shape has one, else the mean over evenly spread points.
    """
    if not hasattr(region, "pieces"):
        try:
            points, weights = region.quadrature(RULE)
        except ValueError:
            points = region.interior(EVEN)
            weights = np.full(len(points), region.measure / len(points))
        return points, None, weights
    parts = []
    for piece in region.pieces:
        try:
            parts.append(piece.quadrature(RULE))
        except ValueError:
            points, normals = piece.sample(EVEN)
            parts.append((points, normals, np.full(len(points), piece.measure / len(points))))
    points, normals, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return points, normals, weights


def fixed_points(condition: Condition) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the points of a condition that has its own (data, integrals), or None.

    They come with normals that are not a number: such conditions hold none.
    """
    if isinstance(condition.on, Measured):
        points = np.array(condition.on.points)
    elif isinstance(condition.on, Total):
        points = _rule(condition.on.over)[0]
    else:
        return None
    return points, np.full_like(points, np.nan)


def interior_points(
    problem: Problem, count: int, seed: int, sampler: Sampler | None = None
) -> np.ndarray:
    """Return points (count, D) to solve on, by a sampler (``Grid`` may give more).

    Without one half are Sobol points and half cluster to the boundary.
    """
    if sampler is not None:
        return problem.domain.interior(count, seed=seed, sampler=sampler)
    half = count // 2
    spread = problem.domain.interior(count - half, seed=seed, sampler=Sobol())
    clustered = problem.domain.interior(half, seed=seed + 1, sampler=Chebyshev())
    return np.concatenate([spread, clustered])


def boundary_points(
    problem: Problem, total: int, seed: int, *, sampler: Sampler, least: int = 2
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return points and normals for every condition, by its name.

    Args:
        problem: the problem.
        total: points on the whole boundary; a condition gets its share by measure, but at least
            a quarter of an equal share: measures of space and of time have no common unit.
        seed: of the points.
        sampler: on each piece.
        least: points that every condition gets at least.
    """
    points = {}
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        own = fixed_points(condition)
        if own is None:
            count = boundary_share(problem, condition, total, least)
            own = condition.on.sample(count, seed=seed, sampler=sampler)
        points[name] = own
    return points


def boundary_share(problem: Problem, condition: Condition, total: int, least: int = 2) -> int:
    """Return how many of the points on the whole boundary are a condition's."""
    least = max(least, total // (4 * max(len(problem.conditions), 1)))
    whole = problem.domain.boundary.measure
    return max(int(np.ceil(total * condition.on.measure / whole)), least)


def _rows(columns: Sequence[Tensor], block: Block, coefficients: Sequence[Tensor]) -> Tensor:
    """Return the derivative of a block's residual by all output coefficients, (N, U * C)."""
    c = columns[0].shape[-1]
    rows = columns[0].new_zeros(len(block.points), len(columns) * c)
    for (u, part), coefficient in zip(block.parts, coefficients, strict=True):
        rows[:, u * c : (u + 1) * c].addcmul_(coefficient[:, None], columns[u][part])
    return rows


def _rms(values: Tensor) -> Tensor:
    return values.square().mean().sqrt()


def _check_names(given: Iterable[str], known: Sequence[str], where: str) -> None:
    strange = [name for name in given if name not in known]
    if strange:
        raise ValueError(
            f"{where}: {', '.join(map(repr, strange))} is none of the names "
            f"{', '.join(map(repr, known))}."
        )


def _layout(
    problem: Problem, residuals: Sequence[SymbolicResidual], gradient: bool = True
) -> JetLayout:
    parts = [part for residual in residuals for part in residual.parts]
    weights = next((p.laplacian for p in parts if p.laplacian is not None), None)
    orders = {p.order for p in parts if p.order}
    return JetLayout.of(problem.dimension, orders, weights, gradient=gradient)


def _block(
    residual: SymbolicResidual,
    problem: Problem,
    points: np.ndarray,
    normals: np.ndarray | None,
    x: Tensor,
    layout: JetLayout,
    *,
    is_equation: bool,
) -> Block:
    parts = tuple(
        (p.unknown, layout.index[p.order] if p.order else layout.size - 1) for p in residual.parts
    )
    kind = "equation" if is_equation else "condition"
    if residual.is_linear and not residual.parameters:

        def on_points(expression: Expr) -> Tensor:
            values = evaluate(expression, problem.coordinates, points, normals)
            require_finite(values, points, problem.domain.names, f'{kind} "{residual.name}"')
            return torch.as_tensor(values).to(x)

        constant = on_points(residual.source)
        coefficients = tuple(on_points(p) for p in residual.partials)

        def value(arguments: Sequence[Tensor]) -> Tensor:
            total = constant.clone()
            for coefficient, argument in zip(coefficients, arguments, strict=True):
                total.addcmul_(coefficient, argument)
            return total

        return Block(
            residual.name,
            is_equation,
            x,
            layout,
            parts,
            value,
            lambda arguments: coefficients,
            (constant, coefficients),
        )
    compiled, partials = _compiled(residual, problem, x, normals)
    numbers = tuple(problem.parameters.index(p) for p in residual.parameters)
    return Block(
        residual.name,
        is_equation,
        x,
        layout,
        parts,
        compiled,
        partials,
        None,
        numbers=numbers,
    )


def _within(block: Block, inside: np.ndarray) -> Block:
    """Return a block whose residual is zero where its equation does not hold, (N,) bool.

    The rest counts as much as if all points were there.
    """
    share = max(float(inside.mean()), 1 / len(inside))
    mask = torch.as_tensor(inside / sqrt(share)).to(block.points)

    def value(arguments: Sequence[Tensor]) -> Tensor:
        return torch.where(mask > 0, block.value(arguments) * mask, 0.0)

    def partials(arguments: Sequence[Tensor]) -> list[Tensor]:
        return [torch.where(mask > 0, p * mask, 0.0) for p in block.partials(arguments)]

    coefficients = block.coefficients
    if coefficients is not None:
        constant, factors = coefficients
        coefficients = constant * mask, tuple(f * mask for f in factors)
    return replace(block, value=value, partials=partials, coefficients=coefficients)


def _compiled(
    residual: SymbolicResidual, problem: Problem, x: Tensor, normals: np.ndarray | None
) -> tuple[Callable[[Sequence[Tensor]], Tensor], Callable[[Sequence[Tensor]], list[Tensor]]]:
    """Compile a residual and its derivatives by every part and number to torch functions."""
    symbols: list[Symbol] = list(problem.coordinates)
    fixed = [x[:, i] for i in range(x.shape[1])]
    if normals is not None:
        symbols += [NormalComponent(c.name) for c in problem.coordinates]
        n = torch.as_tensor(normals).to(x)
        fixed += [n[:, i] for i in range(n.shape[1])]
    expressions = [residual.expression, *residual.partials, *residual.parameter_partials]
    known = given_values(Tuple(*expressions), problem.coordinates, x.detach().cpu().numpy())
    stand_ins = {function: Dummy(real=True) for function in known}
    symbols += list(stand_ins.values())
    fixed += [torch.as_tensor(values.copy()).to(x) for values in known.values()]
    expressions = [e.xreplace(stand_ins) for e in expressions]
    symbols += [*(p.symbol for p in residual.parts), *residual.parameters]
    value = torch_function(symbols, expressions[:1])
    partials = torch_function(symbols, expressions[1:])
    n_points = len(x)

    def full(result: Any) -> Tensor:
        tensor = torch.as_tensor(result, dtype=x.dtype, device=x.device)
        return tensor.expand(n_points) if tensor.ndim == 0 else tensor

    return (
        lambda arguments: full(value(*fixed, *arguments)[0]),
        lambda arguments: [full(r) for r in partials(*fixed, *arguments)],
    )


def torch_function(
    symbols: Sequence[Symbol], expressions: Sequence[Expr]
) -> Callable[..., list[Any]]:
    """Compile sympy expressions to one function of torch tensors that returns a list.

    What was compiled is remembered: points that come in chunks ask for the same again and again.

    Raises:
        ValueError: if a function of an expression has no torch counterpart.
    """
    return _torch_function(tuple(symbols), tuple(expressions))


@lru_cache(maxsize=256)
def _torch_function(
    symbols: tuple[Symbol, ...], expressions: tuple[Expr, ...]
) -> Callable[..., list[Any]]:
    numeric = [_with_plain_numbers(_piecewise(e)) for e in expressions]
    try:
        return lambdify(symbols, numeric, modules="torch", cse=True, dummify=True)
    except NotImplementedError as error:
        raise ValueError(f"{list(expressions)} cannot be compiled to torch: {error}") from None


def _piecewise(expression: Expr) -> Expr:
    """Write maxima, minima and steps as cases: torch's take no plain numbers."""
    cases = {a: a.rewrite(Piecewise) for a in expression.atoms(Max, Min, Heaviside)}
    return expression.xreplace(cases)


def _with_plain_numbers(expression: Expr) -> Expr:
    """Replace constants such as sqrt(2) and pi by floats, which torch functions accept."""
    if isinstance(expression, (Rational, Float)):
        return expression
    if isinstance(expression, Expr) and expression.is_number:
        return expression.evalf(17)
    if not expression.args:
        return expression
    return expression.func(*(_with_plain_numbers(a) for a in expression.args))
