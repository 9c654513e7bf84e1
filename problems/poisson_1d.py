"""Poisson's equation on an interval with a Dirichlet and a Neumann end.

-u'' = pi^2 sin(pi x) on [0, 1], u(0) = 0, u'(1) = -pi; u = sin(pi x).
"""

from sympy import pi, sin

from kanpde import Dirichlet, Interval, Neumann, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
interval = Interval(x=(0, 1))

problem = Problem(
    interval,
    equations={"poisson": -u.diff(x, 2) - pi**2 * sin(pi * x)},
    conditions=[
        Dirichlet(u, 0, on="left"),
        Neumann(u, -pi, on="right"),
    ],
    exact={u: sin(pi * x)},
)
