"""From solve() to a certificate, without hints: the problems of problems/closed_form.

    python benchmarks/closed_form.py [--seeds 0 1 2] [--tol 1e-4] [--spoil 1e-5] [--out FILE.json]
        [FILES ...]

The problem files hold no exact solution. For every file and seed: seconds of the solve and of the
formula step, the level of the certificate, the formula. Formulas are saved and checked again from
their files alone.
"""

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

import kanpde
from kanpde.problem_file import load_problem_file

FOLDER = Path(__file__).parent.parent / "problems" / "closed_form"


class Spoiled:
    """A solution with a smooth error of a given relative size, which it admits."""

    def __init__(self, solution: kanpde.Solution, error: float) -> None:
        self.problem, self.estimate = solution.problem, max(error, solution.estimate or 0.0)
        self._solution, self._error = solution, error

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the values (N, unknowns)."""
        values = self._solution.at(points)
        phase = points @ np.array([7.0, 5.0, 3.0])[: points.shape[1]]
        shape = np.cos(phase[:, None] + np.arange(values.shape[1]))
        return values + self._error * np.sqrt((values**2).mean(axis=0)) * shape


def row(path: Path, seed: int, tol: float | None = None, spoil: float = 0.0) -> dict:
    loaded = load_problem_file(path)
    start = perf_counter()
    tol = loaded.tol if tol is None else tol
    settings = {} if tol is None else {"tol": tol}
    solution = kanpde.solve(
        loaded.problem, loaded.network, loaded.plan, budget="60s", seed=seed, **settings
    )
    solved = perf_counter()
    busy = process_time()
    formula = kanpde.find_formula(Spoiled(solution, spoil) if spoil else solution)
    busy = process_time() - busy
    found = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        again = kanpde.load_formula(formula.save(Path(folder) / "formula.json"))
    return {
        "problem": path.stem,
        "seed": seed,
        "solve_s": solved - start,
        "estimate": solution.estimate,
        "formula_s": found - solved,
        "formula_cpu_s": busy,
        "level": formula.certificate.level.name.lower(),
        "verified": again.certificate.level.name.lower(),
        "complexity": formula.complexity,
        "formula": {str(u): str(e) for u, e in formula.expressions.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--tol", type=float, help="of the solve: how little of the field is enough")
    parser.add_argument("--spoil", type=float, default=0.0, help="smooth relative error to add")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for seed in options.seeds:
        for path in options.files or sorted(FOLDER.glob("*.py")):
            found = row(path, seed, options.tol, options.spoil)
            rows.append(found)
            estimate = found["estimate"]
            print(
                f"{found['problem']:22s} seed {seed}  solve {found['solve_s']:5.1f} s "
                f"({'no estimate' if estimate is None else f'{estimate:.0e}'})  "
                f"formula {found['formula_s']:5.1f} s, {found['formula_cpu_s']:4.1f} of the CPU  "
                f"{found['level']:9s} "
                f"again {found['verified']:9s} {found['formula']}",
                flush=True,
            )
    proved = sum(r["level"] == "proved" == r["verified"] for r in rows)
    for key in ("formula_s", "formula_cpu_s"):
        seconds = [r[key] for r in rows]
        print(f"{key}: median {median(seconds):.1f}, at most {max(seconds):.1f}")
    whole = max(r["solve_s"] + r["formula_s"] for r in rows)
    print(f"{proved} of {len(rows)} proved; solve and formula at most {whole:.1f} s")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
