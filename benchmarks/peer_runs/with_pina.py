"""PINA with its Kolmogorov-Arnold network and its standard solver.

The network is that of the class's own example, ``layers=[2, 16, 1]`` with 10 knots; the example's
order 3 is quadratic in their counting (second derivatives would be steps), so order 4 is taken.
Points, optimiser and rate are those of the Poisson tutorial: a grid of 30 x 30 (random ones in the
plate, where PINA offers no grid), 25 a side, Adam with 0.006 on all points. float64 by torch's
default.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from importlib.metadata import version as version_of
from typing import Any

import numpy as np
import torch
from cases import RADIUS, Case
from lightning.pytorch.callbacks import Callback
from pina import Condition, Trainer
from pina.domain import CartesianDomain, Difference, EllipsoidDomain
from pina.equation import Equation
from pina.model import KolmogorovArnoldNetwork
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem
from pina.solver import PhysicsInformedSingleModelSolver

NAMES = ["x", "y"]


def version() -> str:
    """Return what is measured."""
    return f"PINA {version_of('pina-mathlab')}"


def solve(name: str, case: Case, start: Any, arrays: dict[str, np.ndarray]) -> None:
    """Run one case."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    os.chdir(tempfile.mkdtemp())
    run = start()
    torch.manual_seed(0)
    problem = _problem(case)
    ends = [float(min(case.lower)), float(max(case.upper))]
    network = KolmogorovArnoldNetwork(
        layers=[2, 16, 1], spline_order=4, n_knots=10, grid_range=ends
    )
    count = sum(p.numel() for p in network.parameters())
    run.tell(parameters=count, setup="KAN [2, 16, 1], 10 knots, Adam 0.006, float64")
    solver = PhysicsInformedSingleModelSolver(
        problem, network, optimizer=TorchOptimizer(torch.optim.Adam, lr=0.006)
    )
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = Trainer(
        *(solver,),
        max_epochs=10**9,
        accelerator="cpu",
        callbacks=[_Watch(run, network)],
        enable_checkpointing=False,
        **quiet,
    )
    trainer.train()


class _Watch(Callback):
    def __init__(self, run: Any, network: Any) -> None:
        self._run, self._network = run, network

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self._run.maybe(self._predict, trainer.current_epoch + 1)

    def _predict(self, points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.as_tensor(self._network(torch.as_tensor(points))).numpy()


def _problem(case: Case) -> Any:
    box = dict(zip(NAMES, map(list, zip(case.lower, case.upper, strict=True)), strict=True))
    whole = CartesianDomain(box)
    sides = {f"{n}{i}": CartesianDomain({**box, n: box[n][i]}) for n in NAMES for i in (0, 1)}
    if case.in_time:
        del sides["y1"]
    disks = [_disk(hole) for hole in case.holes]
    inside = Difference([whole, *disks]) if disks else whole
    circles = {f"circle{i}": _disk(hole).partial() for i, hole in enumerate(case.holes)}
    places = {"D": inside, **sides, **circles}

    class _Posed(SpatialProblem):
        output_variables = ["u"]  # noqa: RUF012
        spatial_domain = whole
        domains = places
        conditions = {  # noqa: RUF012
            "D": Condition(domain="D", equation=Equation(_equation(case))),
            **{n: Condition(domain=n, equation=Equation(_given(case))) for n in [*sides, *circles]},
        }

    problem = _Posed()
    if disks:
        problem.discretise_domain(900, "random", domains=["D"])
        problem.discretise_domain(25, "random", domains=list(circles))
    else:
        problem.discretise_domain(30, "grid", domains=["D"])
    problem.discretise_domain(25, "grid", domains=list(sides))
    return problem


def _disk(hole: tuple[float, float]) -> Any:
    a, b = hole
    return EllipsoidDomain({"x": [a - RADIUS, a + RADIUS], "y": [b - RADIUS, b + RADIUS]})


def _equation(case: Case) -> Any:
    def residual(points: Any, field: Any) -> Any:
        x, y = (points.extract([n]).tensor for n in NAMES)
        first = grad(field, points, components=["u"], d=NAMES)
        u_x, u_y = (first.extract([f"dud{n}"]).tensor for n in NAMES)
        second = [
            laplacian(field, points, components=["u"], d=[n]).tensor
            for n in (NAMES[:1] if case.in_time else NAMES)
        ]
        second += [None] * (2 - len(second))
        return case.residual(torch, x, y, field.extract(["u"]).tensor, u_x, u_y, *second)

    return residual


def _given(case: Case) -> Any:
    def residual(points: Any, field: Any) -> Any:
        at = points.extract(NAMES).tensor.detach().numpy()
        return field.extract(["u"]).tensor - torch.as_tensor(case.values(at))[:, None]

    return residual
