"""Laplace's equation on a square with four holes: PINNacle's Poisson 2d-C (arXiv:2306.08827).

laplacian(u) = 0 on [-0.5, 0.5]^2 without the disks of radius 0.1 about (+-0.3, +-0.3); u = 1 on
the square and 0 on the circles. Published there: 1.2e-2 at best. No exact solution is known; by
the maximum principle no error is larger than the largest one on the boundary.
"""

from kanpde import Dirichlet, Disk, Problem, Rectangle, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
plate = Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5))
for a in (-0.3, 0.3):
    for b in (-0.3, 0.3):
        plate = plate - Disk(x=a, y=b, radius=0.1)

problem = Problem(
    plate,
    equations={"laplace": laplacian(u)},
    conditions=[
        Dirichlet(u, 1, on=["left", "right", "bottom", "top"]),
        Dirichlet(u, 0, on="circle"),
    ],
)
