"""u(x): trainable fields on jets - KANs, MLPs, foreign modules, hard conditions."""

from typing import Any

from kanpde.networks.constrained import Constrained
from kanpde.networks.corrected import Corrected
from kanpde.networks.features import Periodic, RandomFourier
from kanpde.networks.jets import JetLayout
from kanpde.networks.kan import KAN
from kanpde.networks.linear import LinearKAN
from kanpde.networks.mlp import MLP
from kanpde.networks.module import Module
from kanpde.networks.network import Network, Prepared, Pullback
from kanpde.networks.nodes import (
    CornerNodes,
    HarmonicNodes,
    HoleNodes,
    Nodes,
    ProductNodes,
    RidgeNodes,
)
from kanpde.networks.outputs import Outputs
from kanpde.networks.parametric import SoughtNumber, WithNumbers
from kanpde.networks.patches import PatchKAN
from kanpde.networks.separable import SeparableKAN
from kanpde.networks.slabs import SlabKAN
from kanpde.networks.tensor import TensorKAN
from kanpde.networks.tensor_slabs import TensorSlabKAN


def network_from_dict(data: dict[str, Any]) -> Network:
    """Return the network that ``to_dict`` described; parameters are set by ``load_state_dict``.

    Raises:
        ValueError: for an unknown kind.
    """
    kind = data.get("kind")
    if kind == "kan":
        return KAN.from_dict(data)
    if kind == "linear":
        return LinearKAN.from_dict(data)
    if kind == "tensor":
        return TensorKAN.from_dict(data)
    if kind == "patches":
        return PatchKAN.from_dict(data)
    if kind == "separable":
        return SeparableKAN.from_dict(data)
    if kind == "slabs":
        return SlabKAN.from_dict(data)
    if kind == "tensor slabs":
        return TensorSlabKAN.from_dict(data)
    if kind == "mlp":
        return MLP.from_dict(data)
    if kind == "constrained":
        return Constrained.from_dict(data, network_from_dict(data["network"]))
    if kind == "corrected":
        base, correction = (network_from_dict(data[name]) for name in ("base", "correction"))
        return Corrected(base, correction, data["scale"])
    if kind == "outputs":
        return Outputs(network_from_dict(data["network"]), data["indices"])
    if kind == "with numbers":
        return WithNumbers.from_dict(data, network_from_dict(data["network"]))
    raise ValueError(
        f"a network of kind {kind!r} is unknown; known are kan, linear, tensor, patches, "
        "separable, slabs, tensor slabs, mlp, constrained, corrected, outputs, with numbers."
    )


def bare(network: Network) -> Network:
    """Return the network inside of hard conditions and beside unknown numbers."""
    while isinstance(network, (Constrained, WithNumbers)):
        network = network.network
    return network


def with_bare(network: Network, inner: Network) -> Network:
    """Return a network with another one inside of its hard conditions and unknown numbers."""
    if isinstance(network, (Constrained, WithNumbers)):
        return network._with(with_bare(network.network, inner))
    return inner


__all__ = [
    "KAN",
    "MLP",
    "Constrained",
    "CornerNodes",
    "Corrected",
    "HarmonicNodes",
    "HoleNodes",
    "JetLayout",
    "LinearKAN",
    "Module",
    "Network",
    "Nodes",
    "Outputs",
    "PatchKAN",
    "Periodic",
    "Prepared",
    "ProductNodes",
    "Pullback",
    "RandomFourier",
    "RidgeNodes",
    "SeparableKAN",
    "SlabKAN",
    "SoughtNumber",
    "TensorKAN",
    "TensorSlabKAN",
    "WithNumbers",
    "bare",
    "network_from_dict",
    "with_bare",
]
