"""What the runs of a sweep differ in: settings and seeds, and how a problem file takes them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from kanpde.problem_file import ProblemFile, constants_of, load_problem_file

Value = float | str | None

ARGUMENTS = (
    "tol",
    "budget",
    "points",
    "memory",
    "hard",
    "distil",
    "attempts",
    "device",
    "compiled",
    "threads",
)
"""Settings that are arguments of :func:`kanpde.solve`."""


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Args:
        settings: by name.
        seed: of points and starts.
    """

    settings: tuple[tuple[str, Value], ...]
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        parts = [f"{key}={value}" for key, value in self.settings]
        return ",".join([*parts, f"seed={self.seed}"]).replace("/", "_")


def runs_of(settings: Mapping[str, Sequence[Value]], seeds: Sequence[int]) -> list[Run]:
    """Return all combinations of settings and seeds, seeds running fastest.

    >>> [run.name for run in runs_of({"nu": [0.1, 0.2]}, [0])]
    ['nu=0.1,seed=0', 'nu=0.2,seed=0']
    """
    choices = [[(key, value) for value in values] for key, values in settings.items()]
    return [Run(tuple(own), seed) for own in itertools.product(*choices) for seed in seeds]


def parse_seeds(text: str) -> list[int]:
    """Return seeds from a text such as "0:10" (ten of them), "3" or "0,5,7".

    Raises:
        ValueError: for anything else.

    >>> parse_seeds("0:3"), parse_seeds("4,2")
    ([0, 1, 2], [4, 2])
    """
    try:
        if ":" in text:
            first, end = text.split(":")
            seeds = list(range(int(first), int(end)))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds:
        raise ValueError(f'the seeds {text!r} are none; write "0:10", "3" or "0,5,7".')
    return seeds


def parse_setting(text: str) -> tuple[str, list[Value]]:
    """Return name and values of a text such as "nu=0.1,0.2".

    Raises:
        ValueError: for anything else.

    >>> parse_setting("network.intervals=5,10")
    ('network.intervals', [5, 10])
    """
    name, sign, values = text.partition("=")
    if not name or not sign or not values:
        raise ValueError(f'the setting {text!r} is none; write "nu=0.1,0.2".')
    return name, [_value(part) for part in values.split(",")]


def parse_parameters(text: str) -> dict[str, Value]:
    """Return names and values of a text such as "timeout_min=60,slurm_partition=cpu".

    Raises:
        ValueError: for anything else.

    >>> parse_parameters("timeout_min=60,slurm_partition=cpu")
    {'timeout_min': 60, 'slurm_partition': 'cpu'}
    """
    found = {}
    for part in text.split(","):
        name, values = parse_setting(part)
        found[name] = values[0]
    return found


def _value(text: str) -> Value:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def applied(file: Path, run: Run) -> tuple[ProblemFile, dict[str, Any]]:
    """Return what a problem file defines under a run's settings, and arguments for ``solve``.

    A setting is an argument of ``solve`` (``tol``, ``points``, ...), a constant that the file
    assigns at its top level (``nu``), a field of the network (``network.intervals``) or of a stage
    of the plan (``plan.0.iterations``).

    Raises:
        ValueError: for a setting that is none of these.
    """
    constants, arguments, inside = {}, {}, {}
    for key, value in run.settings:
        if key in ARGUMENTS:
            arguments[key] = value
        elif key.startswith(("network.", "plan.")):
            inside[key] = value
        elif value is not None:
            constants[key] = value
    loaded = load_problem_file(file, constants)
    for key, value in inside.items():
        first, _, rest = key.partition(".")
        if first == "network":
            loaded = replace(loaded, network=_varied_network(loaded.network, rest, value))
        else:
            loaded = replace(loaded, plan=_varied_plan(loaded.plan, rest, value))
    return loaded, arguments


def _varied_network(network: Any, name: str, value: Value) -> Any:
    from kanpde.bases import activation_from_dict
    from kanpde.networks import KAN

    if not isinstance(network, KAN):
        raise ValueError(
            f"network.{name}: the file defines no KAN to vary; assign the number to a name at its "
            f"top level and sweep over that ({name} = {value})."
        )
    was = network.to_dict()
    kept = None if was["activation"] is None else activation_from_dict(was["activation"])
    made: dict[str, Any] = {"basis": list(network.bases), "activation": kept}
    made |= {key: was[key] for key in ("widths", "lower", "upper", "seed")}
    bases: list[Any] = list(network.bases)
    if name == "seed":
        made["seed"] = value
    elif all(name in {f.name for f in fields(basis)} for basis in bases):
        made["basis"] = [replace(basis, **{name: value}) for basis in bases]
    else:
        known = {f.name for f in fields(bases[0])}
        raise ValueError(
            f"network.{name} is none of {', '.join(sorted(known | {'seed'}))}, which can be set; "
            "for others assign a name at the top level of the file and sweep over that."
        )
    return KAN(**made)


def _varied_plan(plan: Sequence[Any] | None, path: str, value: Value) -> list[Any]:
    place, _, name = path.partition(".")
    stages = list(plan or ())
    if not place.isdecimal() or int(place) >= len(stages):
        raise ValueError(f"plan.{path}: the file's plan has {len(stages)} stages, counted from 0.")
    stage = stages[int(place)]
    known = [f.name for f in fields(stage)] if is_dataclass(stage) else []
    if name not in known:
        raise ValueError(f"plan.{path}: {type(stage).__name__} has {', '.join(known) or 'none'}.")
    stages[int(place)] = replace(stage, **{name: value})
    return stages


def check(file: Path, runs: Sequence[Run]) -> None:
    """Raise ValueError before anything runs if a setting does not apply, or names collide."""
    if len({run.name for run in runs}) < len(runs):
        raise ValueError("two runs of the sweep have the same settings and seed.")
    known = constants_of(file)
    for key, _ in runs[0].settings:
        plain = key in ARGUMENTS or key.startswith(("network.", "plan."))
        if not plain and key not in known:
            raise ValueError(
                f"{key!r} is no setting: not an argument of solve ({', '.join(ARGUMENTS)}), nor "
                f"network.FIELD or plan.NUMBER.FIELD, nor a number or text that {file.name} "
                f"assigns at its top level ({', '.join(known) or 'there is none'})."
            )
    seen = set()
    for run in runs:
        if run.settings not in seen:
            seen.add(run.settings)
            applied(file, run)
