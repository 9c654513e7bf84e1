"""The heat equation in the five-dimensional ball with a given flux through the sphere (V08).

u_t = laplacian(u) / 5 - |x|^2 exp(|x|^2/2 + t) / 5 in |x| < 1 for 0 < t < 1, du/dn = exp(1/2 + t)
on |x| = 1, u = exp(|x|^2/2) at t = 0; u = exp(|x|^2/2 + t) (PINNacle's HNd, arXiv:2306.08827, where
the best relative L2 error is about 1.2e-4).

No expansion in few coordinates at a time converges here; a product of one function of each
coordinate, trained, does.
"""

from sympy import Rational, exp

from kanpde import (
    Ball,
    Chebyshev,
    Initial,
    LevenbergMarquardt,
    Neumann,
    Problem,
    SeparableKAN,
    TimeInterval,
    coordinates,
    laplacian,
    time,
    unknown,
)

space = coordinates("x1 x2 x3 x4 x5")
t = time("t")
u = unknown("u", *space, t)
domain = Ball(**{c.name: 0 for c in space}, radius=1) * TimeInterval(t=(0, 1))
square = sum(c**2 for c in space)
exact = exp(square / 2 + t)

problem = Problem(
    domain,
    equations={"heat": u.diff(t) - laplacian(u, *space) / 5 + square * exact / 5},
    conditions=[
        Neumann(u, exp(Rational(1, 2) + t), on="sphere"),
        Initial(u, exp(square / 2)),
    ],
    exact={u: exact},
)
network = SeparableKAN(1, [Chebyshev(14)] * 5 + [Chebyshev(12)], around=1)
plan = [LevenbergMarquardt(iterations=60)]
