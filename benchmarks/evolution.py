"""Evolution problems by slabs: error, estimate, size and time of whole solves, one thread.

    python benchmarks/evolution.py [NAME ...] [--tol 1e-6 1e-8] [--data DIR]

Errors are relative L2 over space and time: against the exact solution where there is one, else
against the references of references.py on a grid, and against files of a folder given by --data
(DeepXDE's Burgers.npz and Allen_Cahn.mat), whose own errors are 4e-11 and 1.6e-4.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from references import burgers, fourier
from scipy.io import loadmat

import kanpde
from kanpde.problem_file import load_problem_file

PROBLEMS = Path(__file__).parent.parent / "problems"
NAMES = (
    "burgers_1d",
    "pdebench_burgers",
    "allen_cahn",
    "allen_cahn_dirichlet",
    "kuramoto_sivashinsky",
    "advection",
    "wave_1d",
    "klein_gordon",
    "vibrating_beam",
    "euler_beam",
)
Reference = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Times (T,), places (X,) and the field (T, X)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--tol", nargs="+", type=float, help="instead of each file's own")
    parser.add_argument("--data", type=Path, help="folder with DeepXDE's reference files")
    options = parser.parse_args()
    print("| problem | tol | error | against | estimate | slabs | parameters | seconds | outcome |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.names:
        loaded = load_problem_file(PROBLEMS / f"{name}.py")
        references = references_of(name, options.data)
        for tol in options.tol or [loaded.tol or 1e-10]:
            solution = kanpde.solve(loaded.problem, tol=tol)
            found = {k: distance(solution, r) for k, r in references.items()}
            if loaded.problem.exact:
                found["exact"] = max(e["relative_l2"] for e in solution.errors().values())
            slabs = getattr(solution.network, "slabs", "-")
            for against, error in (found or {"-": np.nan}).items():
                print(
                    f"| {name} | {tol:.0e} | {error:.1e} | {against} | {solution.estimate:.1e} | "
                    f"{slabs} | {solution.parameters} | {solution.seconds:.2f} | "
                    f"{solution.outcome.name} |",
                    flush=True,
                )


def distance(solution: kanpde.Solution, reference: Reference) -> float:
    """Return the relative L2 distance of a solution from a reference on its grid."""
    t, x, field = reference
    gap = solution(x=x[None, :], t=t[:, None]) - field
    return float(np.linalg.norm(gap) / np.linalg.norm(field))


def references_of(name: str, data: Path | None) -> dict[str, Reference]:
    """Return the references of a problem by what they are."""
    made = {
        "burgers_1d": lambda: {"Cole-Hopf": cole_hopf(1.0)},
        "pdebench_burgers": lambda: {"Cole-Hopf": cole_hopf(2.0)},
        "allen_cahn": lambda: {"Fourier ETDRK4": allen_cahn()},
        "kuramoto_sivashinsky": lambda: {"Fourier ETDRK4": kuramoto_sivashinsky()},
    }
    found: dict[str, Reference] = made.get(name, lambda: {})()
    if data is not None and name == "burgers_1d":
        file = np.load(data / "Burgers.npz")
        found["Burgers.npz"] = (file["t"].ravel(), file["x"].ravel(), file["usol"].T)
    if data is not None and name == "allen_cahn_dirichlet":
        file = loadmat(data / "Allen_Cahn.mat")
        found["Allen_Cahn.mat"] = (file["t"].ravel(), file["x"].ravel(), file["u"])
    return found


def cole_hopf(end: float) -> Reference:
    t, x = np.linspace(0, end, 201), np.linspace(-1, 1, 256)
    return t, x, burgers(x, t, 0.01 / np.pi)


def allen_cahn() -> Reference:
    """8192 modes leave about 2e-7: the periodic initial value has a kink."""
    return periodic(
        lambda x: x**2 * np.cos(np.pi * x),
        lambda k: 5 - 1e-4 * k**2,
        lambda u, k: -5 * np.fft.fft(u**3),
        modes=8192,
        steps=10,
    )


def kuramoto_sivashinsky() -> Reference:
    return periodic(
        lambda x: -np.sin(np.pi * x),
        lambda k: 0.5 * k**2 - 0.005 * k**4,
        lambda u, k: -2.5j * k * np.fft.fft(u * u),
        modes=384,
        steps=120,
    )


def periodic(
    initial: Callable[[np.ndarray], np.ndarray],
    linear: Callable[[np.ndarray], np.ndarray],
    nonlinear: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    modes: int,
    steps: int,
) -> Reference:
    t, x = np.linspace(0, 1, 201), np.linspace(-1, 1, 512)
    field = fourier(initial, linear, nonlinear, interval=(-1, 1), times=t, modes=modes, steps=steps)
    return t, x, field(x)


if __name__ == "__main__":
    main()
