"""The potential between two cylinders: 0 at r = 1 and 1 at r = 2, u = log(r)/log(2)."""

from kanpde import Annulus, Dirichlet, Problem, coordinates, laplacian, unknown

x, y = coordinates("x y")
u = unknown("u", x, y)
ring = Annulus(x=0, y=0, inner=1, outer=2)

problem = Problem(
    ring,
    equations={"laplace": laplacian(u)},
    conditions=[Dirichlet(u, 0, on="inner"), Dirichlet(u, 1, on="outer")],
)
