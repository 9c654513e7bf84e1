"""A loaded elastic plate, displacements and stresses as unknowns: an example of DeepXDE.

Hooke's law and equilibrium on [0, 1]^2 with lambda = 1, mu = 1/2 (Haghighat et al.,
doi:10.1016/j.cma.2021.113741); ux = cos(2 pi x) sin(pi y), uy = sin(pi x) y^4.
"""

from sympy import Rational, cos, pi, sin

from kanpde import Dirichlet, Problem, Rectangle, coordinates, unknown

x, y = coordinates("x y")
ux, uy, sxx, syy, sxy = (unknown(name, x, y) for name in ("ux", "uy", "sxx", "syy", "sxy"))
plate = Rectangle(x=(0, 1), y=(0, 1))
lam, mu = 1, Rational(1, 2)


def stresses(a, b):
    exx, eyy, exy = a.diff(x), b.diff(y), (a.diff(y) + b.diff(x)) / 2
    trace = lam * (exx + eyy)
    return trace + 2 * mu * exx, trace + 2 * mu * eyy, 2 * mu * exy


fields = cos(2 * pi * x) * sin(pi * y), sin(pi * x) * y**4
exact = dict(zip((ux, uy, sxx, syy, sxy), (*fields, *stresses(*fields)), strict=True))
laws = stresses(ux, uy)

problem = Problem(
    plate,
    equations={
        "hooke xx": sxx - laws[0],
        "hooke yy": syy - laws[1],
        "hooke xy": sxy - laws[2],
        "equilibrium x": sxx.diff(x) + sxy.diff(y) - exact[sxx].diff(x) - exact[sxy].diff(y),
        "equilibrium y": sxy.diff(x) + syy.diff(y) - exact[sxy].diff(x) - exact[syy].diff(y),
    },
    conditions=[
        Dirichlet(ux, 0, on=["bottom", "top"], name="ux"),
        Dirichlet(uy, 0, on=["left", "right", "bottom"], name="uy"),
        Dirichlet(sxx, 0, on=["left", "right"], name="sxx"),
        Dirichlet(syy, 8 * sin(pi * x), on="top", name="syy"),
    ],
    exact=exact,
)
