"""kanpde as its README says: ``solve(problem)``, here at one tolerance after the other.

Every solve has a process of its own, so that nothing is warm, and the time is that of all a user
waits for after the imports: the problem file, its checks, the solve. The problem is solved without
its exact solution, which the others are not given either.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import Case

import kanpde
from kanpde.problem_file import load_problem_file

PROBLEMS = Path(__file__).parent.parent.parent / "problems"
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, None)
"""The last is the default."""


def version() -> str:
    """Return what is measured; import all that a solve would import."""
    for module in pkgutil.walk_packages(kanpde.__path__, "kanpde."):
        if not module.name.endswith(("__main__", "cli")):
            importlib.import_module(module.name)
    return f"kanpde {kanpde.__version__}"


def solve(name: str, case: Case, start: Any, arrays: dict[str, np.ndarray]) -> None:
    """Run one case."""
    torch.set_num_threads(1)
    start().tell(setup="solve(problem, tol=...), float64")
    for tolerance in TOLERANCES:
        child = os.fork()
        if child == 0:
            _apart(name, start, tolerance)
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"the solve to {tolerance} ended with status {status}")


def _apart(name: str, start: Any, tolerance: float | None) -> None:
    try:
        run = start()
        problem = replace(load_problem_file(PROBLEMS / f"{name}.py").problem, exact=None)
        chosen = {} if tolerance is None else {"tol": tolerance}
        solution = kanpde.solve(problem, **chosen)
        more = {"tol": tolerance, "estimate": solution.estimate}
        run.record(solution.at, 0, parameters=solution.network.parameter_count, **more)
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
