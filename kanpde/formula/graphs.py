"""KAN graphs with free edges fitted to values: which sums, products and outer functions they allow.

Each graph is h(c + f_1(x_1) + ... + f_D(x_D)), h(c + f_1 ... f_D) or h(f(x + s y)) with a known
outer function h and Chebyshev series for the edges f_i; all coefficients are fitted together by
Gauss-Newton steps. The graphs that fit as well as any are those whose edges are worth naming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import minimize_scalar
from sympy import (
    Expr,
    Symbol,
    acosh,
    asin,
    atan,
    atanh,
    cosh,
    erf,
    exp,
    lambdify,
    log,
    sin,
    sqrt,
    tan,
    tanh,
)

from kanpde.formula.dataset import Dataset
from kanpde.formula.node import Node, gauss_newton
from kanpde.formula.sampled import ARGUMENT

DEGREES = (3, 5, 8, 12, 18)
"""Of the edges, as many as the data determine."""

_A = ARGUMENT


@dataclass(frozen=True)
class Outer:
    """A function of the last node.

    Args:
        function: h, of ``ARGUMENT``.
        inverse: its inverse.
        low: of the values of h.
        high: of the values of h.
    """

    function: Expr
    inverse: Expr
    low: float = -np.inf
    high: float = np.inf

    def suits(self, values: np.ndarray, margin: float) -> bool:
        """Return whether values may be those of h, up to a margin."""
        return bool(values.min() > self.low - margin and values.max() < self.high + margin)


IDENTITY = Outer(_A, _A)
OUTERS = (
    IDENTITY,
    Outer(exp(_A), log(_A), low=0.0),
    Outer(sqrt(_A), _A**2, low=0.0),
    Outer(1 / _A, 1 / _A, low=0.0),
    Outer(log(_A), exp(_A), low=-30.0, high=30.0),
    Outer(_A**2, sqrt(_A), low=0.0),
    Outer(1 / sqrt(_A), 1 / _A**2, low=0.0),
    Outer(tanh(_A), atanh(_A), low=-1.0, high=1.0),
    Outer(sin(_A), asin(_A), low=-1.0, high=1.0),
    Outer(atan(_A), tan(_A), low=-np.pi / 2, high=np.pi / 2),
    Outer(asin(_A), sin(_A), low=-np.pi / 2, high=np.pi / 2),
    Outer(erf(_A), _A, low=-1.0, high=1.0),
    Outer(cosh(_A), acosh(_A), low=1.0),
)
"""Tried in this order: among graphs that fit alike an earlier one is preferred."""


@dataclass(frozen=True)
class Graph:
    """A graph with fitted edges.

    Args:
        kind: "sum", "product" or "ridge".
        outer: the outer function.
        constant: c.
        slope: s of a ridge.
        nodes: what each edge is a function of, (edges, N).
        edges: the values of each edge, (edges, N).
        weights: by how much the values change with each edge, over the noise, (edges, N).
        residual: weighted, root mean square.
        size: coefficients.
        degree: of the edges.
    """

    kind: str
    outer: Outer
    constant: float
    slope: float
    nodes: np.ndarray
    edges: np.ndarray
    weights: np.ndarray
    residual: float
    size: int
    degree: int

    @property
    def note(self) -> str:
        """The graph in words."""
        outer = self.outer.function.subs(ARGUMENT, Symbol(self.kind))
        return f"{outer} of {len(self.edges)} edge{'s' if len(self.edges) > 1 else ''}"


@cache
def _compiled(outer: Outer) -> tuple[Callable, Callable, Callable]:
    modules = ["scipy", "numpy"]
    return (
        lambdify(_A, outer.function, modules),
        lambdify(_A, outer.function.diff(_A), modules),
        lambdify(_A, outer.inverse, modules),
    )


def graphs(data: Dataset, *, noise: float) -> Iterator[Graph]:
    """Return the graphs that explain the data up to their noise, the simplest first.

    Args:
        data: values at points.
        noise: standard deviation of a weighted value, as smoothing without a structure finds it.
    """
    kinds = ["sum"] if data.points.shape[1] == 1 else ["sum", "product"]
    kinds += ["ridge"] if data.points.shape[1] == 2 else []
    found = []
    for outer in OUTERS:
        if not outer.suits(data.values, 3 * noise):
            continue
        for kind in kinds:
            graph = _best(kind, outer, data, noise)
            if graph is not None:
                found.append(graph)
    limit = 1.0 + 4.0 / np.sqrt(2 * len(data.values))
    floor = min((g.residual for g in found), default=np.inf)
    good = [g for g in found if g.residual < limit * max(noise, floor)]
    yield from sorted(good, key=lambda g: g.size * np.log(len(data.values)) / 2)


def _best(kind: str, outer: Outer, data: Dataset, noise: float) -> Graph | None:
    """Return the graph of the degree beyond which the residual falls no more."""
    best: Graph | None = None
    count = len(data.values)
    for degree in DEGREES:
        size = 1 + degree * (data.points.shape[1] if kind != "ridge" else 1)
        if size > count / 4:
            break
        fitted = _fitted(kind, outer, data, degree)
        if fitted is None:
            break
        if best is not None and _criterion(fitted, count) > _criterion(best, count):
            break
        best = fitted
        if best.residual < 0.5 * noise or (best.residual > 50 * noise and degree > 5):
            break
    return best


def _criterion(graph: Graph, count: int) -> float:
    return count * np.log(max(graph.residual, 1e-300)) + 0.5 * graph.size * np.log(count)


def _fitted(kind: str, outer: Outer, data: Dataset, degree: int) -> Graph | None:
    try:
        if kind == "ridge":
            return _ridge(outer, data, degree)
        return _joined(kind, outer, data, degree, data.points.T, 0.0)
    except np.linalg.LinAlgError:  # values that are no longer finite
        return None


def _ridge(outer: Outer, data: Dataset, degree: int) -> Graph | None:
    """Return the best function of x + s y; s is scanned, then refined."""
    if outer is not IDENTITY:
        return None
    x, y = data.points.T
    scale = np.ptp(x) / np.ptp(y)
    weights = data.weights

    def misfit(angle: float) -> float:
        a = _columns(x + scale * np.tan(angle) * y, degree)
        a = np.column_stack([np.ones(len(x)), a]) * weights[:, None]
        q = np.linalg.qr(a)[0]
        wv = weights * data.values
        return float(((wv - q @ (q.T @ wv)) ** 2).sum())

    angles = np.linspace(-1.45, 1.45, 59)
    best = int(np.argmin([misfit(t) for t in angles]))
    width = angles[1] - angles[0]
    found = minimize_scalar(
        misfit,
        bounds=(angles[best] - width, angles[best] + width),
        method="bounded",
        options={"xatol": 1e-10},
    )
    slope = float(scale * np.tan(found.x))
    return _joined("sum", outer, data, degree, (x + slope * y)[None], slope, name="ridge")


def _columns(x: np.ndarray, degree: int) -> np.ndarray:
    """Return Chebyshev polynomials of degree 1 to K over the range of x, (N, K)."""
    middle, half = (x.max() + x.min()) / 2, (np.ptp(x) or 1.0) / 2
    return chebyshev.chebvander((x - middle) / half, degree)[:, 1:]


def _joined(
    kind: str,
    outer: Outer,
    data: Dataset,
    degree: int,
    nodes: np.ndarray,
    slope: float,
    *,
    name: str = "",
) -> Graph | None:
    h, derivative, inverse = _compiled(outer)
    columns = [_columns(x, degree) for x in nodes]
    values, weights = data.values, data.weights
    with np.errstate(all="ignore"):
        inner = inverse(values) if outer is not IDENTITY else values
        inner = np.where(np.isfinite(inner), inner, np.nan)
        slopes = np.abs(derivative(np.where(np.isfinite(inner), inner, 1.0)) * np.ones(len(values)))
    known = np.isfinite(inner) & np.isfinite(slopes)
    if np.iscomplexobj(inner) or known.mean() < 0.7:
        return None
    start_weights = np.where(known, weights * np.minimum(slopes, 1e3 * np.median(slopes)), 0.0)
    inner = np.where(known, inner, 0.0)
    model = Node(kind, columns)
    c = model.start(inner, start_weights)
    if c is None:
        return None
    c = gauss_newton(model, c, h, derivative, values, weights)
    if c is None:
        return None
    node, parts, jacobians = model.evaluate(c)
    with np.errstate(all="ignore"):
        residual = weights * (h(node) - values)
        gain = np.abs(derivative(node) * np.ones(len(node))) * weights
    if not np.isfinite(residual).all() or not np.isfinite(gain).all():
        return None
    edge_weights = np.stack([gain * np.abs(j) for j in jacobians])
    freedom = max(1, len(values) - len(c))
    size = float(np.sqrt((residual**2).sum() / freedom))
    return Graph(
        name or kind, outer, float(c[0]), slope, nodes, parts, edge_weights, size, len(c), degree
    )
