"""Trained networks: error, size and CPU seconds of whole trainings, and of each optimiser.

    python benchmarks/training.py [NAME ...] [--seeds 3] [--json FILE]
    python benchmarks/training.py --optimisers [--seconds 20] [--figure FILE] [--json FILE]

One thread; CPU seconds without those that measure the error. The table gives the median and the
worst relative L2 error of all seeds. References: exact solutions; for Burgers' equation the
Cole-Hopf integrals; for Allen-Cahn the slabs at their default tolerance.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from references import burgers
from sympy import pi, sin

import kanpde
from kanpde import (
    KAN,
    LBFGS,
    MLP,
    SOAP,
    Adam,
    Box,
    BSpline,
    Chebyshev,
    Dirichlet,
    LevenbergMarquardt,
    Outcome,
    Problem,
    Rectangle,
    Resample,
    Solution,
    SSBroyden,
    coordinates,
    laplacian,
    rounds,
    staircase,
    unknown,
)
from kanpde.networks import Network
from kanpde.problem_file import load_problem_file
from kanpde.training import Stage, Training, error_of

PROBLEMS = Path(__file__).parent.parent / "problems"
Curve = list[tuple[float, float]]
"""CPU seconds and relative L2 error after every stage, or every few iterations."""


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Args:
        problem: the problem.
        network: makes an unseeded network.
        plan: makes the stages.
        error: of a field, relative L2.
        goal: the error to reach.
        anchor: what others reach, as collected in the literature.
        seeds: of the points and the start, at least so many.
        hard: as for ``solve``.
    """

    problem: Problem
    network: Callable[[], Network]
    plan: Callable[[], Sequence[Stage[Any]]]
    error: Callable[[Network], float]
    goal: float
    anchor: str
    seeds: int = 3
    hard: bool | None = None


def trained(case: Case, seed: int, seconds: float = 300.0, every: float = 5.0) -> tuple[Any, Curve]:
    """Return the field and its error against CPU seconds; stops after so many seconds."""
    training = Training.of(case.problem, case.network(), seed=seed, hard=case.hard, device="cpu")
    task, network = training.task, training.network
    curve: Curve = []
    spent, start = 0.0, time.process_time()
    for stage in case.plan():
        state = stage.init(task, network)
        while not state.done and spent < seconds:
            state = stage.step(task, state)
            spent += time.process_time() - start
            if not curve or spent > curve[-1][0] + every:
                curve.append((spent, case.error(state.network)))
            start = time.process_time()
        network, task = state.network, state.task or task
    spent += time.process_time() - start
    curve.append((spent, case.error(network)))
    return network, curve


def table(names: Sequence[str], seeds: int, out: Path | None) -> None:
    print("| problem | network | parameters | error: median | worst | CPU s | goal | anchor |")
    print("|---|---|---|---|---|---|---|---|")
    rows = {}
    for name in names or CASES:
        case = CASES[name]()
        results = [trained(case, seed) for seed in range(max(seeds, case.seeds))]
        errors = [curve[-1][1] for _, curve in results]
        used = float(np.median([curve[-1][0] for _, curve in results]))
        parameters = results[0][0].parameter_count
        rows[name] = {"errors": errors, "seconds": used, "parameters": parameters}
        print(
            f"| {name} | {described(case.network())} | {parameters} | {np.median(errors):.1e} | "
            f"{max(errors):.1e} of {len(errors)} | {used:.1f} | {case.goal:.0e} | {case.anchor} |",
            flush=True,
        )
        if out is not None:
            out.write_text(json.dumps(rows, indent=1))


def described(network: Any) -> str:
    kind = type(network).__name__
    if isinstance(network, KAN):
        widths = [row.width for row in network.rows]
        basis = type(network.bases[0]).__name__
        return f"{kind} {widths}, {basis} degree {network.bases[0].degree}"
    return f"{kind} {list(network.widths)}" if isinstance(network, MLP) else kind


# The cases ---------------------------------------------------------------------------------------


def spline(degree: int, intervals: int, widths: list[Any]) -> Callable[[], KAN]:
    return lambda: KAN(widths, basis=BSpline(degree=degree, intervals=intervals), activation=None)


def deep() -> KAN:
    return KAN([2, 5, 5, 5, 5, 5, 1], basis=Chebyshev(4), activation=None)


def of_file(name: str) -> Problem:
    return load_problem_file(PROBLEMS / f"{name}.py").problem


def exact(problem: Problem) -> Callable[[Network], float]:
    measure = error_of(problem)
    return lambda network: float(measure(network) or np.nan)


def staircase_case() -> Case:
    problem = of_file("poisson_2d_staircase")
    return Case(
        problem,
        spline(7, 5, [2, 5, 1]),
        lambda: staircase(5, 10, 20, iterations=50),
        exact(problem),
        1e-7,
        "about 6e-4 (KAN paper)",
        seeds=10,
    )


def product_case() -> Case:
    problem = of_file("poisson_2d_staircase")
    return Case(
        problem,
        spline(7, 5, [2, (0, 1), 1]),
        lambda: staircase(5, 10, 20, 40, iterations=40),
        exact(problem),
        1e-11,
        "",
    )


def helmholtz_case() -> Case:
    problem = of_file("helmholtz_1_4")
    return Case(
        problem,
        spline(7, 5, [2, 6, 6, 1]),
        lambda: staircase(5, 10, iterations=80),
        exact(problem),
        1e-6,
        "1e-3 in 1,828 s (jaxKAN)",
    )


@cache
def burgers_grid() -> tuple[torch.Tensor, torch.Tensor]:
    x, t = np.linspace(-1, 1, 401), np.linspace(0, 1, 101)
    points = np.stack([g.ravel() for g in np.meshgrid(x, t)], axis=1)
    return torch.as_tensor(points), torch.as_tensor(burgers(x, t, 0.01 / np.pi).ravel())


def burgers_error(network: Network) -> float:
    points, reference = burgers_grid()
    return distance(network, points, reference)


def distance(network: Network, points: torch.Tensor, reference: torch.Tensor) -> float:
    with torch.no_grad():
        return float((network(points)[:, 0] - reference).norm() / reference.norm())


def burgers_case() -> Case:
    return Case(
        of_file("burgers_1d"),
        deep,
        lambda: rounds(24),
        burgers_error,
        2e-4,
        "2.4e-2 in 1,411 s (jaxKAN); 3.6e-3 (DeepXDE)",
    )


def allen_cahn_case() -> Case:
    problem = of_file("allen_cahn_dirichlet")
    reference = kanpde.solve(problem)
    x, t = np.linspace(-1, 1, 201), np.linspace(0, 1, 101)
    points = torch.as_tensor(np.stack([g.ravel() for g in np.meshgrid(x, t)], axis=1))
    values = reference.network(points)[:, 0].detach()
    return Case(
        problem,
        deep,
        lambda: rounds(16),
        lambda network: distance(network, points, values),
        1e-3,
        "1.4e-2 in 1,212 s (jaxKAN)",
    )


def poisson_square() -> Problem:
    """Return the problem of the natural-gradient papers: a product of sines on the unit square."""
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    field = sin(pi * x) * sin(pi * y)
    return Problem(
        square,
        {"poisson": laplacian(u) + 2 * pi**2 * field},
        [Dirichlet(u, 0, on=square.boundary)],
        exact={u: field},
    )


def mlp_case() -> Case:
    problem = poisson_square()
    return Case(
        problem,
        lambda: MLP([2, 100, 1]),
        lambda: [LevenbergMarquardt(300, stall=1e-4)],
        exact(problem),
        1e-8,
        "1.2e-7 in 470-1,000 s on a GPU (ENGD)",
    )


def poisson_5d_case() -> Case:
    """A field of pairwise products, soft conditions (hard ones would be told the field)."""
    axes = coordinates("x1 x2 x3 x4 x5")
    u = unknown("u", *axes)
    box = Box(**{c.name: (0, 1) for c in axes})
    field = sum(sin(pi * a / 2) * b for a, b in itertools.pairwise(axes))
    source = sum(field.diff(c, 2) for c in axes)
    problem = Problem(
        box,
        {"poisson": laplacian(u) - source},
        [Dirichlet(u, field, on=box.boundary)],
        exact={u: field},
    )
    return Case(
        problem,
        spline(5, 3, [5, 8, 1]),
        lambda: staircase(3, 6, iterations=60),
        exact(problem),
        1e-4,
        "",
        hard=False,
    )


def inverse_case(name: str, goal: float, anchor: str) -> Case:
    """A coefficient a(x, y) from noisy data; the error is that of the coefficient."""
    loaded = load_problem_file(PROBLEMS / f"{name}.py")

    def error(network: Network) -> float:
        field = Solution(loaded.problem, network, Outcome.PLAN_FINISHED)
        return float(field.errors()["a"]["relative_l2"])

    return Case(loaded.problem, lambda: loaded.network, lambda: loaded.plan, error, goal, anchor)


def lorenz_case() -> Case:
    loaded = load_problem_file(PROBLEMS / "lorenz_inverse.py")
    values = {"sigma": 10.0, "rho": 15.0, "beta": 8 / 3}
    truth = torch.tensor([values[p.name] for p in loaded.problem.parameters]).double()

    def error(network: Network) -> float:
        return float(((network.numbers - truth) / truth).abs().max())

    return Case(loaded.problem, lambda: loaded.network, lambda: loaded.plan, error, 1e-2, "")


CASES: dict[str, Callable[[], Case]] = {
    "sin sin, staircase": staircase_case,
    "sin sin, one product node": product_case,
    "Helmholtz (1, 4)": helmholtz_case,
    "Burgers 0.01/pi": burgers_case,
    "Allen-Cahn 1e-3": allen_cahn_case,
    "2-D Poisson, MLP": mlp_case,
    "5-D Poisson, pairwise": poisson_5d_case,
    "Lorenz, constants": lorenz_case,
    "heat, coefficient field": lambda: inverse_case(
        "heat_coefficient_field", 5e-3, "1.2e-2 (PINNacle)"
    ),
    "Poisson, coefficient field": lambda: inverse_case(
        "poisson_coefficient_field", 5e-3, "2.0e-2 (PINNacle)"
    ),
}


# The optimisers ----------------------------------------------------------------------------------


DRAWS = 8
"""How often points are drawn anew for Burgers' equation."""
OPTIMISERS: dict[str, Callable[[int], Stage[Any]]] = {
    "Adam": lambda count: Adam(iterations=count, stride=20),
    "SOAP": lambda count: SOAP(iterations=count, stride=20),
    "L-BFGS": lambda count: LBFGS(iterations=count),
    "SS-Broyden": lambda count: SSBroyden(iterations=count),
    "straight steps": lambda count: LevenbergMarquardt(count, stall=0, acceleration=0),
    "Levenberg-Marquardt": lambda count: LevenbergMarquardt(count, stall=0),
}


def speed(case: Case, optimiser: str) -> float:
    """Return iterations per CPU second, from the first few."""
    training = Training.of(case.problem, case.network(), seed=0, hard=case.hard, device="cpu")
    stage = OPTIMISERS[optimiser](20)
    state = stage.init(training.task, training.network)
    start = time.process_time()
    while not state.done:
        state = stage.step(training.task, state)
    return state.iteration / (time.process_time() - start)


def comparison(seconds: float, figure: Path | None, out: Path | None) -> None:
    """Print the last error of each optimiser on three problems, and draw error against time."""
    flat = poisson_square()
    drawing = Resample(steep=0.5)
    problems: dict[str, tuple[Case, bool]] = {
        "sin sin, KAN": (
            Case(
                of_file("poisson_2d_staircase"),
                spline(7, 5, [2, 5, 1]),
                list,
                exact(of_file("poisson_2d_staircase")),
                0,
                "",
            ),
            False,
        ),
        "Poisson, MLP": (Case(flat, lambda: MLP([2, 40, 1]), list, exact(flat), 0, ""), False),
        "Burgers, deep KAN": (Case(of_file("burgers_1d"), deep, list, burgers_error, 0, ""), True),
    }
    curves: dict[str, dict[str, Curve]] = {}
    for name, (case, redraws) in problems.items():
        for optimiser in OPTIMISERS:
            many = speed(case, optimiser) * seconds
            plan = [OPTIMISERS[optimiser](int(many))]
            if redraws:
                plan = [OPTIMISERS[optimiser](int(many / DRAWS)), drawing] * DRAWS
            row = Case(**{**case.__dict__, "plan": lambda plan=plan: plan})
            _, curve = trained(row, 0, seconds, every=seconds / 40)
            curves.setdefault(name, {})[optimiser] = curve
            print(
                f"| {name} | {optimiser} | {curve[-1][1]:.1e} | {curve[-1][0]:.0f} s |", flush=True
            )
            if out is not None:
                out.write_text(json.dumps(curves))
    if figure is not None:
        draw(curves, figure)


def draw(curves: dict[str, dict[str, Curve]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    chart, axes = pyplot.subplots(1, len(curves), figsize=(11, 3.4), layout="constrained")
    for ax, (name, own) in zip(axes, curves.items(), strict=True):
        for optimiser, curve in own.items():
            seconds, errors = zip(*curve, strict=True)
            ax.semilogy(seconds, errors, label=optimiser, linewidth=1.3)
        ax.set(title=name, xlabel="CPU seconds")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("relative L2 error")
    axes[-1].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--optimisers", action="store_true", help="compare these instead")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each optimiser")
    parser.add_argument("--figure", type=Path, help="where to draw error against time")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.optimisers:
        comparison(options.seconds, options.figure, options.json)
    else:
        table(options.names, options.seeds, options.json)


if __name__ == "__main__":
    main()
