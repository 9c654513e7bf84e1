"""Burgers' equation in two dimensions: a front that runs along the diagonal of a square.

u_t + u (u_x + u_y) = 0.02 (u_xx + u_yy) on [0, 1]^2, t from 0 to 0.5, with
u = 1 / (1 + exp((x + y - t - 0.3) / 0.04)) at the start and on the sides, which is the solution.
The front is 25 times narrower than the square.
"""

from sympy import Rational, exp

from kanpde import Dirichlet, Initial, Problem, Rectangle, TimeInterval, coordinates, time, unknown

x, y = coordinates("x y")
t = time("t")
u = unknown("u", x, y, t)
domain = Rectangle(x=(0, 1), y=(0, 1)) * TimeInterval(t=(0, 0.5))
viscosity = Rational(2, 100)
front = 1 / (1 + exp((x + y - t - Rational(3, 10)) / (2 * viscosity)))
diffusion = viscosity * (u.diff(x, 2) + u.diff(y, 2))

problem = Problem(
    domain,
    equations={"burgers": u.diff(t) + u * (u.diff(x) + u.diff(y)) - diffusion},
    conditions=[
        Dirichlet(u, front, on=["left", "right", "bottom", "top"]),
        Initial(u, front),
    ],
    exact={u: front},
)
tol = 1e-4
