"""Hidden nodes with fixed inner edges, chosen by the geometry; a LinearKAN's output edges follow.

Ridge and product nodes span polynomials; harmonic nodes those that solve Laplace's equation;
hole and corner nodes add what solutions do near holes and corners.
"""

from __future__ import annotations

from typing import Any

from kanpde.networks.nodes.block import Nodes
from kanpde.networks.nodes.corners import CornerNodes
from kanpde.networks.nodes.harmonic import HarmonicNodes
from kanpde.networks.nodes.holes import HoleNodes
from kanpde.networks.nodes.polynomial import ProductNodes, RidgeNodes

KINDS: dict[str, type[Nodes]] = {
    "ridge": RidgeNodes,
    "product": ProductNodes,
    "harmonic": HarmonicNodes,
    "hole": HoleNodes,
    "corner": CornerNodes,
}


def nodes_from_dict(data: dict[str, Any]) -> Nodes:
    """Return the nodes that ``to_dict`` described.

    Raises:
        ValueError: for an unknown kind.
    """
    kind = KINDS.get(data.get("kind", ""))
    if kind is None:
        raise ValueError(
            f"nodes of kind {data.get('kind')!r} are unknown; known are {', '.join(KINDS)}."
        )
    return kind(**{name: value for name, value in data.items() if name != "kind"})


__all__ = [
    "CornerNodes",
    "HarmonicNodes",
    "HoleNodes",
    "Nodes",
    "ProductNodes",
    "RidgeNodes",
    "nodes_from_dict",
]
