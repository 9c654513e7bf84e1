"""The KAN against the MLP on every forward problem of the zoo, each by its own best training.

    python benchmarks/kan_vs_mlp.py [NAME ...] [--seconds 10] [--seeds 2] [--json FILE]
    python benchmarks/kan_vs_mlp.py --json FILE --table [--figure FILE]

One thread. Equal parameters and equal CPU seconds, the same points and conditions; the clock stops
while an error is measured (``kanpde.compare``). One to three KANs and their training follow from
the problem by a rule (``kanpde.comparison.best_kans``), an MLP of as many parameters is trained in
three ways: Adam and L-BFGS, Levenberg-Marquardt, and a wide layer by least squares first. On each
side the best by median counts; a second count is without least squares on either side. What is ten
times worse than another of its side with the first seed is not run with the others. The error is
relative L2, the largest of any unknown, against the exact solution or else kanpde's own direct one.

What is in the JSON file already is not run again, so that a run can be stopped and taken up; what
the rule no longer names is dropped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from zoo import CASES

import kanpde
from kanpde.comparison import best_entrants, compare
from kanpde.comparison.entrants import final_parameters
from kanpde.problem import Measured
from kanpde.problem_file import ProblemFile, load_problem_file

PROBLEMS = Path(__file__).parent.parent / "problems"
REFERENCE = {"tol": 1e-6, "budget": "60s"}
"""How a problem without an exact field is solved to compare with."""
HOPELESS = 10.0
"""What is so many times worse than another of its side with one seed is not run with others."""
SHARP = 0.1
"""Errors above this are failures, whoever is ahead."""
POINTS_PER_PARAMETER, LEAST_POINTS = 2.5, 1200
Results = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="files of problems (default: all)")
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU time of every run")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--without", metavar="TEXT", help="leave out entrants, such as Adam")
    parser.add_argument("--json", type=Path, default=Path("kan_vs_mlp.json"))
    parser.add_argument("--figure", type=Path, help="where to draw the errors")
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: Results = json.loads(options.json.read_text()) if options.json.is_file() else {}
    if not options.table:
        for name in options.names or forward_problems():
            run(name, options, results)
    print(table(results))
    if options.figure:
        draw(results, options.figure)


def forward_problems() -> list[str]:
    """Return the files of the zoo's cases first, then all others, without inverse problems."""
    cases = [c.file for c in CASES if (PROBLEMS / f"{c.file}.py").is_file()]
    others = sorted(p.stem for p in PROBLEMS.glob("*.py") if p.stem not in cases)
    return [name for name in (*cases, *others) if is_forward(load(name).problem)]


def is_forward(problem: kanpde.Problem) -> bool:
    """Whether nothing is sought but the field: no numbers, and no field from measured values."""
    many = (isinstance(c.on, Measured) and len(c.on.points) > 1 for c in problem.conditions)
    return not problem.parameters and not any(many)


def load(name: str) -> ProblemFile:
    return load_problem_file(PROBLEMS / f"{name}.py")


def run(name: str, options: argparse.Namespace, results: Results) -> None:
    """Run what is missing of a problem and write it down after every run."""
    problem = load(name).problem
    entrants = best_entrants(problem)
    parameters = max(final_parameters(problem, e) for e in entrants)
    found = results.setdefault(name, {"seconds": options.seconds, "runs": {}})
    named = [e.name for e in entrants]
    found["runs"] = {key: own for key, own in found["runs"].items() if key in named}
    reference = None
    for seed in range(options.seeds):
        for entrant in entrants:
            left_out = options.without and options.without in entrant.name
            if left_out or not is_due(found, entrant.name, seed, options.seconds):
                continue
            if reference is None and not problem.exact:
                reference = kanpde.solve(problem, **REFERENCE)
            done = compare(
                problem,
                [entrant],
                seeds=[seed],
                budget=options.seconds,
                points=max(LEAST_POINTS, int(POINTS_PER_PARAMETER * parameters)),
                reference=reference,
            )
            found["seconds"], found["points"] = options.seconds, done.points
            found["estimate"] = None if reference is None else reference.estimate
            row = done.runs[0]
            kept = {k: v for k, v in row.to_dict().items() if k not in ("curve", "name")}
            found["runs"].setdefault(entrant.name, {})[str(seed)] = kept
            options.json.write_text(json.dumps(results, indent=1) + "\n")
            print(f"{name}, seed {seed}: {entrant.name}: {row.error:.1e}", flush=True)


def is_due(found: Results, name: str, seed: int, seconds: float) -> bool:
    """Whether an entrant is to be run with a seed: not yet run, and not hopeless."""
    own = found["runs"].get(name, {})
    if str(seed) in own and found["seconds"] >= seconds:
        return False
    if seed == 0:
        return True
    rivals = [error_of(runs["0"]) for _, runs in side(found, name[:3]) if "0" in runs]
    return "0" in own and error_of(own["0"]) <= HOPELESS * min(rivals)


def side(found: Results, kind: str) -> Iterator[tuple[str, Results]]:
    """Yield the entrants of one side, "KAN" or "MLP", and their runs by seed."""
    yield from ((name, runs) for name, runs in found["runs"].items() if name.startswith(kind))


def error_of(run: Results) -> float:
    """Return the error of a run, infinite if it has none."""
    return float("inf") if run["error"] is None else float(run["error"])


# The table and the figure ------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A problem: the best KAN and the best MLP, by their medians over seeds."""

    problem: str
    kan: float
    mlp: float
    kan_name: str
    mlp_name: str
    seeds: int
    parameters: tuple[int, int]
    seconds: float

    @property
    def wins(self) -> bool:
        return self.kan < self.mlp


def rows_of(results: Results, *, trained: bool = False) -> list[Row]:
    """Return the problems that both sides have been run on, by training all edges if asked."""
    rows = []
    for name, found in results.items():
        sides = [list(side(found, kind)) for kind in ("KAN", "MLP")]
        if trained:
            sides = [[e for e in one if "least squares" not in e[0]] for one in sides]
        if not all(sides):
            continue
        best = [min(entrants, key=lambda entrant: median(entrant[1])) for entrants in sides]
        (kan_name, kan), (mlp_name, mlp) = best
        sizes = [max(r["parameters"] for r in runs.values()) for runs in (kan, mlp)]
        seeds = min(len(kan), len(mlp))
        rows.append(
            Row(
                name,
                median(kan),
                median(mlp),
                kan_name,
                mlp_name,
                seeds,
                (sizes[0], sizes[1]),
                found["seconds"],
            )
        )
    return rows


def median(runs: Results) -> float:
    """Return the median error over the seeds."""
    return float(np.median([error_of(run) for run in runs.values()]))


def table(results: Results) -> str:
    """Return the table as Markdown, and in how many rows the KAN is ahead."""
    lines = [
        "| problem | KAN | MLP | MLP / KAN | ahead | the KAN | the MLP | parameters |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = rows_of(results)
    for r in rows:
        lines.append(
            f"| {r.problem} | {r.kan:.1e} | {r.mlp:.1e} | {r.mlp / r.kan:.2g} | "
            f"{'KAN' if r.wins else '**MLP**'} | {short(r.kan_name)} | {short(r.mlp_name)} | "
            f"{r.parameters[0]}, {r.parameters[1]} |"
        )
    lines += [
        "",
        f"Seeds: {listed(r.seeds for r in rows)}. CPU s: {listed(r.seconds for r in rows)}.",
    ]
    lines += [f"The KAN is ahead on {share(rows)}."]
    lines += [f"Without least squares on either side: on {share(rows_of(results, trained=True))}."]
    sharp = [r for r in rows if min(r.kan, r.mlp) < SHARP]
    lines += [f"Where one of them is below {SHARP:g}: on {share(sharp)}."]
    return "\n".join(lines)


def share(rows: list[Row]) -> str:
    """Return on how many of these problems the KAN is ahead."""
    ahead = sum(r.wins for r in rows)
    return f"{ahead} of {len(rows)} ({100 * ahead / max(len(rows), 1):.0f} %)"


def short(name: str) -> str:
    """Return the name of an entrant for the table: its widths, and LM and LS for its training."""
    words = {"of ": "", "Levenberg-Marquardt": "LM", "least squares first": "LS, LM"}
    words |= {"least squares": "LS", "Adam and L-BFGS": "Adam, L-BFGS"}
    name = name[4:]
    for word, letters in words.items():
        name = name.replace(word, letters)
    return name


def listed(values: Iterable[float]) -> str:
    """Return the different values, in order."""
    return ", ".join(f"{v:g}" for v in sorted(set(values)))


def draw(results: Results, path: Path) -> None:
    """Draw the KAN's error against the MLP's, a point for each problem."""
    from kanpde.plots.figure import Figure

    rows = rows_of(results)
    chart = Figure(figsize=(7.5, 7.5), layout="constrained")
    ax = chart.subplots()
    errors = np.array([[r.mlp, r.kan] for r in rows]).clip(1e-16, 10)
    low, high = errors.min() / 3, errors.max() * 3
    ax.plot([low, high], [low, high], color="0.6", linewidth=1, label="equal errors")
    for wins, colour, text in ((True, "#1f6f8b", "KAN ahead"), (False, "#c8553d", "MLP ahead")):
        of = [k for k, r in enumerate(rows) if r.wins == wins]
        ax.scatter(*errors[of].T, s=22, color=colour, label=f"{text} ({len(of)})", zorder=3)
    for r, (x, y) in zip(rows, errors, strict=True):
        ax.annotate(
            r.problem, (x, y), textcoords="offset points", xytext=(4, 3), fontsize=6, color="0.3"
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
        xlabel="relative L2 error of the MLP, by its best training",
        ylabel="relative L2 error of the KAN",
        title="KAN against MLP: equal parameters, equal CPU seconds",
    )
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
