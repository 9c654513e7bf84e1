"""B-splines on explicit knot vectors, against scipy's."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from kanpde.bases import insertion_blossoms, local_splines

RNG = np.random.default_rng(3)
BREAKS = np.concatenate([[-1.0], np.sort(RNG.uniform(-1, 1, 9)), [1.0]])


def knot_vector(breaks: np.ndarray, degree: int, kind: str) -> np.ndarray:
    if kind == "clamped":
        return np.concatenate([np.full(degree, breaks[0]), breaks, np.full(degree, breaks[-1])])
    length = breaks[-1] - breaks[0]
    return np.concatenate(
        [breaks[-degree - 1 : -1] - length, breaks, breaks[1 : degree + 1] + length]
    )


@pytest.mark.parametrize("kind", ["clamped", "periodic"])
@pytest.mark.parametrize("degree", [1, 3, 7])
def test_values_and_derivatives_are_those_of_scipy(degree, kind) -> None:
    knots = knot_vector(BREAKS, degree, kind)
    cells = np.repeat(np.arange(len(BREAKS) - 1), 4)
    s = BREAKS[cells] + np.diff(BREAKS)[cells] * np.tile([0.1, 0.4, 0.7, 0.9], len(BREAKS) - 1)
    window = torch.as_tensor(knots[cells + 1 + np.arange(2 * degree)[:, None]])
    table = local_splines(window, torch.as_tensor(s), degree, degree).numpy()
    for i in range(len(knots) - degree - 1):
        spline = BSpline(knots, np.eye(len(knots) - degree - 1)[i], degree)
        for order in range(degree + 1):
            expected = np.nan_to_num((spline.derivative(order) if order else spline)(s))
            found = np.zeros(len(s))
            acting = (cells <= i) & (i <= cells + degree)
            found[acting] = table[order, (i - cells)[acting], np.flatnonzero(acting)]
            scale = max(1.0, np.abs(expected).max())
            np.testing.assert_allclose(found, expected, atol=1e-12 * scale)


@pytest.mark.parametrize("kind", ["clamped", "periodic"])
def test_inserting_knots_keeps_the_function(kind) -> None:
    degree = 5
    added = RNG.uniform(-1, 1, 7)
    fine_breaks = np.sort(np.concatenate([BREAKS, added]))
    knots, fine = (knot_vector(b, degree, kind) for b in (BREAKS, fine_breaks))
    size = len(knots) - degree - 1
    coefficients = RNG.standard_normal(size)
    if kind == "periodic":
        coefficients[-degree:] = coefficients[:degree]
    first, weights = insertion_blossoms(knots, fine, degree)
    finer = (weights * coefficients[first[:, None] + np.arange(degree + 1)]).sum(axis=1)
    s = np.linspace(-0.999, 0.999, 301)
    before = BSpline(knots, coefficients, degree)(s)
    np.testing.assert_allclose(BSpline(fine, finer, degree)(s), before, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
