"""Save a solution to one HDF5 file and read it back bit for bit; no pickle, nothing executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import torch
from sympy import Expr, srepr

from kanpde.export.atomic import replacing
from kanpde.geometry import Domain, domain_from_dict
from kanpde.networks import network_from_dict
from kanpde.outcome import Outcome
from kanpde.problem import Condition, Measured, Opposite, Problem, Total
from kanpde.problem.kept import KeptFunctions, reader
from kanpde.problem.serialise import expression_from_srepr
from kanpde.solution.history import from_table, to_table
from kanpde.solution.solution import Solution
from kanpde.version import __version__

FORMAT = "kanpde-solution"
SCHEMA = 2


def save(solution: Solution, path: str | Path) -> Path:
    """Write a solution to an HDF5 file; an interrupted write leaves the old file as it was.

    Raises:
        OSError: if the folder does not exist or the file cannot be written.
    """
    path = Path(path)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        _write(solution, file)
    return path


def load(path: str | Path, *, given: Mapping[str, Any] | None = None) -> Solution:
    """Read a solution that :meth:`Solution.save` wrote; nothing in the file is executed.

    Args:
        path: of the file.
        given: the Python functions of the problem, which no file can keep, by name: functions, or
            what :func:`kanpde.given` made of them. They are compared with values in the file.
            Without them the field is there, but nothing can be told of its residual.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or not a kanpde solution, or a function is none of the
            problem's or has other values than when the solution was saved.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        with h5py.File(path, "r") as file:
            kind = file.attrs.get("format")
            if kind != FORMAT:
                raise ValueError(
                    f"{path} is an HDF5 file but not a kanpde solution (format {kind!r}); "
                    "solutions are written by solution.save(...)."
                )
            schema = int(file.attrs["schema"])
            if schema > SCHEMA:
                raise ValueError(
                    f"{path} has schema {schema}, newer than this kanpde {__version__} reads "
                    f"({SCHEMA}); upgrade kanpde."
                )
            if schema < SCHEMA:
                raise ValueError(
                    f"{path} has schema {schema}, older than this kanpde {__version__} reads "
                    f"({SCHEMA}); solve again, or read it with the kanpde that wrote it."
                )
            return _read(file, given)
    except (OSError, KeyError, TypeError, json.JSONDecodeError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged or no kanpde solution: {error}") from None


def _write(solution: Solution, file: h5py.File) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["schema"] = SCHEMA
    file.attrs["kanpde_version"] = __version__
    for name, described in (
        ("problem", problem_to_dict(solution.problem)),
        ("network", solution.network.to_dict()),
    ):  # an attribute holds 64 KiB at most, and measured values may be many
        file.create_dataset(name, data=json.dumps(described), dtype=h5py.string_dtype())
    file.attrs["outcome"] = solution.outcome.name
    file.attrs["seed"] = solution.seed
    file.attrs["points"] = solution.points
    file.attrs["seconds"] = solution.seconds
    file.attrs["way"] = solution.way
    file.attrs["weights"] = json.dumps(dict(solution.weights))
    file.attrs["why"] = solution.why
    file.attrs["notes"] = json.dumps(list(solution.notes))
    if solution.estimate is not None:
        file.attrs["estimate"] = solution.estimate
    state = file.create_group("state")
    for name, tensor in solution.network.state_dict().items():
        state.create_dataset(name, data=tensor.detach().cpu().numpy())
    file.create_dataset("history", data=to_table(solution.history))


def _read(file: h5py.File, given: Mapping[str, Any] | None) -> Solution:
    network = network_from_dict(json.loads(file["network"].asstr()[()]))
    state = {name: torch.as_tensor(file["state"][name][()]) for name in file["state"]}
    network.to(next(t.dtype for t in state.values() if t.is_floating_point()))
    network.load_state_dict(state)
    return Solution(
        problem=problem_from_dict(json.loads(file["problem"].asstr()[()]), given=given),
        network=network,
        outcome=Outcome[file.attrs["outcome"]],
        estimate=float(file.attrs["estimate"]) if "estimate" in file.attrs else None,
        history=from_table(file["history"][()]),
        points=int(file.attrs["points"]),
        seconds=float(file.attrs["seconds"]),
        seed=int(file.attrs["seed"]),
        notes=tuple(json.loads(file.attrs["notes"])),
        way=file.attrs["way"],
        weights=json.loads(file.attrs.get("weights", "{}")),
        why=file.attrs.get("why", ""),
    )


def problem_to_dict(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON-able data; expressions as sympy's ``srepr``.

    Of a given function its name and some values are kept (:mod:`kanpde.problem.kept`).
    """
    kept = KeptFunctions(problem)
    data = {
        "name": problem.name,
        "domain": problem.domain.to_dict(),
        "equations": {name: srepr(kept.written(e)) for name, e in problem.equations.items()},
        "conditions": [_condition_to_dict(c, kept) for c in problem.conditions],
        "regions": {name: region.to_dict() for name, region in problem.regions.items()},
        "exact": [[srepr(u), srepr(e)] for u, e in (problem.exact or {}).items()],
    }
    functions = kept.to_list()
    return {**data, "given": functions} if functions else data


def problem_from_dict(data: dict[str, Any], *, given: Mapping[str, Any] | None = None) -> Problem:
    """Return the problem that :func:`problem_to_dict` described; it checks itself again.

    Args:
        data: the description.
        given: its Python functions by name, see :func:`load`.

    Raises:
        ValueError: if the data describe no problem, or a function is another one.
    """
    domain = domain_from_dict(data["domain"])
    put_back = reader(data.get("given", []), given)

    def expression(text: str) -> Expr:
        return put_back(expression_from_srepr(text))

    return Problem(
        domain,
        equations={name: expression(e) for name, e in data["equations"].items()},
        conditions=[_condition_from_dict(c, domain, expression) for c in data["conditions"]],
        exact={expression(u): expression(e) for u, e in data["exact"]} or None,
        name=data["name"],
        regions={n: domain_from_dict(r) for n, r in data.get("regions", {}).items()},
    )


def _condition_to_dict(condition: Condition, kept: KeptFunctions) -> dict[str, Any]:
    expression = srepr(kept.written(condition.expression))
    data: dict[str, Any] = {"expression": expression, "name": condition.name}
    on, opposite = condition.on, condition.opposite
    if isinstance(on, Measured):
        data["measured"] = {
            "points": on.points.tolist(),
            "values": on.values.tolist(),
            "noise": None if on.noise is None else on.noise.tolist(),
        }
    elif isinstance(on, Total):
        over = list(on.over.names) if hasattr(on.over, "pieces") else None
        data["total"] = {"over": over, "value": on.value}
    else:
        data["on"] = list(on.names)
    if opposite is not None:
        data["opposite"] = {
            "on": list(opposite.on.names),
            "axis": opposite.axis,
            "value": opposite.value,
        }
    return data


def _condition_from_dict(
    data: dict[str, Any], domain: Domain, read: Callable[[str], Expr]
) -> Condition:
    opposite = data.get("opposite")
    if opposite is not None:
        on = domain.boundary[tuple(opposite["on"])]
        opposite = Opposite(on, int(opposite["axis"]), float(opposite["value"]))
    return Condition(read(data["expression"]), _place_from_dict(data), data["name"], opposite)


def _place_from_dict(data: dict[str, Any]) -> Any:
    if "measured" in data:
        return Measured(**data["measured"])
    if "total" in data:
        over, value = data["total"]["over"], float(data["total"]["value"])
        return Total(None if over is None else tuple(over), value)
    return tuple(data["on"])
