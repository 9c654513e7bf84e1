"""Whole solves beside finite elements and random features: error, own estimate, seconds, goals.

    OMP_NUM_THREADS=1 python benchmarks/solves.py [NAME ...] [--data DIR] [--alone]
                                                  [--json FILE] [--table FILE] [--plot FILE]

Every row is one default solve, ``kanpde.solve(problem, tol)``, from the problem to its verified
field, on one thread; seconds are those of the processor. The error is relative L2 (the worst
unknown): against the exact solution on independent points, else against what the column "against"
names:

* Cole-Hopf, Fourier: references of references.py on a grid;
* maximum principle: the largest misfit on the boundary over the size of the field, a bound;
* integral: relative error of the integral of the field, known to 12 digits;
* tol/100: a second solve with a hundredth of the tolerance;
* file: a published file of the folder --data, with its own error (PINNacle's lid_driven_a4.dat).

Beside it, at equal time on the same machine: quadratic finite elements of scikit-fem (fem.py,
fem_evolution.py, fem_systems.py) and random tanh features (random_features.py). The ratio is the
smaller error of the two over ours. "levels" counts how many levels with an error between 1e-13 and
0.5 had an estimate within [error / 2, 30 error]; those of patches overestimate on purpose until the
last one is verified.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from evolution import distance, references_of
from random_features import random_features

import kanpde
from kanpde import Problem, Solution
from kanpde.problem import compiled
from kanpde.problem_file import load_problem_file

PROBLEMS = Path(__file__).parent.parent / "problems"
L_SHAPE_INTEGRAL = 0.214075802704


@dataclass(frozen=True)
class Case:
    """One row: a problem file, the tolerance asked for, the goals, and what the error is against.

    Args:
        name: of the file.
        tol: for the solve.
        error: the goal.
        seconds: the goal.
        against: "exact" or another word of the table's head.
    """

    name: str
    tol: float
    error: float
    seconds: float
    against: str = "exact"


CASES = (
    Case("poisson_2d", 1e-12, 1e-12, 0.5),
    Case("poisson_2d_paper", 1e-11, 1e-11, 1),
    Case("poisson_four_holes", 1e-10, 1e-9, 1.5, "maximum principle"),
    Case("poisson_four_holes_source", 1e-10, 1e-10, 4),
    Case("convection_four_holes", 1e-10, 1e-10, 4),
    Case("poisson_annulus", 1e-10, 1e-10, 1),
    Case("disk_neumann", 1e-10, 1e-10, 1),
    Case("star_variable", 1e-10, 1e-10, 1),
    Case("polygon_anisotropic", 1e-10, 1e-10, 1),
    Case("laplace_l_shape", 1e-12, 1e-14, 0.2),
    Case("poisson_l_shape", 1e-9, 1e-9, 2, "integral"),
    Case("poisson_peak", 1e-10, 1e-10, 6),
    Case("poisson_front", 1e-10, 1e-10, 6),
    Case("boundary_layer", 1e-10, 1e-10, 6),
    Case("helmholtz_1_4", 1e-11, 1e-11, 2),
    Case("helmholtz_dirichlet", 1e-11, 1e-11, 2),
    Case("poisson_omega_4", 1e-11, 1e-11, 2),
    Case("variable_coefficient", 1e-11, 1e-11, 1),
    Case("multiscale_1d", 1e-11, 1e-11, 1),
    Case("poisson_5d", 1e-12, 1e-13, 1),
    Case("poisson_10d", 1e-12, 1e-13, 1),
    Case("poisson_100d", 1e-12, 1e-13, 1),
    Case("poisson_3d", 1e-10, 1e-10, 20),
    Case("burgers_1d", 1e-8, 5e-9, 8, "Cole-Hopf"),
    Case("burgers_1d", 1e-10, 5e-11, 60, "Cole-Hopf"),
    Case("allen_cahn", 1e-6, 1e-6, 15, "Fourier ETDRK4"),
    Case("kuramoto_sivashinsky", 1e-7, 1e-6, 30, "Fourier ETDRK4"),
    Case("pdebench_burgers", 1e-8, 1e-8, 20, "Cole-Hopf"),
    Case("allen_cahn_dirichlet", 1e-6, 1.6e-4, 10, "tol/100"),
    Case("advection", 1e-9, 1e-9, 10),
    Case("wave_1d", 1e-9, 1e-9, 10),
    Case("heat_multiscale", 1e-8, 1e-8, 15),
    Case("burgers_2d", 1e-4, 1e-4, 30),
    Case("kovasznay", 1e-9, 1e-9, 30),
    Case("lid_driven_cavity", 3e-3, 6e-4, 120, "file"),
    Case("heat_4d", 1e-10, 1e-10, 10),
    Case("elasticity_plate", 1e-10, 1e-10, 10),
    Case("klein_gordon", 1e-10, 1e-10, 10),
    Case("euler_beam", 1e-12, 1e-12, 1),
)


@dataclass(frozen=True)
class Row:
    """What came of a case; None where there is nothing to say."""

    name: str
    tol: float
    error: float | None
    against: str
    estimate: float | None
    goal: float
    seconds: float
    goal_seconds: float
    parameters: int
    outcome: str
    way: str
    levels: tuple[int, int]
    fem: float | None = None
    fem_kind: str = ""
    tanh: float | None = None
    tanh_features: int = 0

    @property
    def reached(self) -> str:
        """Whether error and time are those of the goal."""
        if self.error is None:
            return "-"
        in_time = self.seconds <= self.goal_seconds
        if self.error <= self.goal:
            return "yes" if in_time else "late"
        return "no"

    @property
    def ratio(self) -> float | None:
        """The smaller error of the two baselines over ours."""
        others = [e for e in (self.fem, self.tanh) if e is not None]
        return min(others) / max(self.error, 1e-16) if others and self.error is not None else None

    @property
    def text(self) -> str:
        """The row as one line of a table."""
        fem = "-" if self.fem is None else f"{self.fem:.1e} ({self.fem_kind})"
        tanh = "-" if self.tanh is None else f"{self.tanh:.1e} ({self.tanh_features})"
        hits, count = self.levels
        cells = [
            self.name,
            _short(self.tol, 0),
            _short(self.error),
            self.against,
            _short(self.estimate),
            f"{hits}/{count}" if count else "-",
            f"{self.seconds:.2f}",
            f"{_short(self.goal)}, {self.goal_seconds:g} s",
            self.reached,
            fem,
            tanh,
            _short(self.ratio, 0),
            self.way,
        ]
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| problem | tol | error | against | estimate | levels | seconds | goal | reached | "
    "P2 elements | random tanh | ratio | way |\n|" + "---|" * 13
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path, help="folder with published reference files")
    parser.add_argument("--alone", action="store_true", help="without the other methods")
    parser.add_argument("--json", type=Path, help="write the rows there; rows it has are kept")
    parser.add_argument("--table", type=Path, help="write the table there")
    parser.add_argument("--plot", type=Path, help="write the figure there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(HEAD)
    rows, known = [], {}
    if options.json and options.json.exists():
        for data in json.loads(options.json.read_text()):
            known[data["name"], data["tol"]] = Row(
                **data | {"levels": tuple(map(int, data["levels"]))}
            )
    for case in CASES:
        if options.names and case.name not in options.names:
            continue
        if (case.name, case.tol) in known:
            rows.append(known[case.name, case.tol])
            continue
        rows.append(row_of(case, options.data, alone=options.alone))
        print(rows[-1].text, flush=True)
        if options.json:
            options.json.write_text(
                json.dumps([asdict(r) for r in rows], indent=1, default=float) + "\n"
            )
    ends = calibration(rows)
    print(f"\n{ends}")
    if options.table:
        options.table.write_text("\n".join([HEAD, *(r.text for r in rows), "", ends]) + "\n")
    if options.plot:
        plot(rows, options.plot)


def row_of(case: Case, data: Path | None, *, alone: bool) -> Row:
    """Solve a case and measure it."""
    problem = load_problem_file(PROBLEMS / f"{case.name}.py").problem
    unknown = replace(problem, exact=None)  # no errors are measured while the clock runs
    kanpde.solve(unknown, tol=1e-1, budget=1e-3)  # imports are not counted
    began = time.process_time()
    solution = kanpde.solve(unknown, tol=case.tol, budget=600)
    seconds = time.process_time() - began
    solution = replace(solution, problem=problem)
    levels = within(kanpde.solve(problem, tol=case.tol, budget=600)) if problem.exact else (0, 0)
    measure = measure_of(case, problem, data)
    error = measure(solution) if measure else None
    fem: tuple[float | None, str] = (None, "")
    tanh: tuple[float | None, int] = (None, 0)
    if not alone:
        fem = elements(problem, solution, max(seconds, 0.05), cavity_table(case, data))
        compared = measure if measure and case.against not in ("integral",) else None
        if compared is None:
            compared = partial(_from, solution)
        tanh = random_features(problem, compared, max(seconds, 0.05)) or tanh
    return Row(
        case.name,
        case.tol,
        error,
        case.against if measure else "-",
        solution.estimate,
        case.error,
        seconds,
        case.seconds,
        solution.parameters,
        solution.outcome.name,
        (solution.way or "trained").split(":")[0],
        levels,
        *fem,
        *tanh,
    )


def measure_of(
    case: Case, problem: Problem, data: Path | None
) -> Callable[[Solution], float] | None:
    """Return how the error of a solution is measured, None if that needs what is not there."""
    if case.against == "exact":
        return lambda s: max(e["relative_l2"] for e in s.errors().values())
    if case.against == "maximum principle":
        return _largest_misfit
    if case.against == "integral":
        return lambda s: abs(_integral(s) / L_SHAPE_INTEGRAL - 1)
    if case.against == "tol/100":
        finer = kanpde.solve(problem, tol=case.tol / 100)
        return partial(_from, finer)
    if case.against == "file":
        table = cavity_table(case, data)
        return partial(_cavity, table) if table is not None else None
    reference = references_of(case.name, None)[case.against]
    return lambda s: distance(s, reference)


def cavity_table(case: Case, data: Path | None) -> np.ndarray | None:
    """Return the published flow in the cavity, columns x, y, u, v, p."""
    file = data / "lid_driven_a4.dat" if data and case.against == "file" else None
    return np.loadtxt(file, comments="%") if file else None


def elements(
    problem: Problem, solution: Solution, seconds: float, table: np.ndarray | None
) -> tuple[float | None, str]:
    """Return the error of quadratic finite elements at equal time, and which they were."""
    try:
        from fem import elliptic
        from fem_evolution import marching
        from fem_systems import systems
    except ImportError:
        return None, ""
    exact = (
        compiled(next(iter(problem.exact.values())), problem.coordinates) if problem.exact else None
    )

    def at(points: np.ndarray) -> np.ndarray:
        return exact(points, None) if exact else solution.at(points)[:, 0]

    def in_time(points: np.ndarray, times: np.ndarray) -> np.ndarray:
        moments = [np.column_stack([points, np.full(len(points), t)]) for t in times]
        return np.stack([at(m) for m in moments])

    found = elliptic(problem, at, seconds) or marching(problem, in_time, seconds)
    found = found or systems(problem, seconds, table)
    return (found.error, f"{found.kind}, {found.unknowns}") if found else (None, "")


def within(solution: Solution) -> tuple[int, int]:
    """Return how many levels were judged well, and how many could be judged."""
    judged = [
        (r.estimate, r.error)
        for r in solution.history
        if r.estimate is not None and r.error is not None and 1e-13 < r.error < 0.5
    ]
    return sum(error / 2 <= estimate <= 30 * error for estimate, error in judged), len(judged)


def calibration(rows: list[Row]) -> str:
    """Return how many estimates were within [error / 2, 30 error], as a sentence."""
    measured = [r for r in rows if r.error and r.estimate and r.error > 1e-13]
    good = sum(r.error / 2 <= r.estimate <= 30 * r.error for r in measured)
    hits, count = (sum(column) for column in zip(*(r.levels for r in rows), strict=True))
    return (
        f"Estimates within [error / 2, 30 error]: {good} of {len(measured)} final ones with an "
        f"error above 1e-13, {hits} of {count} levels."
    )


def _from(reference: Solution, solution: Solution) -> float:
    """Return the relative L2 distance of two solutions."""
    points = reference.problem.domain.interior(4000, seed=11)
    truth = reference.at(points)
    return float(np.linalg.norm(solution.at(points) - truth) / np.linalg.norm(truth))


def _largest_misfit(solution: Solution) -> float:
    """Return a bound for a harmonic field: the largest misfit of its values on the boundary."""
    problem = solution.problem
    largest = 0.0
    for condition, residual in zip(problem.conditions, problem.condition_residuals, strict=True):
        points, _ = condition.on.sample(4000, seed=5)
        value = compiled(-residual.source / residual.partials[0], problem.coordinates)
        gap = solution.at(points)[:, 0] - value(points, None)
        largest = max(largest, float(np.abs(gap).max()))
    inside = solution.at(problem.domain.interior(2000, seed=3))
    return largest / float(np.sqrt(np.square(inside).mean()))


def _integral(solution: Solution) -> float:
    """Return the integral over the L-shape, crowded to its re-entrant corner."""
    s, w = np.polynomial.legendre.leggauss(40)
    s, w = (s + 1) / 2, w / 2
    s, w = s**5, 5 * s**4 * w
    total = 0.0
    for a, b in ((1, 1), (-1, 1), (-1, -1)):
        points = np.stack([g.ravel() for g in np.meshgrid(a * s, b * s)], axis=1)
        total += np.outer(w, w).ravel() @ solution.at(points)[:, 0]
    return total


def _cavity(table: np.ndarray, solution: Solution) -> float:
    """Return the larger of the relative distances of the two velocities from a file."""
    velocities = [str(unknown.func) in "uv" for unknown in solution.problem.unknowns]
    gap = solution.at(table[:, :2])[:, velocities] - table[:, 2:4]
    return float((np.linalg.norm(gap, axis=0) / np.linalg.norm(table[:, 2:4], axis=0)).max())


def plot(rows: list[Row], path: Path) -> None:
    """Write the figure: for each row the goal, ours and the others."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [r for r in rows if r.error is not None][::-1]
    figure, axes = plt.subplots(figsize=(6.4, 0.19 * len(shown) + 1.0), layout="constrained")
    places = np.arange(len(shown))
    for label, key, marker, color in (
        ("quadratic elements", "fem", "s", "tab:gray"),
        ("random tanh features", "tanh", "^", "tab:orange"),
        ("goal", "goal", "|", "black"),
        ("kanpde", "error", "o", "tab:blue"),
    ):
        values = [getattr(r, key) for r in shown]
        kept = [(v, p) for v, p in zip(values, places, strict=True) if v is not None]
        x, y = zip(*((min(max(v, 1e-16), 10), p) for v, p in kept), strict=True)
        axes.plot(x, y, marker, color=color, ms=4 if marker != "|" else 8, label=label)
    axes.set(xscale="log", yticks=places, xlabel="relative L2 error at equal time")
    axes.set_yticklabels([f"{r.name} ({r.seconds:.2g} s)" for r in shown], fontsize=6)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=6, loc="lower center", ncols=4, bbox_to_anchor=(0.4, 1.0))
    figure.savefig(path, dpi=80)


def _short(number: float | None, digits: int = 1) -> str:
    return "-" if number is None else f"{number:.{digits}e}"


if __name__ == "__main__":
    main()
