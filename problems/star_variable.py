"""A second-order equation with all coefficients variable on a star: a manufactured solution.

(1 + x^2/2) u_xx + x y / 4 u_xy + (1 + exp(-y)) u_yy + sin(x) u_x - u_y - (1 + x^2) u = f inside
r = 1 + 0.2 cos(5 angle), u given on the curve; u = sin(2 x) exp(y).
"""

import numpy as np
from sympy import exp, sin

from kanpde import Dirichlet, Problem, Star, coordinates, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
star = Star(x=0, y=0, radius=lambda angle: 1 + 0.2 * np.cos(5 * angle))
exact = sin(2 * x) * exp(y)


def operator(f):
    second = (1 + x**2 / 2) * f.diff(x, 2) + x * y / 4 * f.diff(x, y)
    second += (1 + exp(-y)) * f.diff(y, 2)
    return second + sin(x) * f.diff(x) - f.diff(y) - (1 + x**2) * f


problem = Problem(
    star,
    equations={"elliptic": operator(u) - operator(exact)},
    conditions=[Dirichlet(u, exact, on=star.boundary)],
    exact={u: exact},
)
