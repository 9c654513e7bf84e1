"""Adam, L-BFGS and self-scaled Broyden: quadratics, Rosenbrock, a small Poisson problem."""

import json
import math
import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sympy import exp, pi, sin

from kanpde import (
    KAN,
    MLP,
    BSpline,
    Condition,
    Data,
    Dirichlet,
    Integral,
    Interval,
    Periodic,
    Problem,
    Rectangle,
    Resample,
    coordinates,
    laplacian,
    normal_derivative,
    parameter,
    unknown,
)
from kanpde.networks import Module, SoughtNumber, WithNumbers
from kanpde.networks.hard import hard_conditions
from kanpde.training import LBFGS, SOAP, Adam, Constant, Cosine, Exponential, SSBroyden, Task
from kanpde.training.descent import DescentState
from kanpde.training.line_search import Trial, strong_wolfe
from kanpde.training.objective import Objective
from kanpde.training.packing import Packer, Unpacker
from kanpde.training.quasi_newton import updated_inverse

x, y = coordinates("x y")
u1, u, v = unknown("u", x), unknown("u", x, y), unknown("v", x, y)
line, square = Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1))
LINEAR = Problem(
    line,
    -u1.diff(x, 2) - pi**2 * sin(pi * x),
    Dirichlet(u1, 0, on=line.boundary),
    exact={u1: sin(pi * x)},
)
STAGES = [Adam(iterations=400), LBFGS(iterations=200), SSBroyden(iterations=200), SOAP(400)]


def network(seed: int = 0, kind: str = "kan"):
    if kind == "mlp":
        return MLP([1, 6, 6, 1], lower=[0], upper=[1], seed=seed)
    basis = BSpline(degree=5, intervals=3)
    return KAN([1, 3, 1], basis=basis, activation=None, lower=[0], upper=[1], seed=seed)


def task(problem: Problem = LINEAR, **how) -> Task:
    return Task(problem, least_points=60, points_per_parameter=1, **how)


def run(stage, task_, field):
    state = stage.init(task_, field)
    while not state.done:
        state = stage.step(task_, state)
    return state


def minimise(stage, function, start, *, below=1e-20, most=3000):
    """Return the state when the function is small, and how often it was evaluated."""
    calls = 0

    def objective(vector):
        nonlocal calls
        calls += 1
        vector = vector.clone().requires_grad_()
        value = function(vector)
        return float(value.detach()), torch.autograd.grad(value, vector)[0]

    loss, gradient = objective(start)
    field = SimpleNamespace(parameters=lambda: [start.view(2, -1)])
    state = stage._start(DescentState(field, 0, loss, False, "", None, start, gradient, (loss,)))
    while state.loss > below and state.iteration < most and not state.done:
        state = replace(stage._iterate(objective, state), iteration=state.iteration + 1)
    return state, calls


def rosenbrock(z):
    return (100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum()


# The gradient ------------------------------------------------------------------------------------

nu = parameter("nu", initial=0.3)
GRADIENT_PROBLEMS = {
    "linear": Problem(square, laplacian(u) + x * u - 1, Dirichlet(u, y, on=square.boundary)),
    "system": Problem(
        square,
        {"a": laplacian(u) * v - u**3 + sin(v) * x, "b": v.diff(x, y) + u * v.diff(y) - 1},
        [Dirichlet(u, 0, on="left"), Condition(v - normal_derivative(u) * u, on="top", name="f")],
    ),
    "periodic": Problem(
        square, u.diff(y) - u.diff(x, 2) + u**2, [Periodic(u, x), Dirichlet(u, x, on="bottom")]
    ),
    "integral": Problem(square, laplacian(u) + exp(u), [Integral(u, 2, over=square)]),
    "inverse": Problem(
        square,
        nu * laplacian(u) + nu**2 * u - x,
        [Data(u, np.array([[0.2, 0.3], [0.7, 0.1]]), [1.0, 2.0], noise=[0.1, 0.4])],
    ),
}


def gradient_network(problem, kind):
    outputs = len(problem.unknowns)
    if kind == "module":
        layers = [torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, outputs)]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            field = Module(torch.nn.Sequential(*layers).double(), 2, outputs)
    elif kind == "mlp":
        field = MLP([2, 4, outputs], lower=[0, 0], upper=[1, 1], seed=0)
    else:
        basis = BSpline(degree=4, intervals=2)
        field = KAN([2, (1, 1), outputs], basis=basis, lower=[0, 0], upper=[1, 1], seed=0)
    if problem.parameters:
        field = WithNumbers(field, [SoughtNumber("nu", 0.3, 0.0, math.inf)])
    return field


@pytest.mark.parametrize("kind", ["kan", "mlp", "module"])
@pytest.mark.parametrize("name", GRADIENT_PROBLEMS)
def test_the_gradient_is_that_of_the_jacobian_and_of_finite_differences(name, kind) -> None:
    problem = GRADIENT_PROBLEMS[name]
    field = gradient_network(problem, kind)
    where = Task(problem, least_points=20, points_per_parameter=0.1, condition_weight=7.0)
    collocation = where.collocate(field)
    prepared = collocation.prepare(field)
    residual, jacobian = collocation.jacobian(field, prepared)
    loss, gradient = collocation.gradient(field, prepared)
    assert float(loss) == pytest.approx(0.5 * float(residual @ residual), rel=1e-12)
    torch.testing.assert_close(gradient, jacobian @ residual, rtol=1e-10, atol=1e-10)
    start = field.vector()
    direction = torch.linspace(-1, 1, len(start)).double()
    either = [
        float(collocation.gradient(field.with_vector(start + h * direction), prepared)[0])
        for h in (1e-6, -1e-6)
    ]
    slope = (either[0] - either[1]) / 2e-6
    assert float(gradient @ direction) == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_chunks_add_up() -> None:
    where, field = (
        task(GRADIENT_PROBLEMS["system"]),
        gradient_network(GRADIENT_PROBLEMS["system"], "kan"),
    )
    parts = where.chunks(field, 25)
    assert len(parts) == 3
    found = [c.collocation.gradient(field, c.ready(field)) for c in parts]
    loss, gradient = where.collocate(field).gradient(field, where.collocate(field).prepare(field))
    assert sum(float(f[0]) for f in found) == pytest.approx(float(loss), rel=1e-12)
    torch.testing.assert_close(sum(f[1] for f in found), gradient, rtol=1e-11, atol=1e-11)


# The stages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [LBFGS(), SSBroyden()], ids=lambda s: s.name)
def test_a_convex_quadratic_is_minimised(stage) -> None:
    scales = torch.logspace(0, 3, 20).double()
    state, _ = minimise(stage, lambda z: (scales * (z - 1) ** 2).sum(), torch.zeros(20).double())
    torch.testing.assert_close(state.vector, torch.ones(20).double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("stage", [Adam, SOAP], ids=lambda s: s.name)
def test_first_order_stages_minimise_a_convex_quadratic(stage) -> None:
    scales = torch.logspace(0, 2, 10).double()
    chosen = stage(iterations=2000, rate=Cosine(0.05, end=0.0))
    state, calls = minimise(
        chosen, lambda z: (scales * (z - 1) ** 2).sum(), torch.zeros(10).double(), most=2000
    )
    assert calls == 2001 or state.loss < 1e-20
    torch.testing.assert_close(state.vector, torch.ones(10).double(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [2, 10])
@pytest.mark.parametrize("stage", [LBFGS(), SSBroyden()], ids=lambda s: s.name)
def test_rosenbrock(stage, size) -> None:
    start = torch.tensor([-1.2, 1.0] * (size // 2)).double()
    state, calls = minimise(stage, rosenbrock, start)
    assert state.loss < 1e-20
    assert calls < 70 * math.sqrt(size)


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
@pytest.mark.parametrize("kind", ["kan", "mlp"])
def test_the_loss_of_a_poisson_problem_falls_far(stage, kind) -> None:
    field = network(kind=kind)
    state = run(stage, task(), field)
    by = 1e-2 if stage.name in ("adam", "soap") else 1e-4
    assert state.loss < by * state.losses[0]
    fresh = task().collocate(field)
    loss, _ = fresh.gradient(state.network, fresh.prepare(state.network))
    assert state.loss == pytest.approx(float(loss), rel=1e-9)
    torch.testing.assert_close(state.network.vector(), state.vector, rtol=0, atol=0)


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_a_pickled_state_resumes_bit_for_bit(stage) -> None:
    short = type(stage)(iterations=30, stride=7)
    one = run(short, task(), network())
    other = short.step(task(), short.init(task(), network()))
    while not other.done:
        other = short.step(task(), pickle.loads(pickle.dumps(other)))
    assert torch.equal(one.vector, other.vector)
    assert one.losses == other.losses
    assert one.iteration == other.iteration == 30


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_a_state_from_a_checkpoint_resumes_bit_for_bit(stage) -> None:
    short, where = type(stage)(iterations=20, stride=5), task()
    field = hard_conditions(LINEAR).apply(network(), LINEAR)
    where = Resample(steep=1.0).apply(where, field).task
    state = short.step(where, short.init(where, field))
    packer = Packer()
    packed = json.loads(json.dumps(packer.pack((where, state))))
    kept_task, kept = Unpacker(packer.arrays, problem=LINEAR).unpack(packed)
    one, other = short.step(where, state), short.step(kept_task, kept)
    assert torch.equal(one.vector, other.vector)
    assert one.losses == other.losses


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_the_given_network_and_state_are_left_alone(stage) -> None:
    field = network()
    before = field.vector()
    state = stage.init(task(), field)
    first = stage.step(task(), state)
    again = stage.step(task(), state)
    assert torch.equal(field.vector(), before)
    assert torch.equal(first.vector, again.vector)


def test_ss_broyden_beats_l_bfgs_on_a_physics_informed_network() -> None:
    """The claim of arXiv:2405.04230, at the same number of iterations."""
    field = MLP([1, 12, 1], lower=[0], upper=[1], seed=0)
    losses = {s.name: run(s, task(), field).loss for s in (LBFGS(500), SSBroyden(500))}
    assert losses["ss-broyden"] < 1e-2 * losses["l-bfgs"]


def test_the_updated_inverse_fulfils_the_secant_equation_and_stays_positive() -> None:
    generator = torch.Generator().manual_seed(0)
    draw = lambda *size: torch.randn(*size, generator=generator).double()  # noqa: E731
    for first in (True, False):
        root = draw(6, 6)
        inverse = torch.eye(6).double() if first else root @ root.T
        gradient, bend = draw(6), draw(6)
        change = -0.7 * inverse @ gradient
        bend = bend if float(bend @ change) > 0 else -bend
        new = updated_inverse(inverse, change, bend, gradient, 0.7, first=first)
        torch.testing.assert_close(new @ bend, change, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(new, new.T, rtol=0, atol=0)
        assert float(torch.linalg.eigvalsh(new).min()) > 0


def test_soap_turns_back_what_it_turns() -> None:
    from kanpde.training.soap import _covariances, _eigenvectors, _turned

    tensor = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    bases = tuple(_eigenvectors(c) for c in _covariances(tensor))
    turned = _turned(tensor, bases)
    torch.testing.assert_close(_turned(turned, bases, back=True), tensor)
    unfolded = turned.flatten(1)  # the Gram matrix of a mode is diagonal in its eigenvectors
    gram = unfolded @ unfolded.T
    torch.testing.assert_close(gram, torch.diag(gram.diagonal()), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("rate", "middle", "end"),
    [
        (Constant(0.1), 0.1, 0.1),
        (Cosine(0.1, end=0.02), 0.06, 0.02),
        (Exponential(0.1, end=0.001), 0.01, 0.001),
    ],
)
def test_schedules(rate, middle, end) -> None:
    assert rate.at(0.0) == pytest.approx(0.1)
    assert rate.at(0.5) == pytest.approx(middle)
    assert rate.at(1.0) == pytest.approx(end)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Adam(iterations=0), "iterations"),
        (lambda: Adam(rate=-1.0), "rate"),
        (lambda: Adam(rate="cosine"), "Cosine"),
        (lambda: Adam(second=1.0), "second"),
        (lambda: SOAP(every=0), "every"),
        (lambda: SOAP(rate=0), "rate"),
        (lambda: LBFGS(memory=0), "memory"),
        (lambda: SSBroyden(stride=0), "stride"),
        (lambda: Constant(0.0), "start"),
        (lambda: Cosine(0.1, end=0.2), "end"),
        (lambda: Exponential(0.1, end=0.0), "end"),
    ],
)
def test_bad_settings(make, match) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_ss_broyden_refuses_large_networks_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="at most 5000"):
        SSBroyden().check(LINEAR, MLP([1, 100, 100, 1]))


# The line search ---------------------------------------------------------------------------------

LINES = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "far": (lambda t: (t / 1000 - 1) ** 4, lambda t: 4e-3 * (t / 1000 - 1) ** 3),
    "near": (lambda t: (1000 * t - 1) ** 2 * (2 + math.sin(900 * t)), None),
    "wall": (lambda t: -t if t < 0.3 else math.inf, lambda t: -1.0 if t < 0.3 else math.nan),
    "log": (lambda t: t - math.log(0.1 + t), lambda t: 1 - 1 / (0.1 + t)),
}


@pytest.mark.parametrize("name", ["parabola", "far", "near", "log"])
@pytest.mark.parametrize("curvature", [0.9, 0.1])
def test_the_strong_wolfe_conditions_hold(name, curvature) -> None:
    value, slope = LINES[name]
    slope = slope or (lambda t: (value(t + 1e-9) - value(t - 1e-9)) / 2e-9)
    evaluate = lambda t: Trial(t, value(t), slope(t))  # noqa: E731
    start = evaluate(0.0)
    found = strong_wolfe(evaluate, start, 1.0, curvature=curvature)
    assert found.value <= start.value + 1e-4 * found.step * start.slope
    assert abs(found.slope) <= curvature * abs(start.slope)


def test_a_line_search_stays_before_a_wall_and_refuses_to_climb() -> None:
    value, slope = LINES["wall"]
    evaluate = lambda t: Trial(t, value(t), slope(t))  # noqa: E731
    found = strong_wolfe(evaluate, evaluate(0.0), 1.0)
    assert 0 < found.step < 0.3
    assert strong_wolfe(evaluate, Trial(0.0, 0.0, 1.0), 1.0) is None


def test_the_objective_leaves_the_network_alone() -> None:
    field = network()
    before = field.vector()
    Objective.of(task(), field)(torch.zeros_like(before))
    assert torch.equal(field.vector(), before)
