"""Flow in a square cavity under a moving lid at Re = 100: PINNacle's NS 2d-C with a = 4.

u u_x + v u_y + p_x = laplacian(u) / 100, likewise for v, u_x + v_y = 0 on [0, 1]^2; the lid y = 1
moves with 4 x (1 - x), the other walls rest, p(0, 0) = 0. The pressure is singular, like log r, in
the two corners of the lid. Best relative L2 error of u published
for trained networks: 3.6e-2 (arXiv:2306.08827).
"""

from sympy import Rational

from kanpde import Dirichlet, PointValue, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u, v, p = (unknown(name, x, y) for name in "uvp")
cavity = Rectangle(x=(0, 1), y=(0, 1))
nu = Rational(1, 100)

problem = Problem(
    cavity,
    equations={
        "momentum x": u * u.diff(x) + v * u.diff(y) + p.diff(x) - nu * laplacian(u),
        "momentum y": u * v.diff(x) + v * v.diff(y) + p.diff(y) - nu * laplacian(v),
        "continuity": u.diff(x) + v.diff(y),
    },
    conditions=[
        Dirichlet(u, 4 * x * (1 - x), on="top", name="lid"),
        Dirichlet(u, 0, on=["left", "right", "bottom"], name="u"),
        Dirichlet(v, 0, on=cavity.boundary, name="v"),
        PointValue(p, 0, x=0, y=0, name="pressure"),
    ],
)
tol = 3e-3
