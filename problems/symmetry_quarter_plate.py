"""A quarter of a plate with a hole: symmetry is a condition like any other.

u_xx + u_yy = 0 between the circle of radius 1 and the square |x|, |y| < 2, a quarter of it; on the
lines of symmetry the slope across vanishes, on the circle too. u = Re(z^2 + z^-2), which is
symmetric about both axes, is given on the outer sides.
"""

from sympy import simplify

from kanpde import Dirichlet, Disk, Neumann, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
plate = Rectangle(x=(0, 2), y=(0, 2)) - Disk(x=0, y=0, radius=1, name="hole")
exact = simplify((x**2 - y**2) * (1 + 1 / (x**2 + y**2) ** 2))

problem = Problem(
    plate,
    equations={"laplace": laplacian(u)},
    conditions=[
        Neumann(u, 0, on=["left", "bottom"], name="symmetry"),
        Neumann(u, 0, on="hole"),
        Dirichlet(u, exact, on=["right", "top"]),
    ],
    exact={u: exact},
)
