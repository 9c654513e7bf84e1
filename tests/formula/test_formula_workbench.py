"""Edges of a trained KAN become formulas one by one, and back; the graph becomes a formula."""

import numpy as np
import pytest
import torch
from sympy import Function, Symbol, airyai, exp, pi, simplify, sin

import kanpde
from kanpde import (
    KAN,
    BSpline,
    Data,
    Dirichlet,
    Interval,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    coordinates,
    unknown,
)
from kanpde.formula import Level, Workbench

x, y = coordinates("x y")
EXACT = exp(sin(pi * x) + y**2)


@pytest.fixture(scope="module")
def bench():
    u = unknown("u", x, y)
    places = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    problem = Problem(
        Rectangle(x=(-1, 1), y=(-1, 1)), conditions=[Data(u, places, EXACT)], name="exponential"
    )
    network = KAN([2, 1, 1], basis=BSpline(degree=4, intervals=8), seed=0)
    plan = [LevenbergMarquardt(iterations=60)]
    return Workbench.of(kanpde.solve(problem, network, plan, hard=False))


def field(bench):
    points = torch.as_tensor(np.random.default_rng(1).uniform(-0.9, 0.9, (50, 2)))
    return bench.network(points).detach()


def test_the_right_functions_are_suggested(bench):
    notes = [bench.suggest(*edge)[0].note for edge in ((0, 0, 0), (0, 1, 0), (1, 0, 0))]
    assert notes == ["sine", "polynomial", "exponential"]
    found = bench.suggest(0, 0, 0, limit=3)
    assert len(found) == 3
    assert found[0].misfit < 1e-3
    assert [f.length for f in found] == sorted(f.length for f in found)
    assert found[0].expression.free_symbols == {Symbol("x", real=True)}


def test_snapped_and_refitted_it_is_the_formula(bench):
    whole = bench.snap(0, 0, 0, "sin").snap(0, 1, 0, "x**2").snap(1, 0, 0, "exp")
    assert len(bench.left) == 3
    assert not whole.left
    assert (field(whole) - field(bench)).abs().max() < 0.3
    formula = whole.refit().formula()
    assert simplify(formula.expression - EXACT) == 0
    assert formula.certificate.level is Level.NUMERIC
    wrong = bench.snap(0, 0, 0, "tanh").snap(0, 1, 0, "x**2").snap(1, 0, 0, "exp").refit().formula()
    assert wrong.certificate.level is Level.NONE


def test_a_suggestion_is_taken_and_an_edge_is_taken_back(bench):
    one = bench.snap(0, 1, 0)
    both = one.snap(0, 0, 0, bench.suggest(0, 0, 0)[0])
    assert both.left == ((1, 0, 0),)
    again = both.unsnap(0, 0, 0)
    assert torch.equal(field(again), field(one))
    assert again.left == one.left
    assert torch.allclose(field(again.unsnap(0, 1, 0)), field(bench), atol=1e-12)
    (expression,) = one.expressions()
    assert expression.has(Function("phi_0_0_0")(x))


def test_numbers_are_refitted_while_other_edges_are_splines(bench):
    one = bench.snap(0, 0, 0, "sin").snap(0, 1, 0, "x**2")
    before = one.solution.residual_rms()
    after = one.refit(iterations=20).solution.residual_rms()
    assert max(after.values()) < max(before.values())
    assert one.refit(iterations=20).left == ((1, 0, 0),)


def test_bad_input_is_refused(bench):
    with pytest.raises(ValueError, match="no layer 2"):
        bench.suggest(2, 0, 0)
    with pytest.raises(ValueError, match="no edge from 5"):
        bench.snap(0, 5, 0, "sin")
    with pytest.raises(ValueError, match="is no formula"):
        bench.unsnap(0, 0, 0)
    with pytest.raises(ValueError, match="3 edges are no formulas yet"):
        bench.formula()
    with pytest.raises(ValueError, match="no derivative"):
        bench.suggest(0, 0, 0, functions=[Function("f")])
    assert bench.suggest(0, 0, 0, functions=[airyai])
    v = unknown("v", x)
    line = Interval(x=(0, 1))
    ladder = kanpde.solve(
        Problem(line, equations=v.diff(x, 2) - 1, conditions=[Dirichlet(v, 0, on=line.boundary)])
    )
    with pytest.raises(ValueError, match="only a KAN"):
        Workbench.of(ladder)


def test_hard_conditions_are_part_of_the_formula():
    v = unknown("v", x)
    line = Interval(x=(0, 1))
    problem = Problem(
        line,
        equations=v.diff(x, 2) + 2,
        conditions=[Dirichlet(v, 0, on=line.boundary)],
    )
    network = KAN([1, 1], basis=BSpline(degree=3, intervals=3), seed=0)
    solution = kanpde.solve(problem, network, [LevenbergMarquardt(iterations=10)], hard=True)
    whole = Workbench.of(solution).snap(0, 0, 0, "x")
    formula = whole.refit().formula()
    assert formula.is_proved
    assert simplify(formula.expression - x * (1 - x)) == 0
