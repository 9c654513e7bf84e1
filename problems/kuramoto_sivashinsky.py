"""The Kuramoto-Sivashinsky equation in its regular regime: fourth order, unstable and nonlinear.

u_t + 5 u u_x + 0.5 u_xx + 0.005 u_xxxx = 0 on [-1, 1] x [0, 1], periodic, u(x, 0) = -sin(pi x).

Published: relative L2 error 1.4e-4 (jaxpi, ablation study).
"""

from sympy import Rational, pi, sin

from kanpde import Initial, Interval, Periodic, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 1))
operator = 5 * u * u.diff(x) + u.diff(x, 2) / 2 + Rational(5, 1000) * u.diff(x, 4)

problem = Problem(
    domain,
    equations={"kuramoto-sivashinsky": u.diff(t) + operator},
    conditions=[Periodic(u, x), Initial(u, -sin(pi * x))],
)
tol = 1e-7
