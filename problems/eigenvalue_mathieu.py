"""The lowest odd eigenvalue of Mathieu's equation: an unknown number and a normalisation.

u'' + (a - 2 q cos 2x) u = 0 on [0, pi] with q = 5, u(0) = u(pi) = 0 and u'(0) = 1; a is sought,
from -4 on. It is b_1(5) = -5.79008059863... (DLMF, 28.2).

The equation holds for infinitely many a; which one is found is decided by the start.
"""

from sympy import cos, pi

from kanpde import (
    KAN,
    Chebyshev,
    Dirichlet,
    Interval,
    LevenbergMarquardt,
    Neumann,
    Problem,
    coordinates,
    parameter,
    unknown,
)

x = coordinates("x")
u = unknown("u", x)
a = parameter("a", initial=-4.0)
interval = Interval(x=(0, pi))

problem = Problem(
    interval,
    equations={"mathieu": u.diff(x, 2) + (a - 10 * cos(2 * x)) * u},
    conditions=[
        Dirichlet(u, 0, on=interval.boundary),
        Neumann(u, -1, on="left", name="normalisation"),
    ],
)
network = KAN([1, 1], basis=Chebyshev(30), activation=None)
plan = [LevenbergMarquardt(iterations=60)]
