"""Riccati's equation u' = 1 + u^2 from u(0) = 0: the tangent."""

from kanpde import Dirichlet, Interval, Ladder, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)

problem = Problem(
    Interval(x=(0, 1)),
    equations={"riccati": u.diff(x) - 1 - u**2},
    conditions=[Dirichlet(u, 0, on="left")],
)

network = Ladder()
