r"""Training with a scale-free penalty, so that edges that are not needed fade.

The penalty of an edge is the standard deviation of its output over that of the node it enters,
:math:`\sum_e s_e/S_{n(e)}`: it does not change when a hidden node is scaled and the edges that
leave it are scaled back, as L1 norms do. For a step the curvature is that of the quadratic bound

.. math:: s \le \frac{1}{2}\left(\frac{s^2}{\eta} + \eta\right),

which touches s at :math:`\eta = s` (group lasso by reweighting: Bach et al., Foundations and Trends
in Machine Learning 4 (2012), section 5), so it stays a step of Levenberg-Marquardt; what an edge
does to nodes further on is left to the residual.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import Network, Prepared
from kanpde.problem import Problem
from kanpde.training.damped import Summed, gram_of
from kanpde.training.edges import EdgeBlock, edge_blocks, kan_in, probe
from kanpde.training.stage import Stage, StageState, Task

FADED = 1e-3
"""The share of an edge below which it is held to be that."""

WORST_DAMPING = 1e8


@dataclass(frozen=True)
class SparsifyState(StageState):
    """State of :class:`Sparsify`.

    Args:
        collocation, prepared: the training points and what the network precomputed for them.
        damping: of the next step.
        scale: weight of the penalty in units of the loss.
    """

    collocation: Collocation | None = None
    prepared: tuple[Prepared, ...] = ()
    damping: float = 1e-3
    scale: float = 0.0

    derived: ClassVar[frozenset[str]] = frozenset({"collocation", "prepared"})


@dataclass(frozen=True)
class Sparsify(Stage[SparsifyState]):
    """Train all parameters with a penalty on the shares of edges in their nodes.

    Follow it by :class:`Prune`, which leaves out what has faded.

    Args:
        strength: of the penalty: an edge that carries its node alone costs so many times the loss
            that the stage begins with.
        iterations: steps.

    Raises:
        ValueError: for a value out of range.

    >>> Sparsify(strength=10).iterations
    30
    """

    strength: float = 30.0
    iterations: int = 30

    name: ClassVar[str] = "sparsify"

    def __post_init__(self) -> None:
        if not self.strength > 0 or self.iterations < 1:
            raise ValueError(
                f"Sparsify: strength={self.strength} must be positive and iterations="
                f"{self.iterations} at least 1."
            )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if it has no edges."""
        kan_in(network)
        return network

    def init(self, task: Task, network: Network) -> SparsifyState:
        """Draw the points and measure the loss."""
        self.check(task.problem, network)
        state = _placed(task, SparsifyState(network))
        assert state.collocation is not None
        residual = state.collocation.residual(network, state.prepared)
        loss = 0.5 * float(residual @ residual)
        return replace(state, loss=loss, scale=self.strength * loss)

    def step(self, task: Task, state: SparsifyState) -> SparsifyState:
        """Take one step that lowers loss plus penalty."""
        if state.collocation is None:
            state = _placed(task, state)
        assert state.collocation is not None
        network, iteration = state.network, state.iteration + 1
        residual, jacobian = state.collocation.jacobian(network, state.prepared)
        penalty = _penalty(task, network, state.scale)
        w = network.vector()
        hessian = gram_of(jacobian) + penalty.curvature
        gradient = jacobian @ residual + penalty.gradient
        before = float(0.5 * (residual @ residual) + penalty.value)
        size = hessian.diagonal().clamp_min(1e-300).sqrt()
        scaled, damping = Summed(hessian / size[:, None] / size), state.damping
        while damping < WORST_DAMPING:
            step = scaled.factored(damping)(gradient / size) / size
            trial = network.with_vector(w + step)
            found = state.collocation.residual(trial, state.prepared)
            loss = 0.5 * (found @ found)
            after = loss + _penalty(task, trial, state.scale).value
            if float(after) < before:
                done = iteration >= self.iterations
                return replace(
                    state,
                    network=trial,
                    iteration=iteration,
                    loss=float(loss),
                    damping=damping / 5,
                    done=done,
                    note=_note(task, trial) if done else "",
                )
            damping = max(4 * damping, 1e-8)
        note = "no step lowers loss and penalty; " + _note(task, network)
        return replace(state, iteration=iteration, done=True, note=note)


def _placed(task: Task, state: SparsifyState) -> SparsifyState:
    collocation = task.collocate(state.network)
    return replace(
        state, collocation=collocation, prepared=tuple(collocation.prepare(state.network))
    )


@dataclass(frozen=True)
class _Penalty:
    """The penalty, a scalar, its gradient (P,) and the curvature of its quadratic bound (P, P)."""

    value: Tensor
    gradient: Tensor
    curvature: Tensor


def _penalty(task: Task, network: Network, scale: float) -> _Penalty:
    vector = network.vector()
    gradient, curvature = torch.zeros_like(vector), vector.new_zeros(2 * vector.shape)
    nodes: dict[tuple[int, int], list[EdgeBlock]] = {}
    for block in edge_blocks(network, probe(task, network)):
        nodes.setdefault((block.layer, block.output), []).append(block)
    total = vector.new_zeros(())
    for blocks in nodes.values():
        outputs = torch.stack([b.functions.T @ vector[b.places] for b in blocks])
        whole = outputs.sum(0)
        size = whole.norm().clamp_min(1e-300)
        shares = outputs.norm(dim=1) / size
        total = total + shares.sum()
        for block, output, share in zip(blocks, outputs, shares.clamp_min(FADED), strict=True):
            slope = output / (share * size) - shares.sum() * whole / size
            gradient[block.places] += scale / size * (block.functions @ slope)
            weight = scale / (size**2 * share)
            gram = block.functions @ block.functions.T
            curvature[block.places[:, None], block.places] += weight * gram
    return _Penalty(scale * total, gradient, curvature)


def _note(task: Task, network: Network) -> str:
    blocks = edge_blocks(network, probe(task, network))
    faded = sum(b.share < 10 * FADED for b in blocks)
    return f"{faded} of {len(blocks)} edges have faded"
