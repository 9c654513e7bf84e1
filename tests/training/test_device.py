"""Training on a device that is not the CPU: nothing is left behind, and nothing travels needlessly.

The device is a pretended one, with the arithmetic of the CPU (see ``pretend_device``): fields must
be the same to rounding, and what goes to it or comes back is counted.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pretend_device import pretending, registered

from kanpde import (
    KAN,
    LBFGS,
    MLP,
    Adam,
    BSpline,
    Chebyshev,
    Krylov,
    LeastSquares,
    LevenbergMarquardt,
    Module,
    Multistage,
    Prune,
    Quantiles,
    Rebalance,
    Refine,
    Regrid,
    Resample,
    Sketch,
    Sparsify,
    Spring,
    SSBroyden,
    compare,
    load,
    resume,
    solve,
)
from kanpde.bases import Fourier
from kanpde.problem_file import load_problem_file
from kanpde.training import Training
from kanpde.training.objective import Objective
from kanpde.training.replay import replayed
from kanpde.training.system import InMemory, Replayed, Streamed

pytestmark = pytest.mark.skipif(
    not registered(), reason="this torch takes no device that is written in Python"
)
SLOW = pytest.mark.slow
COMPILER = any(shutil.which(name) for name in ("c++", "g++", "clang++"))
PROBLEMS = Path(__file__).parents[2] / "problems"
FREE = BSpline(3, knots=(-1.0, -0.3, 0.2, 1.0))
CASES = {
    "KAN": ("poisson_2d", lambda: KAN([2, 4, 1], seed=0)),
    "deep KAN": ("burgers_1d", lambda: KAN([2, 3, 3, 1], seed=0)),
    "free knots": ("poisson_2d", lambda: KAN([2, 3, 1], basis=FREE, seed=0)),
    "Chebyshev": ("burgers_1d", lambda: KAN([2, 3, 1], basis=Chebyshev(6), seed=0)),
    "Fourier": ("poisson_2d", lambda: KAN([2, 3, 1], basis=Fourier(3), seed=0)),
    "products": ("poisson_2d", lambda: KAN([2, (2, 2), 1], seed=0)),
    "conditions in the loss": ("helmholtz_dirichlet", lambda: KAN([2, 4, 1], seed=0)),
    "four holes": ("poisson_four_holes", lambda: KAN([2, 4, 1], seed=0)),
    "three unknowns": ("kovasznay", lambda: KAN([2, 4, 3], seed=0)),
    "an unknown number": ("burgers_inverse", lambda: KAN([2, 4, 1], seed=0)),
    "MLP": ("poisson_2d", lambda: MLP([2, 6, 6, 1], seed=0)),
}


def problem(name):
    return load_problem_file(PROBLEMS / f"{name}.py").problem


def prepared(case, device):
    name, network = CASES[case]
    ready = Training.of(problem(name), network(), seed=0, hard=None, device=device)
    return ready.task, ready.network


def trained(name, network, plan, device, **how):
    return solve(problem(name), network, plan, device=device, seed=0, **how)


def host(tensor):
    return tensor.detach().cpu()


@pytest.mark.parametrize("case", CASES)
def test_residual_jacobian_and_gradient_stay_on_the_device(case) -> None:
    """Once points are placed, no evaluation sends or fetches a number, and all are the CPU's."""
    task, network = prepared(case, "cpu")
    points, objective = InMemory.of(task, network), Objective.of(task, network)
    system = points.about(network)
    expected = [points.at(network), system.jacobian, objective.at(network.vector())]
    with pretending() as traffic:
        task, network = prepared(case, "pretend")
        points, objective = InMemory.of(task, network), Objective.of(task, network)
        vector = network.vector()
        points.about(network), objective.at(vector)  # constants of bases are placed once
        traffic.clear()
        found = [points.at(network), points.about(network).jacobian, objective.at(vector)]
        assert not traffic.up
        assert not traffic.down
        for here, there in zip(expected, map(host, found), strict=True):
            size = float(here.abs().max())
            torch.testing.assert_close(there, here, rtol=1e-12, atol=1e-13 * size)


def test_a_step_fetches_a_few_numbers_whatever_the_network() -> None:
    """A trial fetches its loss and what was promised together; a step two numbers more."""
    stage = LevenbergMarquardt(iterations=5)
    with pretending() as traffic:
        task, network = prepared("deep KAN", "pretend")
        state = stage.step(task, stage.init(task, network))
        for _ in range(3):
            traffic.clear()
            state = stage.step(task, state)
            assert not traffic.up
            trials = sum(n for (what, _), n in traffic.down.items() if what == "tolist")
            assert 1 <= trials <= 31
            assert sum(traffic.down.values()) <= trials + 3


@pytest.mark.parametrize("case", ["KAN", "four holes"])
def test_points_in_chunks_and_sums_of_them(case) -> None:
    task, network = prepared(case, "cpu")
    expected = Streamed.of(task, network).about(network)
    with pretending() as traffic:
        task, network = prepared(case, "pretend")
        found = Streamed.of(task, network).about(network)
        torch.testing.assert_close(host(found.gram), expected.gram, rtol=1e-11, atol=1e-11)
        again = found.damped(orthogonal=True).factored(1e-3)(found.right)
        same = expected.damped(orthogonal=True).factored(1e-3)(expected.right)
        torch.testing.assert_close(host(again), same, rtol=1e-8, atol=1e-10)
    assert traffic.up


LM = LevenbergMarquardt(iterations=2)
STAGES = {
    "levenberg-marquardt": LevenbergMarquardt(iterations=6),
    "variable projection": LevenbergMarquardt(iterations=2, variable_projection=True),
    "krylov": LevenbergMarquardt(iterations=1, subspace=Krylov(3)),
    "sketch": LevenbergMarquardt(iterations=1, subspace=Sketch(50)),
    "adam": Adam(iterations=3),
    "l-bfgs": LBFGS(iterations=3),
    "ssbroyden": SSBroyden(iterations=3),
    "spring": Spring(iterations=2),
    "least squares": LeastSquares(),
    "refine": Refine(intervals=10),
    "refine where it pays": Refine(adaptive=True),
    "regrid": Regrid(),
    "regrid by quantiles": Regrid(by=Quantiles()),
    "resample": Resample(),
    "rebalance": Rebalance(),
    "sparsify": Sparsify(iterations=2),
    "prune": Prune(),
    "multistage": Multistage(),
}


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_does_what_it_does_on_the_cpu(name) -> None:
    plan = [LM, STAGES[name], LM]
    here = trained("poisson_2d", KAN([2, 3, 1]), plan, "cpu")
    with pretending():
        there = trained("poisson_2d", KAN([2, 3, 1]), plan, "pretend")
        assert {p.device.type for p in there.network.parameters()} == {"pretend"}
    pairs = list(zip(here.history, there.history, strict=True))
    assert [(h.stage, h.parameters) for h, _ in pairs] == [
        (t.stage, t.parameters) for _, t in pairs
    ]
    for ours, theirs in pairs:
        if ours.loss is not None and name != "sketch":  # whose buckets hang on the last bit
            assert theirs.loss == pytest.approx(ours.loss, rel=1e-3)  # steps magnify rounding


@pytest.mark.parametrize(
    "name", ["poisson_2d", "burgers_inverse", "lorenz_inverse", "kovasznay", "eigenvalue_mathieu"]
)
def test_solve_with_nothing_said(name) -> None:
    """The field answers with arrays, wherever it is."""
    with pretending():
        found = trained(name, None, None, "pretend", budget="4 iterations")
        middle = (found.problem.domain.lower + found.problem.domain.upper) / 2
        names = [c.name for c in found.problem.coordinates]
        values = found(**{n: [m] for n, m in zip(names, middle, strict=True)})
        assert np.isfinite(list(values.values()) if isinstance(values, dict) else values).all()


def test_a_torch_module_on_the_device() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    with pretending():
        found = trained("poisson_2d", Module(net.double(), dimension=2, outputs=1), [LM], "pretend")
        assert found.network.vector().device.type == "pretend"


def test_a_tensor_left_on_the_cpu_is_an_error() -> None:
    """The pretended device would let such a mistake through only if it did not look."""
    with pretending():
        there = torch.ones(3, device="pretend")
        with pytest.raises(RuntimeError, match="of the CPU and of the device"):
            there + torch.ones(3)


def test_a_run_goes_on_on_another_device(tmp_path) -> None:
    """Begun on the CPU, ended elsewhere: the same losses."""
    plan = [LevenbergMarquardt(iterations=6)]
    whole = trained("poisson_2d", KAN([2, 3, 1]), plan, "cpu")
    file = tmp_path / "checkpoint.npz"
    first = trained(
        "poisson_2d", KAN([2, 3, 1]), plan, "cpu", budget="3 iterations", checkpoint=file
    )
    assert len(first.history) == 3
    with pretending():
        rest = resume(file, device="pretend")
        assert rest.network.vector().device.type == "pretend"
    losses = [record.loss for record in rest.history]
    assert losses == pytest.approx([record.loss for record in whole.history], rel=1e-6)


def test_comparisons_on_a_device() -> None:
    with pretending():
        entrants = [KAN([2, 3, 1]), MLP([2, 6, 1])]
        found = compare(problem("poisson_2d"), entrants, seeds=1, budget="1s", device="pretend")
    assert found.unit == "seconds"
    assert all(0 < run.error < 2 for run in found.runs)


def test_what_a_solution_offers_works_where_the_field_is(tmp_path) -> None:
    with pretending():
        solution = trained("poisson_2d", KAN([2, 3, 1]), [LM], "pretend")
        points = solution.problem.domain.interior(5, seed=1)
        values = solution.at(points)
        assert solution.fields(points)
        assert solution.errors()
        solution.save(tmp_path / "solution.h5")
        solution.export(tmp_path / "field.vtu")
        solution.plot()
        solution.report(tmp_path / "report.html")
        assert solution.distil(KAN([2, 3, 1]), budget="1s").parameters
        assert solution.compress(1e-2).parameters
    again = load(tmp_path / "solution.h5")
    assert again.network.vector().device.type == "cpu"
    np.testing.assert_allclose(again.at(points), values, rtol=1e-12, atol=1e-14)


class TestCompiled:
    """Recorded evaluations: CUDA graphs by a pretended recorder, inductor's loops for real."""

    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("stage", [LevenbergMarquardt(iterations=4), Adam(iterations=4)])
    def test_graphs_replay_what_was_recorded(self, case, stage) -> None:
        """The device raises where a recording would have to wait for the host."""
        name, network = CASES[case]
        how = {"device": "pretend", "points": 200}
        with pretending():
            runs = [trained(name, network(), [stage], compiled=c, **how) for c in (False, True)]
        losses = [[record.loss for record in run.history] for run in runs]
        assert losses[0] == pytest.approx(losses[1], rel=1e-12)

    def test_a_recording_that_waits_for_the_host_is_refused(self) -> None:
        with pretending():
            _, network = prepared("KAN", "pretend")
            with pytest.raises(ValueError, match=r"cannot be compiled.*waits for the host"):
                replayed(lambda field: field.vector() * float(field.vector().sum()), network)

    @pytest.mark.skipif(not COMPILER, reason="torch's inductor needs a C++ compiler on the CPU")
    @pytest.mark.parametrize("case", ["KAN", pytest.param("an unknown number", marks=SLOW)])
    def test_loops_of_the_cpu_agree(self, case) -> None:
        task, network = prepared(case, "cpu")
        plain, compiled = InMemory.of(task, network), Replayed.of(task, network)
        moved = network.with_vector(network.vector() + 0.01)  # not the one that was recorded
        expected = plain.at(moved)
        size = float(expected.abs().max())
        torch.testing.assert_close(compiled.at(moved), expected, rtol=1e-11, atol=1e-12 * size)
        objectives = [Objective.of(replace(task, compiled=c), network) for c in (False, True)]
        expected, found = (objective.at(moved.vector()) for objective in objectives)
        size = float(expected.abs().max())
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12 * size)

    def test_direct_ways_have_nothing_to_compile(self) -> None:
        with pytest.raises(ValueError, match="compiled=True is for training"):
            trained("poisson_2d", None, None, "cpu", compiled=True)

    def test_no_compiler_is_told(self, monkeypatch) -> None:
        def missing(*args, **kwargs):
            raise RuntimeError("no C++ compiler was found")

        monkeypatch.setattr("torch._inductor.compile", missing)
        with pytest.raises(ValueError, match=r"cannot be compiled.*no C\+\+ compiler"):
            trained("poisson_2d", KAN([2, 3, 1]), [LM], "cpu", compiled=True)
