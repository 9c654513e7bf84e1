"""The start of a KAN: value and Laplacian of order one for every basis, depth and width.

Peers start where no optimiser can: jaxKAN's Chebyshev of degree 12 at a PDE loss of 8e5, with three
layers at 2.4e8, fast-kan at 1.4e9. The Laplacian here is that in coordinates scaled to [-1, 1].
"""

import numpy as np
import pytest
import torch

from kanpde.bases import (
    Basis,
    BSpline,
    Chebyshev,
    DoG,
    Fourier,
    Gaussian,
    Jacobi,
    Legendre,
    MexicanHat,
    Morlet,
)
from kanpde.networks import KAN, JetLayout

LEAST, MOST = 0.1, 30.0
BASES: list[Basis] = [
    *(BSpline(degree, count) for degree in (2, 3, 5, 9) for count in (2, 10, 40)),
    BSpline(5, knots=(-1.0, -0.9, -0.1, 0.6, 1.0)),
    *(Chebyshev(degree) for degree in (3, 12, 20)),
    *(Legendre(degree) for degree in (3, 20)),
    Jacobi(8, alpha=0.5, beta=1.0),
    *(Fourier(modes, period) for modes in (3, 10) for period in (2.0, 4.0)),
    *(Gaussian(count) for count in (5, 20)),
    *(family(count) for family in (MexicanHat, DoG, Morlet) for count in (6, 12)),
]
WILD = {f"Fourier(modes={modes}, period=2.0)" for modes in (3, 10)} | {
    str(basis) for basis in (MexicanHat(12), Morlet(6), Morlet(12))
}
"""Bases that cannot hold the cubics of the present start without large curvature."""
SHAPES = [[2, 1], [2, 2, 1], [2, 64, 1], [2, 5, 5, 1], [2, 2, 2, 2, 1], [2, 10, 10, 10, 1]]


def sizes(widths: list[int], basis: Basis, seed: int) -> tuple[float, float]:
    """Return the rms of the value and of the Laplacian, on a box that is not [-1, 1]^2."""
    lower, upper = np.array([0.0, -2.0]), np.array([3.0, 8.0])
    network = KAN(widths, basis=basis, lower=lower, upper=upper, seed=seed)
    half = (upper - lower) / 2
    layout = JetLayout.of(2, [], tuple((half**2).tolist()))
    cube = np.random.default_rng(1).random((300, 2))
    with torch.no_grad():
        jet = network.jets(torch.as_tensor(lower + cube * (upper - lower)), layout)[0]
    value, laplacian = jet[[0, -1]].square().mean(1).sqrt().tolist()
    return value, laplacian


def cases(shapes: list[list[int]]) -> list:
    """Return all pairs; those that are known to start too far off are marked.

    In narrow deep networks of splines hidden values leave [-1, 1] between the points that set the
    ranges, and extrapolated cubics of cubics explode.
    """
    found = []
    for widths in shapes:
        for basis in BASES:
            explodes = len(widths) > 3 and isinstance(basis, (BSpline, Gaussian))
            known = str(basis) in WILD or explodes
            marks = pytest.mark.xfail(reason="the start is too rough", strict=False)
            name = f"{widths}-{basis}"
            found.append(pytest.param(widths, basis, id=name, marks=[marks] if known else []))
    return found


@pytest.mark.parametrize(("widths", "basis"), cases(SHAPES[2:5]))
def test_value_and_laplacian_of_the_start_are_of_order_one(widths, basis):
    for seed in range(3):
        value, laplacian = sizes(widths, basis, seed)
        assert value < 3
        assert LEAST < laplacian < MOST


@pytest.mark.slow
@pytest.mark.xfail(reason="the start is too rough for one seed in ten or so", strict=False)
@pytest.mark.parametrize(("widths", "basis"), cases(SHAPES))
def test_no_seed_starts_far_off(widths, basis):
    for seed in range(3, 12):
        value, laplacian = sizes(widths, basis, seed)
        assert value < 3
        assert LEAST < laplacian < MOST
