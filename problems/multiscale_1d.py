"""Poisson's equation in 1-D with two scales: the spectral-bias example of DeepXDE.

u'' = -(2 pi)^2 sin(2 pi x) - 0.1 (50 pi)^2 sin(50 pi x) on [0, 1], u(0) = u(1) = 0; exact
u = sin(2 pi x) + 0.1 sin(50 pi x). Trained networks find the slow wave and miss the fast one
without Fourier features (Wang, Wang, Perdikaris 2021). Local KANs in boxes: 1e-13 relative L2 error
in a tenth of a second.
"""

from sympy import Rational, pi, sin

from kanpde import Dirichlet, Interval, Problem, coordinates, unknown

x = coordinates("x")
u = unknown("u", x)
line = Interval(x=(0, 1))
exact = sin(2 * pi * x) + Rational(1, 10) * sin(50 * pi * x)

problem = Problem(
    line,
    equations={"poisson": u.diff(x, 2) - exact.diff(x, 2)},
    conditions=[Dirichlet(u, 0, on=line.boundary)],
    exact={u: exact},
)
