"""Functions of a network that are recorded once and replayed: ``solve(..., compiled=True)``.

Within a stage a network is evaluated thousands of times at the same points, with other parameters
and nothing else changed. Most of these evaluations are many small operations, and what they cost is
what lies between them. On a GPU they are recorded as one CUDA graph, which is launched as a whole;
on the CPU they are traced and compiled into few fused loops by torch's inductor, which takes
seconds for each stage and a C++ compiler.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from kanpde.networks import Network

WARMUPS = 3
"""Evaluations before the recording, in which libraries set up what they need."""

Recorded = Callable[[Network], Any]
"""A function of a network whose result is a tensor, or a tuple of them."""


def replayed(function: Recorded, network: Network) -> Recorded:
    """Return a function for networks of the shape of the one given, to be replayed.

    Args:
        function: of a network, by tensor operations alone: nothing is decided by their values.
        network: whose shape and device are recorded.

    Raises:
        ValueError: if the device cannot record, or the function cannot be recorded.
    """
    device = network.vector().device
    kind = _Fused if device.type == "cpu" else _Graph
    try:
        return kind(function, network.copied())
    except Exception as error:
        raise ValueError(
            f"compiled: this problem and network cannot be compiled on the device {device.type!r} "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0]}); leave it away."
        ) from error


class _Graph:
    """Operations on a GPU, launched as one CUDA graph; what it leaves is copied."""

    def __init__(self, function: Recorded, network: Network) -> None:
        self._network = network
        device: Any = torch.get_device_module(network.vector().device)
        aside = device.Stream()
        aside.wait_stream(device.current_stream())
        with device.stream(aside):
            for _ in range(WARMUPS):
                function(network)
        device.current_stream().wait_stream(aside)
        self._graph = device.CUDAGraph()
        with device.graph(self._graph):
            self._found = function(network)

    def __call__(self, network: Network) -> Any:
        self._network.set_vector(network.vector())
        self._graph.replay()
        return tree_map(torch.clone, self._found)


class _Fused:
    """Operations on the CPU, compiled by torch's inductor."""

    def __init__(self, function: Recorded, network: Network) -> None:
        function(network)  # what is made once and kept is no part of the recording
        held = _Held(function, network)
        names = [name for name, _ in held.named_parameters()]

        def of(*parameters: Tensor) -> Any:
            return functional_call(held, dict(zip(names, parameters, strict=True)))

        given = [p.detach() for p in network.parameters()]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own modules
            from torch import _inductor
            from torch.fx.experimental.proxy_tensor import make_fx

            graph = make_fx(of, _allow_non_fake_inputs=True)(*given)
            self._compiled: Any = _inductor.compile(graph, [*given])

    def __call__(self, network: Network) -> Any:
        with torch.no_grad():
            return self._compiled(*(p.detach() for p in network.parameters()))


class _Held(nn.Module):
    """A function of a network as a module, whose parameters can be replaced."""

    def __init__(self, function: Recorded, network: Network) -> None:
        super().__init__()
        self.network, self._function = network, function

    def forward(self) -> Any:
        """Return the function's value."""
        return self._function(self.network)
