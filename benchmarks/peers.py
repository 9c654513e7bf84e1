"""kanpde beside pykan, DeepXDE, PINA, jaxKAN and scikit-fem: error against processor seconds.

    python benchmarks/peers.py --env DIRECTORY [--budget 90] [--jobs 2] [--results FILE]
        [--peers NAME ...] [--problems NAME ...] [--plot FILE] [--table FILE] [--redraw]

Four problems: Poisson's equation on the square, Laplace's on a square with four holes, Helmholtz's
with wave numbers 1 and 4, Burgers' with viscosity 0.01/pi. Every peer is set up as its own
documentation does (benchmarks/peer_runs/with_*.py say from where), runs on one thread in a process
and an environment of its own (made in the directory where there is none), and measures the relative
L2 error on the same grid, against the exact solution, the Cole-Hopf integrals or a sum of
fundamental solutions (references.py). Seconds are those of the processor, without imports and
without measuring the error; compilation, meshes of the square, sampling and checks count.

Runs that are in the results file are not run again; ``--redraw`` runs nothing. ``--table`` writes
Markdown; if the file has the lines ``<!-- table -->`` and ``<!-- end of table -->``, between them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from peer_step import ONE_THREAD
from peers_env import install, interpreter
from peers_report import figure, table
from references import burgers, four_holes

HERE = Path(__file__).parent
RUNNER = HERE / "peer_runs" / "run.py"
OURS = ("kanpde", "kanpde-trained")
PEERS = (*OURS, "scikit-fem", "deepxde", "jaxkan", "pykan", "pina")
PROBLEMS = ("poisson_2d", "burgers_1d", "poisson_four_holes", "helmholtz_1_4")
HOLES = [(a, b) for a in (-0.3, 0.3) for b in (-0.3, 0.3)]
NODES = [round(300 * 2**k) for k in range(9)]
"""Of the meshes of the plate with four holes."""
LONGER = {("deepxde", "poisson_2d"), ("deepxde", "burgers_1d")}
"""Have twice the budget, so that the errors are reached that the ratios are about."""
ONE_MESH = 20.0
"""Processor seconds of the largest mesh of scikit-fem; a training has the whole budget."""


def middles(low: float, high: float, n: int = 101) -> np.ndarray:
    """Return the midpoints of n cells."""
    return low + (high - low) * (np.arange(n) + 0.5) / n


def pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return all points (x, y), the second coordinate slowest."""
    return np.stack([g.ravel() for g in np.meshgrid(x, y)], axis=1)


def reference(problem: str) -> dict[str, np.ndarray]:
    """Return the points (N, 2) where errors are measured, the values (N,) there, and meshes."""
    if problem == "burgers_1d":
        x, t = np.linspace(-1, 1, 256), np.linspace(0, 1, 101)
        return {"points": pairs(x, t), "values": burgers(x, t, 0.01 / np.pi).ravel()}
    if problem == "poisson_four_holes":
        points = pairs(middles(-0.5, 0.5), middles(-0.5, 0.5))
        inside = np.all([np.hypot(*(points - h).T) > 0.1 for h in HOLES], axis=0)
        values, bound = four_holes(points[inside])
        assert bound < 1e-13
        return {"points": points[inside], "values": values, **meshes()}
    points = pairs(middles(-1, 1), middles(-1, 1))
    waves = {"poisson_2d": 1, "helmholtz_1_4": 4}[problem]
    values = np.sin(np.pi * points[:, 0]) * np.sin(waves * np.pi * points[:, 1])
    return {"points": points, "values": values}


def meshes() -> dict[str, np.ndarray]:
    """Return triangle meshes of the plate with four holes, for scikit-fem, which makes none."""
    from kanpde.geometry import triangulate
    from kanpde.problem_file import load_problem_file

    file = HERE.parent / "problems" / "poisson_four_holes.py"
    domain = load_problem_file(file).problem.domain
    found = {}
    for i, n in enumerate(NODES):
        found[f"nodes{i}"], found[f"triangles{i}"] = triangulate(domain, n)
    return found


def run(peer: str, problem: str, data: Path, python: Path, budget: float) -> dict:
    """Run a peer in a process of its own and return what it told."""
    budget *= 2 if (peer, problem) in LONGER else 1
    command = [str(sys.executable if peer in OURS else python), str(RUNNER), peer, problem]
    budget = min(budget, ONE_MESH) if peer == "scikit-fem" else budget
    command += ["--data", str(data), "--budget", str(budget)]
    variables = {**os.environ, **ONE_THREAD}
    if peer in OURS:
        others = [variables.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parent), *others]))
    else:
        variables.pop("PYTHONPATH", None)
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    told: dict = {"curve": [], "budget": budget}
    for line in done.stdout.splitlines():
        fields = json.loads(line)
        if "seconds" in fields:
            told["curve"].append(fields)
        else:
            told.update(fields)
    if "end" not in told:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        told |= {"end": "failed", "failure": f"status {done.returncode}: {last}"}
    return told


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", type=Path, default=HERE.parent / "runs" / "peers", metavar="DIR")
    parser.add_argument("--budget", type=float, default=90.0, help="processor seconds of a run")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, metavar="NAME")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS, metavar="NAME")
    parser.add_argument("--results", type=Path, default=HERE.parent / "runs" / "peers.json")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--table", type=Path, metavar="FILE")
    parser.add_argument("--redraw", action="store_true", help="run nothing")
    return parser.parse_args()


def main() -> None:
    """Run what is missing, then draw."""
    options = parsed()
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    wanted = [(p, q) for q in options.problems for p in options.peers]
    missing = [(p, q) for p, q in wanted if p not in results.get(q, {})]
    if missing and not options.redraw:
        _run_all(missing, results, options)
    chosen = {
        q: {p: results[q][p] for p in PEERS if p in results[q]} for q in PROBLEMS if q in results
    }
    text = table(chosen)
    print(text)
    if options.table:
        _write(options.table, text)
    if options.plot:
        figure(chosen, options.plot)


def _run_all(missing: list[tuple[str, str]], results: dict, options: argparse.Namespace) -> None:
    python = interpreter(options.env)
    if not python.exists() and any(p not in OURS for p, _ in missing):
        for name, complaint in install(options.env).items():
            print(f"{name:<16}{complaint or 'installed'}", flush=True)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for problem in {q for _, q in missing}:
            files[problem] = Path(folder) / f"{problem}.npz"
            np.savez(files[problem], **reference(problem))

        def work(job: tuple[str, str]) -> None:
            peer, problem = job
            told = run(peer, problem, files[problem], python, options.budget)
            results.setdefault(problem, {})[peer] = told
            best = min((r["error"] for r in told["curve"] if r["error"]), default=float("nan"))
            ending = told.get("failure") or told["end"]
            print(f"{problem:<20}{peer:<16}best error {best:.1e}  {ending}", flush=True)
            options.results.write_text(json.dumps(results, indent=1))

        short = [j for j in missing if j[0] in ("kanpde", "scikit-fem")]
        for job in short:  # these are compared to each other: alone
            work(job)
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            list(pool.map(work, [j for j in missing if j not in short]))


def _write(file: Path, text: str) -> None:
    begin, end = "<!-- table -->\n", "<!-- end of table -->"
    if file.exists() and begin in (old := file.read_text()):
        head, rest = old.split(begin, 1)
        text = head + begin + "\n" + text + "\n" + end + rest.split(end, 1)[1]
    file.write_text(text)


if __name__ == "__main__":
    main()
