"""Time intervals and space-time: coordinates, pieces, points and normals."""

import numpy as np
import pytest

from kanpde.geometry import (
    Box,
    Chebyshev,
    Domain,
    Interval,
    Rectangle,
    Sobol,
    SpaceTime,
    TimeInterval,
    as_box,
    as_face,
    domain_from_dict,
)
from kanpde.geometry.domain import Boundary, Piece

TIME = TimeInterval(t=(1, 3))
DOMAINS = [TIME, Interval(x=(-1, 1)) * TIME, Rectangle(x=(0, 1), y=(0, 2)) * TIME]


class Disk(Domain):
    """A unit disk, to stand for any shape that is no box."""

    names = ("x", "y")
    lower, upper = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    measure = np.pi

    def __repr__(self):
        return "Disk()"

    @property
    def boundary(self):
        return Boundary((Circle(),), "Disk()")

    def contains(self, points):
        return np.linalg.norm(points, axis=1) <= 1

    def interior(self, n, *, seed=0, sampler=None):
        unit = (sampler or Sobol()).unit(n, 2, seed)
        radius, angle = np.sqrt(unit[:, 0]), 2 * np.pi * unit[:, 1]
        return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])

    def to_dict(self):
        return {"kind": "disk"}


class Circle(Piece):
    name, aliases, dimension, measure = "circle", (), 2, 2 * np.pi

    def sample(self, n, *, seed=0, sampler=None):
        angle = 2 * np.pi * (sampler or Sobol()).unit(n, 1, seed)[:, 0]
        points = np.column_stack([np.cos(angle), np.sin(angle)])
        return points, points.copy()

    def contains(self, points, tolerance=1e-12):
        return np.abs(np.linalg.norm(points, axis=1) - 1) <= max(tolerance, 1e-12)

    def __eq__(self, other):
        return isinstance(other, Circle)

    def __hash__(self):
        return 1


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_boundary_is_the_lateral_pieces_and_the_beginning(domain):
    space = domain.names[:-1]
    lateral = domain.space.boundary.names if space else ()
    assert domain.boundary.names == (*lateral, "initial")
    assert domain.boundary["t=1"].names == ("initial",)
    assert domain.boundary["final"].names == domain.boundary["t=3"].names == ("final",)
    assert "final" in domain.boundary
    points, normals = domain.boundary["final"].sample(9)
    assert (points[:, -1] == 3).all()
    assert (normals[:, -1] == 1).all()
    assert domain.contains(points).all()


@pytest.mark.parametrize("domain", [*DOMAINS, Disk() * TIME], ids=repr)
def test_points_lie_where_they_should_and_normals_point_outward(domain):
    inside = domain.interior(300, seed=3)
    assert inside.shape == (300, domain.dimension)
    assert domain.contains(inside).all()
    assert ((inside[:, -1] > 1) & (inside[:, -1] < 3)).all()
    for piece in domain.boundary:
        points, normals = piece.sample(50, seed=4)
        assert len(points) == (1 if domain is TIME else 50)
        assert piece.contains(points).all()
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
        assert not domain.contains(points + 1e-3 * normals).any()
        if piece.name not in ("initial", "final"):
            assert (normals[:, -1] == 0).all()
            assert np.ptp(points[:, -1]) > 1.8


@pytest.mark.parametrize("sampler", [Sobol(), Chebyshev()], ids=["sobol", "chebyshev"])
def test_points_of_a_shape_fill_space_time_evenly(sampler):
    """The mean of a product of functions of space and of time is the product of the means."""
    errors = []
    for seed in range(8):
        points = (Disk() * TimeInterval(t=(0, 1))).interior(2048, seed=seed, sampler=sampler)
        space, moment = np.sin(5 * points[:, 0] * points[:, 1]), np.sin(7 * points[:, 2])
        errors.append(np.mean(space * moment) - space.mean() * moment.mean())
    by_chance = np.std(space) * np.std(moment) / 2048**0.5
    assert np.sqrt(np.mean(np.square(errors))) < 0.5 * by_chance


def test_a_box_in_time_is_sampled_as_one_box():
    domain = Rectangle(x=(0, 1), y=(0, 2)) * TIME
    box = Box(x=(0, 1), y=(0, 2), t=(1, 3))
    assert as_box(domain) == box
    np.testing.assert_array_equal(domain.interior(40, seed=2), box.interior(40, seed=2))
    for piece, name in zip(domain.boundary, ("x=0", "x=1", "y=0", "y=2", "t=1"), strict=True):
        face = as_face(piece)
        equation = f"{box.names[face.axis]}={face.value:g}"
        assert equation == name
        assert face.contains(piece.sample(20)[0]).all()
    assert as_box(Disk() * TIME) is None
    assert as_face((Disk() * TIME).boundary.pieces[0]) is None


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_measure_and_serialisation(domain):
    assert domain.measure == 2.0 * (domain.space.measure if len(domain.names) > 1 else 1)
    assert domain_from_dict(domain.to_dict()) == domain
    assert domain.boundary == domain_from_dict(domain.to_dict()).boundary


def test_lateral_measure_is_the_length_times_the_duration():
    assert (Disk() * TIME).boundary["circle"].measure == pytest.approx(4 * np.pi)


def test_the_same_seed_gives_the_same_points_and_another_others():
    domain = Disk() * TIME
    first, again = domain.interior(30, seed=5), domain.interior(30, seed=5)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, domain.interior(30, seed=6))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeInterval(t=(0, 1), s=(0, 1)), "exactly one coordinate"),
        (lambda: TimeInterval(t=(1, 0)), "lower end above"),
        (lambda: TIME * Interval(x=(0, 1)), "space comes first"),
        (lambda: Interval(t=(0, 1)) * TIME, "another name"),
        (lambda: (Interval(x=(0, 1)) * TIME) * TimeInterval(s=(0, 1)), "has a time already"),
        (lambda: SpaceTime(3, TIME), "needs a domain"),
        (lambda: (Interval(x=(0, 1)) * TIME).boundary["end"], '"final"'),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_number_times_an_interval_is_a_type_error():
    with pytest.raises(TypeError):
        3 * TIME
