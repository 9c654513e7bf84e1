"""Load a problem file: a Python file that defines ``problem``, and maybe a network and a plan."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
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


def load_problem_file(
    path: str | Path, constants: Mapping[str, float | str] | None = None
) -> ProblemFile:
    """Run a problem file and return what it defines; the problem is named after the file.

    Loading runs the file: it is Python, so load only files you trust.

    Args:
        path: of the file.
        constants: other values for numbers and texts that the file assigns to names at its top
            level (``nu = 0.01``).

    Raises:
        ProblemFileError: if it raises, defines no ``problem``, or has no such constant.
    """
    path = Path(path).resolve()
    try:
        if constants:
            names = _run_with(path, constants)
        else:
            names = runpy.run_path(str(path), run_name="__kanpde__")
    except ProblemFileError:
        raise
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


def constants_of(path: str | Path) -> dict[str, float | str]:
    """Return the numbers and texts that a problem file assigns to names at its top level.

    The file is read, not run.

    Raises:
        OSError: if it cannot be read.
        SyntaxError: if it is no Python.
    """
    found = {}
    for name, node in _constants(ast.parse(Path(path).read_text(encoding="utf-8"))).items():
        found[name] = ast.literal_eval(node.value)
    return found


def _constants(tree: ast.Module) -> dict[str, ast.Assign]:
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target = node.targets[0]
        try:
            value = ast.literal_eval(node.value)
        except (ValueError, TypeError):
            continue
        if isinstance(target, ast.Name) and isinstance(value, (int, float, str)):
            found[target.id] = node
    return found


def _run_with(path: Path, constants: Mapping[str, float | str]) -> dict[str, Any]:
    """Run a file with other constants, as a module of its own so that its functions find it."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    known = _constants(tree)
    for name, value in constants.items():
        if name not in known:
            raise ProblemFileError(
                f"{path.name} assigns no number or text to {name!r} at its top level; it does to "
                f"{', '.join(sorted(known)) or 'no name'}."
            )
        known[name].value = ast.copy_location(ast.Constant(value), known[name].value)
    module = ModuleType("__kanpde__")
    module.__file__ = str(path)
    sys.modules["__kanpde__"] = module
    exec(compile(tree, str(path), "exec"), module.__dict__)
    return dict(module.__dict__)
