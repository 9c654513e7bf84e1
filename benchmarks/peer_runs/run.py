"""One peer on one problem, in a process of its own; see benchmarks/peers.py.

    python benchmarks/peer_runs/run.py PEER PROBLEM --data FILE --budget SECONDS

The file holds the points and values of the reference. Printed are JSON objects, one a line: what
was set up, a record (seconds, error, step) each time the error is measured, how the run ended.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
from cases import CASES
from record import OutOfBudget, Output, Run

sys.path.append(str(Path(__file__).parent.parent))
GRACE = 120
"""Seconds beyond the budget until the system ends the process: imports, errors, a long step."""
PEERS = ("kanpde", "kanpde-trained", "scikit-fem", "deepxde", "pykan", "pina", "jaxkan")


def main() -> None:
    """Import the peer, start the clock, run it until the budget is spent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("problem", choices=CASES)
    parser.add_argument("--data", required=True)
    parser.add_argument("--budget", type=float, default=float("inf"))
    options = parser.parse_args()
    output = Output()
    _limit(options.budget)
    try:
        name = "with_" + options.peer.replace("-", "_")
        module = importlib.import_module(name)
        with np.load(options.data) as data:
            arrays = dict(data)
        points, values = arrays.pop("points"), arrays.pop("values")
        output.write(version=module.version())
        start = partial(Run, output, points, values, options.budget)
        module.solve(options.problem, CASES[options.problem], start, arrays)
        output.write(end="finished")
    except OutOfBudget:
        output.write(end="budget")
    except Exception as error:  # whatever a foreign library raises is what is reported
        import traceback

        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        output.write(end="failed", failure=f"{type(error).__name__}: {lines[-1]}")
    sys.stderr.flush()
    os._exit(0)  # some libraries hang or print when they are torn down


def _limit(budget: float) -> None:
    if os.name == "posix" and budget < float("inf"):
        import resource

        most = int(budget + GRACE)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))


if __name__ == "__main__":
    main()
