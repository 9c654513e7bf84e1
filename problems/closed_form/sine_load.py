"""A string under a sine load: u'' = -pi^2 sin(pi x), u = sin(pi x)."""

from sympy import pi, sin

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(-1, 1))

problem = Problem(
    line,
    equations={"load": u.diff(x, 2) + pi**2 * sin(pi * x)},
    conditions=[Dirichlet(u, 0, on=line.boundary)],
)
