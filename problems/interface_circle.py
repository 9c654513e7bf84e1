"""Heat around a cylinder that conducts ten times better: an interface inside the domain.

v is the temperature outside the circle of radius 1/2, w the one inside: both harmonic there, equal
on the circle, and so are the fluxes. With the field -x far away (Maxwell, Treatise, 1873, art. 310)

    w = -2 x / (k + 1),    v = -x + (k - 1)/(k + 1) x / (4 r^2).
"""

from sympy import Rational

from kanpde import (
    Condition,
    Dirichlet,
    Disk,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    normal_derivative,
    unknown,
)

x, y = coordinates("x y")
v, w = (unknown(name, x, y) for name in "vw")
disk = Disk(x=0, y=0, radius=0.5)
square = Rectangle(x=(-1, 1), y=(-1, 1)).including(circle=disk)
k = 10
outside = -x + Rational(k - 1, k + 1) * x / (4 * (x**2 + y**2))

problem = Problem(
    square,
    equations={"outside": laplacian(v), "inside": laplacian(w)},
    regions={"outside": Rectangle(x=(-1, 1), y=(-1, 1)) - disk, "inside": disk},
    conditions=[
        Dirichlet(v, outside, on=square.boundary),
        Condition(v - w, on="circle", name="temperature"),
        Condition(normal_derivative(v) - k * normal_derivative(w), on="circle", name="flux"),
    ],
    exact={v: outside, w: -2 * x / (k + 1)},
)
