"""A reaction-diffusion equation on the unit disk with slopes given on the circle: manufactured.

-laplacian(u) + u = f on the disk, du/dn given; u = exp(x) sin(2 y).
"""

from sympy import exp, sin

from kanpde import (
    Condition,
    Disk,
    Problem,
    coordinates,
    laplacian,
    normal_derivative,
    unknown,
)

x, y = coordinates("x y")
u = unknown("u", x, y)
disk = Disk(x=0, y=0, radius=1)
exact = exp(x) * sin(2 * y)

problem = Problem(
    disk,
    equations={"reaction": -laplacian(u) + u + laplacian(exact, x, y) - exact},
    conditions=[Condition(normal_derivative(u - exact, x, y), on="circle", name="slope")],
    exact={u: exact},
)
