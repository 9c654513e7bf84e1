"""Who takes part: networks with their training, and direct ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kanpde.bases import Basis, BSpline, Chebyshev
from kanpde.geometry import as_box
from kanpde.networks import KAN, MLP, LinearKAN, Network, ProductNodes, bare
from kanpde.problem import Problem
from kanpde.solving import Way, choose
from kanpde.solving.forms import Forms
from kanpde.solving.indicators import data_are_smooth
from kanpde.training import (
    LBFGS,
    Adam,
    LeastSquares,
    LevenbergMarquardt,
    Refine,
    Regrid,
    Stage,
    Training,
    default_network,
    default_plan,
    rounds,
)

DIRECT = "kanpde's own way"
WARM_UP = 1000
"""Iterations of Adam before L-BFGS, as users of networks train them."""
WIDEST = 4000
"""An MLP of equal parameters is looked for up to this width."""
SAMPLE = 4000
"""Points that tell how narrow data are."""
NARROW = 3.0
"""The largest value of narrow data is more than so many times their root mean square."""
_PATIENT = LevenbergMarquardt(iterations=10**6, stall=1e-5)
_BY_STEPS = "Levenberg-Marquardt"


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


def usual_entrants(problem: Problem, network: Network | None = None) -> tuple[Entrant, ...]:
    """Return the KAN and the MLP of as many parameters, by the same optimisers and by their own.

    Args:
        problem: what is solved.
        network: the KAN (or another network) to compare with; the default one if None.
    """
    kan: Network = default_network(problem) if network is None else network
    name = name_of(kan)
    final = final_parameters(problem, Entrant(name, kan))
    mlp = mlp_like(problem, final, layers=2)
    gradient = (Adam(iterations=WARM_UP), LBFGS(iterations=10**6))
    found = [
        Entrant(f"{name}, Levenberg-Marquardt", kan),
        Entrant(f"{name_of(mlp)}, Levenberg-Marquardt", mlp),
        Entrant(f"{name}, Adam and L-BFGS", at_full_size(problem, kan), gradient),
        Entrant(f"{name_of(mlp)}, Adam and L-BFGS", mlp, gradient),
    ]
    if problem.is_linear and not problem.parameters:
        wide = mlp_like(problem, final, layers=1)
        found.append(Entrant(f"{name_of(wide)}, least squares", wide, (LeastSquares(),)))
    if choose(problem).ways:
        found.append(Entrant(DIRECT, None))
    return tuple(found)


def best_entrants(problem: Problem) -> tuple[Entrant, ...]:
    """Return KANs at their best, then MLPs of as many parameters by each way to train them well.

    The KANs are :func:`best_kans`. The MLPs are one of two hidden layers, by Adam and L-BFGS as
    users train it and by Levenberg-Marquardt, and one wide layer whose outputs are solved for by
    least squares (Newton's method if the problem is not linear) and then all trained on.

    Args:
        problem: what is solved.
    """
    kans = best_kans(problem)
    count = max(final_parameters(problem, kan) for kan in kans)
    mlp = mlp_like(problem, count, layers=2)
    name = name_of(mlp)
    gradient = (Adam(iterations=WARM_UP), LBFGS(iterations=10**6))
    found = [
        *kans,
        Entrant(f"{name}, Adam and L-BFGS", mlp, gradient),
        Entrant(f"{name}, Levenberg-Marquardt", mlp, (_PATIENT,)),
    ]
    if not problem.parameters:
        wide = mlp_like(problem, count, layers=1)
        plan = (LeastSquares(), _PATIENT)
        found.append(Entrant(f"{name_of(wide)}, least squares first", wide, plan))
    return tuple(found)


def best_kans(problem: Problem) -> tuple[Entrant, ...]:
    """Return the one to three KANs that suit a problem of this kind, with their training.

    * One coordinate: splines, whose grid is extended, and one polynomial, by least squares.
    * More than three: sums of polynomials, on which polynomials of low degree are built.
    * Linear on a box, without fronts: sum and product nodes, splines, the grid extended once.
    * Else two networks of Chebyshev edges: a deep one of low degree, and one that begins with sum
      and product nodes. Where fronts are to be expected, of a nonlinear evolution or of data in a
      narrow place, the deep one draws its points anew where the residual is large.
    * In two and three coordinates also products of Chebyshev polynomials, as many as there are
      parameters, with the output edges by least squares: a KAN whose inner edges are fixed.

    No solution is looked at.

    Args:
        problem: what is solved.
    """
    d, outputs = problem.dimension, len(problem.unknowns)
    train = LevenbergMarquardt(iterations=20)
    found: list[tuple[KAN, list[Stage[Any]], str]]
    bases: list[Basis]
    plan: list[Stage[Any]]
    if d == 1:
        splines = KAN([1, outputs], basis=BSpline(degree=7, intervals=5), activation=None)
        plan = [train]
        for intervals in (10, 20, 40, 80):
            plan += [Refine(intervals=intervals), train]
        polynomial = KAN([1, outputs], basis=Chebyshev(40), activation=None)
        found = [(splines, plan, _BY_STEPS), (polynomial, [LeastSquares()], "least squares")]
    elif d > 3:
        bases = [Chebyshev(8), Chebyshev(3)]
        kan = KAN([d, max(1, min(4, 60 // d)), outputs], basis=bases, activation=None)
        found = [(kan, [_PATIENT], _BY_STEPS)]
    elif not (fronts := _has_fronts(problem)) and _is_linear_on_box(problem):
        bases = [BSpline(degree=7, intervals=5), BSpline(degree=5, intervals=2)]
        kan = KAN([d, (3, [2] * 4), outputs], basis=bases, activation=None)
        plan = [replace(train, iterations=30), Regrid(), replace(train, iterations=40)]
        plan += [Refine(intervals=10), _PATIENT]
        found = [(kan, plan, _BY_STEPS)]
    else:
        deep = KAN([d, 6, 6, 6, outputs], basis=Chebyshev(4), activation=None)
        bases = [Chebyshev(7), Chebyshev(5), Chebyshev(4)]
        width = 5 if fronts else 6
        products = KAN([d, (4, [2] * 4), width, outputs], basis=bases, activation=None)
        plan = rounds(100) if fronts else [_PATIENT]
        found = [(deep, plan, _BY_STEPS), (products, [_PATIENT], _BY_STEPS)]
    kans = [Entrant(f"{name_of(kan)}, {how}", kan, tuple(plan)) for kan, plan, how in found]
    if d in (2, 3) and not problem.parameters:
        count = max(final_parameters(problem, kan) for kan in kans)
        kans.append(_products(problem, count))
    return tuple(kans)


def _products(problem: Problem, parameters: int) -> Entrant:
    """Return all products of Chebyshev polynomials up to the degree that a number allows."""
    d, outputs = problem.dimension, len(problem.unknowns)
    degree = 1
    while outputs * math.comb(degree + 1 + d, d) <= parameters:
        degree += 1
    domain = problem.domain
    kan = LinearKAN([ProductNodes(degree, domain.lower, domain.upper)], outputs)
    name = f"KAN of {kan.nodes[0].size} products, least squares"
    return Entrant(name, kan, (LeastSquares(),))


def _is_linear_on_box(problem: Problem) -> bool:
    return problem.is_linear and as_box(problem.domain) is not None


def _has_fronts(problem: Problem) -> bool:
    """Whether a problem evolves nonlinearly, or is linear on a box with data in a narrow place.

    Data are narrow that 20 points along each axis do not resolve and that are mostly small: waves
    are not resolved either, but are large everywhere.
    """
    if not problem.is_linear:
        return getattr(problem.domain, "time", None) is not None
    if as_box(problem.domain) is None:
        return False
    equations = Forms.of(problem).equations
    corners = np.array([problem.domain.lower, problem.domain.upper])
    if data_are_smooth(equations, corners):
        return False
    points = problem.domain.interior(SAMPLE, seed=0)
    sources = [np.abs(e.source_at(points)) for e in equations]
    return any(f.max() > NARROW * np.sqrt(np.mean(f**2)) for f in sources)


def entrants_of(
    problem: Problem, given: Sequence[Entrant | Network | Way] | None
) -> tuple[Entrant, ...]:
    """Return what was given as entrants, or the usual ones.

    Raises:
        ValueError: for none, two of one name, or what is no entrant.
    """
    if given is None:
        return usual_entrants(problem)
    found = []
    for one in given:
        if isinstance(one, Entrant):
            found.append(one)
        elif isinstance(one, Network):
            found.append(Entrant(name_of(one), one))
        elif isinstance(one, Way):
            found.append(Entrant(type(one).__name__, one))
        else:
            raise ValueError(f"{one!r} is no entrant; give a network, a way or Entrant(...).")
    names = [e.name for e in found]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"entrants need names of their own, and at least one; got {names}.")
    return tuple(found)


def final_parameters(problem: Problem, entrant: Entrant) -> int:
    """Return the parameters that a network has at the end of its plan, as far as it is fixed."""
    network = entrant.network
    if not isinstance(network, Network):
        return 0
    return _shape_after(problem, network, entrant.plan).parameter_count


def at_full_size(problem: Problem, network: Network) -> Network:
    """Return the network as it is at the end of its default plan, to be started anew there.

    Optimisers that follow gradients do not extend grids; they get the parameters at once.
    """
    inner = bare(_shape_after(problem, network, None))
    if not isinstance(network, KAN) or not isinstance(inner, KAN):
        return network
    plain: list[dict[str, Any]] = [{"grids": None, "formulas": []} for _ in inner.layers]
    return KAN.from_dict({**inner.to_dict(), "seed": network.seed, "edges": plain})


def mlp_like(problem: Problem, parameters: int, *, layers: int) -> MLP:
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


def name_of(network: Network) -> str:
    """Return the kind of a network, with its widths where it has any."""
    kind, data = type(network).__name__, network.to_dict()
    return f"{kind} {data['widths']}" if "widths" in data else kind


def _shape_after(problem: Problem, network: Network, plan: Sequence[Stage[Any]] | None) -> Network:
    shape = Training.of(problem, network, seed=0, hard=None, device="cpu").network
    for stage in default_plan(problem, shape) if plan is None else plan:
        shape = stage.check(problem, shape)
    return shape
