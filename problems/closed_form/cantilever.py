"""A cantilever under its own weight, u = x^2 (6 - 4 x + x^2)/24."""

from kanpde import Condition, Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
beam = Interval(x=(0, 1))

problem = Problem(
    beam,
    equations={"beam": u.diff(x, 4) - 1},
    conditions=[
        Dirichlet(u, 0, on="left"),
        Condition(u.diff(x), on="left"),
        Condition(u.diff(x, 2), on="right"),
        Condition(u.diff(x, 3), on="right"),
    ],
)
