"""The zoo: the thirty benchmark cases V01 to V30 in one table, each solved as its file says.

    python benchmarks/zoo.py [V01 V24 ...] [--budget 120s] [--seed 0] [--data DIR] [--json FILE]

The error is relative L2: against the exact solution (the worst unknown), else against the
references of references.py, else against a published file of the folder --data: PINNacle's
poisson1_cg_data.dat and lid_driven_a4.dat, DeepXDE's Allen_Cahn.mat, whose own errors are 1.3e-4,
9e-4 in the velocities, and 1.6e-4. Of a case with numbers sought it is the worst relative error of
a number; with --data also from DeepXDE's Lorenz.npz, whose limit is 1.3e-3. V29 are 120 formulas
(feynman.py), each with a twelfth of the budget: the error is the hundredth best. "goal" is what
this project wants, "published" the best relative L2 error found in the literature for a trained
network, "-" where none is. Where there is nothing to compare with the error is "-" and the estimate
is all there is. Cases without a file are listed.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import feynman
import numpy as np
from evolution import distance, references_of

import kanpde
from kanpde.control import parse_budget
from kanpde.problem_file import load_problem_file

PROBLEMS = Path(__file__).parent.parent / "problems"


@dataclass(frozen=True)
class Case:
    """A benchmark case.

    Args:
        id: V01 to V30.
        file: of ``problems``, without suffix; empty if it is no problem of this kind.
        goal: relative L2 error that is wanted.
        published: best of trained networks in the literature.
    """

    id: str
    file: str
    goal: float
    published: float | None = None


@dataclass(frozen=True)
class Row:
    """What came of a case."""

    id: str
    problem: str
    error: float | None
    against: str
    estimate: float | None
    goal: float
    published: float | None
    seconds: float
    parameters: int
    outcome: str

    @property
    def text(self) -> str:
        """The row as one line of a table."""
        reached = "" if self.error is None else "yes" if self.error <= self.goal else "no"
        return (
            f"| {self.id} | {self.problem} | {_short(self.error)} | {self.against} | "
            f"{_short(self.estimate)} | {_short(self.goal)} | {reached} | "
            f"{_short(self.published)} | {self.seconds:.2f} | {self.parameters} | {self.outcome} |"
        )


CASES = (
    Case("V01", "poisson_2d", 1e-12, 3.7e-3),
    Case("V02", "burgers_1d", 5e-9, 8.25e-9),
    Case("V03", "poisson_four_holes", 1.3e-4, 8.2e-3),
    Case("V04", "heat_multiscale", 1e-8, 4.4e-2),
    Case("V05", "lid_driven_cavity", 9e-4, 3.6e-2),
    Case("V06", "wave_1d", 1e-9, 1.2e-5),
    Case("V07", "poisson_5d", 1e-12, 4.67e-4),
    Case("V08", "heat_ball_5d", 1e-8, 1.19e-4),
    Case("V09", "allen_cahn", 1e-6, 1.88e-6),
    Case("V10", "kuramoto_sivashinsky", 1e-6, 1.42e-4),
    Case("V11", "advection", 1e-9, 6.88e-4),
    Case("V12", "kovasznay", 1e-9),
    Case("V13", "helmholtz_1_4", 1e-11, 1e-5),
    Case("V14", "laplace_l_shape", 1e-12, 1e-3),
    Case("V15", "poisson_peak", 1e-10),
    Case("V16", "boundary_layer", 1e-10),
    Case("V17", "poisson_front", 1e-10),
    Case("V18", "poisson_analytic", 1e-10),
    Case("V19", "allen_cahn_dirichlet", 1.6e-4, 1.41e-2),
    Case("V20", "klein_gordon", 1e-10),
    Case("V21", "multiscale_1d", 1e-11),
    Case("V22", "euler_beam", 1e-12),
    Case("V23", "elasticity_plate", 1e-9),
    Case("V24", "lorenz_inverse", 1.3e-3),
    Case("V25", "heat_coefficient_field", 5e-3, 1.19e-2),
    Case("V26", "poisson_coefficient_field", 5e-3, 1.96e-2),
    Case("V27", "pdebench_burgers", 1e-8),
    Case("V28", "helmholtz_dirichlet", 1e-11),
    Case("V29", "feynman", 1e-6),
    Case("V30", "poisson_omega_4", 1e-11),
)
NUMBERS = {"lorenz_inverse": {"sigma": 10.0, "rho": 15.0, "beta": 8 / 3}}
"""The numbers that the data of a file were made with."""
FIELDS = {"heat_coefficient_field": "a", "poisson_coefficient_field": "a"}
"""The unknown that is scored where the others are measured."""
HEAD = (
    "| case | problem | error | against | estimate | goal | reached | published | seconds | "
    "parameters | outcome |\n|" + "---|" * 11
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="V01 to V30 (default: all)")
    parser.add_argument("--budget", default="120s", help="for each case (default 120s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder with published reference files")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    options = parser.parse_args()
    strange = set(options.cases) - {case.id for case in CASES}
    if strange:
        parser.error(f"there is no case {', '.join(sorted(strange))}")
    chosen = [c for c in CASES if not options.cases or c.id in options.cases]
    rows, missing = [], []
    print(HEAD)
    for case in chosen:
        if case.file == "feynman":
            rows.append(feynman_row(case, options))
            print(rows[-1].text, flush=True)
            continue
        if not (PROBLEMS / f"{case.file}.py").is_file():
            missing.append(case)
            continue
        rows.append(row_of(case, options))
        print(rows[-1].text, flush=True)
        if case.file == "lorenz_inverse" and options.data:
            rows.append(row_of(case, options, of_file=True))
            print(rows[-1].text, flush=True)
    if missing:
        print("\nno file: " + ", ".join(f"{case.id} ({case.file})" for case in missing))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def row_of(case: Case, options: argparse.Namespace, of_file: bool = False) -> Row:
    """Solve a case as its file says, or with the values of a published file, and measure it."""
    loaded = load_problem_file(PROBLEMS / f"{case.file}.py")
    problem = lorenz_of_file(loaded.problem, options.data) if of_file else loaded.problem
    tol = {"tol": loaded.tol or max(0.1 * case.goal, 1e-13)}
    solution = kanpde.solve(
        problem, loaded.network, loaded.plan, budget=options.budget, seed=options.seed, **tol
    )
    error, against = error_of(case.file, solution, options.data)
    return Row(
        case.id,
        case.file,
        error,
        "numbers, file" if of_file else against,
        solution.estimate,
        case.goal,
        case.published,
        solution.seconds,
        solution.parameters,
        solution.outcome.name,
    )


def error_of(name: str, solution: kanpde.Solution, data: Path | None) -> tuple[float | None, str]:
    """Return the relative error of a solution and what it is measured against."""
    if name in NUMBERS:
        gaps = [abs(solution.numbers[n] / value - 1) for n, value in NUMBERS[name].items()]
        return max(gaps), "numbers"
    if solution.problem.exact:
        errors = solution.errors()
        field = FIELDS.get(name)
        worst = errors[field] if field else max(errors.values(), key=lambda e: e["relative_l2"])
        return worst["relative_l2"], f"exact {field}" if field else "exact"
    if name == "lid_driven_cavity" and data is not None:
        table = np.loadtxt(data / "lid_driven_a4.dat", comments="%")
        errors = cavity_errors(solution, table)  # the pressure is infinite in two corners
        return max(errors["u"], errors["v"]), "file, u and v"
    if name == "poisson_four_holes" and data is not None:
        table = np.loadtxt(data / "poisson1_cg_data.dat", comments="%")
        gap = solution.at(table[:, :2])[:, 0] - table[:, 2]
        return float(np.linalg.norm(gap) / np.linalg.norm(table[:, 2])), "file"
    references = references_of(name, data)
    if not references:
        return None, "-"
    against, reference = next(iter(references.items()))
    return distance(solution, reference), against


def cavity_errors(solution: kanpde.Solution, table: np.ndarray) -> dict[str, float]:
    """Return the relative L2 errors of u and v against rows x, y, u, v, p."""
    found = solution.fields(table[:, :2])
    columns = {"u": table[:, 2], "v": table[:, 3]}
    return {
        name: float(np.linalg.norm(found[name] - c) / np.linalg.norm(c))
        for name, c in columns.items()
    }


def lorenz_of_file(problem: kanpde.Problem, data: Path) -> kanpde.Problem:
    """Return the problem with the values that DeepXDE's file gives, in the place of its own."""
    file = np.load(data / "Lorenz.npz")
    kept = [c for c in problem.conditions if c.name.startswith("initial")]
    measured = [
        kanpde.Data(u, file["t"][1:], file["y"][1:, k], noise=0.005)
        for k, u in enumerate(problem.unknowns)
    ]
    return kanpde.Problem(problem.domain, problem.equations, [*kept, *measured])


def feynman_row(case: Case, options: argparse.Namespace) -> Row:
    """Fit the list of formulas, each in a twelfth of the budget; tell the hundredth best error."""
    start = time.perf_counter()
    budget = parse_budget(options.budget) or 120.0
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        rows = [feynman.row_of(f, options.seed, budget / 12) for f in feynman.formulas()]
    errors = sorted(row.error for row in rows)
    return Row(
        case.id,
        case.file,
        errors[99],
        "data, 100 of 120",
        None,
        case.goal,
        case.published,
        time.perf_counter() - start,
        max(row.parameters for row in rows),
        f"{sum(e < feynman.GOAL for e in errors)} of {len(errors)} below {feynman.GOAL:g}",
    )


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.1e}"


if __name__ == "__main__":
    main()
