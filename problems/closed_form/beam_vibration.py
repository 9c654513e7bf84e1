"""A mode of the Euler-Bernoulli beam with hinged ends, u = sin(x) cos(t)."""

from sympy import pi, sin

from kanpde import (
    Condition,
    Dirichlet,
    Initial,
    Interval,
    Problem,
    TimeInterval,
    coordinates,
    time,
    unknown,
)

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(0, pi)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"beam": u.diff(t, 2) + u.diff(x, 4)},
    conditions=[
        Initial(u, sin(x)),
        Initial(u.diff(t), 0),
        Dirichlet(u, 0, on=("left", "right")),
        Condition(u.diff(x, 2), on=("left", "right")),
    ],
)
