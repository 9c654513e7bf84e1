"""Poisson's equation with waves of two lengths on an interval: an example of DeepXDE.

u'' = -(2 pi)^2 sin(2 pi x) - 0.1 (50 pi)^2 sin(50 pi x) on [0, 1], u = 0 at both ends;
u = sin(2 pi x) + 0.1 sin(50 pi x).
"""

from sympy import Rational, pi, sin

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
interval = Interval(x=(0, 1))
exact = sin(2 * pi * x) + Rational(1, 10) * sin(50 * pi * x)

problem = Problem(
    interval,
    equations={"poisson": u.diff(x, 2) - exact.diff(x, 2)},
    conditions=[Dirichlet(u, 0, on=interval.boundary)],
    exact={u: exact},
)
