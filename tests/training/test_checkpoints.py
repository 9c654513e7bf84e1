"""A plan taken up again ends in the bits of one that never stopped, wherever it was stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace

import h5py
import numpy as np
import pytest
import torch
from sympy import exp, pi, sin

import kanpde
from kanpde import (
    KAN,
    MLP,
    BSpline,
    Checkpoints,
    Dirichlet,
    Interval,
    Ladder,
    LevenbergMarquardt,
    Module,
    Outcome,
    Problem,
    Rectangle,
    Refine,
    Regrid,
    coordinates,
    given,
    laplacian,
    parameter,
    resume,
    solve,
    unknown,
)
from kanpde.networks import SeparableKAN
from kanpde.training import (
    LBFGS,
    SOAP,
    Adam,
    Cosine,
    Rebalance,
    Resample,
    SSBroyden,
    StageState,
    load_checkpoint,
)
from kanpde.training.packing import NotKeptError, Packer, Unpacker
from kanpde.training.placement import Curvature
from kanpde.training.stage import SingleStep

x, y = coordinates("x y")
u1, u = unknown("u", x), unknown("u", x, y)
line, square = Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1))
BRATU = Problem(line, u1.diff(x, 2) + exp(u1), Dirichlet(u1, 0, on=line.boundary))
PLATE = Problem(square, laplacian(u) + 1 + u**2, Dirichlet(u, 0, on=square.boundary))
PLAN = [
    LevenbergMarquardt(iterations=4),
    Regrid(by=Curvature()),
    Refine(intervals=6),
    LevenbergMarquardt(3),
    Refine(adaptive=True, most=3),
    LevenbergMarquardt(3),
]


def kan(**how):
    return KAN([1, (2, 1), 1], basis=BSpline(degree=5, intervals=3), **how)


def stopped(path, problem, network, plan, after, **how):
    """Solve, but stop after so many records, leaving a checkpoint."""
    checkpoint = Checkpoints(path, every=0)
    return solve(problem, network, plan, budget=f"{after} iterations", checkpoint=checkpoint, **how)


def assert_same(one, other):
    assert torch.equal(one.network.vector(), other.network.vector())
    for a, b in zip(one.history, other.history, strict=True):
        assert replace(a, seconds=0) == replace(b, seconds=0)
    assert one.outcome is other.outcome
    for field in ("notes", "way", "why", "points", "seed", "weights"):
        assert getattr(one, field) == getattr(other, field)


@pytest.fixture(scope="module")
def whole():
    return solve(BRATU, kan(), PLAN)


@pytest.mark.parametrize("after", [1, 4, 5, 8, 10])
def test_stopped_anywhere_it_ends_in_the_same_bits(after, whole, tmp_path):
    path = tmp_path / "c.h5"
    part = stopped(path, BRATU, kan(), PLAN, after)
    assert len(part.history) == after
    assert part.outcome is Outcome.BUDGET
    assert_same(resume(path), whole)


def test_stopped_again_and_again(whole, tmp_path):
    path = tmp_path / "c.h5"
    stopped(path, BRATU, kan(), PLAN, 2)
    for _ in range(3):
        again = resume(path, budget="2 iterations", every=0)
    assert len(again.history) == 8
    assert again.seconds > 0
    assert_same(resume(path), whole)
    assert_same(resume(path), whole)  # a plan at its end has nothing left to do


NETWORKS = {
    "soft": (PLATE, KAN([2, 3, 1], basis=BSpline(degree=5, intervals=3)), {"hard": False}),
    "no base function": (PLATE, KAN([2, 3, 1], activation=None), {"seed": 5}),
    "mlp": (PLATE, MLP([2, 5, 1]), {}),
    "separable": (PLATE, SeparableKAN(2, [BSpline(5, 3)] * 2), {}),
    "single precision": (BRATU, kan().float(), {}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_of_any_network(name, tmp_path):
    problem, network, how = NETWORKS[name]
    plan = [LevenbergMarquardt(3)]
    if name in ("soft", "no base function"):
        plan += [Regrid(), Refine(intervals=10 if name != "soft" else 6), LevenbergMarquardt(2)]
    stopped(tmp_path / "c.h5", problem, network, plan, 2, **how)
    assert_same(resume(tmp_path / "c.h5"), solve(problem, network, plan, **how))


STAGES = {
    "adam": [Adam(iterations=9, stride=3, rate=Cosine(1e-3))],
    "lbfgs": [LBFGS(iterations=8, stride=2)],
    "ssbroyden": [SSBroyden(iterations=8, stride=2)],
    "soap": [SOAP(iterations=8, stride=2)],
    "points and weights": [
        *(LevenbergMarquardt(1), Resample(), Rebalance(), LevenbergMarquardt(2)),
        *(Resample(), LevenbergMarquardt(2)),
    ],
}


@pytest.mark.parametrize("name", STAGES)
def test_in_any_stage(name, tmp_path):
    network = KAN([2, 3, 1], basis=BSpline(degree=5, intervals=3))
    for after in (1, 2, 4):
        stopped(tmp_path / "c.h5", PLATE, network, STAGES[name], after, hard=False)
        once = solve(PLATE, network, STAGES[name], hard=False)
        assert len(once.history) > 2
        assert_same(resume(tmp_path / "c.h5"), once)


def test_with_an_unknown_number(tmp_path):
    nu = parameter("nu", initial=0.5, bounds=(0.1, 2))
    data = kanpde.Data(u1, [[0.3], [0.5], [0.7]], [0.2, 0.25, 0.2])
    problem = Problem(
        line, nu * u1.diff(x, 2) + 2, [Dirichlet(u1, 0, on=line.boundary), data], name="inverse"
    )
    plan = [LevenbergMarquardt(6)]
    stopped(tmp_path / "c.h5", problem, kan(), plan, 3)
    again, once = resume(tmp_path / "c.h5"), solve(problem, kan(), plan)
    assert_same(again, once)
    assert again.numbers == once.numbers


# What no file can keep is given again -------------------------------------------------------------


def test_a_foreign_module_is_given_again(tmp_path):
    def network():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(1, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
        return Module(net.double(), 1, 1)

    stopped(tmp_path / "c.h5", BRATU, network(), [LevenbergMarquardt(5)], 2)
    with pytest.raises(ValueError, match=r"resume\(path, network"):
        resume(tmp_path / "c.h5")
    again = resume(tmp_path / "c.h5", network=network())
    assert_same(again, solve(BRATU, network(), [LevenbergMarquardt(5)]))


def test_a_given_function_is_given_again(tmp_path):
    k = given("k", x, values=lambda x: 1 + x**2)
    problem = Problem(line, u1.diff(x, 2) + k + u1**2, Dirichlet(u1, 0, on=line.boundary))
    stopped(tmp_path / "c.h5", problem, kan(), [LevenbergMarquardt(4)], 2)
    with pytest.raises(ValueError, match=r"resume\(path, problem"):
        resume(tmp_path / "c.h5")
    again = resume(tmp_path / "c.h5", problem=problem)
    assert_same(again, solve(problem, kan(), [LevenbergMarquardt(4)]))


@dataclass(frozen=True)
class CountingState(StageState):
    count: int = 0


class Counting(SingleStep):
    """A stage of one's own, in three steps, with a state of its own."""

    name = "counting"

    def apply(self, task, network):
        raise NotImplementedError

    def init(self, task, network):
        return CountingState(network)

    def step(self, task, state):
        vector = state.network.vector() * (1 + 1e-3 * (state.count + 1))
        done = state.count == 2
        return CountingState(
            state.network.with_vector(vector), state.iteration + 1, done=done, count=state.count + 1
        )


def test_a_stage_of_ones_own_starts_anew(tmp_path):
    plan = [LevenbergMarquardt(2), Counting(), LevenbergMarquardt(2)]
    stopped(tmp_path / "c.h5", BRATU, kan(), plan, 4)
    with pytest.raises(ValueError, match=r"resume\(path, plan"):
        resume(tmp_path / "c.h5")
    assert len(load_checkpoint(tmp_path / "c.h5", plan=plan).history) == 2
    assert_same(resume(tmp_path / "c.h5", plan=plan), solve(BRATU, kan(), plan))


def test_a_ladder_that_had_one_level_goes_on(tmp_path):
    problem = Problem(line, u1.diff(x, 2) + pi**2 * sin(pi * x), Dirichlet(u1, 0, on=line.boundary))
    part = solve(problem, Ladder((4, 8, 12)), budget=1e-9, checkpoint=tmp_path / "c.h5", tol=1e-8)
    assert part.outcome is Outcome.BUDGET
    again = resume(tmp_path / "c.h5")
    once = solve(problem, Ladder((4, 8, 12)), tol=1e-8)
    assert again.outcome is Outcome.SOLVED
    assert torch.equal(again.network.vector(), once.network.vector())
    assert again.way == once.way


# Killed -------------------------------------------------------------------------------------------

KILLED = """
    import sys
    import torch
    from sympy import exp
    from kanpde import *
    from kanpde.training import *

    x = coordinates("x")
    u = unknown("u", x)
    line = Interval(x=(0, 1))
    problem = Problem(line, u.diff(x, 2) + exp(u), Dirichlet(u, 0, on=line.boundary))
    network = KAN([1, (3, 2), 1], basis=BSpline(degree=5, intervals=4))
    many = LevenbergMarquardt(12, stall=0, patience=10**6)
    plan = [many, Regrid(), many, Refine(intervals=8), many]
    if sys.argv[1] == "solve":
        print("started", flush=True)
        solve(problem, network, plan, checkpoint=Checkpoints(sys.argv[2], every=0.05))
    else:
        again, once = resume(sys.argv[2]), solve(problem, network, plan)
        print(len(again.history) == len(once.history))
        print(torch.equal(again.network.vector(), once.network.vector()))
"""


def test_killed_at_a_random_moment_it_ends_in_the_same_bits(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script)]
    path = tmp_path / "c.h5"
    process = subprocess.Popen(
        [*command, "solve", str(path)], stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout.readline() == "started\n"
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(random.Random(7).uniform(0, 0.5))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert load_checkpoint(path).where.position < 5
    printed = subprocess.check_output([*command, "resume", str(path)], text=True, env=env)
    assert printed.split() == ["True", "True"]


# Files --------------------------------------------------------------------------------------------


def test_files_that_are_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        resume(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match="damaged or no checkpoint"):
        resume(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "something"
    with pytest.raises(ValueError, match="is no checkpoint"):
        resume(tmp_path / "other.h5")
    stopped(tmp_path / "c.h5", BRATU, kan(), [LevenbergMarquardt(2)], 1)
    with h5py.File(tmp_path / "c.h5", "r+") as file:
        file.attrs["schema"] = 99
    with pytest.raises(ValueError, match="newer"):
        resume(tmp_path / "c.h5")


def test_a_file_names_no_foreign_class(tmp_path):
    stopped(tmp_path / "c.h5", BRATU, kan(), [LevenbergMarquardt(2)], 1)
    for wanted in ("subprocess:Popen", "kanpde.cli:main", "kanpde.engine:solve", "os.path:join"):
        with h5py.File(tmp_path / "c.h5", "r+") as file:
            content = json.loads(file["content"].asstr()[()])
            content["plan"]["tuple"][0]["dataclass"] = wanted
            file["content"][()] = json.dumps(content)
        with pytest.raises(ValueError, match="names no class"):
            resume(tmp_path / "c.h5")


def test_a_checkpoint_that_cannot_be_written_is_told_at_once(tmp_path):
    with pytest.raises(OSError, match="does not exist"):
        solve(BRATU, kan(), PLAN, checkpoint=tmp_path / "none" / "c.h5")
    with pytest.raises(ValueError, match="every"):
        Checkpoints(tmp_path / "c.h5", every=-1)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 0.1, float("inf"), "text", (1, [2.5, "a"], {"k": (1,), 3: None})),
        *(LevenbergMarquardt(7), Regrid(by=Curvature()), Outcome.SOLVED, (), {}),
    ],
)
def test_values_come_back(value):
    packer = Packer()
    packed = json.loads(json.dumps(packer.pack(value)))
    assert Unpacker(packer.arrays).unpack(packed) == value


@pytest.mark.parametrize(
    "array", [np.arange(3.0), np.float32(2.5), np.zeros((0, 4)), np.array([True, False])]
)
def test_arrays_and_tensors_come_back(array):
    packer = Packer()
    packed = packer.pack((torch.as_tensor(array), np.asarray(array)))
    tensor, again = Unpacker(packer.arrays).unpack(packed)
    assert torch.equal(tensor, torch.as_tensor(array))
    assert tensor.dtype == torch.as_tensor(array).dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("value", [len, object(), CountingState, Counting()])
def test_values_that_no_file_keeps(value):
    with pytest.raises(NotKeptError):
        Packer().pack(value)
