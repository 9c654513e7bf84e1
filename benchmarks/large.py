r"""How time and memory grow with points, parameters, coordinates, unknowns and processes.

    python benchmarks/large.py [--only points memory ...] [--json FILE] [--repeats 3]
    python benchmarks/large.py --json FILE --table [--figure FILE]

Every row runs in a process of its own, one thread each, so that its peak of memory is its own; a
row of several processes runs under ``torchrun``. What is measured is the training's own code:

* "residual": the residual at all points, of which a step takes several;
* "jacobian": residual and Jacobian about a network, and J^T J too where points come in chunks;
* "product": J^T J where J is in memory;
* "factor": the step for one damping from those;
* "solve": one least squares for the output edges, by orthogonal factors, from start to end.

Rows that the file holds are not measured again. The problem is a chain of m Poisson equations in d
coordinates, -lap(u_k) + u_(k+1) = f; the network a KAN [d, width, m], splines of degree 5.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DIRECTIONS = 10
"""Of the Krylov spaces that are measured; time is proportional to their number."""


@dataclass(frozen=True)
class Row:
    """What is measured.

    Args:
        group: the sweep it belongs to.
        points: in the interior; a quarter more are on the boundary.
        width: of the hidden layer.
        dimension: coordinates.
        unknowns: fields, and as many equations.
        processes: under ``torchrun``.
        memory: for what is computed at points.
        way: "whole" space or "krylov" for steps, "solve" for one least squares.
        intervals: of the splines.
    """

    group: str
    points: int
    width: int = 8
    dimension: int = 2
    unknowns: int = 1
    processes: int = 1
    memory: str = "4GiB"
    way: str = "whole"
    intervals: int = 8

    @property
    def key(self) -> str:
        """The row as text."""
        return json.dumps(asdict(self))


def rows() -> list[Row]:
    """Return all rows, small ones first within a group."""
    found = [Row("points", 10**k) for k in (3, 4, 5)]
    found += [Row("memory", 10**k, memory="256MB") for k in (3, 4, 5, 6)]
    found += [Row("memory", 10**7, width=2, memory="256MB")]
    # in the plane a unit of width has 42 parameters
    found += [Row("parameters", max(4000, 140 * w), width=w) for w in (2, 8, 32, 64, 128)]
    found += [Row("krylov", 1_000, width=w, way="krylov") for w in (8, 32, 128, 512, 2048)]
    found += [Row("krylov", 300, width=24_000, way="krylov")]
    found += [Row("coordinates", 20_000, dimension=d) for d in (1, 2, 3, 4, 6)]
    found += [Row("unknowns", 10_000, unknowns=m) for m in (1, 2, 3, 4)]
    found += [Row("processes", 100_000 * n, width=16, processes=n, memory="256MB") for n in (1, 2)]
    solve = Row("solve", 100_000, width=38, memory="256MB", way="solve")
    found += [solve, replace(solve, points=1_000_000, processes=2)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", metavar="GROUP", help="sweeps (default: all)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("large.json"))
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        measure(Row(**json.loads(options.row)), options.repeats)
        return
    found: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    wanted = [r for r in rows() if not options.only or r.group in options.only]
    for row in [] if options.table else wanted:
        if row.key not in found:
            found[row.key] = in_its_own_process(row, options.repeats)
            options.json.write_text(json.dumps(found, indent=1))
            print(line(row, found[row.key]), flush=True)
    if options.table:
        results = [(Row(**json.loads(key)), value) for key, value in found.items()]
        print("\n".join(line(*result) for result in results))
        print("\n".join(laws(results)))
        if options.figure:
            draw(results, options.figure)


def in_its_own_process(row: Row, repeats: int) -> dict[str, float]:
    """Return what a row measures, in a fresh process or several of them."""
    start = [sys.executable, "-u"]
    if row.processes > 1:
        start += ["-m", "torch.distributed.run", "--nproc-per-node", str(row.processes)]
    command = [*start, str(HERE / "large.py"), "--row", row.key, "--repeats", str(repeats)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{row.key}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(row: Row, repeats: int) -> None:
    """Print the measurements of a row, the slowest process and the sum of all peaks of memory."""
    import torch

    from kanpde.ranks import joined

    torch.set_num_threads(1)
    with joined() as ranks:
        own = _solve(row, ranks) if row.way == "solve" else _step(row, ranks, repeats)
        own["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        names = sorted(own)
        every = torch.stack(ranks.gathered(torch.tensor([own[n] for n in names]).double()))
        summed = [n.endswith("_mib") for n in names]
        joint = torch.where(torch.tensor(summed), every.sum(0), every.max(0).values)
        if ranks.is_first:
            print(json.dumps(dict(zip(names, joint.tolist(), strict=True))))


def _problem(row: Row) -> Any:
    import sympy

    from kanpde import Box, Dirichlet, Interval, Problem, Rectangle, coordinates, laplacian, unknown

    names = "x y z a b c"[: 2 * row.dimension - 1]
    axes = coordinates(names)
    axes = axes if isinstance(axes, tuple) else (axes,)
    sides = dict.fromkeys(names.split(), (-1, 1))
    domain = {1: Interval, 2: Rectangle}.get(row.dimension, Box)(**sides)
    fields = [unknown(f"u{k}", *axes) for k in range(row.unknowns)]
    source = sympy.prod(sympy.sin(sympy.pi * axis) for axis in axes)
    coupled = zip(fields, [*fields[1:], fields[0]], strict=True)
    equations = [-laplacian(a) + b - source for a, b in coupled]
    conditions = [Dirichlet(field, 0, on=domain.boundary) for field in fields]
    return Problem(domain, equations, conditions)


def _network(row: Row) -> Any:
    from kanpde import KAN, BSpline

    basis = BSpline(degree=5, intervals=row.intervals)
    d = row.dimension
    return KAN([d, row.width, row.unknowns], basis=basis, lower=[-1] * d, upper=[1] * d, seed=0)


def _task(row: Row, ranks: Any) -> Any:
    from kanpde.control import parse_memory
    from kanpde.training import Task

    return Task(
        _problem(row),
        least_points=row.points,
        points_per_parameter=0.0,
        memory=parse_memory(row.memory),
        ranks=ranks,
    )


def _step(row: Row, ranks: Any, repeats: int) -> dict[str, float]:
    """Return seconds of the parts of a step, and the memory before any points."""
    import torch

    from kanpde.training.subspace import Krylov, WithinSubspace
    from kanpde.training.system import residuals_of

    task, network = _task(row, ranks), _network(row)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if row.way == "krylov":
        points = WithinSubspace.of(task, network, Krylov(DIRECTIONS))
    else:
        points = residuals_of(task, network)
    with torch.no_grad():
        residual, _ = timed(lambda: points.at(network), repeats)
        jacobian, system = timed(lambda: points.about(network), repeats)
        product, steps = timed(lambda: system.damped(orthogonal=False), repeats)
        factor, _ = timed(lambda: steps.factored(1e-3)(system.right), repeats)
    return {
        "parameters": network.parameter_count,
        "residual": residual,
        "jacobian": jacobian,
        "product": product,
        "factor": factor,
        "before_mib": before,
    }


def _solve(row: Row, ranks: Any) -> dict[str, float]:
    """Return the seconds of one least squares for the output edges."""
    from kanpde import LeastSquares

    task, network = _task(row, ranks), _network(row)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    solve, _ = timed(lambda: LeastSquares().apply(task, network), 1)
    columns = network.output_coefficients.numel()
    return {"parameters": columns, "solve": solve, "before_mib": before}


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the least wall seconds of a piece of work and what it gave; once if it is long."""
    best, value = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        value = work()
        best = min(best, time.perf_counter() - start)
        if best > 20:
            break
    return best, value


def line(row: Row, value: dict[str, float]) -> str:
    """Return a row of the table."""
    parts = ("residual", "jacobian", "product", "factor", "solve")
    seconds = [f"{value[part]:.3g}" if part in value else "" for part in parts]
    shape = [row.group, f"{row.points:,}", f"{value['parameters']:,.0f}"]
    shape += [str(n) for n in (row.dimension, row.unknowns, row.processes)]
    cells = [*shape, *seconds, f"{value['peak_mib']:.0f}"]
    return f"| {' | '.join(cells)} |"


def laws(results: list[tuple[Row, dict[str, float]]]) -> list[str]:
    """Return the fitted laws, one a line: sums of powers with coefficients that are not negative.

    Relative misfits count alike, so that small rows say as much as large ones.
    """

    def of(*groups: str) -> list[tuple[Row, dict[str, float]]]:
        return [(r, v) for r, v in results if r.group in groups]

    found = []
    whole = of("points", "memory", "parameters")
    if whole:
        n, p = _columns(whole)
        residual = [v["residual"] for _, v in whole]
        found += [_law("residual", {"": n**0, "N": n, "N P": n * p}, residual)]
        jacobian = [v["jacobian"] + v["product"] for _, v in whole]
        terms = {"": n**0, "N": n, "N P": n * p, "N P^2": n * p**2}
        found += [_law("jacobian and product", terms, jacobian)]
        found += [_law("factor", {"": n**0, "P^3": p**3}, [v["factor"] for _, v in whole])]
    krylov = of("krylov")
    if krylov:
        n, p = _columns(krylov)
        seconds = [v["jacobian"] / DIRECTIONS for _, v in krylov]
        found += [_law("a direction", {"": n**0, "N": n, "N P": n * p}, seconds)]
    for group in ("coordinates", "unknowns"):
        swept = of(group)
        if len(swept) > 1:
            size = np.array(
                [getattr(r, group.replace("coordinates", "dimension")) for r, _ in swept]
            )
            time_of = np.array([v["jacobian"] for _, v in swept])
            slope = np.polyfit(np.log(size), np.log(time_of), 1)[0]
            found.append(f"jacobian ~ {group}^{slope:.2f}")
    chunks = of("memory")
    if len(chunks) > 1:
        n, _ = _columns(chunks)
        extra = [v["peak_mib"] - v["before_mib"] for _, v in chunks]
        found += [_law("memory", {"": n**0, "N": n}, extra, unit="MiB")]
    shared = {r.processes: v["jacobian"] for r, v in of("processes")}
    if {1, 2} <= set(shared):
        found.append(f"weak scaling of the Jacobian, 1 -> 2 processes: {shared[1] / shared[2]:.2f}")
    return found


def _columns(results: list[tuple[Row, dict[str, float]]]) -> tuple[np.ndarray, np.ndarray]:
    points = np.array([float(r.points) for r, _ in results])
    return points, np.array([v["parameters"] for _, v in results])


def _law(name: str, terms: dict[str, np.ndarray], measured: list[float], unit: str = "s") -> str:
    from scipy.optimize import nnls

    target = np.array(measured)
    table = np.stack(list(terms.values()), axis=1) / target[:, None]
    size = table.max(axis=0)
    factors = nnls(table / size, np.ones(len(target)))[0] / size
    misfit = float(np.abs(table @ factors - 1).max())
    matters = (table * factors).max(axis=0) > 0.01
    chosen = zip(terms, factors, matters, strict=True)
    law = " + ".join(f"{c:.2g} {t}".strip() for t, c, kept in chosen if kept)
    return f"{name} [{unit}] = {law}   (largest relative misfit {misfit:.0%})"


def draw(results: list[tuple[Row, dict[str, float]]], path: Path) -> None:
    """Draw seconds and memory over the number of points, and seconds over that of parameters."""
    from kanpde.plots.figure import Figure

    figure = Figure(figsize=(12.5, 4.0), layout="constrained")
    time_axes, memory_axes, size_axes = figure.subplots(1, 3)

    def series(
        group: str, x: Callable, y: Callable, width: int | None = None
    ) -> tuple[list[float], list[float]]:
        own = [(r, v) for r, v in results if r.group == group and width in (None, r.width)]
        some = [(x(r, v), y(r, v)) for r, v in own]
        return [a for a, _ in some], [b for _, b in some]

    for part in ("residual", "jacobian"):
        for group, dash, told in (("points", "--", "in memory"), ("memory", "-", "in chunks")):
            x, y = series(group, lambda r, v: r.points, lambda r, v, part=part: v[part], 8)
            colour = "C0" if part == "residual" else "C1"
            time_axes.loglog(x, y, dash, color=colour, marker="o", label=f"{part}, {told}")
    time_axes.set(xlabel="points", ylabel="seconds", title="2 coordinates, 336 parameters")
    for group, told in (("points", "in memory"), ("memory", "in chunks, memory = 256 MB")):
        x, y = series(group, lambda r, v: r.points, lambda r, v: v["peak_mib"] - v["before_mib"])
        memory_axes.loglog(x, y, marker="o", label=told)
    memory_axes.set(xlabel="points", ylabel="MiB", title="Peak, less that of the imports")
    for part, colour in (("jacobian", "C1"), ("product", "C0"), ("factor", "C2")):
        x, y = series("parameters", lambda r, v: v["parameters"], lambda r, v, p=part: v[p])
        told = {"jacobian": "Jacobian", "product": "$J^TJ$", "factor": "factors of $J^TJ$"}[part]
        size_axes.loglog(x, y, marker="o", color=colour, label=told)
    x, y = series("krylov", lambda r, v: v["parameters"], lambda r, v: v["jacobian"])
    size_axes.loglog(
        x,
        y,
        marker="o",
        color="C3",
        label=f"{DIRECTIONS} Krylov directions,\n1,000 points (last: 300)",
    )
    size_axes.set(xlabel="parameters", title="Parts of a step", ylabel="seconds")
    for axes in (time_axes, memory_axes, size_axes):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
