"""Resample, Rebalance and Causal: what they change of the task, and that later stages see it."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sympy import exp, pi, sin

from kanpde import (
    KAN,
    BSpline,
    Causal,
    Dirichlet,
    Initial,
    Interval,
    LevenbergMarquardt,
    Problem,
    Rebalance,
    Rectangle,
    Resample,
    TimeInterval,
    coordinates,
    laplacian,
    solve,
    time,
    unknown,
    unknowns,
)
from kanpde.control import Control
from kanpde.networks import JetLayout
from kanpde.training import Task, run_plan
from kanpde.training.points import Drawn
from kanpde.training.resample import squared_residual, steepness

x, y = coordinates("x y")
t = time("t")
u, w = unknown("u", x, y), unknown("w", x, t)
square = Rectangle(x=(0, 1), y=(0, 2))
# the source is a narrow peak at (0.2, 1.5): of a field near zero it is the residual
PEAK = Problem(
    square,
    {"poisson": laplacian(u) + exp(-100 * ((x - 0.2) ** 2 + (y - 1.5) ** 2))},
    [Dirichlet(u, 0, on=square.boundary)],
)
BURGERS = Problem(
    Interval(x=(-1, 1)) * TimeInterval(t=(0, 2)),
    {"burgers": w.diff(t) + w * w.diff(x) - w.diff(x, 2) / 100},
    [Dirichlet(w, 0, on=["left", "right"]), Initial(w, -sin(pi * x))],
)


def field(problem=PEAK, scale: float = 0.0) -> KAN:
    basis = BSpline(degree=5, intervals=3)
    lower, upper = problem.domain.lower, problem.domain.upper
    network = KAN([2, 3, 1], basis=basis, activation=None, lower=lower, upper=upper, seed=0)
    return network.with_vector(scale * network.vector())


def task(problem=PEAK, **how) -> Task:
    return Task(problem, least_points=300, points_per_parameter=1, **how)


def applied(stage, where: Task, network) -> Task:
    state = stage.step(where, stage.init(where, network))
    assert state.done
    assert torch.equal(state.network.vector(), network.vector())
    return state.task


def near_peak(points: np.ndarray) -> float:
    return float((np.hypot(points[:, 0] - 0.2, points[:, 1] - 1.5) < 0.2).mean())


def test_points_go_where_the_residual_is_large() -> None:
    network, where = field(), task()
    share = near_peak(square.interior(4000, seed=9))
    even = applied(Resample(power=0), where, network)
    drawn = applied(Resample(), where, network)
    sharp = applied(Resample(power=2, floor=0.1, pool=40), where, network)
    assert near_peak(even.drawn.points) == pytest.approx(share, abs=0.03)
    # half of the points are spread evenly, half follow |r|, which the peak holds
    assert near_peak(drawn.drawn.points) > 0.25
    assert near_peak(sharp.drawn.points) > 0.7
    for one in (even, drawn, sharp):
        assert len(one.drawn.points) == where.count(network)
        assert square.contains(one.drawn.points).all()


def test_every_draw_has_points_of_its_own_and_a_seed_repeats_them() -> None:
    network, where = field(), task()
    one = applied(Resample(), where, network)
    again = applied(Resample(), where, network)
    next_one = applied(Resample(), one, network)
    np.testing.assert_array_equal(one.drawn.points, again.drawn.points)
    assert (one.drawn.draws, next_one.drawn.draws) == (1, 2)
    assert not np.isin(one.drawn.points[:, 0], next_one.drawn.points[:, 0]).any()
    other = applied(Resample(), replace(where, seed=1), network)
    assert not np.isin(one.drawn.points[:, 0], other.drawn.points[:, 0]).any()


def test_later_stages_train_on_the_points_and_factors() -> None:
    network, where = field(), task()
    drawn = applied(Resample(steep=2.0), where, field(scale=1.0))
    collocation = drawn.collocate(network)
    equation = collocation.blocks[0]
    np.testing.assert_array_equal(equation.points.numpy(), drawn.drawn.points)
    residual = collocation.residual(network, collocation.prepare(network))
    (name, factors), *_ = drawn.drawn.factors
    assert name == "steep"
    plain = np.sqrt(squared_residual(where, network, drawn.drawn.points))
    count = len(factors)
    np.testing.assert_allclose(
        np.abs(residual[:count].numpy()), plain * factors / math.sqrt(count), rtol=1e-10
    )
    assert sum(b.row_count for b in drawn.chunks(network, 100)[0].collocation.blocks) < len(
        residual
    )


def test_steepness_is_the_relative_length_of_the_gradient() -> None:
    network, points = field(scale=1.0), square.interior(200, seed=4)
    found = steepness(task(), network, points)
    jets = network.jets(torch.as_tensor(points), JetLayout.of(2, [(1, 0), (0, 1)]))[0]
    length = (jets[1] ** 2 + (2 * jets[2]) ** 2).sqrt()  # y is twice as wide
    expected = length / length.square().mean().sqrt()
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-10)
    assert steepness(task(), field(scale=0.0), points).max() == 0


def test_missing_points_are_spread_with_the_factor_of_the_nearest() -> None:
    few = Drawn(np.array([[0.1, 0.1], [0.9, 1.9]]), (("a", np.array([2.0, 3.0])),))
    points, factors = few.at_least(50, PEAK, seed=0)
    assert len(points) == 50
    np.testing.assert_array_equal(points[:2], few.points)
    width = np.array([1.0, 2.0])
    nearer = np.linalg.norm((points - few.points[0]) / width, axis=1) < np.linalg.norm(
        (points - few.points[1]) / width, axis=1
    )
    np.testing.assert_array_equal(factors, np.where(nearer, 2.0, 3.0))
    assert few.at_least(1, PEAK, seed=0)[0] is few.points


def test_factors_multiply_and_are_replaced_by_name() -> None:
    points = np.zeros((2, 2))
    drawn = Drawn(points).with_factor("a", np.array([2.0, 4.0]))
    drawn = drawn.with_factor("b", np.array([3.0, 5.0])).with_factor("a", np.array([1.0, 2.0]))
    np.testing.assert_array_equal(drawn.at_least(2, PEAK, 0)[1], [3.0, 10.0])
    assert [name for name, _ in drawn.with_factor("b", None).factors] == ["a"]


def test_a_plan_hands_the_task_on_and_resampling_pays_at_a_peak() -> None:
    control = Control()
    plan = [Resample(floor=0.2), LevenbergMarquardt(4)]
    result = run_plan(plan, task(), field(scale=0.1), control)
    assert result.task.drawn.draws == 1
    assert control.history[0].stage == "1 resample"
    assert "times that everywhere" in result.notes[0]
    plain = run_plan([LevenbergMarquardt(4)], task(), field(scale=0.1), Control())
    assert not torch.equal(result.network.vector(), plain.network.vector())


# Weights -----------------------------------------------------------------------------------------


def test_rebalance_moves_the_shares_of_the_loss_together() -> None:
    network, where = field(scale=1.0), task()

    def shares(task_: Task) -> np.ndarray:
        collocation = task_.collocate(network)
        rms = collocation.rms(network)
        return np.array([b.weight * rms[b.name] ** 2 for b in collocation.blocks])

    before = shares(where)
    half = applied(Rebalance(most=1e6), where, network)
    whole = applied(Rebalance(power=1.0, most=1e6), where, network)
    spread = lambda s: math.log(s.max() / s.min())  # noqa: E731
    assert spread(before) > 1
    assert spread(shares(half)) == pytest.approx(0.5 * spread(before), rel=1e-6)
    assert spread(shares(whole)) < 1e-9
    assert dict(half.weights)["poisson"] == pytest.approx(1.0)  # the equation keeps its weight
    limited = applied(Rebalance(power=1.0, most=1.5), where, network)
    change = dict(limited.weights)[PEAK.condition_names[0]] / where.condition_weight
    assert 1 / 1.5**2 - 1e-12 <= change <= 1.5**2 + 1e-12


def test_rebalance_keeps_the_mean_of_several_equations_and_needs_two_blocks() -> None:
    a, b = unknowns("a b", x)
    line = Interval(x=(0, 1))
    system = Problem(
        line,
        {"one": a.diff(x) - b, "two": b.diff(x) + 100 * a},
        [Dirichlet(a, 1, on="left"), Dirichlet(b, 1, on="left")],
    )
    network = KAN([1, 2], lower=[0], upper=[1], seed=0)
    new = applied(Rebalance(), Task(system, least_points=50, points_per_parameter=1), network)
    weights = dict(new.weights)
    assert weights["one"] + weights["two"] == pytest.approx(2.0)
    assert weights["two"] < weights["one"]
    alone = Task(PEAK, hard=PEAK.condition_names, least_points=50)
    state = Rebalance().step(alone, Rebalance().init(alone, field(scale=1.0)))
    assert state.note == "nothing to balance"
    assert state.task is None


def test_causal_weights_fall_with_time_as_the_residual_adds_up() -> None:
    network, where = field(BURGERS, 1.0), task(BURGERS)
    new = applied(Causal(strength=3.0, slabs=8), where, network)
    points, factors = new.drawn.at_least(1, BURGERS, 0)
    np.testing.assert_array_equal(points, where.interior(network))
    slab = (8 * points[:, 1] / 2).astype(int)
    square = squared_residual(where, network, points)
    means = np.array([square[slab == k].mean() for k in range(8)])
    expected = np.exp(-3.0 * (np.cumsum(means) - means) / means.sum())
    np.testing.assert_allclose(factors**2, expected[slab], rtol=1e-10)
    assert factors[slab == 0] == pytest.approx(1.0)
    assert factors.min() > math.exp(-1.5)
    off = applied(Causal(strength=0.0), new, network)
    assert off.drawn.factors == ()


def test_causal_keeps_the_drawn_points_and_their_other_factors() -> None:
    network = field(BURGERS, 1.0)
    drawn = applied(Resample(steep=1.0), task(BURGERS), network)
    both = applied(Causal(), drawn, network)
    assert [name for name, _ in both.drawn.factors] == ["steep", "causal"]
    np.testing.assert_array_equal(both.drawn.points, drawn.drawn.points)
    assert both.drawn.draws == 1
    again = pickle.loads(pickle.dumps(both))
    np.testing.assert_array_equal(again.drawn.factors[1][1], both.drawn.factors[1][1])


def test_causal_needs_time() -> None:
    with pytest.raises(ValueError, match="has no time"):
        Causal().check(PEAK, field())
    with pytest.raises(ValueError, match="has no time"):
        run_plan([Causal()], task(), field(), Control())


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Resample(power=-1), "power"),
        (lambda: Resample(floor=0), "floor"),
        (lambda: Resample(pool=0), "pool"),
        (lambda: Resample(steep=-1), "steep"),
        (lambda: Rebalance(power=0), "power"),
        (lambda: Rebalance(most=1), "most"),
        (lambda: Causal(strength=-1), "strength"),
        (lambda: Causal(slabs=1), "slabs"),
    ],
)
def test_bad_settings(make, match) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_weights_that_are_given_replace_the_usual_ones() -> None:
    plan = [LevenbergMarquardt(iterations=2)]
    usual = solve(PEAK, KAN([2, 3, 1]), plan, hard=False)
    given = solve(PEAK, KAN([2, 3, 1]), plan, hard=False, weights={"poisson": 7.0})
    (condition,) = PEAK.condition_names
    assert given.weights["poisson"] == pytest.approx(7 * usual.weights["poisson"])
    assert given.weights[condition] == usual.weights[condition]
    assert not torch.equal(given.network.vector(), usual.network.vector())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"weights": {"possion": 1.0}}, r"no equation or condition 'possion'; there are 'poisson'"),
        ({"weights": {"poisson": 0.0}}, "must be a positive number"),
        ({"weights": {"poisson": math.nan}}, "must be a positive number"),
        ({"weights": {"poisson": "much"}}, "must be a positive number"),
        ({"weights": {PEAK.condition_names[0]: 2.0}}, "built into the network"),
        ({"weights": {"poisson": 2.0}, "network": None, "plan": None}, "is for training"),
    ],
)
def test_weights_of_nothing_are_refused(how, message) -> None:
    with pytest.raises(ValueError, match=message):
        solve(PEAK, **{"network": KAN([2, 3, 1]), "plan": [LevenbergMarquardt()], **how})
