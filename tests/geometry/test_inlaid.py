"""Curves and surfaces inside a domain."""

import json

import numpy as np
import pytest
from sympy import exp, symbols

from kanpde.geometry import (
    Ball,
    Box,
    Chebyshev,
    Disk,
    Inlaid,
    Interval,
    Polygon,
    Rectangle,
    Sobol,
    TimeInterval,
    Uniform,
    as_box,
    domain_from_dict,
)

SQUARE = Rectangle(x=(-1, 1), y=(-1, 1))
X, Y, Z = symbols("x y z", real=True)
TRIANGLE = Polygon([(0.2, -0.8), (0.8, -0.8), (0.2, -0.2)])
PLATE = SQUARE.including(
    ring=Disk(x=-0.4, y=0.4, radius=0.3), crack=[(0.1, 0.1), (0.5, 0.5), (0.9, 0.5)], wedge=TRIANGLE
)


def test_pieces_inside_are_selected_by_name_and_no_part_of_the_boundary():
    assert PLATE.boundary.names == SQUARE.boundary.names
    assert PLATE.boundary.measure == 8
    assert PLATE.boundary["ring"].measure == pytest.approx(0.6 * np.pi)
    assert PLATE.boundary["crack"].measure == pytest.approx(0.4 * np.sqrt(2) + 0.4)
    assert PLATE.boundary["wedge"].names == ("wedge side 1", "wedge side 2", "wedge side 3")
    assert PLATE.boundary["wedge side 2"].measure == pytest.approx(0.6 * np.sqrt(2))
    with pytest.raises(ValueError, match=r'"rim" names no piece.*"ring"'):
        PLATE.boundary["rim"]


@pytest.mark.parametrize("sampler", [Sobol(), Uniform(), Chebyshev()], ids=repr)
def test_points_and_normals(sampler):
    points, normals = PLATE.boundary["ring"].sample(50, seed=1, sampler=sampler)
    away = points - [-0.4, 0.4]
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 0.3, rtol=1e-13)
    np.testing.assert_allclose(normals, away / 0.3, atol=1e-13)  # out of the disk
    assert PLATE.boundary["ring"].pieces[0].contains(points).all()
    points, normals = PLATE.boundary["crack"].sample(50, seed=1, sampler=sampler)
    low = points[:, 0] < 0.5
    np.testing.assert_allclose(points[low, 0], points[low, 1], atol=1e-13)
    np.testing.assert_allclose(normals[~low], np.tile([0, -1], ((~low).sum(), 1)), atol=1e-13)


def test_the_domain_is_what_it_was():
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (100, 2))
    np.testing.assert_array_equal(PLATE.contains(points), SQUARE.contains(points))
    np.testing.assert_array_equal(PLATE.interior(50, seed=3), SQUARE.interior(50, seed=3))
    np.testing.assert_array_equal(PLATE.signed_distance(points), SQUARE.signed_distance(points))
    assert (PLATE.measure, PLATE.corners, PLATE.loops) == (4, SQUARE.corners, SQUARE.loops)
    assert PLATE.quadrature(3)[1].sum() == pytest.approx(4)
    assert as_box(PLATE) is None  # no box: its faces are not all there is
    more = PLATE.including(dot=Disk(x=0.8, y=0.8, radius=0.1))
    assert isinstance(more, Inlaid)
    assert more.boundary["ring", "dot"].names == ("ring", "dot")


def test_saved_and_read():
    again = domain_from_dict(json.loads(json.dumps(PLATE.to_dict())))
    assert again == PLATE
    assert repr(again) == repr(PLATE)
    level = SQUARE.including(level=X**2 + Y**2 - Y / 2 - 0.1)
    with pytest.raises(ValueError, match="cannot be kept in a file"):
        level.to_dict()


def test_in_space_and_in_time():
    cube = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1)).including(core=Ball(x=0, y=0, z=0, radius=0.5))
    points, normals = cube.boundary["core"].sample(40)
    np.testing.assert_allclose(points, 0.5 * normals, atol=1e-14)
    heated = PLATE * TimeInterval(t=(0, 2))
    assert "ring" not in heated.boundary.names
    points, normals = heated.boundary["ring"].sample(40)
    np.testing.assert_allclose(np.linalg.norm(points[:, :2] - [-0.4, 0.4], axis=1), 0.3)
    assert (normals[:, 2] == 0).all()
    assert np.ptp(points[:, 2]) > 1


# Level sets ----------------------------------------------------------------------------------


def test_a_level_set_is_sampled_evenly():
    domain = SQUARE.including(ring=X**2 + Y**2 - 0.49)
    piece = domain.boundary["ring"].pieces[0]
    assert piece.measure == pytest.approx(1.4 * np.pi, rel=1e-2)
    points, normals = piece.sample(4000, seed=2)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 0.7, rtol=1e-12)
    np.testing.assert_allclose(normals, points / 0.7, atol=1e-12)
    angles = np.histogram(np.arctan2(points[:, 1], points[:, 0]), 16, (-np.pi, np.pi))[0]
    assert angles.min() > 0.85 * 250
    assert angles.max() < 1.15 * 250
    assert piece.contains(points).all()
    assert not piece.contains(points + 0.01).all()
    other, _ = piece.sample(4000, seed=3)
    assert not np.array_equal(points, other)
    np.testing.assert_array_equal(points, piece.sample(4000, seed=2)[0])


def test_a_level_set_ends_where_the_domain_does():
    domain = SQUARE.including(wave=Y - 0.5 * exp(-4 * X**2))
    points, _ = domain.boundary["wave"].sample(500)
    np.testing.assert_allclose(points[:, 1], 0.5 * np.exp(-4 * points[:, 0] ** 2), atol=1e-12)
    assert SQUARE.contains(points).all()
    x = np.linspace(-1, 1, 20001)
    length = np.hypot(np.diff(x), np.diff(0.5 * np.exp(-4 * x**2))).sum()
    assert domain.boundary["wave"].measure == pytest.approx(length, rel=2e-2)


def test_a_level_set_in_space():
    cube = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1)).including(shell=X**2 + Y**2 + Z**2 - 0.25)
    piece = cube.boundary["shell"].pieces[0]
    assert piece.measure == pytest.approx(np.pi, rel=2e-2)
    points, normals = piece.sample(300)
    np.testing.assert_allclose(points, 0.5 * normals, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SQUARE.including(), "names nothing"),
        (lambda: SQUARE.including(ring=Disk(x=0, y=0, radius=2)), r"leaves Rectangle.*at x ="),
        (lambda: SQUARE.including(cut=[(0, 0), (3, 0)]), "leaves"),
        (lambda: SQUARE.including(left=Disk(x=0, y=0, radius=0.1)), '"left" is a piece already'),
        (lambda: PLATE.including(ring=Disk(x=0, y=0, radius=0.1)), '"ring" is a piece already'),
        (lambda: SQUARE.including(ring=Disk(a=0, b=0, radius=0.1)), "in the same order"),
        (lambda: SQUARE.including(cut=[(0, 0)]), "two vertices"),
        (lambda: SQUARE.including(ring=3), "give a domain whose boundary is meant"),
        (lambda: SQUARE.including(ring=X**2 + Z), "z is no coordinate"),
        (lambda: SQUARE.including(ring=X**2 + 1), "vanishes nowhere"),
        (lambda: Interval(x=(0, 1)).including(middle=Interval(x=(0.2, 0.3))), "PointValue"),
    ],
)
def test_bad_pieces(call, message):
    with pytest.raises(ValueError, match=message):
        call()
