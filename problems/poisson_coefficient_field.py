"""A coefficient found from noisy values of the solution: an inverse problem with an unknown field.

div(a grad u) + f = 0 on [0, 1]^2 with a(x, y) unknown, but given on the boundary. u is measured on
a grid of 50 x 50 points with noise of deviation 0.1, a fifth of its root mean square; no other
condition is given. The truth is u = sin(pi x) sin(pi y), a = 1 / (1 + x^2 + y^2 + (x-1)^2 +
(y-1)^2) (PoissonInv of PINNacle, arXiv:2306.08827, whose own source has a wrong sign; the best
relative L2 error there is about 2.0e-2).

The equation is exact and the data are not, so it is written with a factor of ten. The coefficient
starts around one: with the wrong sign somewhere it would stay there.
"""

import numpy as np
from sympy import pi, sin

from kanpde import (
    Chebyshev,
    Data,
    Dirichlet,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    SeparableKAN,
    coordinates,
    unknowns,
)

x, y = coordinates("x y")
u, a = unknowns("u a", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
field = sin(pi * x) * sin(pi * y)
coefficient = 1 / (1 + x**2 + y**2 + (x - 1) ** 2 + (y - 1) ** 2)


def flow(u, a):
    return (a * u.diff(x)).diff(x) + (a * u.diff(y)).diff(y)


grid = np.linspace(0, 1, 50)
points = np.stack([g.ravel() for g in np.meshgrid(grid, grid, indexing="ij")], axis=1)
noise = 0.1 * np.random.default_rng(0).normal(size=2500)
measured = np.sin(np.pi * points).prod(1) + noise

problem = Problem(
    square,
    equations={"poisson": 10 * (flow(u, a) - flow(field, coefficient))},
    conditions=[
        Data(u, points, measured, noise=0.1),
        # side by side, so that nothing is told of the inside
        Dirichlet(a, coefficient.subs(x, 0), on="left"),
        Dirichlet(a, coefficient.subs(x, 1), on="right"),
        Dirichlet(a, coefficient.subs(y, 0), on="bottom"),
        Dirichlet(a, coefficient.subs(y, 1), on="top"),
    ],
    exact={u: field, a: coefficient},
)
network = SeparableKAN(1, [Chebyshev(8), Chebyshev(8)], outputs=2, around=(0, 1))
plan = [LevenbergMarquardt(iterations=60)]
