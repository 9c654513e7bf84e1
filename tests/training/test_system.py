"""Points in chunks, and shared by processes, give what all of them at once give."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from scipy.linalg import lstsq
from sympy import exp, pi, sin

from kanpde import (
    KAN,
    BSpline,
    Dirichlet,
    Interval,
    LeastSquares,
    LevenbergMarquardt,
    Periodic,
    Problem,
    Rectangle,
    coordinates,
    laplacian,
    load,
    solve,
    unknown,
)
from kanpde.ranks import LostRankError, Ranks, _together
from kanpde.solving.least_squares import Triangle
from kanpde.training import Task
from kanpde.training.chunk import size_of
from kanpde.training.damped import Factored, Orthogonal
from kanpde.training.system import PROBE, InMemory, Streamed, residuals_of

x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
EXACT = sin(pi * x) * sin(pi * y)
LINEAR = Problem(
    square, laplacian(u) + 2 * pi**2 * EXACT, Dirichlet(u, 0, on=square.boundary), exact={u: EXACT}
)
CURVED = Problem(
    square,
    {"a": laplacian(u) + exp(u)},
    [
        Dirichlet(u, 0, on=square.boundary["bottom"]),
        Dirichlet(u, 1, on=square.boundary["top"]),
        Periodic(u, x),
    ],
)
SMALL = 20_000.0


def network(seed: int = 0) -> KAN:
    return KAN(
        [2, 3, 1],
        basis=BSpline(degree=5, intervals=3),
        activation=None,
        lower=[0, 0],
        upper=[1, 1],
        seed=seed,
    )


@pytest.mark.parametrize("problem", [LINEAR, CURVED], ids=["linear", "nonlinear"])
def test_sums_over_chunks_are_those_over_all_points(problem) -> None:
    task, field = Task(problem, least_points=1200, memory=SMALL), network()
    whole, streamed = InMemory.of(task, field), Streamed.of(task, field)
    assert len(streamed.shards) == 8
    at_once, summed = whole.about(field), streamed.about(field)
    assert summed.square == pytest.approx(at_once.square, rel=1e-12)
    gram = at_once.jacobian @ at_once.jacobian.T
    torch.testing.assert_close(summed.gram, gram, rtol=1e-11, atol=1e-11 * float(gram.max()))
    torch.testing.assert_close(summed.gradient, at_once.gradient, rtol=1e-10, atol=1e-10)
    step = at_once.damped(orthogonal=False).factored(1e-2)(at_once.right)
    same = summed.damped(orthogonal=False).factored(1e-2)(summed.right)
    torch.testing.assert_close(same, step, rtol=1e-7, atol=1e-9)
    ahead = field.with_vector(field.vector() + PROBE * step)
    bend = at_once.jacobian @ at_once.curvature(whole.at(ahead), step)
    found = summed.curvature(streamed.at(ahead), step)
    torch.testing.assert_close(found, bend, rtol=1e-6, atol=1e-6 * float(bend.abs().max()))


def test_a_factor_of_all_chunks_gives_the_steps_of_orthogonal_factors() -> None:
    task, field = Task(LINEAR, least_points=600, memory=SMALL), network()
    at_once = InMemory.of(task, field).about(field)
    summed = Streamed.of(task, field).about(field)
    factored = summed.damped(orthogonal=True)
    assert isinstance(factored, Factored)
    for damping in (1.0, 1e-6, 1e-14):  # free directions are noise at the last: compare J p
        expected = Orthogonal(at_once.jacobian).factored(damping)(at_once.residual)
        found = factored.factored(damping)(summed.right)
        change = at_once.jacobian.T @ (found - expected)
        assert float(change.norm()) < 1e-12 * float(at_once.residual.norm())
    other = torch.linspace(-1, 1, len(at_once.residual)).double()
    expected = Orthogonal(at_once.jacobian).factored(1e-2)(other)
    torch.testing.assert_close(
        factored.factored(1e-2)(at_once.jacobian @ other), expected, rtol=1e-6, atol=1e-8
    )


def test_what_is_large_is_streamed() -> None:
    field = network()
    assert isinstance(residuals_of(Task(LINEAR), field), InMemory)
    assert isinstance(residuals_of(Task(LINEAR, memory=SMALL), field), Streamed)
    assert isinstance(residuals_of(Task(LINEAR, ranks=Ranks(1, 2)), field), Streamed)


def test_shares_of_processes_are_all_points_once() -> None:
    field = network()
    whole = Task(CURVED, least_points=5010)
    counts: dict[str, int] = {}
    weights: dict[str, float] = {}
    for rank in range(3):
        task = Task(CURVED, least_points=5010, memory=SMALL, ranks=Ranks(rank, 3))
        shards = task.shards(field)
        assert len(shards[0]) == 3
        for block in (b for s in shards for chunk in s for b in chunk.collocation.blocks):
            counts[block.name] = counts.get(block.name, 0) + block.row_count
            weights[block.name] = weights.get(block.name, 0.0) + block.weight
    for block in whole.collocate(field).blocks:
        assert counts[block.name] == block.row_count
        assert weights[block.name] == pytest.approx(block.weight)


def test_too_few_points_for_the_processes_are_refused() -> None:
    with pytest.raises(ValueError, match="5 points cannot be cut into 9 shards"):
        Task(LINEAR, least_points=5, points_per_parameter=0, ranks=Ranks(0, 9)).shards(network())


def test_what_is_precomputed_for_chunks_is_kept_where_it_fits() -> None:
    field = network()
    few = Task(CURVED, least_points=300, ranks=Ranks(0, 2)).shards(field)
    many = Task(CURVED, least_points=5000, memory=1e5, ranks=Ranks(0, 2)).shards(field)
    assert all(chunk.kept for shard in few for chunk in shard)
    assert not any(chunk.kept for shard in many for chunk in shard)
    held = size_of(few[0][0].kept)
    assert held > few[0][0].collocation.blocks[0].points.numel() * 8
    assert size_of([few[0][0].kept, few[0][0].kept]) == held  # a tensor counts once


@pytest.mark.parametrize("problem", [LINEAR, CURVED], ids=["linear", "nonlinear"])
def test_least_squares_in_chunks_is_that_of_all_points(problem) -> None:
    found = [
        LeastSquares().apply(Task(problem, least_points=1200, memory=m), network())
        for m in (4e9, SMALL)
    ]
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-6)
    points = torch.as_tensor(square.interior(300))
    with torch.no_grad():
        one, other = (f.network(points) for f in found)
    assert float((one - other).norm()) < 1e-9 * float(one.norm())


def test_a_triangle_of_parts_solves_like_the_whole_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(200, 12, dtype=torch.float64, generator=generator)
    matrix[:, 5] = matrix[:, 4] + 1e-9 * matrix[:, 5]  # squared it would be lost
    target = torch.randn(200, dtype=torch.float64, generator=generator)
    triangle = Triangle(13, matrix)
    for part in torch.cat([matrix, target[:, None]], dim=1).split([3, 50, 147]):
        triangle.add(part)
    factor = triangle.factor
    # scipy's, for torch's gelsy starts from uninitialised pivots: not the same twice.
    found = lstsq(factor[:, :-1].numpy(), factor[:, -1].numpy())[0]
    best = lstsq(matrix.numpy(), target.numpy())[0]
    assert float((matrix @ torch.as_tensor(found - best)).norm()) < 1e-7 * float(target.norm())


def test_a_solve_in_little_memory_ends_alike() -> None:
    plan = [LeastSquares(), LevenbergMarquardt(iterations=6)]
    how = {"points": 1500, "seed": 1}
    one, other = (solve(LINEAR, network(), plan, memory=m, **how) for m in ("4GiB", SMALL))
    points = square.interior(200)
    at = {"x": points[:, 0], "y": points[:, 1]}
    assert abs(one(**at) - other(**at)).max() < 1e-9 * abs(one(**at)).max()
    assert one.points == other.points


def test_variable_projection_needs_the_whole_jacobian() -> None:
    stage = LevenbergMarquardt(variable_projection=True)
    with pytest.raises(ValueError, match="in memory"):
        stage.init(Task(LINEAR, memory=SMALL), network())


@pytest.mark.parametrize("wrong", ["much", "-1GiB", 0, "nan", float("inf")])
def test_a_wrong_memory_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="memory"):
        solve(LINEAR, network(), [LeastSquares()], memory=wrong)


def test_no_points_are_refused() -> None:
    with pytest.raises(ValueError, match="points=0"):
        solve(LINEAR, network(), [LeastSquares()], points=0)


def test_a_lost_process_is_told_as_such() -> None:
    def call() -> None:
        raise RuntimeError("Connection closed by peer\nmore")

    with pytest.raises(LostRankError, match=r"is gone.*Connection closed by peer.*kanpde resume"):
        _together(call)


# Two processes -----------------------------------------------------------------------------------

FILE = '''
"""Poisson's equation, trained."""
from sympy import pi, sin
from kanpde import *
x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
exact = sin(pi * x) * sin(pi * y)
problem = Problem(square, laplacian(u) + 2 * pi**2 * exact, Dirichlet(u, 0, on=square.boundary))
network = KAN([2, 3, 1], basis=BSpline(degree=5, intervals=3), activation=None, seed=0)
plan = {plan}
'''
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ONE = [sys.executable]


def solved(start: list[str], folder, plan: str, *more: str) -> subprocess.Popen:
    file = folder / "problem.py"
    file.write_text(FILE.format(plan=plan))
    command = [*start, "-m", "kanpde", "solve", str(file), "--out", str(folder / "run")]
    command += ["--no-figures", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run_to_end(start: list[str], folder, plan: str, *more: str):
    """Return the solution of a run and how many points it had, after a look at what it said."""
    folder.mkdir()
    run = solved(start, folder, plan, "--points", "2000", *more)
    said = run.communicate(timeout=600)[0]
    assert run.returncode == 0, said
    manifest = json.loads((folder / "run" / "run.json").read_text())
    assert manifest["environment"]["processes"] == (1 if start is ONE else 2)
    assert said.count("solved,") == 1  # one of them talks
    return load(folder / "run" / "solution.h5")


def test_two_processes_find_the_very_field_of_one(tmp_path) -> None:
    plan = "[LeastSquares(), LevenbergMarquardt(iterations=6), LBFGS(iterations=40)]"
    one = run_to_end(ONE, tmp_path / "one", plan, "--memory", "20kB")
    two = run_to_end(TWO, tmp_path / "two", plan, "--memory", "20kB")
    assert torch.equal(one.network.vector(), two.network.vector())


@pytest.mark.slow
def test_two_processes_find_the_field_of_points_in_memory(tmp_path) -> None:
    """But for round-off, which grows with every step until the training has converged."""
    plan = "[LeastSquares(), LevenbergMarquardt(iterations=4)]"
    whole, shared = (run_to_end(s, tmp_path / str(len(s)), plan) for s in (ONE, TWO))
    points = torch.as_tensor(square.interior(500))
    with torch.no_grad():
        one, two = (field.network(points) for field in (whole, shared))
    assert float((one - two).norm()) < 1e-9 * float(one.norm())
    assert whole.points == shared.points


def test_when_a_process_dies_the_others_say_so_and_the_run_can_be_resumed(tmp_path) -> None:
    run = solved(TWO, tmp_path, "[LeastSquares(), LevenbergMarquardt(iterations=100000, stall=0)]")
    checkpoint = tmp_path / "run" / "checkpoint.h5"
    deadline = time.monotonic() + 400
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.2)
    listed = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    mine = [line.split()[0] for line in listed if line.split()[1] == str(run.pid)]
    os.kill(int(mine[-1]), signal.SIGKILL)
    said = run.communicate(timeout=400)[0]
    assert run.returncode != 0
    assert "another process of this run is gone" in said
    assert checkpoint.is_file()
    again = [sys.executable, "-m", "kanpde", "resume", str(tmp_path / "run"), "--no-figures"]
    resumed = subprocess.run(
        [*again, "--budget", "5 iterations"], capture_output=True, text=True, timeout=400
    )
    assert resumed.returncode == 1, resumed.stderr  # the budget ended it
    assert load(tmp_path / "run" / "solution.h5").parameters == network().parameter_count


def test_a_line_needs_no_second_coordinate() -> None:
    """Chunks of one coordinate, whose boundary has fewer points than there are chunks."""
    line = Interval(x=(0, 1))
    v = unknown("v", x)
    problem = Problem(line, v.diff(x, 2) + exp(v), Dirichlet(v, 0, on=line.boundary))
    field = KAN([1, 3, 1], basis=BSpline(degree=5, intervals=3), lower=[0], upper=[1], seed=0)
    parts = Task(problem, least_points=500).chunks(field, 60)
    blocks = [b for chunk in parts for b in chunk.collocation.blocks]
    boundary = sum(b.row_count for b in blocks if not b.is_equation)
    whole = Task(problem, least_points=500).collocate(field)
    assert boundary == sum(b.row_count for b in whole.blocks if not b.is_equation)
