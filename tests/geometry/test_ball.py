"""Balls of every dimension: evenness, rules, normals, and products with time."""

import json
from math import gamma, pi

import numpy as np
import pytest

from kanpde.geometry import (
    Ball,
    Chebyshev,
    Disk,
    Grid,
    Halton,
    Sobol,
    TimeInterval,
    Uniform,
    domain_from_dict,
)

DIMENSIONS = pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 8])


def ball(d: int) -> Ball:
    return Ball(**{f"x{i}": 0.5 * i for i in range(d)}, radius=2)


def moment(d: int, power: int) -> float:
    """The mean of x1^power over the unit sphere."""
    half = power / 2
    return gamma(half + 0.5) * gamma(d / 2) / (gamma(0.5) * gamma(half + d / 2))


@DIMENSIONS
def test_measures(d):
    b = ball(d)
    assert b.measure == pytest.approx(pi ** (d / 2) * 2**d / gamma(d / 2 + 1), rel=1e-13)
    assert b.boundary.measure == pytest.approx(d * b.measure / 2, rel=1e-13)
    assert b.boundary.names == ("sphere",)


@DIMENSIONS
@pytest.mark.parametrize("sampler", [Sobol(), Halton(), Uniform(), Grid(), Chebyshev()], ids=repr)
def test_points_are_inside_and_on_the_sphere(d, sampler):
    b = ball(d)
    inside = b.interior(300, seed=3, sampler=sampler)
    assert len(inside) >= 300
    assert (b.signed_distance(inside) < 0).all()
    points, normals = b.boundary.sample(200, seed=3, sampler=sampler)
    assert b.boundary.pieces[0].contains(points).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(points, b.centre + 2 * normals, atol=1e-14)
    assert b.contains(points - 1e-9 * normals).all()
    assert not b.contains(points + 1e-9 * normals).any()
    np.testing.assert_array_equal(inside, b.interior(300, seed=3, sampler=sampler))


@DIMENSIONS
def test_samples_have_the_moments_of_the_uniform_measure(d):
    b = ball(d)
    inside = (b.interior(2**14, seed=1) - b.centre) / 2
    on, _ = b.boundary.sample(2**14, seed=1)
    on = (on - b.centre) / 2
    for power in (2, 4):
        np.testing.assert_allclose((on**power).mean(axis=0), moment(d, power), rtol=5e-3)
        expected = moment(d, power) * d / (d + power)
        np.testing.assert_allclose((inside**power).mean(axis=0), expected, rtol=5e-3)
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=2e-3)
    if d > 1:
        np.testing.assert_allclose((on[:, 0] * on[:, -1]).mean(), 0, atol=2e-3)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_rules_integrate_polynomials(d):
    b = ball(d)
    points, weights = b.quadrature(4)
    assert (b.signed_distance(points) < 0).all()
    unit = (points - b.centre) / 2
    for power in (0, 2, 4, 6):
        exact = b.measure * moment(d, power) * d / (d + power)
        for axis in (0, d - 1):
            assert weights @ unit[:, axis] ** power == pytest.approx(exact, rel=1e-12)
    assert abs(weights @ unit[:, 0] ** 3) < 1e-12
    if d > 1:
        exact = b.measure * d / (d + 4) * (1 / (d * (d + 2)))  # x^2 y^2
        assert weights @ (unit[:, 0] ** 2 * unit[:, -1] ** 2) == pytest.approx(exact, rel=1e-12)
    on, normals, area = b.boundary.pieces[0].quadrature(4)
    assert area.sum() == pytest.approx(b.boundary.measure, rel=1e-12)
    flux = area @ (on * normals).sum(axis=1)  # the divergence of the place is D
    assert flux == pytest.approx(d * b.measure, rel=1e-12)


def test_signed_distance_and_nearest():
    b = Ball(x=1, y=0, z=0, radius=2)
    points = np.array([[1.0, 0, 0], [1, 3, 0], [2, 0, 0]])
    np.testing.assert_allclose(b.signed_distance(points), [-2, 1, -1])
    nearest, normals = b.nearest(points)
    np.testing.assert_allclose(nearest[1:], [[1, 2, 0], [3, 0, 0]])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert not b.contains(np.array([[np.nan, 0, 0]])).any()


def test_a_ball_in_the_plane_is_a_disk():
    b, disk = Ball(x=1, y=2, radius=0.5), Disk(x=1, y=2, radius=0.5)
    assert b.measure == pytest.approx(disk.measure)
    (piece,) = b.loops[0]
    points, normals = piece.spaced(7)
    expected = disk.boundary.pieces[0].spaced(7)
    np.testing.assert_allclose(points, expected[0], atol=1e-15)
    np.testing.assert_allclose(normals, expected[1], atol=1e-15)
    assert piece.quadrature(50)[2].sum() == pytest.approx(pi)


@DIMENSIONS
def test_saved_and_read(d):
    b = Ball(**{f"x{i}": 0.1 * i for i in range(d)}, radius=0.3, name="wall")
    again = domain_from_dict(json.loads(json.dumps(b.to_dict())))
    assert again == b
    assert again.boundary.names == ("wall",)
    moved = b.translated(x0=2).scaled(2, x0=2)
    assert moved.radius == pytest.approx(0.6)
    assert moved.centre[0] == pytest.approx(2)


def test_times_time():
    domain = Ball(x=0, y=0, z=0, radius=1) * TimeInterval(t=(0, 2))
    assert domain.boundary.names == ("sphere", "initial")
    assert domain.measure == pytest.approx(8 * pi / 3)
    points, normals = domain.boundary["sphere"].sample(50)
    assert domain.boundary["sphere"].pieces[0].contains(points).all()
    np.testing.assert_allclose(np.linalg.norm(normals[:, :3], axis=1), 1)
    assert (normals[:, 3] == 0).all()
    assert domain.contains(domain.interior(100)).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"radius": 1}, "needs a centre"),
        ({"x": 0, "radius": 0}, "radius=0"),
        ({"x": float("nan"), "radius": 1}, "x=nan"),
        ({"x": 0, "radius": 1, "name": ""}, "cannot name a piece"),
    ],
)
def test_bad_balls(given, message):
    with pytest.raises(ValueError, match=message):
        Ball(**given)


def test_rules_too_large_are_refused():
    with pytest.raises(ValueError, match="take fewer"):
        ball(8).quadrature(20)
    with pytest.raises(ValueError, match='"left" names no piece'):
        ball(3).boundary["left"]
