"""A mode of the heat equation, u = e^-t sin(pi x)."""

from sympy import pi, sin

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"heat": u.diff(t) - u.diff(x, 2) / pi**2},
    conditions=[Initial(u, sin(pi * x)), Dirichlet(u, 0, on=("left", "right"))],
)
