"""A problem's equations and conditions put on points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sympy import (
    Expr,
)
from torch import Tensor

from kanpde.collocation.blocks import Block, check_names, within
from kanpde.collocation.collocation import Collocation
from kanpde.collocation.compiled import functions_of
from kanpde.collocation.points import rule_of
from kanpde.collocation.rows import Difference, EachPoint, Rows, Scaled, WeightedSum
from kanpde.networks import JetLayout
from kanpde.problem import (
    Condition,
    Measured,
    Problem,
    SymbolicResidual,
    Total,
    evaluate,
    holds,
    require_finite,
)


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
    check_names(boundary, problem.condition_names, "collocate")
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
        blocks.append(block if inside is None else within(block, inside))
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
        return _Placed(condition, *rule_of(condition.on.over))
    return _Placed(condition, points, normals)


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
    compiled, partials = functions_of(residual, problem, x, normals)
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
