"""The viscosity of Burgers' equation from noisy measurements: an inverse problem.

u_t + u u_x = nu u_xx on [-1, 1] x [0, 1], u = 0 at both ends. u is measured at 500 points with
noise of deviation 0.005 and nu is sought between 1e-3 and 1, from 0.3 on. The truth is nu = 0.05
and the front u = 2 nu pi sin(pi x) / (a + cos(pi x)) with exponential decay, by the transformation
of Cole and Hopf (a = 1.2 exp(nu pi^2 t)).

The equation is exact and the data are not, so it is written with a factor of ten.
"""

import numpy as np

from kanpde import (
    Chebyshev,
    Data,
    Dirichlet,
    Interval,
    LevenbergMarquardt,
    Problem,
    SeparableKAN,
    TimeInterval,
    coordinates,
    parameter,
    time,
    unknown,
)

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
nu = parameter("nu", initial=0.3, bounds=(1e-3, 1))
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))


def front(x, t, nu=0.05):
    growth = 1.2 * np.exp(nu * np.pi**2 * t)
    return 2 * nu * np.pi * np.sin(np.pi * x) / (growth + np.cos(np.pi * x))


generator = np.random.default_rng(0)
points = generator.uniform((-1, 0), (1, 1), (500, 2))
measured = front(*points.T) + 0.005 * generator.normal(size=500)

problem = Problem(
    domain,
    equations={"burgers": 10 * (u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2))},
    conditions=[
        Dirichlet(u, 0, on=("left", "right")),
        Data(u, points, measured, noise=0.005),
    ],
)
network = SeparableKAN(4, [Chebyshev(20), Chebyshev(8)])
plan = [LevenbergMarquardt(iterations=80)]
