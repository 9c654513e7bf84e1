"""The edges of a KAN as blocks of its parameters: where they are, how much they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.networks import KAN, Network, bare
from kanpde.networks.layer import KANLayer
from kanpde.training.stage import Task

POINTS = 600


@dataclass(frozen=True)
class EdgeBlock:
    """One edge that is a combination of functions.

    Args:
        layer, output, input: which edge.
        places: of its coefficients in the vector of all parameters, (K,).
        functions: its functions at the points, without their means, over the square root of N,
            (K, N): the standard deviation of its output is |w F|.
        share: standard deviation of its output over that of the sum it enters.
    """

    layer: int
    output: int
    input: int
    places: Tensor
    functions: Tensor
    share: float


def kan_in(network: Network) -> KAN:
    """Return the KAN that a network is, or holds.

    Raises:
        ValueError: if it is another network.
    """
    inner = bare(network)
    if not isinstance(inner, KAN):
        raise ValueError(f"{type(inner).__name__} has no edges that could be left out.")
    return inner


def probe(task: Task, network: Network) -> Tensor:
    """Return points of the domain (N, D) where edges are compared."""
    inside = task.problem.domain.interior(POINTS, seed=task.seed)
    like = next(network.parameters()).detach()
    return torch.as_tensor(np.asarray(inside)).to(like)


def edge_blocks(whole: Network, x: Tensor) -> list[EdgeBlock]:
    """Return the edges of the KAN in a network that are no formulas.

    Args:
        whole: the network.
        x: points (N, D).
    """
    network = kan_in(whole)
    found, start = [], whole.parameter_count - network.parameter_count
    for depth, (layer, values) in enumerate(
        zip(network.layers, network.hidden_values(x), strict=True)
    ):
        assert isinstance(layer, KANLayer)
        with torch.no_grad():
            z = torch.tanh(values) if layer.squash else values
            table = layer.table(z, 0)[0]  # (F, inputs, N)
            full = layer.full().detach()
            outputs = torch.einsum("ofi,fin->oin", full, table)
            sums = outputs.sum(1).std(-1).clamp_min(1e-300)
            shares = (outputs.std(-1) / sums[:, None]).tolist()
            for output, input, places in _places(layer):
                functions = _own(layer, table[:, input], output, input)
                functions = functions - functions.mean(-1, keepdim=True)
                functions = functions / functions.shape[1] ** 0.5
                share = shares[output][input]
                found.append(EdgeBlock(depth, output, input, start + places, functions, share))
        start += sum(p.numel() for p in layer.parameters())
    return found


def _places(layer: KANLayer) -> Iterator[tuple[int, int, Tensor]]:
    """Return output, input and the places in the layer's coefficients of every edge."""
    device = layer.coefficients.device
    if layer.space is not None:
        for (output, input), place in layer.space.blocks().items():
            yield output, input, torch.arange(place.start, place.stop, device=device)
        return
    count = layer.coefficients.numel()
    numbers = torch.arange(count, device=device).view(layer.coefficients.shape)
    for output in range(layer.outputs):
        for input in range(layer.inputs):
            yield output, input, numbers[output, :, input]


def _own(layer: KANLayer, table: Tensor, output: int, input: int) -> Tensor:
    """Return an edge's own functions (K, N) from those of its input (F, N)."""
    if layer.space is None:
        return table
    return layer.space.functions_of((output, input), table)
