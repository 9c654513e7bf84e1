"""From solve() to a certificate, without hints: the problems of problems/closed_form.

    python benchmarks/closed_form.py [--seeds 0 1 2] [--out FILE.json] [FILES ...]

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

import kanpde
from kanpde.problem_file import load_problem_file

FOLDER = Path(__file__).parent.parent / "problems" / "closed_form"


def row(path: Path, seed: int) -> dict:
    loaded = load_problem_file(path)
    start = perf_counter()
    settings = {} if loaded.tol is None else {"tol": loaded.tol}
    solution = kanpde.solve(
        loaded.problem, loaded.network, loaded.plan, budget="60s", seed=seed, **settings
    )
    solved = perf_counter()
    busy = process_time()
    formula = solution.formula()
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
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for seed in options.seeds:
        for path in options.files or sorted(FOLDER.glob("*.py")):
            found = row(path, seed)
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
