"""Checkpoints: where a plan stands, in one HDF5 file that is there whole or not at all.

What a step depends on is the network, the state of the stage and the seeds, so that a plan that is
taken up again ends in the same bits as one that never stopped, on the same machine with the same
number of threads. So does a march in slabs, of which every accepted slab is kept and what the next
one starts from, a ladder, whose levels are kept, and a refinement of patches. A state that no file
can keep (of a stage of one's own) is left out; its stage then starts anew from its first
step, which gives the same bits too, only later.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde.control import Record
from kanpde.export.atomic import replacing
from kanpde.networks import Network
from kanpde.problem import Problem
from kanpde.solution.storage import problem_from_dict, problem_to_dict
from kanpde.solving import Choice, Found, Way
from kanpde.training.packing import Packer, Unpacker
from kanpde.training.plan import PlanState
from kanpde.training.stage import Stage, Task
from kanpde.version import __version__

FORMAT = "kanpde-checkpoint"
SCHEMA = 2
EVERY = 60.0
"""Seconds between two checkpoints within a stage."""


@dataclass(frozen=True)
class Checkpoint:
    """All that a solve needs to go on.

    Args:
        plan: the stages.
        where: the plan stands.
        history: so far.
        seconds: spent so far.
        settings: what else the caller wants back: numbers, texts, networks.
    """

    plan: tuple[Stage[Any], ...]
    where: PlanState
    history: tuple[Record, ...]
    seconds: float
    settings: dict[str, Any]

    def save(self, path: str | Path) -> Path:
        """Write the checkpoint; an interrupted write leaves the one before.

        What no file can keep (a problem with a given function, a foreign stage or module) is left
        out and has to be given again.

        Raises:
            OSError: if the file cannot be written.
        """
        packer, where = Packer(), self.where
        content = {
            "kind": "training",
            "problem": _or_none(lambda: problem_to_dict(where.task.problem)),
            "plan": _or_none(lambda: packer.pack(self.plan)),
            "task": packer.pack(where.task),
            "network": packer.network(where.network),
            "position": where.position,
            "state": _or_none(lambda: packer.pack(where.state)),
            "notes": list(where.notes),
            "records": where.records,
            "history": [record.to_dict() for record in self.history],
            "seconds": self.seconds,
            "settings": packer.pack(self.settings),
        }
        return _write(path, content, packer)


@dataclass(frozen=True)
class Standing:
    """Where a solve by one way after the other stands.

    Args:
        choice: the ways.
        position: of the one it is at.
        best: field of the ways before, or None.
        memory: what the way at hand needs to go on; None if it starts anew.
    """

    choice: Choice
    position: int = 0
    best: Found | None = None
    memory: Any = None


@dataclass(frozen=True)
class Restart:
    """A solve that is not, or not yet, a training.

    Args:
        problem: the problem.
        network: that was asked for, or the way, or None.
        settings: further arguments of ``solve``.
        standing: where a solve by direct ways stands; None for a solve that starts anew.
        history: so far, that of a way that starts anew left out.
        seconds: spent so far.
    """

    problem: Problem
    network: Network | Way | None
    settings: dict[str, Any]
    standing: Standing | None = None
    history: tuple[Record, ...] = ()
    seconds: float = 0.0

    def save(self, path: str | Path) -> Path:
        """Write the file.

        Raises:
            OSError: if it cannot be written.
        """
        packer = Packer()
        content = {
            "kind": "restart",
            "problem": _or_none(lambda: problem_to_dict(self.problem)),
            "network": packer.pack(self.network),
            "settings": packer.pack(self.settings),
            "standing": packer.pack(self.standing),
            "history": [record.to_dict() for record in self.history],
            "seconds": self.seconds,
        }
        return _write(path, content, packer)


def load_checkpoint(
    path: str | Path,
    *,
    problem: Problem | None = None,
    network: Callable[[Task], Network] | None = None,
    plan: Iterable[Stage[Any]] | None = None,
    device: str | None = None,
) -> Checkpoint | Restart:
    """Read a checkpoint.

    Args:
        path: of the file.
        problem: in the place of the file's, which could not keep one with given functions.
        network: makes, for a task, a network like that of the file, for a foreign module.
        plan: the same for stages of one's own.
        device: of the tensors; by default the one they were on.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no checkpoint, or holds no problem, network or plan and none is given,
            or is of a direct solve under way of another problem than the one given.
    """
    path = Path(path)
    content, arrays = _read(path)
    kept = content["problem"]
    if problem is None:
        if content["problem"] is None:
            raise ValueError(
                f"{path} could not keep the problem, which holds a Python function; give it again: "
                "resume(path, problem=...)."
            )
        problem = problem_from_dict(content["problem"])
        if content["problem"].get("given"):
            names = ", ".join(function["name"] for function in content["problem"]["given"])
            raise ValueError(
                f"{path} could not keep the problem, which holds a Python function ({names}); give "
                "it again: resume(path, problem=...)."
            )
    if content["kind"] == "restart":
        unpacker = Unpacker(arrays)
        settings = unpacker.unpack(content["settings"])
        if device is not None:
            settings = {**settings, "device": device}
        placed = Unpacker(arrays, device=settings.get("device", "cpu"))
        standing: Standing | None = placed.unpack(content.get("standing"))
        goes_on = standing is not None and standing.memory is not None and kept is not None
        if goes_on and _text(problem_to_dict(problem)) != _text(kept):
            raise ValueError(
                f"{path} is of a solve of {kept['name']!r} that is under way, and the problem "
                "given is another one; leave problem=... out, or solve it anew."
            )
        return Restart(
            problem,
            unpacker.unpack(content["network"]),
            settings,
            standing,
            tuple(Record(**r) for r in content.get("history", ())),
            content.get("seconds", 0.0),
        )
    task: Task = Unpacker(arrays, problem=problem).unpack(content["task"])
    if device is not None:
        task = replace(task, device=device)
    like = None if network is None else network(task)
    unpacker = Unpacker(arrays, device=task.device, problem=problem, like=like)
    stages = unpacker.unpack(content["plan"]) if plan is None else tuple(plan)
    if stages is None:
        raise ValueError(
            f"{path} could not keep the plan, which holds a stage of your own; give it again: "
            "resume(path, plan=[...])."
        )
    position, state = content["position"], unpacker.unpack(content["state"])
    if position > len(stages):
        raise ValueError(f"{path} is at stage {position + 1}, but the plan has {len(stages)}.")
    history = content["history"]
    if state is None:
        history = history[: content["records"]]
    return Checkpoint(
        tuple(stages),
        PlanState(
            task,
            unpacker.unpack(content["network"]),
            position,
            state,
            tuple(content["notes"]),
            content["records"],
        ),
        tuple(Record(**r) for r in history),
        content["seconds"],
        unpacker.unpack(content["settings"]),
    )


class Checkpoints:
    """Where and how often checkpoints are written: after each stage, and within one now and then.

    Args:
        path: of the file; each checkpoint replaces the one before.
        every: seconds between two within a stage.

    Raises:
        ValueError: for a negative time.
    """

    every = EVERY

    def __init__(self, path: str | Path, *, every: float = EVERY) -> None:
        if not every >= 0:
            raise ValueError(f"Checkpoints: every={every!r} must be seconds, zero or more.")
        self.path, self.every = Path(path), every
        self._last = time.monotonic()

    @property
    def are_due(self) -> bool:
        """Whether the last checkpoint is old enough for another one within a stage."""
        return time.monotonic() - self._last >= self.every

    def write(self, checkpoint: Checkpoint | Restart) -> None:
        """Write a checkpoint.

        Raises:
            OSError: if the file cannot be written.
        """
        checkpoint.save(self.path)
        self._last = time.monotonic()


def _text(description: dict[str, Any]) -> str:
    """Return a problem's description as text, but for where its Python functions come from."""
    functions = [{**f, "origin": ""} for f in description.get("given", ())]
    return json.dumps({**description, "given": functions}, sort_keys=True)


def _or_none(pack: Callable[[], Any]) -> Any:
    """Return what a packing gives, or None for what no file can keep."""
    try:
        return pack()
    except ValueError:
        return None


def _write(path: str | Path, content: dict[str, Any], packer: Packer) -> Path:
    path = Path(path)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(format=FORMAT, schema=SCHEMA, kanpde_version=__version__)
        file.create_dataset("content", data=json.dumps(content), dtype=h5py.string_dtype())
        arrays = file.create_group("arrays")
        for name, array in packer.arrays.items():
            arrays.create_dataset(name, data=array)
    return path


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}.")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ValueError(f"{path} is no checkpoint of kanpde.")
            if int(file.attrs["schema"]) > SCHEMA:
                raise ValueError(
                    f"{path} has schema {file.attrs['schema']}, newer than this kanpde "
                    f"{__version__}; install the version that wrote it."
                )
            content = json.loads(file["content"].asstr()[()])
            arrays = {name: np.asarray(data[()]) for name, data in file["arrays"].items()}
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged or no checkpoint of kanpde: {error}") from error
    return content, arrays
