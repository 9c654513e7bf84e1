"""The logarithm of a density under the Fokker-Planck equation, in nine dimensions and time.

q_t = x . grad q / 2 + laplacian q + |grad q|^2 + 9/2 on [-5, 5]^9 for 0 < t < 1, q the logarithm
of the standard normal density at t = 0; that of N(0, (2 - exp(-t)) I) later. Posed as in Dangel,
Mueller and Zeinhofer, arXiv:2405.15603, and Guzman-Cordero et al., arXiv:2505.12149, whose best
relative L2 error is about 1.5e-3 (7000 s on a GPU): nothing is asked at the faces of the cut-off
space.

It is a sum of functions of two coordinates, and products of two at a time can hold it. So can a KAN
[10, (1, [2]), 1] of 334 parameters, a sum and a product of two sums of functions of one coordinate.
"""

import warnings

from sympy import exp, log, pi

from kanpde import (
    Box,
    Initial,
    Ladder,
    NotWellPosedWarning,
    Problem,
    TimeInterval,
    coordinates,
    laplacian,
    time,
    unknown,
)

space = coordinates(" ".join(f"x{i}" for i in range(1, 10)))
t = time("t")
q = unknown("q", *space, t)
domain = Box(**{c.name: (-5, 5) for c in space}) * TimeInterval(t=(0, 1))
variance = 2 - exp(-t)
exact = -sum(c**2 for c in space) / (2 * variance) - log(2 * pi * variance) * 9 / 2
drift = sum(c * q.diff(c) for c in space) / 2
slope = sum(q.diff(c) ** 2 for c in space)

with warnings.catch_warnings():  # as published: the density has no boundary, only the box has
    warnings.simplefilter("ignore", NotWellPosedWarning)
    problem = Problem(
        domain,
        equations={"log density": q.diff(t) - drift - laplacian(q, *space) - slope - 4.5},
        conditions=[Initial(q, exact.subs(t, 0))],
        exact={q: exact},
    )
network = Ladder(degrees=(7, 15, 23, 27), together=2)
tol = 1e-6
