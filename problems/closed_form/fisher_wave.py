"""The front of Fisher's equation by Ablowitz and Zeppetella, speed 5/sqrt(6)."""

from sympy import exp, sqrt

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-5, 5)) * TimeInterval(t=(0, 1))
exact = (1 + exp((x - 5 * t / sqrt(6)) / sqrt(6))) ** -2

problem = Problem(
    domain,
    equations={"fisher": u.diff(t) - u.diff(x, 2) - u * (1 - u)},
    conditions=[Initial(u, exact.subs(t, 0)), Dirichlet(u, exact, on=("left", "right"))],
)
