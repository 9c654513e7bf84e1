"""Unions, intersections and differences in space: sides, names, measures, normals."""

import json
from itertools import product

import numpy as np
import pytest

from kanpde.geometry import (
    Ball,
    Box,
    Chebyshev,
    Disk,
    Domain,
    Grid,
    HalfSpace,
    Rectangle,
    Sobol,
    Surface,
    TimeInterval,
    Uniform,
    domain_from_dict,
    triangulate,
)

CUBE = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))


def ball(radius: float, name: str = "sphere", **at: float) -> Ball:
    return Ball(**{"x": 0, "y": 0, "z": 0, **at}, radius=radius, name=name)


def octahedron(r: float) -> Surface:
    nodes = r * np.concatenate([np.eye(3), -np.eye(3)])
    faces = []
    for a, b, c in product((0, 3), (1, 4), (2, 5)):
        odd = sum(k > 2 for k in (a, b, c)) % 2
        faces.append((a, c, b) if odd else (a, b, c))
    return Surface(nodes, faces)


CAP = np.pi * 0.5**2 * (3 - 0.5) / 3  # of height 1/2 of the unit ball
LENS = 2 * CAP
ZOO: dict[str, tuple[Domain, float, float]] = {
    "hollow": (CUBE - ball(0.5), 8 - np.pi / 6, 24 + np.pi),
    "apart": (ball(0.5) | ball(0.25, x=2), np.pi / 6 + np.pi / 48, np.pi + np.pi / 4),
    "half ball": (ball(1) & HalfSpace(x=0, y=0, z=0, normal=(0, 0, 1)), 2 * np.pi / 3, 3 * np.pi),
    "cap": (ball(1) - HalfSpace(x=0, y=0, z=0.5, normal=(0, 0, 2)), CAP, np.pi * (1 + 0.75)),
    "lens": (ball(1) & ball(1, x=1), LENS, 2 * np.pi),
    "twins": (ball(1) | ball(1, x=1), 8 * np.pi / 3 - LENS, 6 * np.pi),
    "corner": (CUBE - Box(x=(0, 1), y=(0, 1), z=(0, 1)), 7.0, 24.0),
    "bar": (CUBE | Box(x=(1, 2), y=(-1, 1), z=(-1, 1)), 12.0, 8 + 24.0),
    "step": (CUBE | Box(x=(1, 2), y=(-1, 0), z=(-1, 1)), 10.0, 4 + 8 + 8 + 10),
    "eighth": (CUBE & Box(x=(0, 3), y=(0, 3), z=(0, 3)), 1.0, 6.0),
    "drilled twice": (
        CUBE - ball(0.3, x=0.5) - ball(0.3, x=-0.5),
        8 - 2 * 4 / 3 * np.pi * 0.027,
        24 + 2 * 4 * np.pi * 0.09,
    ),
    "bored surface": (
        octahedron(1.5) - ball(0.5),
        4 / 3 * 1.5**3 - np.pi / 6,
        9 * np.sqrt(3) + np.pi,
    ),
    "four dimensions": (
        Box(x=(-1, 1), y=(-1, 1), z=(-1, 1), w=(-1, 1)) - Ball(x=0, y=0, z=0, w=0, radius=1),
        16 - np.pi**2 / 2,
        64 + 2 * np.pi**2,
    ),
    "tilted": (
        (CUBE & HalfSpace(x=0, y=0, z=0, normal=(1, 1, 0))).scaled(2).translated(x=1),
        32.0,
        2 * 16 + 2 * 8 + 16 * np.sqrt(2),
    ),
}
SOLIDS = pytest.mark.parametrize("name", ZOO)


@SOLIDS
def test_measures(name):
    solid, volume, area = ZOO[name]
    assert solid.measure == pytest.approx(volume, rel=1e-3)
    assert solid.boundary.measure == pytest.approx(area, rel=5e-3)


@pytest.mark.parametrize("name", ["hollow", "apart", "drilled twice", "four dimensions"])
def test_what_is_not_cut_is_exact(name):
    solid, volume, area = ZOO[name]
    assert solid.measure == pytest.approx(volume, rel=1e-12)
    assert solid.boundary.measure == pytest.approx(area, rel=1e-12)


@SOLIDS
@pytest.mark.parametrize("sampler", [Sobol(), Uniform(), Grid(), Chebyshev()], ids=repr)
def test_points_and_normals(name, sampler):
    solid = ZOO[name][0]
    inside = solid.interior(300, seed=1, sampler=sampler)
    assert len(inside) >= 300
    assert (solid.side(inside, solid.slack) == -1).all()
    points, normals = solid.boundary.sample(400, seed=1, sampler=sampler)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-13)
    assert solid.contains(points).all()
    off = 1e-7
    assert (solid.side(points - off * normals, solid.slack) == -1).mean() > 0.999
    assert (solid.side(points + off * normals, solid.slack) == 1).mean() > 0.999
    for piece in solid.boundary:
        on, _ = piece.sample(20, seed=2)
        assert piece.contains(on).all()
        assert not piece.contains(on + 0.01 * np.ones(solid.dimension)).all()


@SOLIDS
def test_the_flux_of_the_place_is_the_volume(name):
    """Points and measures of the pieces together, by the divergence theorem."""
    solid, volume, _ = ZOO[name]
    flux = 0.0
    for piece in solid.boundary:
        points, normals = piece.sample(4096, seed=3)
        flux += piece.measure * (points * normals).sum(axis=1).mean()
    assert flux / solid.dimension == pytest.approx(volume, rel=2e-2)


@SOLIDS
def test_saved_and_read(name):
    solid = ZOO[name][0]
    again = domain_from_dict(json.loads(json.dumps(solid.to_dict())))
    assert again == solid
    assert repr(again) == repr(solid)
    np.testing.assert_array_equal(again.interior(50), solid.interior(50))


def test_names_are_kept_and_numbered():
    solid = CUBE - ball(0.3, x=0.5) - ball(0.3, x=-0.5)
    assert solid.boundary.names[-2:] == ("sphere 1", "sphere 2")
    assert solid.boundary["sphere"].names == ("sphere 1", "sphere 2")
    assert solid.boundary["z=1"].names == ("top",)
    inner, _ = solid.boundary["sphere 2"].sample(10)
    np.testing.assert_allclose(np.linalg.norm(inner + np.array([0.5, 0, 0]), axis=1), 0.3)
    half = ball(1) & HalfSpace(x=0, y=0, z=0, normal=(0, 0, 1), name="floor")
    assert half.boundary.names == ("sphere", "floor")
    assert half.upper.tolist() == [1, 1, 0]


def test_a_piece_that_was_cut_away_says_so():
    solid = CUBE & Box(x=(0, 3), y=(-2, 2), z=(-2, 2))
    with pytest.raises(ValueError, match=r'"front" names no piece.*was cut away'):
        (CUBE - Box(x=(-2, 2), y=(-2, 0), z=(-2, 2))).boundary["front"].boundary  # noqa: B018
    assert "right" in solid.boundary


def test_times_time_and_meshes_for_figures():
    solid = CUBE - ball(0.5)
    moving = solid * TimeInterval(t=(0, 1))
    assert moving.contains(moving.interior(100)).all()
    assert "sphere" in moving.boundary
    nodes, cells = triangulate(solid, 1500)
    corners = nodes[cells]
    volume = np.linalg.det(corners[:, 1:] - corners[:, :1]).sum() / 6
    assert volume == pytest.approx(solid.measure, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ball(1) & ball(1, x=3), "nothing is left"),
        (lambda: CUBE - ball(9), "nothing is left"),
        (lambda: CUBE | HalfSpace(x=0, y=0, z=0, normal=(0, 0, 1)), "is not bounded; use & or -"),
        (lambda: CUBE - Ball(a=0, b=0, c=0, radius=1), "over the same ones in the same order"),
        (lambda: Ball(x=0, y=0, radius=1) - Disk(x=0, y=0, radius=0.5), "write Disk"),
        (lambda: HalfSpace(x=0, y=0, normal=(0, 1)), "three coordinates or more"),
        (lambda: HalfSpace(x=0, y=0, z=0, normal=(0, 0, 0)), "not all zero"),
        (lambda: HalfSpace(x=0, y=0, z=0, normal=(0, 1)), "needs 3 numbers"),
    ],
)
def test_bad_combinations(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_combination_with_what_is_no_shape():
    with pytest.raises(TypeError):
        CUBE - 1
    with pytest.raises(TypeError):
        CUBE - TimeInterval(t=(0, 1))
    assert (Rectangle(x=(0, 1), y=(0, 1)) - Disk(x=0, y=0, radius=0.5)).dimension == 2
