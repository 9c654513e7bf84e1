"""Rotation in space, and distances and quadrature of what planes and spheres cut."""

import json
from math import pi, sqrt

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from kanpde.geometry import (
    Ball,
    Box,
    HalfSpace,
    Rectangle,
    Sobol,
    Surface,
    Turned,
    domain_from_dict,
)

CUBE = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))


def ball(radius: float, **at: float) -> Ball:
    return Ball(**{"x": 0, "y": 0, "z": 0, **at}, radius=radius)


def octahedron(r: float) -> Surface:
    nodes = r * np.concatenate([np.eye(3), -np.eye(3)])
    signs = [(a, b, c) for a in (0, 3) for b in (1, 4) for c in (2, 5)]
    odd = [sum(k > 2 for k in s) % 2 for s in signs]
    return Surface(
        nodes, [(a, c, b) if o else (a, b, c) for (a, b, c), o in zip(signs, odd, strict=True)]
    )


AXIS = (1.0, 2.0, 2.0)
TURN = Rotation.from_rotvec(0.7 * np.array(AXIS) / 3).as_matrix()
PLACE = np.array([1.0, 0.0, -1.0])
BAR = Box(x=(-2, 2), y=(-1, 1), z=(0, 1))
CROSS = CUBE - ball(1.2, x=1, y=1, z=1)
SHAPES = {
    "box": BAR,
    "ball": ball(1, x=2),
    "solid": CROSS,
    "half": ball(1) & HalfSpace(x=0, y=0, z=0.2, normal=(0, 1, 1)),
    "surface": octahedron(1.5),
}


def turned(points: np.ndarray) -> np.ndarray:
    return (points - PLACE) @ TURN.T + PLACE


@pytest.mark.parametrize("name", SHAPES)
def test_a_turned_domain_is_the_domain_turned(name):
    shape = SHAPES[name]
    other = shape.rotated(0.7, axis=AXIS, x=1, z=-1)
    assert other.measure == pytest.approx(shape.measure, rel=1e-9)
    assert other.boundary.names == shape.boundary.names
    assert other.boundary.measure == pytest.approx(shape.boundary.measure, rel=1e-7)
    points = np.random.default_rng(0).uniform(-2.5, 2.5, (500, 3))
    np.testing.assert_array_equal(other.contains(turned(points)), shape.contains(points))
    np.testing.assert_allclose(
        other.signed_distance(turned(points)), shape.signed_distance(points), atol=1e-12
    )
    assert other.contains(other.interior(200, seed=1)).all()
    inside = other.interior(100, seed=2)
    assert (inside >= other.lower).all()
    assert (inside <= other.upper).all()
    for piece in other.boundary:
        on, normals = piece.sample(50, seed=1)
        assert piece.contains(on).all()
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-13)
        off = 1e-6 * normals
        assert (other.contains(on - off) & ~other.contains(on + off)).mean() > 0.99


def test_turned_boxes_are_turned_moved_and_scaled_again():
    other = BAR.rotated(0.7, axis=AXIS, x=1, z=-1)
    back = other.rotated(-0.7, axis=AXIS, x=1, z=-1)
    points = np.random.default_rng(0).uniform(-2.5, 2.5, (500, 3))
    np.testing.assert_allclose(
        back.signed_distance(points), BAR.signed_distance(points), atol=1e-14
    )
    moved = other.translated(x=3).scaled(2, y=1)
    assert moved.measure == pytest.approx(8 * BAR.measure)
    place = np.array([0.0, 1.0, 0.0])
    there = place + 2 * (points + np.array([3, 0, 0]) - place)
    np.testing.assert_allclose(
        moved.signed_distance(there), 2 * other.signed_distance(points), atol=1e-13
    )
    again = domain_from_dict(json.loads(json.dumps(moved.to_dict())))
    assert again == moved
    assert repr(again) == repr(moved)
    x, w = moved.quadrature(3)
    assert w.sum() == pytest.approx(moved.measure)
    assert moved.contains(x).all()


def test_a_quarter_turn_is_exact():
    quarter = BAR.rotated(pi / 2, axis="z")
    np.testing.assert_allclose(quarter.lower, [-1, -2, 0], atol=1e-15)
    np.testing.assert_allclose(quarter.upper, [1, 2, 1], atol=1e-15)
    _, normals = quarter.boundary["right"].sample(1)
    np.testing.assert_allclose(normals[0], [0, 1, 0], atol=1e-15)
    assert quarter == BAR.rotated(pi / 2, axis=(0, 0, 3))
    assert isinstance(quarter, Turned)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BAR.rotated(1), "axis must be three numbers"),
        (lambda: BAR.rotated(1, axis="w"), "one of the coordinates"),
        (lambda: BAR.rotated(1, axis=(0, 0, 0)), "not all zero"),
        (lambda: BAR.rotated(1, axis="z", w=1), "w"),
        (lambda: BAR.rotated("x", axis="z"), "angle"),
        (lambda: Box(x=(0, 1), y=(0, 1), z=(0, 1), w=(0, 1)).rotated(1, axis="z"), "4 coordinates"),
        (lambda: Rectangle(x=(0, 1), y=(0, 1)).rotated(1, axis="z"), "lies in the plane"),
    ],
)
def test_bad_rotations(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# What is cut ---------------------------------------------------------------------------------

HEIGHT = 0.3
SEGMENT = pi * (1 - HEIGHT) ** 2 * (2 + HEIGHT) / 3  # of the unit ball above a plane
EXACT = {
    "lens": (ball(1) & ball(1, x=1), 5 * pi / 12, 2 * pi),
    "twins": (ball(1) | ball(1, x=1), 8 * pi / 3 - 5 * pi / 12, 6 * pi),
    "tilted cap": (
        ball(1) - HalfSpace(x=0.1, y=0.2, z=0.2, normal=AXIS),
        SEGMENT,
        2 * pi * (1 - HEIGHT) + pi * (1 - HEIGHT**2),
    ),
    "three quarters": (
        (CUBE - Box(x=(0, 1), y=(0, 1), z=(-1, 1))).rotated(1.0, axis=AXIS),
        6.0,
        24.0 - 2.0,
    ),
    "octant out": (CUBE - ball(1.2, x=1, y=1, z=1), 8 - 4 / 3 * pi * 1.2**3 / 8, None),
    "bored": (ball(1) - Box(x=(-2, 2), y=(-0.5, 0.5), z=(-0.5, 0.5)), None, None),
    "nested": ((CUBE - ball(1.2)) & HalfSpace(x=0, y=0, z=0, normal=(0, 0, 1)), None, None),
    "prisms": (
        CUBE & CUBE.rotated(pi / 4, axis="z"),
        2 * 8 * (sqrt(2) - 1),
        2 * 8 * (sqrt(2) - 1) + 2 * 16 * (sqrt(2) - 1),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_volumes_and_areas_of_what_is_cut(name):
    solid, volume, area = EXACT[name]
    if volume is not None:
        assert solid.measure == pytest.approx(volume, rel=1e-9)
    if area is not None:
        assert solid.boundary.measure == pytest.approx(area, rel=1e-8)
    unit = Sobol().unit(2**15, 3, 0)
    inside = solid.contains(solid.lower + unit * (solid.upper - solid.lower))
    drawn = inside.mean() * np.prod(solid.upper - solid.lower)
    assert solid.measure == pytest.approx(drawn, rel=1e-2)


@pytest.mark.parametrize("name", EXACT)
def test_the_divergence_theorem_holds_for_the_rules(name):
    solid = EXACT[name][0]
    x, w = solid.quadrature(16)
    assert solid.contains(x).all()
    assert (w > 0).all()
    assert w.sum() == pytest.approx(solid.measure, rel=1e-7)
    inner = w @ (3 * x[:, 0] ** 2 + np.exp(x[:, 1]) + x[:, 0])  # of (x^3, e^y, x z)
    outer = 0.0
    for piece in solid.boundary:
        y, n, own = piece.quadrature(16)
        assert piece.contains(y).all()
        flow = np.stack([y[:, 0] ** 3, np.exp(y[:, 1]), y[:, 0] * y[:, 2]], axis=1)
        outer += own @ (flow * n).sum(axis=1)
    assert outer == pytest.approx(inner, rel=1e-7)


def test_rules_between_planes_are_exact_for_polynomials():
    solid = EXACT["three quarters"][0]
    x, w = solid.quadrature(4)
    assert w @ x[:, 0] ** 4 == pytest.approx(
        solid.quadrature(9)[1] @ solid.quadrature(9)[0][:, 0] ** 4, rel=1e-12
    )


@pytest.mark.parametrize("name", EXACT)
def test_signed_distances_of_what_is_cut(name):
    solid = EXACT[name][0]
    x = np.random.default_rng(0).uniform(-1.8, 1.8, (2000, 3))
    found = solid.signed_distance(x)
    np.testing.assert_array_equal(found < 0, solid.side(x, solid.slack) < 0)
    cloud = np.concatenate([p.sample(20000, seed=1)[0] for p in solid.boundary])
    gap = cKDTree(cloud).query(x)[0] - np.abs(found)
    assert gap.min() > -1e-12  # no point of the boundary is nearer
    assert gap.max() < 0.06
    assert np.median(gap) < 5e-4
    on = np.concatenate([p.sample(200, seed=2)[0] for p in solid.boundary])
    assert np.abs(solid.signed_distance(on)).max() < 1e-14


def test_distance_from_the_middle_of_a_sphere():
    solid = ball(2) - ball(0.5)
    assert solid.signed_distance(np.zeros((1, 3)))[0] == pytest.approx(0.5, abs=1e-12)
    half = ball(1) & HalfSpace(x=0, y=0, z=0, normal=(1, 0, 0))
    assert half.signed_distance(np.array([[0.6, 0, 0]]))[0] == pytest.approx(0.6, abs=1e-12)


def test_distances_in_four_dimensions():
    cube = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1), w=(-1, 1))
    solid = cube - Ball(x=0, y=0, z=0, w=0, radius=1)
    x = np.random.default_rng(0).uniform(-1, 1, (200, 4))
    box, inner = solid.first.signed_distance(x), solid.second.signed_distance(x)
    inside = inner > 0
    found = solid.signed_distance(x)
    np.testing.assert_allclose(found[inside], np.maximum(box, -inner)[inside], atol=1e-13)
    with pytest.raises(ValueError, match="no quadrature"):
        solid.quadrature(3)


def test_a_cut_mesh_has_neither():
    solid = octahedron(1.5) - ball(0.9)
    with pytest.raises(ValueError, match="neither plane nor sphere"):
        solid.signed_distance(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="neither plane nor sphere"):
        solid.quadrature(3)
    assert solid.measure > 0


def test_far_from_the_origin_nothing_is_lost():
    solid = EXACT["lens"][0].translated(x=1e4, y=-1e4)
    assert solid.measure == pytest.approx(5 * pi / 12, rel=1e-9)
    assert Ball(x=0, y=0, z=0, radius=1).rotated(1, axis="x", y=1).measure == pytest.approx(
        4 * pi / 3
    )
