"""The heat equation with very different conductivities along x and y: PINNacle's Heat 2d-MS.

u_t = u_xx / (500 pi)^2 + u_yy / pi^2 on [0, 1]^2, t from 0 to 5, u = 0 on the sides,
u(x, y, 0) = sin(20 pi x) sin(pi y). Published relative errors of PINNs: 6e-2 and 4e-2 at best
(arXiv:2306.08827).
"""

from sympy import exp, pi, sin

from kanpde import Dirichlet, Initial, Problem, Rectangle, TimeInterval, coordinates, time, unknown

x, y = coordinates("x y")
t = time("t")
u = unknown("u", x, y, t)
domain = Rectangle(x=(0, 1), y=(0, 1)) * TimeInterval(t=(0, 5))
along_x, along_y = 1 / (500 * pi) ** 2, 1 / pi**2
start = sin(20 * pi * x) * sin(pi * y)
decay = along_x * (20 * pi) ** 2 + along_y * pi**2

problem = Problem(
    domain,
    equations={"heat": u.diff(t) - along_x * u.diff(x, 2) - along_y * u.diff(y, 2)},
    conditions=[Dirichlet(u, 0, on=["left", "right", "bottom", "top"]), Initial(u, start)],
    exact={u: start * exp(-decay * t)},
)
tol = 1e-8
