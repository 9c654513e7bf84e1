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

LEAST, MOST = 0.1, 10.0
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
SHAPES: list[list] = [
    *([2, *(width,) * (depth - 1), 1] for depth in (2, 3, 4) for width in (3, 8, 20)),
    [2, 1],
    [2, 2, 2, 2, 1],
    [2, (2, 2), 1],
    [2, 64, 1],
]


def sizes(widths: list, basis: Basis, seed: int) -> tuple[float, float]:
    """Return the rms of the value and of the Laplacian, on a box that is not [-1, 1]^2."""
    lower, upper = np.array([0.0, -2.0]), np.array([3.0, 8.0])
    network = KAN(widths, basis=basis, lower=lower, upper=upper, seed=seed)
    half = (upper - lower) / 2
    layout = JetLayout.of(2, [], tuple((half**2).tolist()))
    cube = np.random.default_rng(1).random((400, 2))
    with torch.no_grad():
        jet = network.jets(torch.as_tensor(lower + cube * (upper - lower)), layout)[0]
    value, laplacian = jet[[0, -1]].square().mean(1).sqrt().tolist()
    return value, laplacian


def holds(widths: list, basis: Basis, seeds: range) -> None:
    for seed in seeds:
        value, laplacian = sizes(widths, basis, seed)
        assert value < 2, seed
        assert LEAST < laplacian < MOST, seed


@pytest.mark.parametrize("basis", BASES, ids=str)
@pytest.mark.parametrize("widths", [[2, 3, 1], [2, 3, 3, 3, 1]], ids=str)
def test_value_and_laplacian_of_the_start_are_of_order_one(widths, basis):
    holds(widths, basis, range(2))


@pytest.mark.slow
@pytest.mark.parametrize("basis", BASES, ids=str)
@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_no_seed_starts_far_off(widths, basis):
    holds(widths, basis, range(12))


@pytest.mark.parametrize("dimension", [1, 5, 20])
def test_the_start_in_other_dimensions(dimension):
    for seed in range(4):
        network = KAN([dimension, 6, 6, 1], seed=seed)
        layout = JetLayout.of(dimension, [], (1.0,) * dimension)
        x = torch.as_tensor(np.random.default_rng(1).uniform(-1, 1, (400, dimension)))
        with torch.no_grad():
            rms = network.jets(x, layout)[0].square().mean(1).sqrt()
        assert LEAST < float(rms[-1]) < MOST
        assert float(rms[0]) < 2


def test_every_output_has_its_own_size():
    network = KAN([2, 4, 3], basis=Morlet(6), seed=0)
    x = torch.as_tensor(np.random.default_rng(1).uniform(-1, 1, (400, 2)))
    with torch.no_grad():
        laplacians = network.jets(x, JetLayout.of(2, [], (1.0, 1.0)))[:, -1]
    rms = laplacians.square().mean(1).sqrt()
    assert bool((rms > LEAST).all())
    assert bool((rms < MOST).all())
