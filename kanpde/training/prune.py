r"""Pruning by what it costs: the increase of the loss after a refit of all that stays.

With the residual r, its Jacobian J and :math:`H=J^TJ`, leaving out the coefficients w of an edge
while all others follow raises the linearised loss by

.. math:: \frac12\, w^T \left[(H^{-1})_{ee}\right]^{-1} w

(optimal brain surgeon: Hassibi and Stork, NIPS 5 (1993), for blocks). Edges go in the order of this
increase, as many at once as it allows; then the network is refitted by Levenberg-Marquardt and the
step is kept only if the loss itself bears it. No size of an edge is compared with a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanpde.networks import Network, with_bare
from kanpde.networks.layer import KANLayer
from kanpde.problem import Problem
from kanpde.training.damped import gram_of
from kanpde.training.edges import EdgeBlock, edge_blocks, kan_in, probe
from kanpde.training.levenberg_marquardt import LevenbergMarquardt
from kanpde.training.stage import SingleStep, StageState, Task

SHARE = 0.5
"""Of what the loss may still grow, edges that go together are predicted to cost so much."""

RIDGE = 1e-10
"""Of the Gauss-Newton matrix, relative to its diagonal."""


@dataclass(frozen=True)
class Prune(SingleStep):
    """Leave out edges, and hidden nodes that no edge leaves, as long as the loss bears it.

    No node loses its last incoming edge, so the network is never severed.

    Args:
        growth: the loss may grow by this factor in all, after refits.
        floor: a loss per row up to which everything may go, whatever it was before: the square of
            the residual that is small enough.
        refit: steps of Levenberg-Marquardt after each removal.
        patience: so many edges are tried one by one after the first that cannot go.

    Raises:
        ValueError: for a value out of range.

    >>> Prune(growth=2.0).refit
    20
    """

    growth: float = 2.0
    floor: float = 0.0
    refit: int = 20
    patience: int = 5

    name: ClassVar[str] = "prune"

    def __post_init__(self) -> None:
        if not self.growth >= 1 or self.floor < 0 or min(self.refit, self.patience) < 1:
            raise ValueError(
                f"Prune: growth={self.growth}, refit={self.refit} and patience={self.patience} "
                f"must be at least 1, and floor={self.floor} not negative."
            )

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the network, or raise ValueError if it has no edges."""
        kan_in(network)
        return network

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the pruned network."""
        self.check(task.problem, network)
        x = probe(task, network)
        start = _loss(task, network)
        limit = max(self.growth * start, self.floor)
        loss, total = start, len(edge_blocks(network, x))
        most, refused = total, 0
        ranked = _ranked(task, network, x)
        while ranked[refused:] and refused < self.patience:
            chosen = _batch(ranked[refused:], SHARE * (limit - loss))[:most]
            trial = _without(network, chosen, x)
            trial = _refitted(task, trial, self.refit)
            found = _loss(task, trial)
            if found <= limit:
                network, loss, refused = trial, found, 0
                ranked = _ranked(task, network, x)
            elif len(chosen) == 1:
                refused += 1
            else:
                most = len(chosen) // 2
        left = len(edge_blocks(network, x))
        note = f"{total - left} of {total} edges left out, loss {start:.1e} -> {loss:.1e}"
        return StageState(network, loss=loss, note=note)


def _loss(task: Task, network: Network) -> float:
    """Return half the mean square of the scaled residual at the held-out points."""
    collocation = task.held_out(network)
    r = collocation.residual(network, collocation.prepare(network))
    return 0.5 * float(r @ r)


def _refitted(task: Task, network: Network, steps: int) -> Network:
    stage = LevenbergMarquardt(iterations=steps)
    state = stage.init(task, network)
    while not state.done:
        state = stage.step(task, state)
    return state.network


def _ranked(task: Task, network: Network, x: Tensor) -> list[tuple[float, EdgeBlock]]:
    """Return the edges that may go, with the predicted increase of the loss, the smallest first."""
    collocation = task.collocate(network)
    _, jacobian = collocation.jacobian(network, collocation.prepare(network))
    hessian = gram_of(jacobian)
    size = hessian.diagonal().clamp_min(1e-300).sqrt()
    scaled = hessian / size[:, None] / size + RIDGE * torch.eye(len(size)).to(hessian)
    inverse = torch.linalg.pinv(scaled, hermitian=True) / size[:, None] / size
    vector = network.vector()
    blocks = edge_blocks(network, x)
    ranked = []
    for block in blocks:
        if not _may_go(block, network):
            continue
        w = vector[block.places]
        own = inverse[block.places[:, None], block.places]
        increase = 0.5 * float(w @ (torch.linalg.pinv(own, hermitian=True) @ w))
        ranked.append((max(increase, 0.0), block))
    return sorted(ranked, key=lambda pair: pair[0])


def _may_go(block: EdgeBlock, network: Network) -> bool:
    """Whether the node that the edge enters has another one."""
    layer = kan_in(network).layers[block.layer]
    assert isinstance(layer, KANLayer)
    grids = layer.all_grids()
    entering = sum(basis is not None for basis in grids.edges[block.output])
    entering += sum(edge.output == block.output for edge in layer.snapped_edges())
    return entering > 1


def _batch(ranked: list[tuple[float, EdgeBlock]], allowed: float) -> list[EdgeBlock]:
    """Return the first edges whose predicted increases together are allowed, one at least.

    Of each node one edge stays.
    """
    chosen, spent = [ranked[0][1]], ranked[0][0]
    entering: dict[tuple[int, int], int] = {}
    for _, block in ranked:
        key = (block.layer, block.output)
        entering[key] = entering.get(key, 0) + 1
    first = (chosen[0].layer, chosen[0].output)
    entering[first] -= 1
    for increase, block in ranked[1:]:
        key = (block.layer, block.output)
        if spent + increase > allowed:
            break
        if entering[key] > 1:
            entering[key] -= 1
            spent += increase
            chosen.append(block)
    return chosen


def _without(network: Network, blocks: list[EdgeBlock], x: Tensor) -> Network:
    """Return the network without edges, and without hidden nodes that no edge leaves any more."""
    vector = network.vector()
    for block in blocks:
        vector[block.places] = 0.0
    zeroed = network.with_vector(vector)
    return with_bare(zeroed, kan_in(zeroed).pruned(x, threshold=0.0))
