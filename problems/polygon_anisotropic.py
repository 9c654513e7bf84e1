"""Anisotropic diffusion on a polygon with values and slopes given: a manufactured solution.

2 u_xx + u_xy + u_yy = f on a pentagon, u given on three sides, its slope on two;
u = sin(2 x + y) + x y^2.
"""

from sympy import sin

from kanpde import (
    Condition,
    Dirichlet,
    Polygon,
    Problem,
    coordinates,
    normal_derivative,
    unknown,
)

x, y = coordinates("x y")
u = unknown("u", x, y)
pentagon = Polygon([(-1, -0.5), (0.5, -1), (1.2, 0.2), (0.3, 1), (-0.8, 0.7)])
exact = sin(2 * x + y) + x * y**2


def operator(f):
    return 2 * f.diff(x, 2) + f.diff(x, y) + f.diff(y, 2)


problem = Problem(
    pentagon,
    equations={"diffusion": operator(u) - operator(exact)},
    conditions=[
        Dirichlet(u, exact, on=["side 1", "side 2", "side 4"]),
        Condition(normal_derivative(u - exact, x, y), on=["side 3", "side 5"], name="slope"),
    ],
    exact={u: exact},
)
