"""u'' = (4 x^3 - 6 x) exp(-x^2): the first moment of a Gaussian, u = x exp(-x^2)."""

from sympy import exp

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(-2, 2))

problem = Problem(
    line,
    equations={"load": u.diff(x, 2) - (4 * x**3 - 6 * x) * exp(-(x**2))},
    conditions=[Dirichlet(u, x * exp(-4), on=line.boundary)],
)
