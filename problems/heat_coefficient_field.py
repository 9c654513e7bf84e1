"""A conductivity found from noisy temperatures: an inverse problem with an unknown field.

u_t = div(a grad u) + f on [-1, 1]^2 x [0, 1] with a(x, y) unknown, a = 2 on the boundary. u is
measured at 2500 points with noise of deviation 0.1; no other condition is given. The truth is
u = exp(-t) sin(pi x) sin(pi y), a = 2 + sin(pi x) sin(pi y) (HeatInv of PINNacle,
arXiv:2306.08827, where the best relative L2 error of both together is about 1.2e-2).

The equation is exact and the data are not, so it is written with a factor of ten. The coefficient
starts around one: with the wrong sign somewhere it would stay there.
"""

import numpy as np
from sympy import Integer, exp, pi, sin

from kanpde import (
    Chebyshev,
    Data,
    Dirichlet,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    SeparableKAN,
    TimeInterval,
    coordinates,
    time,
    unknowns,
)

x, y = coordinates("x y")
t = time("t")
u, a = unknowns("u a", x, y, t)
domain = Rectangle(x=(-1, 1), y=(-1, 1)) * TimeInterval(t=(0, 1))
temperature = exp(-t) * sin(pi * x) * sin(pi * y)
conductivity = Integer(2) + sin(pi * x) * sin(pi * y)


def heating(u, a):
    return u.diff(t) - (a * u.diff(x)).diff(x) - (a * u.diff(y)).diff(y)


generator = np.random.default_rng(0)
points = generator.uniform((-1, -1, 0), (1, 1, 1), (2500, 3))
places, times = points[:, :2], points[:, 2]
measured = np.exp(-times) * np.sin(np.pi * places).prod(1) + 0.1 * generator.normal(size=2500)

problem = Problem(
    domain,
    equations={
        "heat": 10 * (heating(u, a) - heating(temperature, conductivity)),
        "steady": 10 * a.diff(t),
    },
    conditions=[
        Data(u, points, measured, noise=0.1),
        Dirichlet(a, 2, on=("left", "right", "bottom", "top")),
    ],
    exact={u: temperature, a: conductivity},
)
network = SeparableKAN(2, [Chebyshev(12), Chebyshev(12), Chebyshev(6)], outputs=2, around=(0, 1))
plan = [LevenbergMarquardt(iterations=60)]
