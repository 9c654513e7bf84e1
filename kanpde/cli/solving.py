"""``kanpde solve`` and ``kanpde resume``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanpde.cli.shared import (
    BAD_INPUT,
    NOT_SOLVED,
    SOLVED,
    add_device_options,
    add_output_options,
    check_device,
    complain,
    problem_file,
)
from kanpde.ranks import launched
from kanpde.run_folder import CHECKPOINT, write_run

if TYPE_CHECKING:
    from kanpde.solution import Solution


def add_commands(commands: Any) -> None:
    """Add the two commands."""
    solve = commands.add_parser(
        "solve",
        help="solve a problem file and write a run folder",
        description="Solve the problem of a Python file; the file is run as Python.",
        epilog="Exit status: 0 solved, 1 not solved (the best field is saved), 2 bad input.",
    )
    solve.add_argument("file", type=Path, help="Python file that defines `problem`")
    solve.add_argument("--out", type=Path, help="run folder (default: runs/NAME)")
    solve.add_argument("--seed", type=int, default=0, help="of points and starts (default 0)")
    solve.add_argument("--budget", help="time limit such as 60s, 5m, 1h (default: none)")
    solve.add_argument("--tol", type=float, help="for the estimated relative L2 error")
    solve.add_argument("--points", type=int, help="to train on (default: a few per parameter)")
    solve.add_argument(
        "--memory", default="4GiB", help="for training, such as 500MB; more points go in chunks"
    )
    add_device_options(solve)
    solve.add_argument("--threads", type=int, default=1, help="of linear algebra (default 1)")
    add_output_options(solve)
    solve.set_defaults(run=_solve)
    resume = commands.add_parser(
        "resume",
        help="go on with a run that was stopped or killed",
        description="Go on from the checkpoint of a run folder, to the same result.",
        epilog="Exit status: as for solve.",
    )
    resume.add_argument("folder", type=Path, metavar="RUN", help="run folder")
    resume.add_argument("--budget", help="time limit from now on (default: none)")
    resume.add_argument("--device", help="cpu or a torch device (default: where it was)")
    resume.add_argument(
        "--file",
        type=Path,
        help="the problem file again, if it holds what no file can keep; it is run as Python",
    )
    add_output_options(resume)
    resume.set_defaults(run=_resume)


def _solve(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        return complain(f"there is no problem file {options.file}.")
    out, first = options.out or Path("runs") / options.file.stem, launched().is_first
    try:
        out.mkdir(parents=True, exist_ok=True)
        if first:
            (out / ".write-test").touch()
            (out / ".write-test").unlink()
    except OSError as error:
        return complain(f"cannot write into the run folder {out}: {error.strerror or error}.")
    loaded = problem_file(options.file)
    if loaded is None:
        return BAD_INPUT
    check_device(options.device)

    from kanpde import solve
    from kanpde.progress import LiveProgress
    from kanpde.provenance import environment

    origin = environment(options.file)
    origin["settings"] = {
        key: getattr(options, key)
        for key in ("seed", "budget", "tol", "points", "memory", "device", "compiled", "threads")
    }
    origin["processes"] = launched().size
    if first:
        state = {"outcome": "running", "environment": origin}
        (out / "run.json").write_text(json.dumps(state) + "\n")
    problem = loaded.problem
    settings: dict[str, Any] = {"tol": options.tol or loaded.tol}
    settings = {key: value for key, value in settings.items() if value is not None}
    shown = first and not options.json
    with LiveProgress(problem.name, options.budget, enabled=shown) as progress:
        solution = solve(
            problem,
            loaded.network,
            loaded.plan,
            budget=options.budget,
            seed=options.seed,
            progress=progress,
            checkpoint=out / CHECKPOINT,
            points=options.points,
            compiled=options.compiled,
            memory=options.memory,
            device=options.device,
            threads=options.threads,
            **settings,
        )
    return _finish(solution, out, origin, options)


def _resume(options: argparse.Namespace) -> int:
    out: Path = options.folder
    if not (out / CHECKPOINT).is_file():
        return complain(f"there is no checkpoint in {out}: the run is over, or there was none.")
    if options.device is not None:
        check_device(options.device)
    again: dict[str, Any] = {}
    if options.file is not None:
        loaded = problem_file(options.file)
        if loaded is None:
            return BAD_INPUT
        again = {"problem": loaded.problem, "network": loaded.network, "plan": loaded.plan}

    from kanpde import resume
    from kanpde.progress import LiveProgress

    origin = json.loads((out / "run.json").read_text())["environment"]
    shown = launched().is_first and not options.json
    with LiveProgress(out.name, options.budget, enabled=shown) as progress:
        how = {"budget": options.budget, "device": options.device, "progress": progress}
        solution = resume(out / CHECKPOINT, **how, **again)
    return _finish(solution, out, origin, options)


def _finish(
    solution: Solution, out: Path, origin: dict[str, Any], options: argparse.Namespace
) -> int:
    """Write the run folder, tell what came of the run and return the exit status."""
    from kanpde.outcome import Outcome

    if not launched().is_first:
        return SOLVED if solution.outcome.is_success else NOT_SOLVED
    summary = write_run(solution, out, origin, figures=not options.no_figures)
    stopped = solution.outcome in (Outcome.BUDGET, Outcome.INTERRUPTED)
    if not stopped:
        (out / CHECKPOINT).unlink(missing_ok=True)
    if options.json:
        print(json.dumps(summary, allow_nan=False))  # noqa: T201
    else:
        _report(solution, summary, out)
        if stopped:
            print(f"To take it up again: kanpde resume {out}")  # noqa: T201
    return SOLVED if solution.outcome.is_success else NOT_SOLVED


def _report(solution: Solution, summary: dict[str, Any], out: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    mark = "[green]solved[/]" if solution.outcome.is_success else "[red]not solved[/]"
    parts = [
        f"relative L2 error of {name} {_number(error, 2)}"
        for name, error in summary["relative_l2"].items()
    ]
    if solution.estimate is not None:
        parts.append(f"estimated {solution.estimate:.1e}")
    if not parts:
        parts = [f"residual of {n} {_number(r, 1)}" for n, r in summary["residual_rms"].items()]
    console.print(solution.way + ".", style="dim")
    for name, found in summary.get("numbers", {}).items():
        spread = found["uncertainty"]
        console.print(
            f"{name} = {found['value']:.8g}" + ("" if spread is None else f" +- {spread:.1e}")
        )
    for note in solution.notes:
        console.print(note)
    if "not_saved" in summary:
        console.print(f"solution.h5 is not written: {summary['not_saved']}", markup=False)
    console.print(f"{solution.outcome.value} Written to {out}/: {', '.join(summary['files'])}")
    console.print(
        f"{summary['problem']}: {mark}, {', '.join(parts)}, {solution.parameters} parameters, "
        f"{solution.points} points, {solution.seconds:.2f} s"
    )


def _number(value: float | None, digits: int) -> str:
    """Return a number as text; what is not finite, in a field that ends early say, has none."""
    return "unknown" if value is None else f"{value:.{digits}e}"
