"""The wave equation with two standing waves (PINNacle, Wave 1d-C with a = 4).

u_tt = 4 u_xx on [0, 1] x [0, 1], u(0, t) = u(1, t) = 0, u(x, 0) = sin(pi x) + sin(4 pi x) / 2,
u_t(x, 0) = 0; u = sin(pi x) cos(2 pi t) + sin(4 pi x) cos(8 pi t) / 2.

Relative L2 errors published for trained networks, as collected in the literature: 0.59 and 0.098
(PINNacle), 2.9e-5 (SOAP), 1.2e-5 (jaxpi2).
"""

from sympy import cos, pi, sin

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"wave": u.diff(t, 2) - 4 * u.diff(x, 2)},
    conditions=[
        Dirichlet(u, 0, on=["left", "right"]),
        Initial(u, sin(pi * x) + sin(4 * pi * x) / 2),
        Initial(u.diff(t), 0),
    ],
    exact={u: sin(pi * x) * cos(2 * pi * t) + sin(4 * pi * x) * cos(8 * pi * t) / 2},
)
tol = 1e-9
