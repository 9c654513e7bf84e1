"""A nonlinear Klein-Gordon equation with moving ends, an example of DeepXDE.

u_tt - u_xx + u^2 = -x cos t + x^2 cos^2 t on [-1, 1] x [0, 10], u(-1, t) = -cos t,
u(1, t) = cos t, u(x, 0) = x, u_t(x, 0) = 0; u = x cos t.
"""

from sympy import cos

from kanpde import Dirichlet, Initial, Interval, Problem, TimeInterval, coordinates, time, unknown

x, t = coordinates("x"), time("t")
u = unknown("u", x, t)
domain = Interval(x=(-1, 1)) * TimeInterval(t=(0, 10))
source = -x * cos(t) + x**2 * cos(t) ** 2

problem = Problem(
    domain,
    equations={"klein-gordon": u.diff(t, 2) - u.diff(x, 2) + u**2 - source},
    conditions=[
        Dirichlet(u, -cos(t), on="left"),
        Dirichlet(u, cos(t), on="right"),
        Initial(u, x),
        Initial(u.diff(t), 0),
    ],
    exact={u: x * cos(t)},
)
tol = 1e-10
