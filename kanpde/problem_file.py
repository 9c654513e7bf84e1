"""Load a problem file: a Python file that defines ``problem``, and maybe a network and a plan."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanpde.problem import Problem


class ProblemFileError(ValueError):
    """A problem file that cannot be used; ``cause`` is the exception it raised, if it did."""

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True)
class ProblemFile:
    """What a problem file defines: ``problem``, and optionally ``network``, ``plan``, ``tol``."""

    problem: Problem
    network: Any = None
    plan: Sequence[Any] | None = None
    tol: float | None = None


def load_problem_file(path: str | Path) -> ProblemFile:
    """Run a problem file and return what it defines; the problem is named after the file.

    Loading runs the file: it is Python, so load only files you trust.

    Raises:
        ProblemFileError: if it raises, or defines no ``problem``.
    """
    path = Path(path).resolve()
    try:
        names = runpy.run_path(str(path), run_name="__kanpde__")
    except (Exception, SystemExit) as error:
        raise ProblemFileError(
            f"{path.name} raised {type(error).__name__}; see the lines above.", error
        ) from error
    problem = names.get("problem")
    if not isinstance(problem, Problem):
        given = "no name `problem`" if problem is None else f"a `problem` that is {problem!r}"
        raise ProblemFileError(
            f"{path.name} defines {given}; write problem = Problem(domain, equations=..., "
            "conditions=...)."
        )
    if problem.name == "problem":
        problem = problem.renamed(path.stem)
    return ProblemFile(problem, names.get("network"), names.get("plan"), names.get("tol"))
