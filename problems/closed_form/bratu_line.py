"""Bratu's problem on a line, on its lower branch with theta = 2.

u'' + 2/cosh(1/2)^2 e^u = 0, u(0) = u(1) = 0; u = 2 log(cosh(1/2)/cosh(x - 1/2)).
"""

from sympy import Rational, cosh, exp

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))

problem = Problem(
    line,
    equations={"bratu": u.diff(x, 2) + 2 / cosh(Rational(1, 2)) ** 2 * exp(u)},
    conditions=[Dirichlet(u, 0, on=line.boundary)],
)
