"""What users get wrong, one after the other: each has an error that says what and where."""

import numpy as np
import pytest

from kanpde import (
    Ball,
    Box,
    Condition,
    Data,
    Dirichlet,
    Disk,
    HalfPlane,
    IncompatibleWarning,
    Initial,
    Mesh,
    Neumann,
    Periodic,
    Polygon,
    Problem,
    Rectangle,
    Robin,
    TimeInterval,
    coordinates,
    given,
    laplacian,
    solve,
    time,
    unknown,
    unknowns,
)

x, y, z = coordinates("x y z")
u, v = unknowns("u v", x, y)
w = unknown("w", x, y, z)
t = time("t")
q = unknown("q", x, y, t)
SQUARE = Rectangle(x=(0, 1), y=(0, 1))
LAPLACE = {"laplace": laplacian(u)}


def zero(on=SQUARE.boundary):
    return Dirichlet(u, 0, on=on)


def cut_away_in_the_plane():
    domain = SQUARE - Rectangle(x=(-1, 0.5), y=(-1, 2))
    Problem(domain, LAPLACE, zero("left"))


def cut_away_in_space():
    domain = Box(x=(0, 1), y=(0, 1), z=(0, 1)) - Box(x=(-1, 2), y=(-1, 2), z=(0.5, 2))
    Problem(domain, {"laplace": laplacian(w)}, Dirichlet(w, 0, on="top"))


def mesh_with_an_inverted_cell():
    Mesh([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 1, 2), (0, 3, 2)])


def mesh_without_groups():
    domain = Mesh([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 1, 2), (0, 2, 3)])
    Problem(domain, LAPLACE, zero("inlet"))


def periodic_that_does_not_match():
    domain = Polygon([(0, 0), (1, 0), (1, 1), (0, 0.5)])
    Problem(domain, LAPLACE, Periodic(u, x))


def periodic_across_a_ball():
    Problem(Ball(x=0, y=0, z=0, radius=1), {"laplace": laplacian(w)}, Periodic(w, z))


def initial_without_time():
    Problem(Disk(x=0, y=0, radius=1), LAPLACE, Initial(u, 0))


def data_outside_of_a_hole():
    hollow = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1)) - Ball(x=0, y=0, z=0, radius=0.5)
    places = np.array([[0.9, 0, 0], [0.1, 0, 0]])
    Problem(hollow, {"laplace": laplacian(w)}, Data(w, places, np.zeros(2)))


def callable_of_another_shape():
    k = given("k", x, y, values=lambda x, y: np.ones(3))
    solve(Problem(SQUARE, {"flow": k * laplacian(u) - 1}, zero()))


def callable_with_nan():
    k = given("k", x, y, values=lambda x, y: np.where(x > 0.5, np.nan, 1.0))
    solve(Problem(SQUARE, {"flow": k * laplacian(u) - 1}, zero()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cut_away_in_the_plane, r'"left" names no piece.*"left" was cut away; its pieces are'),
        (cut_away_in_space, r'"top" names no piece.*"top" was cut away; its pieces are'),
        (lambda: Polygon([(0, 0), (1, 1)]), r"Polygon is open: 2 different vertices"),
        (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), r"crosses itself"),
        (mesh_with_an_inverted_cell, r"1 cell of 2 is inverted.*cell 1 at \(0.33.*, 0.66"),
        (mesh_without_groups, r'"inlet" names no piece.*no named boundary groups'),
        (periodic_that_does_not_match, r"do not match; the point"),
        (periodic_across_a_ball, r"no piece of its boundary at z = -1"),
        (initial_without_time, r"has no time, so it takes no initial condition"),
        (
            lambda: Problem(
                SQUARE, {"one": laplacian(u) + v}, [zero(), Dirichlet(v, 0, on="left")]
            ),
            r"2 unknowns.*1 equation|1 equation.*2 unknowns",
        ),
        (
            data_outside_of_a_hole,
            r"the point x = 0.1, y = 0, z = 0 \(and 0 more of 2\) lies outside",
        ),
        (callable_of_another_shape, r"k.*shape"),
        (callable_with_nan, r"k.*(finite|nan)"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_values_that_contradict_each_other_at_a_corner_are_named_with_the_place():
    triangle = Polygon([(0, 0), (1, 0), (0, 1)], sides=["bottom", "slope", "left"])
    conditions = [zero("bottom"), Dirichlet(u, 1, on="slope"), Neumann(u, 0, on="left")]
    with pytest.warns(IncompatibleWarning, match=r"x = 1, y = 0.*\b0\b.*\b1\b"):
        Problem(triangle, LAPLACE, conditions)


def disagreeing_in_time():
    disk = Disk(x=0, y=0, radius=1) * TimeInterval(t=(0, 1))
    heat = q.diff(t) - laplacian(q, x, y)
    Problem(disk, heat, [Initial(q, 1), Dirichlet(q, 0, on="circle")])


def disagreeing_on_an_edge():
    cube = Box(x=(0, 1), y=(0, 1), z=(0, 1))
    values = [Dirichlet(w, 0, on="left"), Dirichlet(w, 2, on="top")]
    Problem(cube, {"laplace": laplacian(w)}, values)


def disagreeing_on_a_cut():
    half = Disk(x=0, y=0, radius=1) & HalfPlane(x=0, y=0, normal=(1, 0))
    Problem(half, LAPLACE, [zero("circle"), Dirichlet(u, 1 + y, on="cut")])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (disagreeing_in_time, r"disagree at x = .*t = 0: q = 0 and 1|t = 0: q = 1 and 0"),
        (disagreeing_on_an_edge, r"disagree at x = 0, y = .*, z = 1: w = (0 and 2|2 and 0)"),
        (disagreeing_on_a_cut, r"disagree at x = .*, y = 1: u = (0 and 2|2 and 0)"),
    ],
)
def test_contradictions_where_pieces_meet_are_warnings(make, message):
    with pytest.warns(IncompatibleWarning, match=message):
        make()


def two(x, y):
    return np.ones(2)


def text(x, y):
    return "warm"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Dirichlet(u, two, on="left"), r"function two.*shape \(2,\).*point by point"),
        (Neumann(u, two, on="left"), r"function two.*shape \(2,\)"),
        (Robin(u, two, 0, on="left"), r"function two.*shape \(2,\)"),
        (Dirichlet(u, text, on="left"), r"returned 'warm', which is no array of numbers"),
        (
            Dirichlet(u, lambda x, y: np.where(y > 0.5, np.inf, y), on="left"),
            r"is inf at x = 0, y = 0\.\d+ \(and at \d+ more of \d+ points\)",
        ),
        (Data(u, [[0.1, 0.1], [0.2, 0.2]], lambda x, y: np.ones(3)), r"shape|3"),
        (Data(u, [[0.1, 0.1], [0.2, 0.2]], [1.0, np.nan]), r"finite|nan"),
        (Condition(laplacian(u) - z, on="left"), r'holds the symbol "z"'),
        (Periodic(u, z), r"z is no coordinate"),
        (Dirichlet(u, 0, on="left and right"), r"names no piece.*its pieces are"),
        (Dirichlet(u, 0, on=[]), "selects no piece|no piece of the boundary"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(condition, message):
    with pytest.raises(ValueError, match=message):
        Problem(SQUARE, LAPLACE, [zero("right"), condition])


def test_an_initial_function_that_fails_is_named():
    domain = SQUARE * TimeInterval(t=(0, 1))
    heat = q.diff(t) - laplacian(q, x, y)
    with pytest.raises(ValueError, match=r"function two.*shape \(2,\)"):
        Problem(domain, heat, [Initial(q, two), Dirichlet(q, 0, on=SQUARE.boundary.names)])
    with pytest.raises(ValueError, match="cannot be called with the arrays x, y"):
        Problem(domain, heat, [Initial(q, lambda x, y, t: x), Dirichlet(q, 0, on="left")])
