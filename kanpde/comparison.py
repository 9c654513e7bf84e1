"""Networks beside each other on one problem: the same points, conditions, seeds and time.

The defaults ask two questions. With the *same* optimisers, which network is better at equal
parameters? And with the optimisers that the users of each take, at equal time? Where a direct way
solves the problem, it stands in the table too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.control import Control, Record, parse_budget
from kanpde.engine import default_network, default_plan, solve, using_threads
from kanpde.geometry import Sobol
from kanpde.networks import KAN, MLP, Network, bare
from kanpde.outcome import Outcome
from kanpde.plots import Curve, plot_curves
from kanpde.problem import Problem
from kanpde.solution import Solution
from kanpde.solving import Way, choose
from kanpde.training import LBFGS, Adam, LeastSquares, Stage, Training, error_of, run_plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_POINTS = 1200
POINTS_PER_PARAMETER = 4
REFERENCE_POINTS = 10_000
DIRECT = "kanpde's own way"
WARM_UP = 1000
"""Iterations of Adam before L-BFGS, as users of networks train them."""
WIDEST = 4000
"""An MLP of equal parameters is looked for up to this width."""


@dataclass(frozen=True)
class Entrant:
    """A network and how it is trained, or a direct way.

    Args:
        name: in tables and figures.
        network: unseeded, so that every seed starts it anew; a :class:`Way`; or None for the ways
            that ``solve(problem)`` tries one after the other.
        plan: stages; the default plan of the network if None.
    """

    name: str
    network: Network | Way | None
    plan: tuple[Stage[Any], ...] | None = None

    @property
    def is_direct(self) -> bool:
        """Whether nothing is trained: one run says all."""
        return not isinstance(self.network, Network)


@dataclass(frozen=True)
class Run:
    """One entrant with one seed.

    Args:
        name: of the entrant.
        seed: of points and start.
        error: relative L2 error of the field it ended with, the largest of any unknown; NaN if
            nothing is known to compare with, infinite if the field is not finite.
        seconds: it took.
        steps: iterations of all its stages; levels of a direct way.
        parameters: it ended with.
        outcome: why it ended.
        curve: (seconds, error) along the way, (M, 2).
    """

    name: str
    seed: int
    error: float
    seconds: float
    steps: int
    parameters: int
    outcome: Outcome
    curve: np.ndarray


@dataclass(frozen=True)
class Row:
    """All seeds of one entrant: medians, and the range of the error."""

    name: str
    parameters: int
    error: float
    least: float
    greatest: float
    seconds: float
    steps: int
    failed: int


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison.

    Args:
        problem: what was solved.
        runs: of all entrants and seeds.
        points: interior points that every network was trained on.
        budget: seconds that every run had.
        against: what errors are measured against.
    """

    problem: Problem
    runs: tuple[Run, ...]
    points: int
    budget: float
    against: str

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table, in the order of the entrants."""
        return tuple(self._row(name) for name in dict.fromkeys(r.name for r in self.runs))

    def _row(self, name: str) -> Row:
        own = [r for r in self.runs if r.name == name]
        errors = np.array([r.error for r in own])
        return Row(
            name,
            int(np.median([r.parameters for r in own])),
            float(np.median(errors)),
            float(errors.min()),
            float(errors.max()),
            float(np.median([r.seconds for r in own])),
            int(np.median([r.steps for r in own])),
            sum(not r.error < 1 for r in own),
        )

    def table(self) -> str:
        """Return the table as Markdown: median and range of the error over the seeds."""
        lines = [
            "| network and training | parameters | relative L2 error | least to greatest | seconds "
            "| steps | failed |",
            "|---|---|---|---|---|---|---|",
        ]
        for r in self.rows:
            lines.append(
                f"| {r.name} | {r.parameters} | {r.error:.1e} | {r.least:.1e} to {r.greatest:.1e} "
                f"| {r.seconds:.1f} | {r.steps} | {r.failed} |"
            )
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Return the figure of error against time: every seed a line, one colour an entrant."""
        names = list(dict.fromkeys(r.name for r in self.runs))
        curves = [Curve(names.index(r.name), r.curve[:, 0], r.curve[:, 1]) for r in self.runs]
        return plot_curves(
            curves,
            names,
            title=f"{self.problem.name}: {self.points} points, {self.budget:g} s each",
            x_label="seconds",
            y_label=f"relative L2 error against {self.against}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all runs as JSON-able values; what is not finite is None."""
        return {
            "problem": self.problem.name,
            "points": self.points,
            "budget": self.budget,
            "against": self.against,
            "runs": [
                {
                    **{k: v for k, v in vars(r).items() if k not in ("curve", "outcome")},
                    "error": r.error if np.isfinite(r.error) else None,
                    "outcome": r.outcome.name,
                    "curve": [[float(t), float(e) if np.isfinite(e) else None] for t, e in r.curve],
                }
                for r in self.runs
            ],
        }


def compare(
    problem: Problem,
    entrants: Sequence[Entrant | Network | Way] | None = None,
    *,
    seeds: int | Sequence[int] = 3,
    budget: float | str = "30s",
    points: int | None = None,
    reference: Solution | None = None,
    progress: Callable[[str, int, Record], None] | None = None,
    threads: int = 1,
) -> Comparison:
    """Train networks on one problem under the same conditions.

    Every network is trained on the same points, with the same conditions built in, for at most the
    same time. The clock stops while an error is measured.

    Args:
        problem: what is solved.
        entrants: networks, ways or :class:`Entrant`; :func:`usual_entrants` if None. A network is
            given its default plan.
        seeds: how many, or which; a direct way runs once.
        budget: of every run, in seconds or as a text such as "30s".
        points: interior points; by default four for each parameter of the largest network.
        reference: measures the error where the problem has no exact field; by default kanpde's own
            solution, where a direct way reaches its tolerance.
        progress: called with entrant, seed and :class:`Record` after every step.
        threads: of the linear algebra.

    Raises:
        ValueError: for no entrants, two of one name, a network of the wrong dimensions, a bad
            budget, or seeds below one.
    """
    chosen = _entrants(problem, entrants)
    seconds = parse_budget(budget)
    if seconds is None:
        raise ValueError(f"budget={budget!r} must be a time; equal time is part of the comparison.")
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not numbers:
        raise ValueError(f"seeds={seeds!r} must be at least one.")
    if points is None:
        most = max((_final_parameters(problem, e) for e in chosen), default=0)
        points = max(LEAST_POINTS, POINTS_PER_PARAMETER * most)
    measure, against = _measure(problem, reference)
    runs = []
    for entrant in chosen:
        for seed in numbers[:1] if entrant.is_direct else numbers:

            def report(record: Record, name: str = entrant.name, seed: int = seed) -> None:
                if progress is not None:
                    progress(name, seed, record)

            how: dict[str, Any] = {
                "points": points,
                "budget": seconds,
                "report": report,
                "threads": threads,
            }
            runs.append(_run(problem, entrant, seed, measure, **how))
    return Comparison(problem, tuple(runs), points, seconds, against)


def usual_entrants(problem: Problem, network: Network | None = None) -> tuple[Entrant, ...]:
    """Return the KAN and the MLP of as many parameters, by the same optimisers and by their own.

    Args:
        problem: what is solved.
        network: the KAN (or another network) to compare with; the default one if None.
    """
    kan: Network = default_network(problem) if network is None else network
    name = _name_of(kan)
    final = _final_parameters(problem, Entrant(name, kan))
    mlp = _mlp_of(problem, final, layers=2)
    gradient = (Adam(iterations=WARM_UP), LBFGS(iterations=10**6))
    found = [
        Entrant(f"{name}, Levenberg-Marquardt", kan),
        Entrant(f"{_name_of(mlp)}, Levenberg-Marquardt", mlp),
        Entrant(f"{name}, Adam and L-BFGS", _at_full_size(problem, kan), gradient),
        Entrant(f"{_name_of(mlp)}, Adam and L-BFGS", mlp, gradient),
    ]
    if problem.is_linear and not problem.parameters:
        wide = _mlp_of(problem, final, layers=1)
        found.append(Entrant(f"{_name_of(wide)}, least squares", wide, (LeastSquares(),)))
    if choose(problem).ways:
        found.append(Entrant(DIRECT, None))
    return tuple(found)


def _entrants(
    problem: Problem, given: Sequence[Entrant | Network | Way] | None
) -> tuple[Entrant, ...]:
    if given is None:
        return usual_entrants(problem)
    found = []
    for one in given:
        if isinstance(one, Entrant):
            found.append(one)
        elif isinstance(one, Network):
            found.append(Entrant(_name_of(one), one))
        elif isinstance(one, Way):
            found.append(Entrant(type(one).__name__, one))
        else:
            raise ValueError(f"{one!r} is no entrant; give a network, a way or Entrant(...).")
    names = [e.name for e in found]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"entrants need names of their own, and at least one; got {names}.")
    return tuple(found)


def _run(
    problem: Problem,
    entrant: Entrant,
    seed: int,
    measure: Callable[[Network], float],
    *,
    points: int,
    budget: float,
    report: Callable[[Record], None],
    threads: int,
) -> Run:
    if not isinstance(entrant.network, Network):
        how: dict[str, Any] = {"seed": seed, "progress": report, "threads": threads}
        found = solve(problem, entrant.network, budget=budget, **how)
        network, outcome, history = found.network, found.outcome, found.history
        seconds, steps = found.seconds, len(history)
    else:
        control = Control(budget, report)
        with using_threads(threads):
            ready = Training.of(problem, entrant.network, seed=seed, hard=None, device="cpu")
            task = replace(ready.task, points_per_parameter=0.0, least_points=points)
            plan = (
                default_plan(problem, ready.network) if entrant.plan is None else list(entrant.plan)
            )
            result = run_plan(plan, task, ready.network, control, error=measure)
        network, outcome, history = result.network, result.outcome, tuple(control.history)
        seconds = control.seconds
        steps = sum({r.stage: r.iteration for r in history}.values())
    error = measure(network)
    curve = [(r.seconds, r.error) for r in history if r.error is not None]
    return Run(
        entrant.name,
        seed,
        error,
        seconds,
        steps,
        network.parameter_count,
        outcome,
        np.array([*curve, (seconds, error)], dtype=float),
    )


def _measure(
    problem: Problem, reference: Solution | None
) -> tuple[Callable[[Network], float], str]:
    """Return what measures the largest relative L2 error of any unknown, and against what."""
    points = problem.domain.interior(REFERENCE_POINTS, seed=977, sampler=Sobol())
    if problem.exact and reference is None:
        known = error_of(problem)
        return lambda network: _sound(known(network)), "the exact field"
    against = "a reference"
    if reference is None and choose(problem).ways:
        reference = solve(problem)
        against = f"kanpde's own solution, estimated to {reference.estimate or np.nan:.0e}"
        if not reference.outcome.is_success:
            reference = None
    if reference is None:
        return lambda network: float("nan"), "nothing"
    field = reference.at(points)
    size = np.maximum(np.linalg.norm(field, axis=0), 1e-300)

    def by_field(network: Network) -> float:
        own = Solution(problem, network, Outcome.PLAN_FINISHED).at(points)
        return _sound(float((np.linalg.norm(own - field, axis=0) / size).max()))

    return by_field, against


def _sound(error: float | None) -> float:
    return error if error is not None and np.isfinite(error) else float("inf")


def _final_parameters(problem: Problem, entrant: Entrant) -> int:
    """Return the parameters that a network has at the end of its plan, as far as it is fixed."""
    network = entrant.network
    if not isinstance(network, Network):
        return 0
    return _shape_after(problem, network, entrant.plan).parameter_count


def _shape_after(problem: Problem, network: Network, plan: Sequence[Stage[Any]] | None) -> Network:
    shape = Training.of(problem, network, seed=0, hard=None, device="cpu").network
    for stage in default_plan(problem, shape) if plan is None else plan:
        shape = stage.check(problem, shape)
    return shape


def _at_full_size(problem: Problem, network: Network) -> Network:
    """Return the network as it is at the end of its default plan, to be started anew there.

    Optimisers that follow gradients do not extend grids; they get the parameters at once.
    """
    inner = bare(_shape_after(problem, network, None))
    if not isinstance(network, KAN) or not isinstance(inner, KAN):
        return network
    plain: list[dict[str, Any]] = [{"grids": None, "formulas": []} for _ in inner.layers]
    return KAN.from_dict({**inner.to_dict(), "seed": network.seed, "edges": plain})


def _mlp_of(problem: Problem, parameters: int, *, layers: int) -> MLP:
    """Return the tanh MLP whose number of parameters is nearest to a given one."""

    def of_width(width: int) -> MLP:
        return MLP([problem.dimension, *[width] * layers, len(problem.unknowns)])

    low, high = 1, WIDEST
    while high - low > 1:
        middle = (low + high) // 2
        if of_width(middle).parameter_count <= parameters:
            low = middle
        else:
            high = middle
    pair = (of_width(low), of_width(high))
    return min(pair, key=lambda mlp: abs(mlp.parameter_count - parameters))


def _name_of(network: Network) -> str:
    kind, data = type(network).__name__, network.to_dict()
    return f"{kind} {data['widths']}" if "widths" in data else kind
