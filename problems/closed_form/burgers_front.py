"""A front of Burgers' equation with viscosity 1/10, u = (1 - tanh((x - t/2)/(4 nu)))/2."""

from sympy import Rational, tanh

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))
nu = Rational(1, 10)
exact = (1 - tanh((x - t / 2) / (4 * nu))) / 2

problem = Problem(
    domain,
    equations={"burgers": u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)},
    conditions=[Initial(u, exact.subs(t, 0)), Dirichlet(u, exact, on=("left", "right"))],
)
