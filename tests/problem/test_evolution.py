"""Time in the problem language: evolution equations, periodic conditions, counting."""

import numpy as np
import pytest
from sympy import cos, exp, pi, sin

from kanpde import (
    Condition,
    Dirichlet,
    Initial,
    Interval,
    Neumann,
    NotWellPosedWarning,
    Periodic,
    Problem,
    Rectangle,
    Robin,
    TimeInterval,
    coordinates,
    laplacian,
    time,
    unknown,
)
from kanpde.problem import ConditionKind

x, y = coordinates("x y")
t = time("t")
u = unknown("u", x, t)
domain = Interval(x=(0, 1)) * TimeInterval(t=(0, 2))
walls = Dirichlet(u, 0, on=("left", "right"))
w = unknown("w", x)


def test_heat_equation_is_an_evolution_of_first_order() -> None:
    problem = Problem(
        domain,
        u.diff(t) - u.diff(x, 2),
        [Robin(u, 2, cos(t), on="left"), Neumann(u, 0, on="right"), Initial(u, sin(x))],
    )
    evolution = problem.evolution
    assert evolution is not None
    assert (evolution.time, evolution.space) == (t, (x,))
    assert (evolution.start, evolution.end, evolution.orders) == (0, 2, (1,))
    kinds = [(c.kind, c.unknown, c.pieces) for c in evolution.lateral]
    assert kinds == [
        (ConditionKind.ROBIN, 0, ("left",)),
        (ConditionKind.NEUMANN, 0, ("right",)),
    ]
    assert evolution.initial == ((sin(x),),)
    assert evolution.is_complete


def test_wave_equation_has_two_initial_values_in_any_order() -> None:
    conditions = [Initial(u.diff(t), x), walls, Initial(2 * u, sin(pi * x))]
    evolution = Problem(domain, u.diff(t, 2) - u.diff(x, 2), conditions).evolution
    assert evolution is not None
    assert evolution.orders == (2,)
    assert evolution.initial == ((sin(pi * x) / 2, x),)


def test_a_condition_on_the_whole_boundary_is_lateral_and_initial() -> None:
    exact = exp(-t) * sin(x)
    conditions = [Dirichlet(u, exact, on=domain.boundary)]
    problem = Problem(domain, u.diff(t) - u.diff(x, 2), conditions, exact={u: exact})
    evolution = problem.evolution
    assert evolution is not None
    assert evolution.lateral[0].pieces == ("left", "right")
    assert evolution.lateral[0].condition.on == domain.boundary["left", "right"]
    assert evolution.initial[0][0].subs(t, 0) == sin(x)


def test_unknowns_without_a_time_derivative_need_no_initial_value() -> None:
    square = Rectangle(x=(0, 1), y=(0, 1)) * TimeInterval(t=(0, 1))
    v, w, p = (unknown(n, x, y, t) for n in "vwp")
    problem = Problem(
        square,
        [
            v.diff(t) - laplacian(v, x, y) + p.diff(x),
            w.diff(t) - laplacian(w, x, y) + p.diff(y),
            v.diff(x) + w.diff(y),
        ],
        [
            *(Dirichlet(f, 0, on=("left", "right", "bottom", "top")) for f in (v, w)),
            *(Initial(f, 0) for f in (v, w)),
            Dirichlet(p, 0, on="right"),
        ],
    )
    evolution = problem.evolution
    assert evolution is not None
    assert dict(zip(problem.unknown_names, evolution.orders, strict=True)) == {
        "p": 0,
        "v": 1,
        "w": 1,
    }
    assert [len(values) for values in evolution.initial] == [0, 1, 1]


def test_ordinary_differential_equation_is_an_evolution_without_space() -> None:
    v = unknown("v", t)
    problem = Problem(
        TimeInterval(t=(0, 1)),
        v.diff(t, 2) + v,
        [Initial(v, 0), Initial(v.diff(t), 1)],
        exact={v: sin(t)},
    )
    assert problem.evolution is not None
    assert problem.evolution.space == ()
    assert problem.evolution.initial == ((0, 1),)


@pytest.mark.parametrize(
    "problem",
    [
        Problem(
            Interval(x=(0, 1)), unknown("w", x).diff(x), [Dirichlet(unknown("w", x), 0, on="left")]
        ),
        Problem(domain, u.diff(x, 2), [walls]),
        Problem(domain, u.diff(t) - u.diff(x, 2), [walls, Dirichlet(u, 0, on="final")]),
    ],
    ids=["no time", "no time derivative", "a condition at the end"],
)
def test_other_problems_are_no_evolution(problem) -> None:
    assert problem.evolution is None


def test_an_initial_condition_of_another_form_is_kept_apart() -> None:
    mixed = Condition(u + u.diff(x), on="initial")
    evolution = Problem(domain, u.diff(t) - u.diff(x, 2), [walls, mixed]).evolution
    assert evolution is not None
    assert evolution.initial == ((None,),)
    assert len(evolution.other_initial) == 1
    assert not evolution.is_complete


# Periodic conditions ---------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "count"), [(1, 1), (2, 2), (4, 4)])
def test_periodic_ties_as_many_orders_as_the_equation_has(order, count) -> None:
    problem = Problem(domain, u.diff(t) + u.diff(x, order), [Periodic(u, x), Initial(u, 0)])
    tied = [c for c in problem.conditions if c.opposite is not None]
    assert [c.expression for c in tied] == [u.diff(x, k) if k else u for k in range(count)]
    assert {c.on.names for c in tied} == {("right",)}
    assert {c.opposite.on.names for c in tied} == {("left",)}
    points = np.array([[1.0, 0.5]])
    assert tied[0].opposite.matching(points).tolist() == [[0.0, 0.5]]
    assert problem.evolution is not None
    assert {c.kind for c in problem.evolution.lateral} == {ConditionKind.PERIODIC}


def test_periodic_with_given_orders_and_without_time() -> None:
    v = unknown("v", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    problem = Problem(
        square, laplacian(v), [Periodic(v, y, orders=1), Dirichlet(v, 0, on=("left", "right"))]
    )
    assert "periodic on bottom and top" in problem.condition_names
    assert "v(x, y) equal on bottom and top" in problem.summary()
    assert len(problem.conditions) == 2


def test_an_exact_solution_that_is_not_periodic_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not satisfy condition .periodic"):
        Problem(domain, u.diff(t) + u.diff(x), [Periodic(u, x), Initial(u, x)], exact={u: x - t})


def test_periodic_and_dirichlet_on_other_faces_do_not_contradict() -> None:
    v = unknown("v", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    Problem(square, laplacian(v), [Periodic(v, x), Dirichlet(v, 1, on=("bottom", "top"))])


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (lambda: Periodic(u, y), "no coordinate of"),
        (lambda: Periodic(u + 1, x), "needs an unknown"),
        (lambda: Periodic(u, x, orders=0), "at least 1"),
        (lambda: Periodic(u, t), "no piece of its boundary at t = 2"),
    ],
)
def test_periodic_conditions_that_make_no_sense(condition, message) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(domain, u.diff(t) + u.diff(x), [condition(), Initial(u, 0)])


# Counting --------------------------------------------------------------------------------------

HEAT, WAVE, BEAM = u.diff(t) - u.diff(x, 2), u.diff(t, 2) - u.diff(x, 2), u.diff(t) + u.diff(x, 4)
REST = Initial(u.diff(t), 0)


@pytest.mark.parametrize(
    ("equation", "conditions", "message"),
    [
        (WAVE, [walls, Initial(u, 0)], r"order 2 in time for u.*Initial\(u.diff\(t\), ...\)"),
        (HEAT, [walls], r"order 1 in time for u, so they need Initial\(u, ...\); none is given"),
        (HEAT, [Initial(u, 0)], "order 2 in x, so it needs 2 conditions at x = 0 and x = 1"),
        (BEAM, [walls, Initial(u, 0)], "order 4 in x, so it needs 4 conditions"),
        (w.diff(x, 4) + 1, [Dirichlet(w, 0, on=("left", "right"))], "order 4 in x"),
    ],
)
def test_too_few_conditions_are_refused(equation, conditions, message) -> None:
    place = Interval(x=(0, 1)) if equation.has(w) else domain
    with pytest.raises(ValueError, match=message):
        Problem(place, equation, conditions)


@pytest.mark.parametrize(
    ("equation", "conditions"),
    [
        (u.diff(t) - x * u.diff(x, 2), [Initial(u, 0)]),
        (u.diff(t) - u * u.diff(x, 2), [Initial(u, 0)]),
    ],
    ids=["degenerate", "nonlinear"],
)
def test_counting_is_only_a_doubt_where_the_highest_derivative_may_vanish(
    equation, conditions
) -> None:
    with pytest.warns(NotWellPosedWarning, match="order 2 in x"):
        Problem(domain, equation, conditions)


def test_in_more_dimensions_of_space_a_missing_boundary_condition_is_a_doubt() -> None:
    v = unknown("v", x, y, t)
    square = Rectangle(x=(0, 1), y=(0, 1)) * TimeInterval(t=(0, 1))
    with pytest.warns(NotWellPosedWarning, match="no condition is given on the boundary of space"):
        Problem(square, v.diff(t) - laplacian(v, x, y), [Initial(v, 0)])


@pytest.mark.parametrize(
    ("equation", "conditions"),
    [
        (WAVE, [walls, Initial(u, 0), REST]),
        (HEAT, [walls, Initial(u, 0)]),
        (HEAT, [Dirichlet(u, 0, on="left"), Neumann(u, 0, on="left"), Initial(u, 0)]),
        (u.diff(t) + u.diff(x), [Dirichlet(u, 0, on="left"), Initial(u, 0)]),
        (BEAM, [Periodic(u, x), Initial(u, sin(2 * pi * x))]),
        (HEAT, [Dirichlet(u, 0, on=("left", "right", "final"))]),
    ],
)
def test_enough_conditions_pass_without_a_warning(equation, conditions) -> None:
    Problem(domain, equation, conditions)


def test_an_initial_condition_needs_time() -> None:
    with pytest.raises(ValueError, match="has no time, so it takes no initial condition"):
        Problem(Interval(x=(0, 1)), w.diff(x), [Initial(w, 0)])
