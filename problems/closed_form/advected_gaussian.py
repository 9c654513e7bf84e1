"""A Gaussian carried along: u_t + u_x = 0, u = exp(-(x - t)^2)."""

from sympy import exp

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-2, 2)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"advection": u.diff(t) + u.diff(x)},
    conditions=[Initial(u, exp(-(x**2))), Dirichlet(u, exp(-((2 + t) ** 2)), on="left")],
)
