"""A standing wave of speed 2, u = sin(pi x) cos(2 pi t)."""

from sympy import pi, sin

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"wave": u.diff(t, 2) - 4 * u.diff(x, 2)},
    conditions=[
        Initial(u, sin(pi * x)),
        Initial(u.diff(t), 0),
        Dirichlet(u, 0, on=("left", "right")),
    ],
)
