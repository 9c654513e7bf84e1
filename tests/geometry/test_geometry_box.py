"""Boxes: construction, points, measures, messages, files."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import time

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.geometry import (
    Box,
    Chebyshev,
    Domain,
    Grid,
    Halton,
    Interval,
    LatinHypercube,
    Rectangle,
    Sobol,
    Uniform,
    domain_from_dict,
)

SAMPLERS = [Sobol(), Halton(), LatinHypercube(), Uniform(), Grid(), Chebyshev()]


@st.composite
def boxes(draw: st.DrawFn, largest: int = 6) -> Box:
    dimension = draw(st.integers(1, largest))
    ranges = {}
    for i in range(dimension):
        lower = draw(st.floats(-1e6, 1e6))
        ranges[f"x{i}"] = (lower, lower + draw(st.floats(1e-3, 1e6)))
    return Box(**ranges)


@given(box=boxes(), sampler=st.sampled_from(SAMPLERS), n=st.integers(1, 200), seed=st.integers(0))
@settings(max_examples=100, deadline=None)
def test_interior_is_strictly_inside(box: Box, sampler: object, n: int, seed: int) -> None:
    points = box.interior(n, seed=seed, sampler=sampler)
    assert points.dtype == np.float64
    assert points.shape[1] == box.dimension
    assert len(points) == n or isinstance(sampler, Grid)
    assert len(points) >= n
    assert (points > box.lower).all()
    assert (points < box.upper).all()
    assert box.contains(points).all()
    assert not any(piece.contains(points, tolerance=0.0).any() for piece in box.boundary)


@given(box=boxes())
@settings(max_examples=50, deadline=None)
def test_round_trips(box: Box) -> None:
    described = json.loads(json.dumps(box.to_dict(), sort_keys=True))
    for other in (
        domain_from_dict(described),
        pickle.loads(pickle.dumps(box)),
        copy.deepcopy(box),
        eval(repr(box), {"Interval": Interval, "Rectangle": Rectangle, "Box": Box}),
    ):
        assert other == box
        assert hash(other) == hash(box)
        assert other.names == box.names
        np.testing.assert_array_equal(other.interior(7), box.interior(7))


@given(box=boxes(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_contains(box: Box, data: st.DataObject) -> None:
    assert box.contains(np.stack([box.lower, box.upper])).all()
    axis = data.draw(st.integers(0, box.dimension - 1))
    outside = np.stack([box.lower, box.upper])
    outside[0, axis] = np.nextafter(outside[0, axis], -np.inf)
    outside[1, axis] = np.nextafter(outside[1, axis], np.inf)
    assert not box.contains(outside).any()
    outside[:, axis] = np.nan
    assert not box.contains(outside).any()


@given(box=boxes(largest=4))
@settings(max_examples=50, deadline=None)
def test_measure_and_quadrature(box: Box) -> None:
    widths = box.upper - box.lower
    assert box.measure == pytest.approx(widths.prod(), rel=1e-14)
    points, weights = box.quadrature(2)
    assert box.contains(points).all()
    assert weights.sum() == pytest.approx(box.measure, rel=1e-12)
    relative = (points - box.lower) / widths
    assert weights @ relative[:, 0] ** 3 == pytest.approx(box.measure / 4, rel=1e-6)


def test_domain_interface() -> None:
    box = Box(x=(0, 1), y=(0, 2), z=(-1, 3))
    assert isinstance(box, Domain)
    assert box.names == ("x", "y", "z")
    assert box.dimension == 3
    assert box.measure == 8.0
    np.testing.assert_array_equal(box.lower, [0, 0, -1])
    np.testing.assert_array_equal(box.upper, [1, 2, 3])
    assert box.lower.dtype == np.float64
    assert box.ranges == ((0.0, 1.0), (0.0, 2.0), (-1.0, 3.0))


def test_bounds_are_copies() -> None:
    box = Interval(x=(0, 1))
    box.lower[0] = 7
    assert box == Interval(x=(0, 1))
    assert box.lower[0] == 0


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Interval(x=(0, 1)).names = ("y",)  # type: ignore[misc]


def test_equality_knows_names_and_order() -> None:
    assert Interval(x=(0, 1)) == Box(x=(0.0, 1.0)) == Interval(x=[0, np.float32(1)])
    assert Interval(x=(0, 1)) != Interval(t=(0, 1))
    assert Box(x=(0, 1), y=(0, 1)) != Box(y=(0, 1), x=(0, 1))
    assert len({Interval(x=(0, 1)), Box(x=(0, 1)), Interval(x=(0, 2))}) == 2


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (Box(x=(0, 1)), "Interval(x=(0, 1))"),
        (Rectangle(x=(-1, 1), t=(0, 0.5)), "Rectangle(x=(-1, 1), t=(0, 0.5))"),
        (Box(x=(0, 1), y=(0, 2), z=(0, 1)), "Box(x=(0, 1), y=(0, 2), z=(0, 1))"),
        (Interval(x=(0, sympy.pi)), "Interval(x=(0, 3.141592653589793))"),
        (Interval(x=(-0.0, sympy.Rational(1, 2))), "Interval(x=(0, 0.5))"),
        (Interval(x=(0, 0.1 + 0.2)), "Interval(x=(0, 0.30000000000000004))"),
    ],
)
def test_repr(box: Box, text: str) -> None:
    assert repr(box) == text


@pytest.mark.parametrize("name", ["self", "names", "ranges", "box"])
def test_any_identifier_is_a_name(name: str) -> None:
    assert Box(**{name: (0, 1)}).names == (name,)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, r"Box\(\) has no coordinate; write, for example, Box\(x=\(0, 1\)\)"),
        ({"x": (1, 0)}, r"x=\(1, 0\) has its lower end above its upper end; write x=\(0, 1\)"),
        ({"x": (1, 1)}, r"x=\(1, 1\) has nothing between its ends"),
        ({"x": (1, np.nextafter(1, 2))}, "has nothing between its ends"),
        ({"x": (0, np.inf)}, r"x=\(0, inf\) is no finite range"),
        ({"x": (np.nan, 1)}, "is no finite range"),
        ({"x": (-1.7e308, 1.7e308)}, "is no finite range"),
        ({"x": (0, sympy.oo)}, "is no finite range"),
        ({"x": (0, 1, 2)}, r"x=\(0, 1, 2\) is no range; write two numbers, such as x=\(0, 1\)"),
        ({"x": 1}, "x=1 is no range"),
        ({"x": "01"}, "x='01' is no range"),
        ({"x": (0, 1j)}, "is no range"),
        ({"x": (0, sympy.Symbol("a"))}, "is no range"),
        ({"x": (0, 10**400)}, "is no range"),
        ({"x y": (0, 1)}, '"x y" cannot name a coordinate'),
        ({"lambda": (0, 1)}, '"lambda" cannot name a coordinate'),
    ],
)
def test_bad_ranges(ranges: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Box(**ranges)


def test_wrong_number_of_coordinates() -> None:
    with pytest.raises(ValueError, match=r"exactly one coordinate, got 2 \(x, y\)"):
        Interval(x=(0, 1), y=(0, 1))
    with pytest.raises(ValueError, match=r"exactly two coordinates, got 1 \(x\); write Rectangle"):
        Rectangle(x=(0, 1))


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((3, 1)), np.zeros((1, 2, 2)), 0.5])
def test_bad_points(points: np.ndarray) -> None:
    square = Rectangle(x=(0, 1), y=(0, 1))
    with pytest.raises(ValueError, match=r"shape \(N, 2\), one column for each of x, y; got"):
        square.contains(points)
    with pytest.raises(ValueError, match=r"shape \(N, 2\)"):
        square.boundary.pieces[0].contains(points)


@pytest.mark.parametrize("sampler", [Sobol, "sobol", None])
def test_a_sampler_is_a_value(sampler: object) -> None:
    square = Rectangle(x=(0, 1), y=(0, 1))
    for draw in (square.interior, square.boundary.sample, Interval(x=(0, 1)).boundary.sample):
        with pytest.raises(ValueError, match=r"is no sampler; write a value such as Sobol\(\)"):
            draw(5, sampler=sampler)


def test_bad_counts_and_seeds() -> None:
    interval = Interval(x=(0, 1))
    for draw in (interval.interior, interval.boundary.sample):
        with pytest.raises(ValueError, match="n=0"):
            draw(0)
        with pytest.raises(ValueError, match="seed=-1"):
            draw(5, seed=-1)


def test_mean_of_interior_points() -> None:
    box = Box(x=(-2, 1), y=(10, 14), t=(0, 0.1))
    points = box.interior(4096)
    np.testing.assert_allclose(points.mean(axis=0), [-0.5, 12, 0.05], rtol=1e-2)


def test_seeds() -> None:
    square = Rectangle(x=(0, 1), y=(0, 1))
    np.testing.assert_array_equal(square.interior(50, seed=1), square.interior(50, seed=1))
    assert not np.isin(square.interior(50, seed=1), square.interior(50, seed=2)).any()


def test_tiny_box_far_away_keeps_its_points_inside() -> None:
    box = Interval(x=(1e9, 1e9 + 1e-6))
    points = box.interior(100, sampler=Chebyshev())
    assert (points > box.lower).all()
    assert (points < box.upper).all()


def test_many_dimensions() -> None:
    box = Box(**{f"x{i}": (-1, 1) for i in range(100)})
    assert box.interior(50).shape == (50, 100)
    points, normals = box.boundary.sample(400)
    assert points.shape == normals.shape == (400, 100)
    thin = Box(**{f"x{i}": (0, 1e-5) for i in range(100)})
    assert thin.measure == 0.0  # underflow
    assert len(thin.boundary.sample(1000)[0]) == 1000


def test_grid() -> None:
    x, y = Rectangle(x=(0, 1), y=(-1, 1)).grid((3, 5))
    np.testing.assert_array_equal(x, [0, 0.5, 1])
    np.testing.assert_array_equal(y, [-1, -0.5, 0, 0.5, 1])
    assert [len(a) for a in Box(x=(0, 1), y=(0, 1), z=(0, 1)).grid(4)] == [4, 4, 4]
    with pytest.raises(ValueError, match=r"has 1 entries; Rectangle.* needs 2"):
        Rectangle(x=(0, 1), y=(-1, 1)).grid([3])
    with pytest.raises(ValueError, match="shape=1 must be an integer of at least 2"):
        Interval(x=(0, 1)).grid(1)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({}, "kind None is not known"),
        ({"kind": "disk"}, "kind 'disk' is not known; the kinds are: \"box\""),
        ({"kind": "box"}, "describes no box"),
        ({"kind": "box", "names": ["x"], "lower": [0.0], "upper": [1.0, 2.0]}, "describes no box"),
        ({"kind": "box", "names": ["x"], "lower": [1.0], "upper": [0.0]}, "above its upper end"),
    ],
)
def test_bad_descriptions(description: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        domain_from_dict(description)


def test_a_million_points_take_no_time() -> None:
    box = Box(x=(0, 1), y=(0, 1), z=(0, 1))
    start = time.perf_counter()
    points = box.interior(10**6)
    assert box.contains(points).all()
    assert len(box.boundary.sample(10**6)[0]) == 10**6
    assert time.perf_counter() - start < 5.0  # 0.3 s when the machine is free
