"""A pretend device: tensors that say they are elsewhere, with the arithmetic of the CPU.

What a GPU would refuse or be slowed down by shows on a machine that has none: a tensor of the CPU
that meets one of the device raises, and every number that travels between the two is on record.
Within :func:`pretending`, ``device="pretend"`` is a device like any other.
"""

import contextlib
import sys
from collections import Counter
from dataclasses import dataclass, field

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

NAME = "pretend"
FETCHES = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::_unique2"}
"""Operations whose result, or its shape, the host has to wait for."""


@dataclass
class Traffic:
    """What went to the device and what came back: the operation and the line of kanpde."""

    up: Counter = field(default_factory=Counter)
    down: Counter = field(default_factory=Counter)

    def clear(self):
        self.up.clear()
        self.down.clear()


class Pretended(torch.Tensor):
    """A tensor of the pretend device; its numbers are in a tensor of the CPU."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=f"{NAME}:0",
        )

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"Pretended({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError("a tensor of the pretend device outside of pretending()")

    def tolist(self):
        _mode().traffic.down[("tolist", _line())] += 1
        return self.held.tolist()


class _Pretending(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.traffic = Traffic()
        self.recorded = None
        """Operations since a graph's recording began, or None."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        leaves = [a for a in tree_leaves((args, kwargs)) if isinstance(a, torch.Tensor)]
        ours = [a for a in leaves if isinstance(a, Pretended)]
        asked, name = kwargs.get("device"), func._schema.name
        # a scalar of the CPU may meet tensors of a GPU: it is read; but it does not go there unseen
        moves = name in ("aten::_to_copy", "aten::copy_")
        others = [a for a in leaves if not isinstance(a, Pretended) and (a.ndim > 0 or moves)]
        here = bool(ours) if asked is None else torch.device(asked).type == NAME
        if asked is not None:
            kwargs["device"] = torch.device("cpu")
        self._note(name, args, here, ours, others)
        plain = tree_map(_held, (args, kwargs))
        found = func(*plain[0], **plain[1])
        if self.recorded is not None and (ours or here):
            self.recorded.append((func, plain, found))
        if func._schema.is_mutable and name.endswith("_"):
            if _held(args[0]).shape != args[0].shape:
                raise NotImplementedError(
                    f"{name} at {_line()}: a pretended tensor keeps its shape"
                )
            return args[0]
        if "out" in kwargs:
            return kwargs["out"]
        if not here or name == "aten::_local_scalar_dense":
            return found
        return tree_map_only(torch.Tensor, Pretended, found)

    def _note(self, name, args, here, ours, others):
        """Put down what travels; raise where a GPU would refuse, or could not record."""
        traffic, where = self.traffic, _line()
        before = sum(traffic.up.values()) + sum(traffic.down.values())
        if ours and (name in FETCHES or not here):
            traffic.down[(name, where)] += 1
        if others and here and not ours:
            traffic.up[(name, where)] += 1
        if ours and others:
            if name == "aten::copy_":
                way = traffic.up if isinstance(args[0], Pretended) else traffic.down
                way[(name, where)] += 1
            elif "index" in name:
                traffic.up[(name, where)] += 1
            else:
                raise RuntimeError(f"{name}: tensors of the CPU and of the device, at {where}")
        if self.recorded is not None and before < sum(traffic.up.values()) + sum(
            traffic.down.values()
        ):
            raise RuntimeError(f"{name} at {where} waits for the host; no graph can record it")


def _held(value):
    return value.held if isinstance(value, Pretended) else value


def _line():
    """Return file and line of kanpde's innermost frame."""
    frame = sys._getframe(1)
    while frame is not None and "/kanpde/" not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return "elsewhere"
    return f"{frame.f_code.co_filename.rsplit('/kanpde/', 1)[-1]}:{frame.f_lineno}"


_current = []


def _mode():
    assert _current, "outside of pretending()"
    return _current[-1]


class CUDAGraph:
    """Operations that are recorded once and replayed on the same memory."""

    def __init__(self):
        self.operations = []

    def replay(self):
        for func, (args, kwargs), found in self.operations:
            again = func(*args, **kwargs)
            pairs = zip(tree_leaves(found), tree_leaves(again), strict=True)
            for old, new in pairs:
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@contextlib.contextmanager
def graph(recorded):
    """Record what is done inside; nothing may travel meanwhile."""
    mode = _mode()
    mode.recorded = recorded.operations
    try:
        yield
    finally:
        mode.recorded = None


class Stream:
    def wait_stream(self, other):
        pass


class _Backend:
    """What torch asks of the module of a device, in the shape of :mod:`torch.cuda`."""

    CUDAGraph, graph, Stream = CUDAGraph, staticmethod(graph), Stream

    def is_initialized(self):
        return True

    def is_available(self):
        return True

    def current_device(self):
        return 0

    def device_count(self):
        return 1

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        pass

    def get_rng_state(self, device=None):
        return torch.empty(0, dtype=torch.uint8)

    def set_rng_state(self, state, device=None):
        pass

    def current_stream(self):
        return Stream()

    def stream(self, stream):
        return contextlib.nullcontext()


def registered():
    """Register the device with torch, once; whether this torch can."""
    try:
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
    except ImportError:
        return False
    if not hasattr(torch, NAME):
        _setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
    return True


@contextlib.contextmanager
def pretending():
    """Have the pretend device inside; yields what travels to it and back."""
    assert registered(), "this torch takes no device that is written in Python"
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=...) is seen, too
    mode = _Pretending()
    _current.append(mode)
    try:
        with mode:
            yield mode.traffic
    finally:
        _current.pop()
        torch._C._set_only_lift_cpu_tensors(False)
