"""A boundary layer for every diffusivity at once: a parameter is one more coordinate.

k u_xx + u_x = 1 on [0, 1] for 0.1 <= k <= 1, u(0) = u(1) = 0;
u = x - (1 - exp(-x/k)) / (1 - exp(-1/k)). No condition holds where k begins or ends.
"""

from sympy import exp

from kanpde import Dirichlet, Problem, Rectangle, coordinates, unknown

x, k = coordinates("x k")
u = unknown("u", x, k)
strip = Rectangle(x=(0, 1), k=(0.1, 1))
exact = x - (1 - exp(-x / k)) / (1 - exp(-1 / k))

problem = Problem(
    strip,
    equations={"layer": k * u.diff(x, 2) + u.diff(x) - 1},
    conditions=[Dirichlet(u, 0, on=["left", "right"])],
    exact={u: exact},
)
