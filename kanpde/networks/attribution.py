"""How much each node and edge of a KAN does for its outputs (KAN 2.0, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.networks.layer import KANLayer
from kanpde.networks.product import NodeRow
from kanpde.networks.pruning import edge_outputs


@dataclass(frozen=True)
class Attribution:
    """Scores of the nodes and edges of a network for each of its outputs.

    Args:
        nodes: for each row of nodes, inputs first, (outputs, nodes).
        edges: for each layer (outputs, to, from); where a layer feeds product nodes, "to" counts
            the sums that they multiply.
    """

    nodes: tuple[Tensor, ...]
    edges: tuple[Tensor, ...]

    @property
    def inputs(self) -> Tensor:
        """The scores of the inputs, (outputs, inputs)."""
        return self.nodes[0]

    @staticmethod
    def of(
        layers: Sequence[KANLayer], rows: Sequence[NodeRow], values: Sequence[Tensor]
    ) -> Attribution:
        """Return the scores.

        Args:
            layers: of the network.
            rows: its nodes, one row more than layers.
            values: what enters each layer, (inputs, N).
        """
        score = torch.eye(layers[-1].outputs).to(layers[0].coefficients)
        nodes, edges = [score], []
        for layer, row, z in reversed(list(zip(layers, rows[1:], values, strict=True))):
            outputs = edge_outputs(layer, z)  # (to, from, N)
            whole = outputs.sum(1).std(-1)
            share = outputs.std(-1) / whole.where(whole > 0, 1.0)[:, None]
            edge = score[:, row.owners, None] * share
            score = edge.sum(1)
            edges.append(edge)
            nodes.append(score)
        return Attribution(tuple(reversed(nodes)), tuple(reversed(edges)))
