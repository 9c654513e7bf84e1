"""Values as JSON and named arrays, and back bit for bit; no pickle, nothing executed.

Numbers, texts, tensors, networks and kanpde's own frozen dataclasses (stages, their states,
placements) can be kept, a problem only as "the problem": who reads has it. Reading builds only
dataclasses of kanpde: a file names a class, and a name from elsewhere is refused. A dataclass that
compares by identity and occurs several times within a value is one object again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.networks import Network, network_from_dict
from kanpde.problem import Problem

HOME = "kanpde."
"""Modules whose dataclasses are built on reading."""


class NotKeptError(ValueError):
    """A value that no file can keep."""


class Packer:
    """Packs values; the tensors are collected in ``arrays`` by name.

    >>> packer = Packer()
    >>> packed = packer.pack((1.5, torch.ones(2)))
    >>> Unpacker(packer.arrays).unpack(packed)
    (1.5, tensor([1., 1.]))
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._seen: dict[int, tuple[int, Any]] = {}

    def pack(self, value: Any) -> Any:
        """Return a value as JSON-able data.

        Raises:
            NotKeptError: for a function, an object of a foreign class and the like.
        """
        self._seen = {}
        return self._pack(value)

    def _pack(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, Enum):
            return {"enum": _name(type(value)), "member": value.name}
        if isinstance(value, (int, float, np.integer, np.floating)):
            return value.item() if isinstance(value, np.generic) else value
        if isinstance(value, (list, tuple)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self._pack(v) for v in value]}
        if isinstance(value, Mapping):
            return {"dict": [[self._pack(k), self._pack(v)] for k, v in value.items()]}
        if isinstance(value, Tensor):
            return {"tensor": self._keep(value.detach().cpu().numpy())}
        if isinstance(value, np.ndarray) and value.dtype != object:
            return {"array": self._keep(value)}
        if isinstance(value, Network):
            return self.network(value)
        if isinstance(value, Problem):
            return {"problem": value.name}
        if is_dataclass(value) and not isinstance(value, type):
            if id(value) in self._seen:
                return {"again": self._seen[id(value)][0]}
            left_out: frozenset[str] = getattr(value, "derived", frozenset())  # of a stage's state
            kept = [f.name for f in fields(value) if f.name not in left_out]
            own = {name: self._pack(getattr(value, name)) for name in kept}
            packed: dict[str, Any] = {"dataclass": _name(type(value)), "fields": own}
            if _has_identity(type(value)):
                packed["number"] = len(self._seen)
                self._seen[id(value)] = len(self._seen), value
            return packed
        raise NotKeptError(f"a {type(value).__name__} cannot be kept in a file: {value!r:.100}")

    def network(self, network: Network) -> dict[str, Any]:
        """Return a network as JSON-able data; of a foreign module its parameters alone."""
        try:
            description: dict[str, Any] | None = network.to_dict()
        except ValueError:
            description = None
        state = {n: self._keep(t.cpu().numpy()) for n, t in network.state_dict().items()}
        return {"network": description, "state": state}

    def _keep(self, array: np.ndarray) -> str:
        name = str(len(self.arrays))
        self.arrays[name] = array
        return name


class Unpacker:
    """Takes back what a :class:`Packer` packed.

    Args:
        arrays: by name.
        device: of the tensors.
        problem: the problem.
        like: a network of the shape of a foreign module's, into which its parameters are put.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        *,
        device: str = "cpu",
        problem: Problem | None = None,
        like: Network | None = None,
    ) -> None:
        self._arrays, self._device = arrays, device
        self._problem, self._like = problem, like
        self._seen: dict[int, Any] = {}

    def unpack(self, data: Any) -> Any:
        """Return the value.

        Raises:
            ValueError: for data that no :class:`Packer` made, or that of another version.
        """
        self._seen = {}
        return self._unpack(data)

    def _unpack(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "network" in data:
            return self._network(data)
        if "problem" in data:
            return self._problem
        if "tensor" in data:
            return torch.tensor(self._arrays[data["tensor"]], device=self._device)
        if "array" in data:
            return self._arrays[data["array"]]
        if "dict" in data:
            return {self._unpack(k): self._unpack(v) for k, v in data["dict"]}
        if "tuple" in data:
            return tuple(self._unpack(v) for v in data["tuple"])
        if "list" in data:
            return [self._unpack(v) for v in data["list"]]
        if "enum" in data:
            return _class(data["enum"], Enum)[data["member"]]
        if "again" in data:
            return self._seen[data["again"]]
        if "dataclass" in data:
            own = {name: self._unpack(v) for name, v in data["fields"].items()}
            value = _built(_class(data["dataclass"]), own)
            if "number" in data:
                self._seen[data["number"]] = value
            return value
        raise ValueError(f"{data!r:.100} describes no value.")

    def _network(self, data: dict[str, Any]) -> Network:
        state = {name: torch.as_tensor(self._arrays[key]) for name, key in data["state"].items()}
        if data["network"] is not None:
            network = network_from_dict(data["network"])
        elif self._like is not None:
            network = copy.deepcopy(self._like)
        else:
            raise ValueError(
                "the network holds a foreign torch module, which no file describes; give it again: "
                "resume(path, network=...)."
            )
        network.to(next(t.dtype for t in state.values() if t.is_floating_point()))
        network.load_state_dict(state)
        return network.to(self._device)


def _name(kind: type) -> str:
    if not kind.__module__.startswith(HOME) or "." in kind.__qualname__:
        raise NotKeptError(
            f"{kind.__qualname__} is a class of {kind.__module__}, and a file keeps classes of "
            "kanpde only."
        )
    return f"{kind.__module__}:{kind.__qualname__}"


def _has_identity(kind: type) -> bool:
    return kind.__eq__ is object.__eq__


def _built(kind: type, own: dict[str, Any]) -> Any:
    try:
        return kind(**own)
    except TypeError as error:
        raise ValueError(
            f"the file is of another version of kanpde, where {kind.__name__} has other fields: "
            f"{error}"
        ) from error


def _class(name: str, base: type = object) -> Any:
    module, _, own = name.partition(":")
    found = getattr(import_module(module), own, None) if module.startswith(HOME) else None
    right = isinstance(found, type) and issubclass(found, base)
    if not right or not (is_dataclass(found) or base is Enum):
        raise ValueError(f"{name!r} names no class that a file may hold.")
    return found
