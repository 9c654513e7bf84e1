"""The soliton of the Korteweg-de Vries equation of speed 1, u = sech((x - t)/2)^2 / 2."""

from sympy import sech

from kanpde import (
    Dirichlet,
    Initial,
    Interval,
    Neumann,
    Problem,
    TimeInterval,
    coordinates,
    time,
    unknown,
)

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-5, 5)) * TimeInterval(t=(0, 1))
exact = sech((x - t) / 2) ** 2 / 2

problem = Problem(
    domain,
    equations={"kdv": u.diff(t) + 6 * u * u.diff(x) + u.diff(x, 3)},
    conditions=[
        Initial(u, exact.subs(t, 0)),
        Dirichlet(u, exact, on=("left", "right")),
        Neumann(u, exact.diff(x), on="right"),
    ],
)
