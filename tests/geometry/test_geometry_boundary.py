"""Boundaries: named pieces, points on them, outward unit normals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.geometry import (
    Boundary,
    Box,
    Chebyshev,
    Face,
    Grid,
    Halton,
    Interval,
    LatinHypercube,
    Piece,
    Rectangle,
    Sobol,
    Uniform,
)

SAMPLERS = [Sobol(), Halton(), LatinHypercube(), Uniform(), Grid(), Chebyshev()]
SQUARE = Rectangle(x=(-1, 1), y=(0, 3))
CUBE = Box(x=(0, 1), y=(0, 2), z=(0, 4))


@st.composite
def boxes(draw: st.DrawFn, largest: int = 6) -> Box:
    dimension = draw(st.integers(1, largest))
    ranges = {}
    for i in range(dimension):
        lower = draw(st.floats(-1e6, 1e6))
        ranges[f"x{i}"] = (lower, lower + draw(st.floats(1e-3, 1e6)))
    return Box(**ranges)


@given(box=boxes(), sampler=st.sampled_from(SAMPLERS), n=st.integers(1, 100), seed=st.integers(0))
@settings(max_examples=60, deadline=None)
def test_every_face(box: Box, sampler: object, n: int, seed: int) -> None:
    lower, upper = box.lower, box.upper
    for face in box.boundary:
        points, normals = face.sample(n, seed=seed, sampler=sampler)
        assert points.dtype == normals.dtype == np.float64
        assert points.shape == normals.shape
        assert points.shape[1] == box.dimension == face.dimension
        if box.dimension == 1:
            assert len(points) == 1
        elif not isinstance(sampler, Grid):
            assert len(points) == n
        assert face.contains(points, tolerance=0.0).all()
        assert box.contains(points).all()
        assert sum(f.contains(points, tolerance=0.0).any() for f in box.boundary) == 1
        np.testing.assert_array_equal(np.linalg.norm(normals, axis=1), 1.0)
        step = 1e-4 * np.min(upper - lower)
        assert not box.contains(points + step * normals).any()
        assert box.contains(points - step * normals).all()


@given(box=boxes())
@settings(max_examples=50, deadline=None)
def test_closed_surface(box: Box) -> None:
    """The measures times the normals sum to zero, and the divergence theorem holds for x."""
    pieces = box.boundary.pieces
    normals = np.stack([p.sample(1)[1][0] for p in pieces])
    points = np.stack([p.sample(1)[0][0] for p in pieces])
    measures = np.array([p.measure for p in pieces])
    scale = measures.max()
    np.testing.assert_allclose(measures @ normals / scale, 0, atol=1e-12)
    centred = points - (box.lower + box.upper) / 2
    flux = measures @ (centred * normals).sum(axis=1)
    assert flux == pytest.approx(box.dimension * box.measure, rel=1e-6)
    assert box.boundary.measure == pytest.approx(measures.sum())


@given(box=boxes(), n=st.integers(1, 500), seed=st.integers(0))
@settings(max_examples=60, deadline=None)
def test_shares(box: Box, n: int, seed: int) -> None:
    boundary = box.boundary
    points, normals = boundary.sample(n, seed=seed)
    assert points.shape == normals.shape
    if box.dimension == 1:
        assert len(points) == 2
        return
    assert len(points) == max(n, len(boundary))
    spare = max(n, len(boundary)) - len(boundary)
    for face in boundary:
        count = int(face.contains(points, tolerance=0.0).sum())
        assert count >= 1
        ideal = n * face.measure / boundary.measure
        assert count <= max(1, ideal + 1)
        assert count - 1 <= spare


def test_shares_follow_the_measure() -> None:
    points, _ = SQUARE.boundary.sample(1000)
    counts = [int(face.contains(points).sum()) for face in SQUARE.boundary]
    assert counts == [300, 300, 200, 200]
    assert len(SQUARE.boundary.sample(4)[0]) == len(SQUARE.boundary.sample(1)[0]) == 4


@pytest.mark.parametrize(
    ("box", "names", "aliases"),
    [
        (Interval(t=(0, 1)), ("left", "right"), ("t=0", "t=1")),
        (SQUARE, ("left", "right", "bottom", "top"), ("x=-1", "x=1", "y=0", "y=3")),
        (
            CUBE,
            ("left", "right", "front", "back", "bottom", "top"),
            ("x=0", "x=1", "y=0", "y=2", "z=0", "z=4"),
        ),
    ],
)
def test_names(box: Box, names: tuple, aliases: tuple) -> None:
    assert box.boundary.names == names
    for i, (name, alias) in enumerate(zip(names, aliases, strict=True)):
        face = box.boundary.pieces[i]
        assert isinstance(face, Face)
        assert isinstance(face, Piece)
        assert (face.axis, face.side) == (i // 2, (-1, 1)[i % 2])
        assert face.value == (box.lower, box.upper)[i % 2][i // 2]
        assert face.name == name
        assert face.aliases == (alias,)
        assert box.boundary[name] == box.boundary[alias]
        assert box.boundary[name].pieces == (face,)


def test_names_in_more_dimensions() -> None:
    box = Box(**{f"x{i}": (-1, 1) for i in range(1, 5)})
    assert box.boundary.names[:3] == ("x1=-1", "x1=1", "x2=-1")
    assert box.boundary["x4=1"].pieces[0].aliases == ()
    with pytest.raises(ValueError, match=r'"left" names no piece .* its pieces are: "x1=-1", "x1='):
        box.boundary["left"]


@given(box=boxes())
@settings(max_examples=50, deadline=None)
def test_every_name_selects_its_own_piece(box: Box) -> None:
    for face in box.boundary:
        for name in (face.name, *face.aliases):
            assert box.boundary[name].pieces == (face,)
            assert name in box.boundary


def test_aliases_of_close_ends_differ() -> None:
    interval = Interval(x=(1, 1 + 1e-9))
    assert interval.boundary["x=1.0"].names == ("left",)
    assert interval.boundary["x=1.000000001"].names == ("right",)


def test_selection() -> None:
    boundary = SQUARE.boundary
    assert boundary["left", "top"].names == ("left", "top")
    assert boundary[["top", "y=3", "left"]].names == ("top", "left")
    assert boundary["left", "right", "bottom", "top"] == boundary
    assert hash(boundary["left"]) == hash(SQUARE.boundary["x=-1"])
    assert boundary["left"] != boundary["right"]
    assert boundary["left", "top"]["top"] == boundary["top"]
    assert len(boundary) == 4
    assert [piece.name for piece in boundary] == list(boundary.names)
    assert boundary.pieces[0] in boundary
    assert boundary.pieces[0] not in boundary["top"]
    assert "left" in boundary
    assert "x=-1" in boundary
    assert "back" not in boundary
    assert boundary["left"].measure == 3.0
    assert boundary.measure == 10.0


def test_measures() -> None:
    assert [p.measure for p in Interval(x=(3, 7)).boundary] == [1.0, 1.0]
    assert [p.measure for p in CUBE.boundary] == [8, 8, 4, 4, 2, 2]
    assert CUBE.boundary.measure == 28.0


def test_message() -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Interval(x=(0, 1)).boundary["top"]
    assert str(caught.value) == (
        '"top" names no piece of the boundary of Interval(x=(0, 1)); '
        'its pieces are: "left" ("x=0"), "right" ("x=1").'
    )


@pytest.mark.parametrize("name", [4, -5, True, None, ("left", 17)])
def test_other_keys_get_the_same_message(name: object) -> None:
    with pytest.raises(ValueError, match="names no piece of the boundary of Rectangle"):
        SQUARE.boundary[name]  # type: ignore[index]


def test_long_messages_are_cut() -> None:
    box = Box(**{f"x{i}": (-1, 1) for i in range(50)})
    with pytest.raises(ValueError, match="and 88 more"):
        box.boundary["left"]


def test_nothing_selected() -> None:
    with pytest.raises(ValueError, match=r"no piece of the boundary of Rectangle.* was selected"):
        SQUARE.boundary[()]


def test_repr_reads_back() -> None:
    part = SQUARE.boundary["left", "top"]
    assert repr(part) == 'Rectangle(x=(-1, 1), y=(0, 3)).boundary["left", "top"]'
    assert eval(repr(part), {"Rectangle": Rectangle}) == part
    assert repr(part.pieces[0]) == 'Face("left" of Rectangle(x=(-1, 1), y=(0, 3)))'


def test_pickle() -> None:
    boundary = CUBE.boundary
    assert pickle.loads(pickle.dumps(boundary)) == boundary
    assert set(pickle.loads(pickle.dumps(boundary)).pieces) == set(CUBE.boundary.pieces)


def test_one_point_at_the_end_of_an_interval() -> None:
    interval = Interval(x=(-2, 5))
    for n in (1, 7, 1000):
        points, normals = interval.boundary["right"].sample(n)
        np.testing.assert_array_equal(points, [[5.0]])
        np.testing.assert_array_equal(normals, [[1.0]])
        points, normals = interval.boundary.sample(n, sampler=Grid())
        np.testing.assert_array_equal(points, [[-2.0], [5.0]])
        np.testing.assert_array_equal(normals, [[-1.0], [1.0]])


def test_seeds() -> None:
    top = SQUARE.boundary["top"]
    np.testing.assert_array_equal(top.sample(50, seed=4)[0], top.sample(50, seed=4)[0])
    assert not np.isin(top.sample(50, seed=4)[0][:, 0], top.sample(50, seed=5)[0][:, 0]).any()


@pytest.mark.parametrize("sampler", [Sobol(), Halton(), LatinHypercube(), Uniform()], ids=repr)
def test_faces_are_independent(sampler: object) -> None:
    bottom, _ = SQUARE.boundary["bottom"].sample(64, seed=0, sampler=sampler)
    top, _ = SQUARE.boundary["top"].sample(64, seed=0, sampler=sampler)
    inside = SQUARE.interior(64, seed=0, sampler=sampler)
    assert not np.isin(bottom[:, 0], top[:, 0]).any()
    assert not np.isin(bottom[:, 0], inside[:, 0]).any()


def test_points_of_a_part_are_those_of_its_pieces() -> None:
    points, _ = SQUARE.boundary["left", "right"].sample(20, seed=2)
    alone, _ = SQUARE.boundary["right"].sample(10, seed=2)
    np.testing.assert_array_equal(points[10:], alone)


def test_mean_on_a_face() -> None:
    points, _ = CUBE.boundary["back"].sample(1024)
    np.testing.assert_allclose(points.mean(axis=0), [0.5, 2, 2], rtol=1e-2)


def test_contains_has_a_tolerance() -> None:
    left = SQUARE.boundary["left"].pieces[0]
    points = np.array([[-1, 0], [-1, 3], [-1 + 1e-13, 1], [-1, 3 + 1e-12], [-1 + 1e-9, 1], [0, 1]])
    assert left.contains(points).tolist() == [True, True, True, True, False, False]
    assert left.contains(points, tolerance=1e-8).tolist() == [True] * 5 + [False]
    assert not left.contains(np.array([[-1, 3.1], [np.nan, 1], [-1, np.nan]])).any()


@pytest.mark.parametrize(("axis", "side"), [(2, 1), (-1, 1), (0, 0)])
def test_no_such_face(axis: int, side: int) -> None:
    with pytest.raises(ValueError, match=r"is no face of Rectangle.*axis must be 0 to 1"):
        Face(SQUARE, axis, side)


def test_boundary_needs_a_piece() -> None:
    with pytest.raises(ValueError, match="no piece"):
        Boundary((), "nothing")
