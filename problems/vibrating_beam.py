"""A vibrating beam on two supports: second order in time, fourth in space.

u_tt + u_xxxx = 0 on [0, 1] x [0, 1], u = u_xx = 0 at both ends, u(x, 0) = sin(pi x),
u_t(x, 0) = 0; u = sin(pi x) cos(pi^2 t).
"""

from sympy import cos, pi, sin

from kanpde import (
    Condition,
    Dirichlet,
    Initial,
    Interval,
    Problem,
    TimeInterval,
    coordinates,
    time,
    unknown,
)

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 1))

problem = Problem(
    domain,
    equations={"beam": u.diff(t, 2) + u.diff(x, 4)},
    conditions=[
        Dirichlet(u, 0, on=["left", "right"]),
        Condition(u.diff(x, 2), on=["left", "right"], name="no moment"),
        Initial(u, sin(pi * x)),
        Initial(u.diff(t), 0),
    ],
    exact={u: sin(pi * x) * cos(pi**2 * t)},
)
tol = 1e-9
