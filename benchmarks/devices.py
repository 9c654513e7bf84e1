r"""A step of training, and whole trainings, on one device beside another, plain and compiled.

    python benchmarks/devices.py --devices cpu cuda [--only steps trainings] [--json FILE]
    python benchmarks/devices.py --json FILE --table

Steps: a chain of one Poisson equation in the plane by a KAN [2, width, 1], splines of degree 5, at
four points for each parameter; wall seconds of the parts of a step, the least of some repeats,
and of whole steps of Levenberg-Marquardt. "operations" are calls of torch in an evaluation, which
do not depend on its size: a device that takes 5 microseconds to start one takes at least that many
times 5 microseconds for it, unless they are recorded and started as a whole.

Trainings: wall seconds until the error is below a goal, by ``kanpde.compare``; recording counts.

Rows that the file holds are not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from large import Row as Size
from large import _network, _problem
from torch.utils._python_dispatch import TorchDispatchMode
from training import deep, spline

from kanpde import KAN, Entrant, LevenbergMarquardt, compare, rounds, staircase
from kanpde.networks import Network
from kanpde.problem_file import load_problem_file
from kanpde.training import Stage, Task
from kanpde.training.objective import Objective
from kanpde.training.system import InMemory, trained_on

PROBLEMS = Path(__file__).resolve().parent.parent / "problems"
WIDTHS = (2, 8, 32, 64)
"""Of the hidden layer; a unit has 42 parameters."""
STEPS = 5
PARTS = ("residual", "gradient", "jacobian", "product", "factor", "step")


@dataclass(frozen=True)
class Row:
    """What is measured.

    Args:
        what: a width of the hidden layer, or the name of a training.
        device: of the tensors.
        compiled: whether evaluations are recorded.
        points: for a width; 0 for a training.
    """

    what: str
    device: str
    compiled: bool
    points: int = 0

    @property
    def key(self) -> str:
        """The row as text."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Training:
    """A training and the relative L2 error it is to reach."""

    problem: str
    network: Callable[[], Network]
    goal: float
    plan: Callable[[], Sequence[Stage[Any]] | None] = lambda: None


TRAININGS = {
    "Poisson": Training("poisson_2d", lambda: KAN([2, 5, 1]), 1e-5),
    "four holes": Training(
        "poisson_four_holes",
        spline(5, 5, [2, 8, 8, 1]),
        1e-3,
        lambda: staircase(5, 10, iterations=80),
    ),
    "Burgers": Training("burgers_1d", deep, 1e-3, lambda: rounds(24)),
    "Poisson in a cube": Training("poisson_3d", lambda: KAN([3, 8, 1]), 1e-5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--devices", nargs="+", default=["cpu"], metavar="DEVICE")
    parser.add_argument("--only", nargs="+", choices=["steps", "trainings"])
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--budget", default="120s", help="of a training (default 120s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("devices.json"))
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    known = json.loads(options.json.read_text()) if options.json.exists() else {}
    if not options.table:
        for row in rows(options):
            if row.key in known:
                continue
            sys.stderr.write(f"{row}\n")
            known[row.key] = measured(row, options)
            options.json.write_text(json.dumps(known, indent=1) + "\n")
    results = [(Row(**json.loads(key)), value) for key, value in known.items()]
    print("\n".join([*step_table(results), "", *training_table(results)]))


def rows(options: argparse.Namespace) -> list[Row]:
    """Return what is to be measured, small ones first."""
    chosen = options.only or ["steps", "trainings"]
    where = [(device, compiled) for device in options.devices for compiled in (False, True)]
    found = []
    if "steps" in chosen:
        sizes = [(w, max(1000, 4 * 42 * w)) for w in options.widths]
        found += [Row(str(w), *there, points=n) for w, n in sizes for there in where]
    if "trainings" in chosen:
        found += [Row(name, *there) for name in TRAININGS for there in where]
    return found


def measured(row: Row, options: argparse.Namespace) -> dict[str, float | None]:
    """Return the numbers of a row."""
    return step(row, options.repeats) if row.points else training(row, options)


def step(row: Row, repeats: int) -> dict[str, float | None]:
    """Return seconds of the parts of a step and of whole ones, and the operations."""
    size = Size("devices", row.points, width=int(row.what))
    task = Task(
        _problem(size),
        least_points=row.points,
        points_per_parameter=0.0,
        device=row.device,
        compiled=row.compiled,
    )
    network = _network(size).to(row.device)
    start = time.perf_counter()
    points, objective = trained_on(task, network), Objective.of(task, network)
    found: dict[str, float | None] = {"recording": time.perf_counter() - start}
    vector = network.vector()

    def timed(work: Callable[[], Any]) -> float:
        best = float("inf")
        for _ in range(repeats + 1):  # the first one sets up
            waited(row.device)
            start = time.perf_counter()
            work()
            waited(row.device)
            best = min(best, time.perf_counter() - start)
        return best

    system = points.about(network)
    steps = system.damped(orthogonal=False)
    found["residual"] = timed(lambda: points.at(network))
    found["gradient"] = timed(lambda: objective.at(vector))
    found["jacobian"] = timed(lambda: points.about(network))
    found["product"] = timed(lambda: system.damped(orthogonal=False))
    found["factor"] = timed(lambda: steps.factored(1e-3)(system.right))
    stage = LevenbergMarquardt(iterations=10**6, stall=0.0)
    state = stage.step(task, stage.init(task, network))
    waited(row.device)
    start = time.perf_counter()
    for _ in range(STEPS):
        state = stage.step(task, state)
    waited(row.device)
    found["step"] = (time.perf_counter() - start) / STEPS
    plain = InMemory.of(replace(task, compiled=False), network)
    found["operations"] = operations(lambda: plain.at(network))
    found["operations of the Jacobian"] = operations(lambda: plain.about(network))
    found["parameters"] = network.parameter_count
    return found


def training(row: Row, options: argparse.Namespace) -> dict[str, float | None]:
    """Return the wall seconds until the error is below the goal, and the error in the end."""
    given = TRAININGS[row.what]
    problem = load_problem_file(PROBLEMS / f"{given.problem}.py").problem
    found = compare(
        problem,
        [Entrant(row.what, given.network(), given.plan())],
        seeds=1,
        budget=options.budget,
        threads=options.threads,
        device=row.device,
        compiled=row.compiled,
        clock=time.perf_counter,
    )
    (run,) = found.runs
    there = np.flatnonzero(run.curve[:, 1] <= given.goal)
    return {
        "goal": given.goal,
        "seconds": float(run.curve[there[0], 0]) if len(there) else None,
        "error": run.error,
        "parameters": run.parameters,
    }


def waited(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device != "cpu":
        torch.get_device_module(device).synchronize()


def operations(work: Callable[[], Any]) -> int:
    """Return how many operations of torch a piece of work takes, views left out."""

    class Counting(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            Counting.count += not func.is_view
            return func(*args, **(kwargs or {}))

    with Counting():
        work()
    return Counting.count


def step_table(results: list[tuple[Row, dict[str, Any]]]) -> list[str]:
    """Return the table of the steps."""
    lines = [
        f"| device | parameters | points | recording, s | {' | '.join(PARTS)} | operations |",
        "|---" * (5 + len(PARTS)) + "|",
    ]
    for row, value in results:
        if row.points:
            named = row.device + (", compiled" if row.compiled else "")
            parts = " | ".join(f"{1e3 * value[p]:.3g}" for p in PARTS)
            recording = f"{value['recording']:.1f}" if row.compiled else ""
            ops = f"{value['operations']} and {value['operations of the Jacobian']}"
            shape = f"{value['parameters']:,} | {row.points:,}"
            lines.append(f"| {named} | {shape} | {recording} | {parts} | {ops} |")
    return lines


def training_table(results: list[tuple[Row, dict[str, Any]]]) -> list[str]:
    """Return the table of the trainings."""
    lines = ["| training | device | goal | s to the goal | error in the end |", "|---" * 5 + "|"]
    for row, value in results:
        if not row.points:
            named = row.device + (", compiled" if row.compiled else "")
            seconds = "not reached" if value["seconds"] is None else f"{value['seconds']:.2f}"
            goal, error = f"{value['goal']:.0e}", f"{value['error']:.1e}"
            lines.append(f"| {row.what} | {named} | {goal} | {seconds} | {error} |")
    return lines


if __name__ == "__main__":
    main()
