"""Diffusion through two materials: the coefficient jumps from 1 to 10 at x = 0.

div(a grad u) = f on [-1, 1]^2, u and the flux a u_x continuous across x = 0. A kink that no smooth
basis can have; the boxes of local KANs end there, and their fluxes are matched.
"""

from sympy import Piecewise, exp, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(-1, 1), y=(-1, 1))
left, right = x < 0, True
a = Piecewise((1, left), (10, right))
# u = 0 on the interface, and a u_x = exp(y) on both sides of it
exact = Piecewise((exp(y) * sin(x), left), (exp(y) * (x + x**2) / 10, right))
source = Piecewise(
    (laplacian(exp(y) * sin(x), x, y), left), (laplacian(exp(y) * (x + x**2), x, y), right)
)

problem = Problem(
    square,
    equations={"diffusion": a * laplacian(u) - source},
    conditions=[Dirichlet(u, exact, on=square.boundary)],
    exact={u: exact},
)
