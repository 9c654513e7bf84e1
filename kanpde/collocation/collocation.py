r"""Residuals at points: the vector :math:`r` that every solver makes small, and its Jacobian.

A :class:`Collocation` is a list of blocks, one for each equation and condition. A block knows its
points, its weight w and the residual's coefficients there. Its rows are scaled by
:math:`\sqrt{w/N}`, so the loss :math:`\tfrac12 r^Tr` does not depend on the number of points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kanpde.collocation.blocks import Block, check_names
from kanpde.collocation.rows import Scaled
from kanpde.networks import JetLayout, Network, Prepared


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
        check_names(weights, [b.name for b in self.blocks], "weighted")
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
                    adjoint = block.scale * block.adjoint(jets, numbers)
                    at_points = pullback.rows(adjoint, block.active)
                    for number, own in block.by_numbers(jets, numbers).items():
                        at_points[number] += block.scale * slopes[number].to(jets) * own
                    rows[block.name] = block.rows.of(at_points)
        names = [block.name for block in self.blocks]
        return torch.cat([residuals[n] for n in names]), torch.cat([rows[n] for n in names], dim=1)

    def gradient(self, network: Network, prepared: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
        r"""Return the loss :math:`\tfrac12 r^Tr`, (), and its gradient by all parameters (P,).

        Closed form: one adjoint of jets goes back through the network for each set of points, and
        the Jacobian is never formed.
        """
        losses = []

        def residual(block: Block, jets: Tensor) -> Tensor:
            own = block.scale * block.residual(jets, network.numbers)
            losses.append(0.5 * (own @ own))
            return own

        gradient = self._pulled(network, prepared, residual)
        return torch.stack(losses).sum(), gradient

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
        by_number = [numbers.new_zeros(()) for _ in numbers]
        total: Tensor | None = None
        with torch.no_grad():
            for points, blocks in self._together(prepared):
                jets, pullback = network.linearize(points)
                adjoint = torch.zeros_like(jets)
                for block in blocks:
                    at_points = block.rows.back(block.scale * rows(block, jets))
                    adjoint += block.adjoint(jets, numbers) * at_points
                    for number, own in block.by_numbers(jets, numbers).items():
                        by_number[number] = by_number[number] + (own @ at_points).to(numbers)
                active = sorted({part for block in blocks for part in block.active})
                gradient = pullback.gradient(adjoint, active)
                total = gradient if total is None else total + gradient
        assert total is not None
        if by_number:
            total[: len(numbers)] += (torch.stack(by_number) * slopes).to(total)
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
                systems.append(_system(network, points, block, coefficients, -constant))
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
                target = -block.value(arguments)
                for partial, argument in zip(partials, arguments, strict=True):
                    target = target + partial * argument
                systems.append(_system(network, points, block, partials, target))
        return systems

    def rms(self, network: Network, prepared: Sequence[Prepared] | None = None) -> dict[str, float]:
        """Return the root mean square of each equation's and condition's residual, unscaled."""
        prepared = self.prepare(network) if prepared is None else prepared
        with torch.no_grad():
            return {
                block.name: float(_rms(block.residual(network.evaluate(points), network.numbers)))
                for block, points in zip(self.blocks, prepared, strict=True)
            }


def _system(
    network: Network,
    points: Prepared,
    block: Block,
    coefficients: Sequence[Tensor],
    target: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return rows (R, U * C) and right-hand side (R,) of a block.

    Args:
        network: linear in its output coefficients.
        points: of the block, prepared for the network.
        block: the block.
        coefficients: the derivatives of the residual by each of its arguments, each (N,).
        target: what the parts times these should sum up to, (N,).
    """
    rows = _rows(network.columns_by_output(points), block, coefficients)
    offset = network.offset(points)
    if offset is not None:
        for (u, part), coefficient in zip(block.parts, coefficients, strict=True):
            target = target - coefficient * offset[u, part]
    return block.rows.of(rows.T).T, block.right_hand_side(target)


def _rows(columns: Sequence[Tensor], block: Block, coefficients: Sequence[Tensor]) -> Tensor:
    """Return the derivative of a block's residual by all output coefficients, (N, U * C)."""
    c = columns[0].shape[-1]
    rows = columns[0].new_zeros(len(block.points), len(columns) * c)
    for (u, part), coefficient in zip(block.parts, coefficients, strict=True):
        rows[:, u * c : (u + 1) * c].addcmul_(coefficient[:, None], columns[u][part])
    return rows


def _rms(values: Tensor) -> Tensor:
    return values.square().mean().sqrt()
