"""Convection, reaction and diffusion on a square with four holes: a manufactured solution.

-laplacian(u) + 3 u_x - 2 u_y + 5 u = f on the plate of PINNacle's Poisson 2d-C (arXiv:2306.08827),
u given on the square and its slope on the circles; u = sin(2 x + y) + cos(y) log(r^2) / 4, r the
distance to (-0.3, 0.3).
"""

from sympy import cos, log, sin

from kanpde import (
    Condition,
    Dirichlet,
    Disk,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    normal_derivative,
    unknown,
)

x, y = coordinates("x y")
u = unknown("u", x, y)
plate = Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5))
for a in (-0.3, 0.3):
    for b in (-0.3, 0.3):
        plate = plate - Disk(x=a, y=b, radius=0.1)
exact = sin(2 * x + y) + cos(y) * log((x + 0.3) ** 2 + (y - 0.3) ** 2) / 4


def operator(f):
    return -laplacian(f, x, y) + 3 * f.diff(x) - 2 * f.diff(y) + 5 * f


problem = Problem(
    plate,
    equations={"transport": operator(u) - operator(exact)},
    conditions=[
        Dirichlet(u, exact, on=["left", "right", "bottom", "top"]),
        Condition(normal_derivative(u - exact, x, y), on="circle", name="slope"),
    ],
    exact={u: exact},
)
