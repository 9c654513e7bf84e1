"""Laws that every domain in the plane obeys, whatever it is made of."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.geometry import (
    Annulus,
    Chebyshev,
    ClosedCurve,
    Disk,
    Domain,
    Ellipse,
    Grid,
    HalfPlane,
    Halton,
    LatinHypercube,
    Polygon,
    Rectangle,
    Sobol,
    Star,
    Uniform,
    domain_from_dict,
)

L_SHAPE = [(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)]


def four_holes() -> Domain:
    domain: Domain = Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5))
    for x in (-0.3, 0.3):
        for y in (-0.3, 0.3):
            domain = domain - Disk(x=x, y=y, radius=0.1)
    return domain


def star(**centre: float) -> Domain:
    return Star(radius=lambda a: 1 + 0.3 * np.cos(5 * a), **(centre or {"x": 0, "y": 0}))


SQUARE = Rectangle(x=(0, 1), y=(0, 1))
LENS = 2 * np.pi / 3 - np.sqrt(3) / 2

ZOO: dict[str, tuple[Domain, float | None]] = {
    "square": (SQUARE, 1.0),
    "disk": (Disk(x=1, y=-2, radius=0.7), 0.49 * np.pi),
    "ellipse": (Ellipse(x=0, y=1, axes=(2, 0.5), angle=0.3), np.pi),
    "annulus": (Annulus(x=0, y=0, inner=0.3, outer=1), 0.91 * np.pi),
    "L-shape": (Polygon(L_SHAPE), 3.0),
    "triangle": (Polygon([(0, 0), (0, 1), (2, 0)]), 1.0),
    "polygon with holes": (
        Polygon(
            [(0, 0), (4, 0), (4, 3), (0, 3)],
            holes=[[(1, 1), (2, 1), (1, 2)], [(3, 1), (3, 2), (2.5, 2)]],
        ),
        12 - 0.5 - 0.25,
    ),
    "star": (star(), np.pi * (1 + 0.3**2 / 2)),
    "bean": (
        ClosedCurve(lambda t: (np.cos(-t) + 0.3 * np.cos(2 * t), np.sin(-t))),
        np.pi,
    ),
    "four holes": (four_holes(), 1 - 0.04 * np.pi),
    "cut corner": (SQUARE - Disk(x=1, y=1, radius=0.5), 1 - np.pi / 16),
    "bump": (SQUARE | Disk(x=1, y=0.5, radius=0.25), 1 + np.pi / 32),
    "rounded": (SQUARE & Disk(x=0.5, y=0.5, radius=0.6), None),
    "shared sides": (SQUARE | Rectangle(x=(1, 2), y=(0, 0.5)), 1.5),
    "notch": (SQUARE - Rectangle(x=(0.5, 1), y=(0, 0.5)), 0.75),
    "lens": (Disk(x=0, y=0, radius=1) & Disk(x=1, y=0, radius=1), LENS),
    "two parts": (
        Ellipse(x=0, y=0, axes=(2, 1), angle=0.3) - Ellipse(x=1, y=0, axes=(2, 0.5), angle=1.3),
        None,
    ),
    "half disk": (
        (Disk(x=0, y=0, radius=1) & HalfPlane(x=0, y=0, normal=(1, 2))).translated(x=2),
        np.pi / 2,
    ),
    "half star": (star() - HalfPlane(x=0, y=0, normal=(0, 1)), None),
    "star with star hole": (
        star() - Star(x=0, y=0, radius=lambda a: 0.3 + 0.1 * np.cos(3 * a), name="hole"),
        np.pi * (1 + 0.09 / 2 - 0.09 - 0.01 / 2),
    ),
    "star and disk": (star() | Disk(x=1, y=0, radius=0.6), None),
    "turned": (SQUARE.rotated(0.4, x=1, y=1).scaled(2.0), 4.0),
}

DOMAINS = pytest.mark.parametrize("domain", [d for d, _ in ZOO.values()], ids=list(ZOO))


def scale(domain: Domain) -> float:
    return float(np.abs([domain.lower, domain.upper]).max())


def rule(domain: Domain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts = [piece.quadrature(1500) for piece in domain.boundary]
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))  # type: ignore[return-value]


def check_boundary(domain: Domain) -> None:
    points, normals = domain.boundary.sample(400, seed=1)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=0, atol=4e-16)
    assert domain.contains(points).all()
    np.testing.assert_allclose(domain.signed_distance(points), 0, atol=1e-14 * scale(domain))
    step = 1e-9 * scale(domain)
    assert domain.contains(points - step * normals).all()
    assert not domain.contains(points + step * normals).any()


def check_divergence(domain: Domain) -> None:
    """The flux of (x, y) is twice the area, that of (x^3, y^3)/3 the integral of x^2 + y^2."""
    points, normals, weights = rule(domain)
    assert weights.sum() == pytest.approx(domain.boundary.measure, rel=1e-12)
    flux = weights @ (points * normals).sum(axis=1)
    size = weights @ np.abs(points * normals).sum(axis=1)
    assert flux == pytest.approx(2 * domain.measure, abs=1e-13 * size)
    np.testing.assert_allclose(weights @ normals, 0, atol=1e-13 * weights.sum())


@DOMAINS
def test_boundary_points_lie_on_it_with_outward_normals(domain: Domain) -> None:
    check_boundary(domain)


@DOMAINS
def test_the_divergence_theorem(domain: Domain) -> None:
    check_divergence(domain)


@pytest.mark.parametrize(
    ("domain", "area"),
    [v for v in ZOO.values() if v[1] is not None],
    ids=[k for k in ZOO if ZOO[k][1] is not None],
)
def test_areas(domain: Domain, area: float) -> None:
    assert domain.measure == pytest.approx(area, rel=1e-14)


@DOMAINS
def test_a_polygon_through_the_boundary_agrees(domain: Domain) -> None:
    """Shapely on points of the loops has the same area and the same inside away from it."""
    loops = [
        np.concatenate([p.curve.point(np.linspace(0, 1, 2001)[:-1]) for p in loop])
        for loop in domain.loops
    ]
    shape = shapely.Polygon(loops[0])
    for loop in loops[1:]:
        ring = shapely.Polygon(loop)
        outside = shapely.LinearRing(loop).is_ccw
        shape = shape.union(ring) if outside else shape.difference(ring)
    assert shape.area == pytest.approx(domain.measure, rel=1e-5)
    rng = np.random.default_rng(5)
    width = domain.upper - domain.lower
    points = domain.lower - 0.2 * width + 1.4 * width * rng.random((1000, 2))
    distance = domain.signed_distance(points)
    exact = shapely.distance(shape.boundary, shapely.points(points))
    np.testing.assert_allclose(np.abs(distance), exact, atol=3e-5 * scale(domain))
    far = exact > 3e-5 * scale(domain)
    inside = shapely.contains_xy(shape, points[:, 0], points[:, 1])
    np.testing.assert_array_equal(domain.contains(points)[far], inside[far])
    np.testing.assert_array_equal(distance[far] < 0, inside[far])


@DOMAINS
def test_bounding_boxes_touch(domain: Domain) -> None:
    points, _, _ = rule(domain)
    assert (points >= domain.lower - 1e-14 * scale(domain)).all()
    assert (points <= domain.upper + 1e-14 * scale(domain)).all()
    np.testing.assert_allclose(points.min(axis=0), domain.lower, atol=1e-3 * scale(domain))
    np.testing.assert_allclose(points.max(axis=0), domain.upper, atol=1e-3 * scale(domain))


@DOMAINS
@pytest.mark.parametrize(
    "sampler", [Sobol(), Halton(), LatinHypercube(), Uniform(), Grid(), Chebyshev()], ids=repr
)
def test_interior_points(domain: Domain, sampler: object) -> None:
    points = domain.interior(130, seed=3, sampler=sampler)
    assert len(points) == 130 or (isinstance(sampler, Grid) and len(points) >= 130)
    assert (domain.signed_distance(points) < 0).all()
    np.testing.assert_array_equal(points, domain.interior(130, seed=3, sampler=sampler))
    if not isinstance(sampler, Grid):
        assert not np.isin(points, domain.interior(130, seed=4, sampler=sampler)).any()


@DOMAINS
def test_interior_points_are_even(domain: Domain) -> None:
    """Their mean is the centroid, which the boundary gives: integral of x = flux of (x^2/2, 0)."""
    points, normals, weights = rule(domain)
    centroid = (weights @ (points**2 * normals)) / (2 * domain.measure)
    width = domain.upper - domain.lower
    inside = domain.interior(4096, seed=2)
    np.testing.assert_allclose((inside.mean(axis=0) - centroid) / width, 0, atol=0.01)
    crowded = domain.interior(2000, sampler=Chebyshev())
    depth, depths = (np.median(-domain.signed_distance(p)) for p in (crowded, inside))
    assert depth < depths


@DOMAINS
def test_loops(domain: Domain) -> None:
    assert sorted(p.name for loop in domain.loops for p in loop) == sorted(domain.boundary.names)
    for loop in domain.loops:
        for before, after in zip(loop[-1:] + loop[:-1], loop, strict=True):
            gap = before.curve.ends[1] - after.curve.ends[0]
            assert np.linalg.norm(gap) <= 1e-14 * scale(domain)


@DOMAINS
def test_corners(domain: Domain) -> None:
    """The angles of a loop of smooth pieces and the turns between its corners make one turn."""
    corners = domain.corners
    for corner in corners:
        assert 0 < corner.angle < 2 * np.pi
        middle = corner.direction + corner.angle / 2
        step = 1e-6 * scale(domain)
        place = np.array([corner.point]) + step * np.array([[np.cos(middle), np.sin(middle)]])
        assert domain.contains(place).all()
        assert {corner.before, corner.after} <= set(domain.boundary.names)
        assert domain.boundary[corner.before].pieces[0].contains(np.array([corner.point])).all()
        assert domain.boundary[corner.after].pieces[0].contains(np.array([corner.point])).all()
    pieces = [p for loop in domain.loops for p in loop if not p.curve.is_closed]
    assert len(corners) == len(pieces)


@DOMAINS
def test_holes(domain: Domain) -> None:
    negative = sum(1 for loop in domain.loops if sum(p.curve.area() for p in loop) < 0)
    assert len(domain.holes) == negative
    for hole in domain.holes:
        centre = np.array([hole.centre])
        assert not domain.contains(centre).any()
        assert domain.signed_distance(centre)[0] == pytest.approx(hole.radius, rel=1e-12)


@DOMAINS
def test_pieces(domain: Domain) -> None:
    for piece in domain.boundary:
        points, _ = piece.sample(64, seed=9)
        others = [p for p in domain.boundary if p != piece]
        assert piece.contains(points).all()
        assert not any(other.contains(points).any() for other in others)
        spaced, spaced_normals = piece.spaced(33, crowd=1e-6)
        assert spaced.shape == spaced_normals.shape == (33, 2)
        assert piece.contains(spaced).all()
        steps = np.linalg.norm(np.diff(spaced, axis=0), axis=1)
        assert (steps > 0).all()
        assert steps.sum() <= piece.measure * (1 + 1e-12)
        if not piece.curve.is_closed:
            ends = np.linalg.norm(spaced[[0, -1]] - piece.curve.ends, axis=1)
            assert (ends < 1e-5 * piece.measure).all()
            assert (ends > 1e-8 * piece.measure).all()


@DOMAINS
def test_round_trips(domain: Domain) -> None:
    described = json.loads(json.dumps(domain.to_dict()))
    for other in (domain_from_dict(described), pickle.loads(pickle.dumps(domain))):
        assert other == domain
        assert hash(other) == hash(domain)
        assert repr(other) == repr(domain)
        assert other.boundary.names == domain.boundary.names
        np.testing.assert_allclose(other.interior(9), domain.interior(9), rtol=0, atol=1e-13)
        np.testing.assert_allclose(
            other.boundary.sample(50)[0], domain.boundary.sample(50)[0], rtol=0, atol=1e-13
        )


@given(
    x=st.floats(-0.4, 1.4),
    y=st.floats(-0.4, 1.4),
    radius=st.floats(0.05, 0.9),
    operation=st.sampled_from(["|", "&", "-"]),
    angle=st.floats(-3, 3),
    shift=st.floats(-3, 3),
)
@settings(max_examples=30, deadline=None)
def test_any_disk_and_square(
    x: float, y: float, radius: float, operation: str, angle: float, shift: float
) -> None:
    square, disk = Rectangle(x=(0, 1), y=(0, 1)), Disk(x=x, y=y, radius=radius)
    touching = [abs(abs(c) - radius) for c in (x, 1 - x, y, 1 - y)]
    touching += [abs(np.hypot(x - a, y - b) - radius) for a in (0, 1) for b in (0, 1)]
    apart = square.signed_distance(np.array([[x, y]]))[0] > radius
    if min(touching) < 1e-4 or (apart and operation == "&"):
        return
    try:
        domain = {"|": square.__or__, "&": square.__and__, "-": square.__sub__}[operation](disk)
    except ValueError as error:
        assert "nothing is left" in str(error)  # noqa: PT017
        return
    domain = domain.rotated(angle, x=0.5, y=0.5).translated(x=shift)
    check_boundary(domain)
    check_divergence(domain)


@given(data=st.data(), operation=st.sampled_from(["|", "&", "-"]))
@settings(max_examples=15, deadline=None)
def test_areas_of_any_two_shapes_add_up(data: st.DataObject, operation: str) -> None:
    """|A| + |B| = |A or B| + |A and B|, and |A - B| = |A| - |A and B|."""
    zoo = ["ellipse", "triangle", "star", "disk", "square", "bean"]
    first = ZOO[data.draw(st.sampled_from(zoo))][0]
    second = ZOO[data.draw(st.sampled_from(zoo))][0]
    middle = (second.lower + second.upper) / 2
    place = (first.lower + first.upper) / 2
    step = data.draw(st.tuples(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6)))
    shift = place - middle + step
    second = second.rotated(data.draw(st.floats(-3, 3)), x=middle[0], y=middle[1])
    second = second.translated(x=shift[0], y=shift[1])
    try:
        union = first | second
        both = first & second
    except ValueError as error:
        if "nothing is left" in str(error) and "touch" not in str(error):
            assert union.measure == pytest.approx(first.measure + second.measure, rel=1e-12)
        else:
            assert "touch" in str(error)  # noqa: PT017
        return
    assert both.measure + union.measure == pytest.approx(first.measure + second.measure, rel=1e-12)
    check_divergence(both)
    check_divergence(union)
    if both.measure < first.measure * (1 - 1e-9):
        assert (first - second).measure == pytest.approx(first.measure - both.measure, rel=1e-10)
