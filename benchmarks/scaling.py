r"""The scaling law of KANs: the error falls as G^-(degree + 1), MLPs of growing width beside it.

    python benchmarks/scaling.py [--plot FILE.png] [--json FILE] [--seeds 4] [--quick]

KAN paper, arXiv:2404.19756, theorem 2.1 and figure 3.1. Three curves for each target and degree:

* "fitted": nothing is trained. The target is a known composition, and every edge is the
  least-squares spline of its known function. This is what the theorem promises; it goes down to
  round-off.
* "trained": from the fitted network on the coarsest grid, exact grid extension and
  Levenberg-Marquardt on every grid. Fits solve u - f = 0 at random points. The Poisson problem
  solves its equation with hard boundary values at the Gauss points of every cell, weighted, so that
  the loss is the integral of the squared residual: only then has the value two orders more than the
  residual (Aubin and Nitsche). At random points the law is that of the residual, degree - 1.
* "random": the same from random starts, what a stranger gets; on the coarsest grid the start with
  the least loss is kept. On deep compositions most random starts end in a poor minimum.

The 4-variable target is trained in few steps on each grid, from 10 intervals. Long training on
coarse grids makes up for them by the scales, shifts and wiggles of its hidden nodes (60 times
better than the fit at 5 intervals and degree 5), but the edges are then rough, and on finer grids
every method crawls along the valley of what compensates each other: 100 steps a grid end at twice
the error of the fit at 40 intervals, 20 steps a grid below it.

The MLP line: tanh MLPs of two hidden layers of growing width by the same Levenberg-Marquardt on the
same problem, the best of the same number of seeds. x y is a polynomial, so every grid holds it.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.interpolate
import scipy.linalg
import sympy
import torch

import kanpde
from kanpde import KAN, MLP, Box, BSpline, Dirichlet, LevenbergMarquardt, Problem, Regrid
from kanpde.collocation import Collocation, Scaled, collocate
from kanpde.networks import Constrained, Network
from kanpde.networks.hard import hard_conditions
from kanpde.training import Task

Edge = Callable[[np.ndarray], np.ndarray]
DEGREES = (3, 5)
ITERATIONS = 60
"""Of Levenberg-Marquardt on each grid, of a target that asks for no more."""
POLISH = 4
"""Gauss-Newton steps after them."""
FLOOR = 1e-12
"""Errors below this are round-off and tell nothing of a slope."""


@dataclass(frozen=True)
class Target:
    """A function that is a composition, and what a KAN needs to be it.

    Args:
        name: for tables and plots.
        widths: of the smallest KAN that is the function.
        exact: expression in the coordinates x0, x1, ..
        edges: for each layer the functions [output][input]; every hidden value is in [-1, 1].
        poisson: train on Poisson's equation with this solution instead of its values.
        grids: intervals that training goes through, for each of DEGREES.
        iterations: of Levenberg-Marquardt on each of them.
    """

    name: str
    widths: Sequence
    exact: sympy.Expr
    edges: Sequence[Sequence[Sequence[Edge]]]
    poisson: bool = False
    grids: tuple[tuple[int, ...], tuple[int, ...]] = ((5, 10, 20, 40), (5, 10, 20, 40))
    iterations: int = ITERATIONS

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return int(self.widths[0])

    @property
    def problem(self) -> Problem:
        """The problem on [-1, 1]^D whose solution is the function."""
        x = kanpde.coordinates(" ".join(NAMES[: self.dimension]))
        box = Box(**{str(c): (-1, 1) for c in x})
        u = kanpde.unknown("u", *x)
        f = self.exact.subs(dict(zip(sympy.symbols(NAMES[: self.dimension]), x, strict=True)))
        if not self.poisson:
            return Problem(box, [u - f], [], exact={u: f}, name=self.name)
        source = sum(sympy.diff(f, c, 2) for c in x)
        return Problem(
            box,
            [kanpde.laplacian(u) - source],
            [Dirichlet(u, 0, on=box.boundary)],
            exact={u: f},
            name=self.name,
        )

    def error(self, network: Network) -> float:
        """Return the relative L2 error at random points."""
        x = np.random.default_rng(12345).uniform(-1, 1, (20000, self.dimension))
        function = sympy.lambdify(sympy.symbols(NAMES[: self.dimension]), self.exact)
        exact = function(*x.T)
        with torch.no_grad():
            found = network(torch.as_tensor(x))[:, 0].numpy()
        return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


NAMES = ("x0", "x1", "x2", "x3")
X0, X1, X2, X3 = sympy.symbols(NAMES)
PI = np.pi


def _zero(s: np.ndarray) -> np.ndarray:
    return 0 * s


def _identity(s: np.ndarray) -> np.ndarray:
    return s


def _half_square(s: np.ndarray) -> np.ndarray:
    return s**2 / 2


def _sine(s: np.ndarray) -> np.ndarray:
    return np.sin(PI * s)


TARGETS = (
    Target(
        "exp(sin(pi x) + y^2)",
        [2, 1, 1],
        sympy.exp(sympy.sin(sympy.pi * X0) + X1**2),
        [[[lambda s: np.sin(PI * s) / 2, _half_square]], [[lambda z: np.exp(2 * z)]]],
        grids=((5, 10, 20, 40, 80, 160), (5, 10, 20, 40, 80, 160)),
    ),
    Target(
        "exp((sin(pi(x1^2+x2^2)) + sin(pi(x3^2+x4^2)))/2)",
        [4, 2, 1, 1],
        sympy.exp(
            (sympy.sin(sympy.pi * (X0**2 + X1**2)) + sympy.sin(sympy.pi * (X2**2 + X3**2))) / 2
        ),
        [
            [
                [_half_square, _half_square, _zero, _zero],
                [_zero, _zero, _half_square, _half_square],
            ],
            [[lambda z: np.sin(2 * PI * z) / 2] * 2],
            [[np.exp]],
        ],
        grids=((10, 20, 40, 80), (10, 20, 40)),
        iterations=6,
    ),
    Target(
        "Poisson, u = sin(pi x) sin(pi y)",
        [2, (0, 1), 1],
        sympy.sin(sympy.pi * X0) * sympy.sin(sympy.pi * X1),
        [[[_sine, _zero], [_zero, _sine]], [[_identity]]],
        poisson=True,
        grids=((5, 10, 20, 40), (5, 10, 20, 40, 80)),
    ),
    Target(
        "x y",
        [2, (0, 1), 1],
        X0 * X1,
        [[[_identity, _zero], [_zero, _identity]], [[_identity]]],
    ),
)


def kan(target: Target, degree: int, intervals: int, seed: int = 0) -> KAN:
    """Return a KAN of the target's structure with a random start."""
    box = [-1.0] * target.dimension, [1.0] * target.dimension
    basis = BSpline(degree, intervals)
    return KAN(target.widths, basis=basis, activation=None, lower=box[0], upper=box[1], seed=seed)


def fitted(target: Target, degree: int, intervals: int) -> KAN:
    """Return the KAN whose every edge is the least-squares spline of its known function."""
    network = kan(target, degree, intervals)
    basis = BSpline(degree, intervals)
    layers = [
        np.array([[spline_of(basis, edge) for edge in row] for row in layer]).swapaxes(1, 2)
        for layer in target.edges
    ]
    vector = np.concatenate([layer.reshape(-1) for layer in layers])  # (outputs, F, inputs)
    return network.with_vector(torch.as_tensor(vector))


def spline_of(basis: BSpline, edge: Edge) -> np.ndarray:
    """Return the coefficients of the least-squares spline of a function, by a banded solve."""
    nodes = np.polynomial.legendre.leggauss(2 * (basis.degree + 1))[0]
    breaks = basis.breakpoints()
    s = (breaks[:-1, None] + np.diff(breaks)[:, None] * (nodes + 1) / 2).ravel()
    return scipy.interpolate.make_lsq_spline(s, edge(s), basis.extended_knots(), basis.degree).c


@dataclass(frozen=True)
class Quadrature:
    """Points for training in the place of a Task's: Gauss points of every cell of [-1, 1]^D.

    Args:
        problem: the problem; all its conditions hold by construction.
        intervals: of the first layer's grid along each axis.
        nodes: Gauss points of a cell along each axis.
    """

    problem: Problem
    intervals: int
    nodes: int

    def collocate(self, network: Network) -> Collocation:
        """Return the equations at the points, rows scaled by the roots of the weights."""
        nodes, weights = np.polynomial.legendre.leggauss(self.nodes)
        line = (-1 + (2 * np.arange(self.intervals)[:, None] + 1 + nodes) / self.intervals).ravel()
        shares = np.tile(weights, self.intervals) / (2 * self.intervals)
        dimension = self.problem.dimension
        points = np.stack(np.meshgrid(*[line] * dimension, indexing="ij"), -1)
        products = np.prod(np.meshgrid(*[shares] * dimension, indexing="ij"), axis=0).ravel()
        found = collocate(
            self.problem, points.reshape(-1, dimension), {}, collapse=network.collapses
        )
        factors = torch.as_tensor(np.sqrt(products * products.size))
        return Collocation(tuple(replace(block, rows=Scaled(factors)) for block in found.blocks))


def random_start(target: Target, degree: int, intervals: int, *, seeds: int) -> KAN:
    """Return the network of the least loss after training from random starts."""
    plan = [
        LevenbergMarquardt(iterations=ITERATIONS // 2),
        Regrid(),
        LevenbergMarquardt(iterations=ITERATIONS),
    ]
    solutions = [
        kanpde.solve(target.problem, kan(target, degree, intervals, seed), plan)
        for seed in range(seeds)
    ]
    best = min(solutions, key=lambda solution: solution.history[-1].loss).network
    return best.network if isinstance(best, Constrained) else best


def trained(target: Target, start: KAN, grids: Sequence[int], degree: int) -> list[Network]:
    """Return the networks after training on each grid, each grid a refinement of the one before."""
    hard = hard_conditions(target.problem) if target.poisson else None
    network: Network = start if hard is None else hard.apply(start, target.problem)
    stage = LevenbergMarquardt(iterations=target.iterations, stall=1e-4)
    networks = []
    for count in grids:
        network = network.refined(intervals=count)  # type: ignore[operator]
        task: Any = Task(target.problem)
        if target.poisson:
            task = Quadrature(target.problem, count, degree + 1)
        state = stage.init(task, network)
        while not state.done:
            state = stage.step(task, state)
        network = polished(state.network, task.collocate(network))
        networks.append(network)
    return networks


def polished(network: Network, collocation: Collocation) -> Network:
    """Return the network after Gauss-Newton steps by an orthogonal factorisation.

    Levenberg-Marquardt solves normal equations, and these lose half of the digits.
    """
    prepared = collocation.prepare(network)
    for _ in range(POLISH):
        residual, jacobian = collocation.jacobian(network, prepared)
        rows = jacobian.T.numpy()
        scale = np.linalg.norm(rows, axis=0).clip(1e-300)
        step = scipy.linalg.lstsq(
            rows / scale, -residual.numpy(), cond=1e-11, lapack_driver="gelsy", check_finite=False
        )[0]
        trial = network.with_vector(network.vector() + torch.as_tensor(step / scale))
        if not collocation.residual(trial, prepared).norm() < residual.norm():
            break
        network = trial
    return network


def mlps(target: Target, widths: Sequence[int], *, seeds: int) -> list[Network]:
    """Return trained tanh MLPs of two hidden layers, for each width the one of the least loss."""
    plan = [LevenbergMarquardt(iterations=2 * ITERATIONS)]
    networks = []
    for width in widths:
        solutions = [
            kanpde.solve(target.problem, MLP([target.dimension, width, width, 1]), plan, seed=seed)
            for seed in range(seeds)
        ]
        best = min(solutions, key=lambda solution: solution.history[-1].loss)
        networks.append(best.network)
    return networks


def slope(grids: Sequence[int], errors: Sequence[float], highest: float = 1e-2) -> float:
    """Return minus the slope of log error over log G, between ``highest`` and round-off.

    NaN with fewer than three grids in between.
    """
    pairs = [(g, e) for g, e in zip(grids, errors, strict=True) if FLOOR < e < highest]
    if len(pairs) < 3:
        return float("nan")
    g, e = np.log(np.array(pairs)).T
    return float(-np.polyfit(g, e, 1)[0])


def curve(
    target: Target, kind: str, networks: Sequence[Network], sizes: Sequence[int], degree: int = 0
) -> dict:
    """Measure a curve and print it."""
    errors = [target.error(network) for network in networks]
    row = {
        "target": target.name,
        "kind": kind,
        "degree": degree,
        "sizes": list(sizes),
        "parameters": [network.parameter_count for network in networks],
        "errors": errors,
    }
    name = f"{kind} {degree}" if degree else kind
    numbers = " ".join(f"{size}:{error:.1e}" for size, error in zip(sizes, errors, strict=True))
    found = slope(sizes, errors) if degree else float("nan")
    order = "" if np.isnan(found) else f"  order {found:.2f}"
    print(f"  {name:<12}{numbers}{order}", flush=True)
    return {**row, "order": None if np.isnan(found) else found}


def measure(*, seeds: int, quick: bool) -> list[dict]:
    """Measure and print all curves."""
    fine = (5, 10, 20, 40, 80) if quick else (5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560)
    widths = (4, 8) if quick else (4, 8, 16, 24)
    rows = []
    for target in TARGETS:
        print(f"{target.name}, KAN {list(target.widths)}; relative L2 error by G or width")
        for degree in DEGREES:
            networks = [fitted(target, degree, count) for count in fine]
            rows.append(curve(target, "fitted", networks, fine, degree))
        for degree, all_grids in zip(DEGREES, target.grids, strict=True):
            grids = all_grids[:3] if quick else all_grids
            start = fitted(target, degree, grids[0])
            networks = trained(target, start, grids, degree)
            rows.append(curve(target, "trained", networks, grids, degree))
        for degree, all_grids in zip(DEGREES, target.grids, strict=True):
            grids = all_grids[:3] if quick else all_grids
            start = random_start(target, degree, grids[0], seeds=seeds)
            networks = trained(target, start, grids, degree)
            rows.append(curve(target, "random", networks, grids, degree))
        rows.append(curve(target, "MLP", mlps(target, widths, seeds=seeds), widths))
    return rows


def plot(rows: Sequence[dict], path: Path) -> None:
    """Draw the errors over the numbers of parameters, a panel for each target."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["target"] for row in rows))
    figure, axes = plt.subplots(
        1, len(names), figsize=(4.4 * len(names), 4.2), sharey=True, constrained_layout=True
    )
    for axis, name in zip(np.atleast_1d(axes), names, strict=True):
        for row in (r for r in rows if r["target"] == name):
            color = {0: "tab:gray", 3: "tab:blue", 5: "tab:orange"}[row["degree"]]
            style = {"fitted": "o-", "trained": "s--", "random": "x:", "MLP": "^-"}[row["kind"]]
            order = row["order"]
            label = row["kind"] + (f", degree {row['degree']}" if row["degree"] else " tanh")
            label += f": G^-{order:.1f}" if order else ""
            errors = np.maximum(row["errors"], 1e-17)
            axis.loglog(row["parameters"], errors, style, color=color, label=label, markersize=4)
        axis.set(title=name, xlabel="parameters")
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    np.atleast_1d(axes)[0].set_ylabel("relative L2 error")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seeds", type=int, default=4, help="random starts of trained networks")
    parser.add_argument("--quick", action="store_true", help="smaller grids and networks")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(seeds=options.seeds, quick=options.quick)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
