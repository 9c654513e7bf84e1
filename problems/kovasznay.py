"""Kovasznay's flow behind a grid at Re = 20: an exact solution of Navier-Stokes' equations.

u u_x + v u_y + p_x = laplacian(u) / 20, likewise for v, u_x + v_y = 0 on [-0.5, 1] x [-0.5, 1.5];
velocities given on the whole boundary, the pressure at x = 1
(Kovasznay, Proc. Camb. Phil. Soc. 44, 1948; an example of DeepXDE).
"""

from sympy import Rational, cos, exp, pi, sin, sqrt

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u, v, p = (unknown(name, x, y) for name in "uvp")
channel = Rectangle(x=(-0.5, 1), y=(-0.5, 1.5))
nu = Rational(1, 20)
decay = 10 - sqrt(100 + 4 * pi**2)
exact = {
    u: 1 - exp(decay * x) * cos(2 * pi * y),
    v: decay / (2 * pi) * exp(decay * x) * sin(2 * pi * y),
    p: (1 - exp(2 * decay * x)) / 2,
}

problem = Problem(
    channel,
    equations={
        "momentum x": u * u.diff(x) + v * u.diff(y) + p.diff(x) - nu * laplacian(u),
        "momentum y": u * v.diff(x) + v * v.diff(y) + p.diff(y) - nu * laplacian(v),
        "continuity": u.diff(x) + v.diff(y),
    },
    conditions=[
        Dirichlet(u, exact[u], on=channel.boundary, name="u"),
        Dirichlet(v, exact[v], on=channel.boundary, name="v"),
        Dirichlet(p, exact[p], on="right", name="p"),
    ],
    exact=exact,
)
