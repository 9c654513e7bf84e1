"""Laws of every sampler, and of the quadrature of the unit cube."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.geometry import (
    Chebyshev,
    Grid,
    Halton,
    LatinHypercube,
    Sampler,
    Sobol,
    Uniform,
    quadrature,
)
from kanpde.geometry.sampling import derived_seed, tensor_points

SEEDED = [Sobol(), Halton(), LatinHypercube(), Uniform(), Chebyshev()]
SAMPLERS = [*SEEDED, Grid()]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
@given(n=st.integers(1, 300), dimension=st.integers(1, 7), seed=st.integers(0, 2**63))
@settings(max_examples=30, deadline=None)
def test_points_lie_in_the_open_cube(sampler: Sampler, n: int, dimension: int, seed: int) -> None:
    points = sampler.unit(n, dimension, seed)
    assert points.dtype == np.float64
    assert points.shape[1] == dimension
    assert (points > 0).all()
    assert (points < 1).all()
    if isinstance(sampler, Grid):
        assert n <= len(points) < max(2 * n, 2)
    else:
        assert len(points) == n
    assert len(np.unique(points, axis=0)) == len(points)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_same_seed_same_points(sampler: Sampler) -> None:
    np.testing.assert_array_equal(sampler.unit(100, 3, 5), sampler.unit(100, 3, 5))


@pytest.mark.parametrize("sampler", SEEDED, ids=repr)
def test_different_seeds_differ(sampler: Sampler) -> None:
    draws = [sampler.unit(64, 2, seed) for seed in range(5)]
    for i, one in enumerate(draws):
        assert all(not np.isin(one, other).any() for other in draws[:i])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_global_generator_is_untouched(sampler: Sampler) -> None:
    before = np.random.get_state()  # noqa: NPY002
    sampler.unit(10, 2, 0)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2] == after[2]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_mean_and_variance(sampler: Sampler, dimension: int) -> None:
    points = sampler.unit(4096, dimension, 3)
    np.testing.assert_allclose(points.mean(axis=0), 0.5, atol=0.02)
    expected = 1 / 8 if isinstance(sampler, Chebyshev) else 1 / 12  # arcsine law, uniform law
    np.testing.assert_allclose(points.var(axis=0), expected, rtol=0.05)


def test_sobol_is_a_prefix_and_stratified() -> None:
    points = Sobol().unit(256, 3, 1)
    np.testing.assert_array_equal(Sobol().unit(200, 3, 1), points[:200])
    for column in points.T:
        np.testing.assert_array_equal(np.sort((column * 256).astype(int)), np.arange(256))


def test_sobol_beats_random_points() -> None:
    def error(sampler: Sampler) -> float:
        return float(
            np.mean([abs(sampler.unit(1024, 2, s).prod(axis=1).mean() - 0.25) for s in range(8)])
        )

    assert error(Sobol()) < 0.05 * error(Uniform())


def test_no_warning_for_any_count() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (1, 2, 3, 5, 17, 1000):
            assert len(Sobol().unit(n, 2, 0)) == n


def test_grid_is_cell_centred() -> None:
    np.testing.assert_allclose(Grid().unit(4, 1).ravel(), [0.125, 0.375, 0.625, 0.875])
    assert len(Grid().unit(10**6, 3)) == 10**6
    assert len(Grid().unit(1000, 100)) == 1024
    np.testing.assert_array_equal(Grid().unit(30, 2, 1), Grid().unit(30, 2, 2))


def test_chebyshev_nodes() -> None:
    k = np.arange(9)
    expected = (1 - np.cos(np.pi * (k + 0.5) / 9)) / 2
    np.testing.assert_allclose(Chebyshev().unit(9, 1).ravel(), expected, atol=1e-15)
    points = Chebyshev().unit(4096, 2, 0)
    near = (np.minimum(points, 1 - points) < 0.01).any(axis=1).mean()
    assert near > 4 * 0.0396  # the share of the area within 0.01 of the boundary


def test_rounding_does_not_reach_the_ends() -> None:
    points = Chebyshev().unit(10**6, 1)
    assert points.min() > 0
    assert points.max() < 1


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_samplers_are_values(sampler: Sampler) -> None:
    assert type(sampler)() == sampler
    assert hash(type(sampler)()) == hash(sampler)
    assert pickle.loads(pickle.dumps(sampler)) == sampler
    assert repr(sampler) == f"{type(sampler).__name__}()"


def test_different_samplers_are_different() -> None:
    for i, one in enumerate(SAMPLERS):
        assert all(one != other for other in SAMPLERS[:i])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 0), "n=0 must be an integer of at least 1"),
        ((2.5, 1, 0), "n=2.5 must be an integer"),
        ((5, 0, 0), "dimension=0 must be an integer of at least 1"),
        ((5, 1, -1), "seed=-1 must be an integer of at least 0"),
        ((5, 1, None), "seed=None must be an integer"),
    ],
)
def test_bad_arguments(arguments: tuple, message: str) -> None:
    for sampler in SAMPLERS:
        with pytest.raises(ValueError, match=message):
            sampler.unit(*arguments)


def test_numpy_integers_are_integers() -> None:
    assert Sobol().unit(np.int64(4), np.int32(2), np.uint8(3)).shape == (4, 2)


def test_a_sampler_of_ones_own() -> None:
    class Corner(Sampler):
        def raw(self, n: int, dimension: int, seed: int) -> np.ndarray:
            return np.zeros((n, dimension))

    assert (Corner().unit(3, 2) > 0).all()


@given(n=st.integers(1, 12), dimension=st.integers(1, 4), data=st.data())
@settings(max_examples=50, deadline=None)
def test_quadrature_is_exact(n: int, dimension: int, data: st.DataObject) -> None:
    powers = data.draw(st.tuples(*[st.integers(0, 2 * n - 1)] * dimension))
    points, weights = quadrature(n, dimension)
    assert points.shape == (n**dimension, dimension)
    assert weights.shape == (n**dimension,)
    assert (weights > 0).all()
    value = weights @ (points ** np.array(powers)).prod(axis=1)
    assert value == pytest.approx(np.prod([1 / (p + 1) for p in powers]), rel=1e-12)


def test_quadrature_too_large() -> None:
    with pytest.raises(ValueError, match=r"10\*\*20 points; take fewer"):
        quadrature(10, 20)
    with pytest.raises(ValueError, match="n=0"):
        quadrature(0, 1)


def test_tensor_points_order() -> None:
    axes = [np.array([0.0, 1.0]), np.array([2.0, 3.0, 4.0])]
    expected = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    np.testing.assert_array_equal(tensor_points(axes), expected)


def test_derived_seeds() -> None:
    seeds = {derived_seed(s, a, b) for s in range(10) for a in range(5) for b in (0, 1)}
    assert len(seeds) == 100
    assert derived_seed(3, 1, 0) == derived_seed(3, 1, 0)
