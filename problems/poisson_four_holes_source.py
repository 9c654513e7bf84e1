"""Poisson's equation on a square with four holes and a source: a manufactured solution.

-laplacian(u) = f on the plate of PINNacle's Poisson 2d-C (arXiv:2306.08827), u given on the
boundary; u = exp(x) cos(2 y) + (1 + x y) log(r^2) / 4, r the distance to (0.3, 0.3).
"""

from sympy import cos, exp, log

from kanpde import Dirichlet, Disk, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
plate = Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5))
for a in (-0.3, 0.3):
    for b in (-0.3, 0.3):
        plate = plate - Disk(x=a, y=b, radius=0.1)
exact = exp(x) * cos(2 * y) + (1 + x * y) * log((x - 0.3) ** 2 + (y - 0.3) ** 2) / 4

problem = Problem(
    plate,
    equations={"poisson": -laplacian(u) + laplacian(exact, x, y)},
    conditions=[Dirichlet(u, exact, on=plate.boundary)],
    exact={u: exact},
)
