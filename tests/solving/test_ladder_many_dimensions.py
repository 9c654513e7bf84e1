"""Ladders in many dimensions: few coordinates at a time, as many as the solution needs."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sympy import exp, sin

from kanpde import (
    Box,
    Dirichlet,
    Interval,
    Ladder,
    Outcome,
    PointValue,
    Problem,
    coordinates,
    laplacian,
    solve,
    unknown,
)
from kanpde.networks import JetLayout, LinearKAN, ProductNodes
from kanpde.solving.families import Interactions, family_of
from kanpde.solving.points import held_out_points, level_points
from kanpde.solving.traits import Traits

axes = coordinates("a b c d e f")
u = unknown("u", *axes)
box = Box(**{c.name: (0, 1) for c in axes})


def poisson(exact) -> Problem:
    return Problem(
        box,
        laplacian(u) - laplacian(exact, *axes),
        Dirichlet(u, exact, on=box.boundary),
        exact={u: exact},
    )


EXACT = {
    1: sum(sin(c) for c in axes),
    2: sum(a * exp(b) for a, b in pairwise(axes)),
    3: axes[0] * axes[1] * axes[2] + axes[3] * axes[4] * axes[5] + axes[0] ** 2,
}


def test_orders_follow_each_other() -> None:
    problem = poisson(EXACT[1])
    family = family_of(problem, Traits.of(problem))
    assert (family.order, family.alternatives[0].order) == (1, 2)
    assert replace(family, order=3).alternatives == ()  # in six coordinates no more


@pytest.mark.parametrize("order", EXACT)
def test_the_order_of_interaction_is_found(order) -> None:
    solution = solve(poisson(EXACT[order]), tol=1e-8)
    assert solution.outcome is Outcome.SOLVED
    assert solution.network.blocks()[0].interaction == order
    error = solution.errors()["u"]["relative_l2"]
    assert error < 1e-8
    assert error < 2 * solution.estimate


def test_a_nonlinear_problem_gets_as_many_coordinates_together_as_it_needs() -> None:
    """Where Newton's method does not converge for sums, products of two are next."""
    exact = EXACT[2]
    problem = Problem(
        box,
        laplacian(u) + u**2 - laplacian(exact, *axes) - exact**2,
        Dirichlet(u, exact, on=box.boundary),
        exact={u: exact},
    )
    solution = solve(problem, Ladder(), tol=1e-6)
    assert solution.outcome is Outcome.SOLVED
    assert solution.network.blocks()[0].interaction == 2
    assert solution.errors()["u"]["relative_l2"] < 1e-6


def test_coordinates_together_can_be_given() -> None:
    solution = solve(poisson(EXACT[2]), Ladder(together=2), tol=1e-6)
    assert {block.interaction for block in solution.network.blocks()} == {2}
    first, last = solution.history[0], solution.history[-1]
    assert first.parameters == 1 + 6 * 3 + 15 * 3  # of degree 3
    assert last.error < 1e-6


@pytest.mark.parametrize("together", [0, 7, -1])
def test_more_or_fewer_coordinates_than_there_are(together) -> None:
    with pytest.raises(ValueError, match="together"):
        solve(poisson(EXACT[2]), Ladder(together=together))


def test_together_is_for_many_coordinates() -> None:
    line = Interval(a=(0, 1))
    v = unknown("v", axes[0])
    with pytest.raises(ValueError, match="more than three"):
        solve(Problem(line, v.diff(axes[0]) - 1, PointValue(v, 0, a=0)), Ladder(together=1))


def test_what_no_three_coordinates_make_up_is_not_called_solved() -> None:
    product = axes[0] * axes[1] * axes[2] * axes[3]
    solution = solve(poisson(product * (1 + axes[0])), tol=1e-8, budget=5)
    assert solution.outcome is not Outcome.SOLVED
    assert solution.estimate > 1e-3


def test_a_laplacian_in_one_piece_is_the_sum_of_its_parts() -> None:
    network = LinearKAN([ProductNodes(4, box.lower, box.upper, interaction=2)])
    assert network.collapses
    x = torch.as_tensor(box.interior(20, seed=1))
    weights = (1.0, 2.0, 0.0, 0.5, 1.0, 3.0)
    second = [tuple(2 * int(i == j) for j in range(6)) for i in range(6)]
    layout = JetLayout.of(6, second)
    full = network.prepare(x, layout).tables
    expected = sum(w * full[layout.index[s]] for w, s in zip(weights, second, strict=True))
    for gradient in (True, False):
        short = JetLayout.of(6, (), weights, gradient=gradient)
        found = network.prepare(x, short).tables
        assert len(found) == short.size == (8 if gradient else 2)
        torch.testing.assert_close(found[-1], expected, rtol=1e-12, atol=1e-12)


def test_points_are_dealt_out_to_all_faces() -> None:
    problem = poisson(EXACT[1])
    traits = Traits.of(problem)
    counts = Interactions(problem, 1, 3).counts(3, 19, 1.4)
    for points in (level_points(problem, traits, counts, 0), held_out_points(problem, traits, 0)):
        x, n = points.boundary["dirichlet on the boundary"]
        on_face = n @ np.eye(6)
        assert {tuple(row) for row in on_face} == {
            tuple(s * row) for row in np.eye(6) for s in (-1.0, 1.0)
        }
        np.testing.assert_array_equal(x[n == 1], 1)
        np.testing.assert_array_equal(x[n == -1], 0)
        assert box.contains(points.interior).all()
