"""The command line: ``kanpde solve``, ``resume``, ``problems``, ``formula``, ``report``, ..."""

from __future__ import annotations

import argparse
import ast
import json
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanpde.ranks import launched
from kanpde.run_folder import CHECKPOINT, finite, write_run
from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.formula import Formula
    from kanpde.problem_file import ProblemFile
    from kanpde.solution import Solution

SOLVED, NOT_SOLVED, BAD_INPUT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 solved, 1 not solved, 2 bad input."""
    options = _parser().parse_args(arguments)
    if launched().size > 1:  # outside of a solve, torchrun must not cut off what is being said
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        return int(options.run(options))
    except (ValueError, OSError, RuntimeError) as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted before there was a field to save.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kanpde",
        description="Solve partial differential equations with Kolmogorov-Arnold networks.",
    )
    parser.add_argument("--version", action="version", version=f"kanpde {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
    solve.add_argument("--device", default="cpu", help="cpu (default) or a torch device")
    solve.add_argument("--threads", type=int, default=1, help="of linear algebra (default 1)")
    _add_output_options(solve)
    solve.set_defaults(run=_solve)
    resume = commands.add_parser(
        "resume",
        help="go on with a run that was stopped or killed",
        description="Go on from the checkpoint of a run folder, to the same result.",
        epilog="Exit status: as for solve.",
    )
    resume.add_argument("folder", type=Path, metavar="RUN", help="run folder")
    resume.add_argument("--budget", help="time limit from now on (default: none)")
    resume.add_argument(
        "--file",
        type=Path,
        help="the problem file again, if it holds what no file can keep; it is run as Python",
    )
    _add_output_options(resume)
    resume.set_defaults(run=_resume)
    listing = commands.add_parser(
        "problems",
        help="list the problem files of a folder with one line each",
        description="List the problem files of a folder; none of them is run.",
    )
    listing.add_argument("folder", type=Path, nargs="?", default=Path("problems"))
    _add_json_option(listing)
    listing.set_defaults(run=_problems)
    _add_compare_command(commands)
    _add_sweep_command(commands)
    _add_formula_commands(commands)
    _add_report_command(commands)
    return parser


def _add_compare_command(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="train a KAN and an MLP on a problem file, side by side",
        description="Train a KAN and an MLP of as many parameters on the same points, for the same "
        "time, by the same optimisers and by their usual ones; the file is run as Python.",
        epilog="Exit status: 0 done, 2 bad input.",
    )
    compare.add_argument("file", type=Path, help="Python file that defines `problem`")
    compare.add_argument("--seeds", type=int, default=3, help="how many (default 3)")
    compare.add_argument("--budget", default="30s", help="time of every run (default 30s)")
    compare.add_argument("--out", type=Path, help="run folder (default: runs/NAME)")
    compare.add_argument(
        "--reference",
        type=Path,
        metavar="RUN",
        help="run folder or solution.h5 to measure errors against (default: the exact field, or "
        "kanpde's own solution)",
    )
    compare.add_argument(
        "--reference-budget",
        default="120s",
        help="time to make kanpde's own solution in, where it is needed (default 120s)",
    )
    compare.add_argument("--threads", type=int, default=1, help="of linear algebra (default 1)")
    _add_json_option(compare)
    compare.set_defaults(run=_compare)


def _add_sweep_command(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="solve a problem file with many settings and seeds",
        description="Solve a problem file once for each combination of settings and seeds. Runs "
        "that are over are not run again, so that the same command goes on with a sweep.",
        epilog="Exit status: 0 all runs ended, 1 some failed, 2 bad input.",
    )
    sweep.add_argument("file", type=Path, help="Python file that defines `problem`")
    sweep.add_argument("--seeds", default="0", help='such as "0:10" or "0,5,7" (default 0)')
    sweep.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="an argument of solve (tol, budget, points, ...), a number or text that the file "
        "assigns at its top level, network.FIELD or plan.NUMBER.FIELD; several times",
    )
    sweep.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    sweep.add_argument("--out", type=Path, help="folder (default: runs/NAME-sweep)")
    sweep.add_argument(
        "--slurm",
        metavar="KEY=VALUE,...",
        help="give the runs to Slurm through submitit, with its parameters, such as "
        "timeout_min=60,slurm_partition=cpu (extra: slurm); cluster=local stays on this machine",
    )
    _add_json_option(sweep)
    sweep.set_defaults(run=_sweep)


def _add_json_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def _add_output_options(command: argparse.ArgumentParser) -> None:
    _add_json_option(command)
    command.add_argument("--no-figures", action="store_true", help="write no figures")


def _problems(options: argparse.Namespace) -> int:
    if not options.folder.is_dir():
        return _complain(f"there is no folder {options.folder}; write kanpde problems FOLDER.")
    titles = problem_titles(options.folder)
    if not titles:
        return _complain(f"no file in {options.folder} defines a `problem`.")
    if options.json:
        print(json.dumps(titles))  # noqa: T201
        return SOLVED
    width = max(map(len, titles))
    for name, title in titles.items():
        print(f"{name:{width}}  {title}".rstrip())  # noqa: T201
    return SOLVED


def problem_titles(folder: Path) -> dict[str, str]:
    """Return the first line of each problem file's docstring, by path below the folder.

    Files are read, not run: a problem file is one that assigns to ``problem``. One that is no
    Python has the reason in the place of its title.
    """
    titles = {}
    for file in sorted(folder.rglob("*.py")):
        name = str(file.relative_to(folder).with_suffix(""))
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError) as error:
            titles[name] = f"(cannot be read: {error})"
            continue
        assigned = [n for n in tree.body if isinstance(n, (ast.Assign, ast.AnnAssign))]
        targets = [t for n in assigned for t in getattr(n, "targets", [getattr(n, "target", n)])]
        if any(isinstance(t, ast.Name) and t.id == "problem" for t in targets):
            titles[name] = (ast.get_docstring(tree) or "").split("\n")[0]
    return titles


def _add_formula_commands(commands: Any) -> None:
    formula = commands.add_parser(
        "formula",
        help="look for the closed form of a solved run and certify it",
        description="Read a formula from the field of a run and put it into the problem.",
        epilog="Exit status: 0 a formula with a certificate, 1 none, 2 bad input.",
    )
    formula.add_argument("path", type=Path, metavar="RUN", help="run folder, or a solution file")
    formula.add_argument("--out", type=Path, help="formula file (default: RUN/formula.json)")
    formula.add_argument("--budget", default="30s", help="time limit such as 60s (default 30s)")
    _add_json_option(formula)
    formula.set_defaults(run=_formula)
    verify = commands.add_parser(
        "verify",
        help="check a formula file again, believing nothing of its certificate",
        description="Put the formula of a file into the problem of the file.",
        epilog="Exit status: 0 the formula holds, 1 it does not, 2 bad input.",
    )
    verify.add_argument("path", type=Path, metavar="FILE", help="formula file")
    _add_json_option(verify)
    verify.set_defaults(run=_verify)


def _add_report_command(commands: Any) -> None:
    page = commands.add_parser(
        "report",
        help="write one HTML page of a solved run",
        description="Write a self-contained page: problem, field, errors, network, formula.",
        epilog="Exit status: 0 written, 2 bad input.",
    )
    page.add_argument("path", type=Path, metavar="RUN", help="run folder, or a solution file")
    page.add_argument("--out", type=Path, help="page (default: RUN/report.html)")
    page.add_argument(
        "--candidates",
        default="10s",
        metavar="TIME",
        help="time for formula candidates of the edges, 0 for none (default 10s)",
    )
    _add_json_option(page)
    page.set_defaults(run=_report_page)


def _solve(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        return _complain(f"there is no problem file {options.file}.")
    out, first = options.out or Path("runs") / options.file.stem, launched().is_first
    try:
        out.mkdir(parents=True, exist_ok=True)
        if first:
            (out / ".write-test").touch()
            (out / ".write-test").unlink()
    except OSError as error:
        return _complain(f"cannot write into the run folder {out}: {error.strerror or error}.")
    loaded = _load_problem_file(options.file)
    if loaded is None:
        return BAD_INPUT
    _check_device(options.device)

    from kanpde import solve
    from kanpde.progress import LiveProgress
    from kanpde.provenance import environment

    origin = environment(options.file)
    origin["settings"] = {
        key: getattr(options, key)
        for key in ("seed", "budget", "tol", "points", "memory", "device", "threads")
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
            memory=options.memory,
            device=options.device,
            threads=options.threads,
            **settings,
        )
    return _finish(solution, out, origin, options)


def _resume(options: argparse.Namespace) -> int:
    out: Path = options.folder
    if not (out / CHECKPOINT).is_file():
        return _complain(f"there is no checkpoint in {out}: the run is over, or there was none.")
    again: dict[str, Any] = {}
    if options.file is not None:
        loaded = _load_problem_file(options.file)
        if loaded is None:
            return BAD_INPUT
        again = {"problem": loaded.problem, "network": loaded.network, "plan": loaded.plan}

    from kanpde import resume
    from kanpde.progress import LiveProgress

    origin = json.loads((out / "run.json").read_text())["environment"]
    shown = launched().is_first and not options.json
    with LiveProgress(out.name, options.budget, enabled=shown) as progress:
        solution = resume(out / CHECKPOINT, budget=options.budget, progress=progress, **again)
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


def _load_problem_file(file: Path) -> ProblemFile | None:
    """Return what a problem file defines, or None after saying what is wrong with it."""
    from kanpde.problem_file import ProblemFileError, load_problem_file

    try:
        return load_problem_file(file)
    except ProblemFileError as error:
        if error.cause is not None:
            _print_user_traceback(error.cause, file)
        _complain(str(error))
        return None


def _compare(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        return _complain(f"there is no problem file {options.file}.")
    loaded = _load_problem_file(options.file)
    if loaded is None:
        return BAD_INPUT
    out = options.out or Path("runs") / options.file.stem
    out.mkdir(parents=True, exist_ok=True)

    from kanpde.comparison import REFERENCE, Entrant, compare, usual_entrants
    from kanpde.networks import Network
    from kanpde.progress import LiveProgress
    from kanpde.solution import load

    given: Path | None = options.reference
    if given is not None and not given.exists():
        return _complain(f"there is no run or solution {given}.")
    network = loaded.network if isinstance(loaded.network, Network) else None
    entrants = usual_entrants(loaded.problem, network)
    if network is not None and loaded.plan is not None:
        entrants = (Entrant("as in the file", network, tuple(loaded.plan)), *entrants)
    with LiveProgress(loaded.problem.name, enabled=not options.json) as progress:
        found = compare(
            loaded.problem,
            entrants,
            seeds=options.seeds,
            budget=options.budget,
            threads=options.threads,
            reference=None if given is None else load(_solution_file(given)),
            reference_budget=options.reference_budget,
            progress=lambda name, seed, record: progress(
                replace(
                    record,
                    stage=f"{name if name == REFERENCE else f'{name}, seed {seed}'}: "
                    f"{record.stage}",
                )
            ),
        )
    (out / "comparison.json").write_text(json.dumps(found.to_dict(), allow_nan=False) + "\n")
    (out / "comparison.md").write_text(found.table() + "\n")
    found.plot().savefig(out / "comparison.png", dpi=160)
    print(json.dumps(found.to_dict(), allow_nan=False) if options.json else found.table())  # noqa: T201
    return SOLVED


def _sweep(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        return _complain(f"there is no problem file {options.file}.")
    if _load_problem_file(options.file) is None:
        return BAD_INPUT
    if options.workers < 1:
        return _complain(f"--workers {options.workers} must be at least 1.")

    from kanpde.sweep import (
        local_pool,
        parse_parameters,
        parse_seeds,
        parse_setting,
        runs_of,
        slurm,
    )
    from kanpde.sweep import sweep as run_all

    out = options.out or Path("runs") / f"{options.file.stem}-sweep"
    runs = runs_of(dict(map(parse_setting, options.settings)), parse_seeds(options.seeds))
    counted = iter(range(1, len(runs) + 1))

    def tell(run: Any, summary: dict[str, Any]) -> None:
        what = summary.get("failed") or f"{summary['outcome']}, {summary['seconds']:.2f} s"
        if not options.json:
            print(f"{next(counted)}/{len(runs)} {run.name}: {what}", file=sys.stderr)  # noqa: T201

    if options.slurm is None:
        with local_pool(options.workers) as pool:
            found = run_all(options.file, runs, out, pool, progress=tell)
    else:
        jobs = slurm(out / "jobs", parse_parameters(options.slurm))
        found = run_all(options.file, runs, out, jobs, progress=tell)
    (out / "sweep.json").write_text(json.dumps(finite(found.to_dict()), allow_nan=False) + "\n")
    (out / "sweep.md").write_text(found.table() + "\n")
    found.plot().savefig(out / "sweep.png", dpi=160)
    if options.json:
        print(json.dumps(finite(found.to_dict()), allow_nan=False))  # noqa: T201
    else:
        print(found.table())  # noqa: T201
    return NOT_SOLVED if any(row["failed"] for row in found.rows) else SOLVED


def _solution_file(path: Path) -> Path:
    """Return the file of a run folder, or the file that was given."""
    return path / "solution.h5" if path.is_dir() else path


def _formula(options: argparse.Namespace) -> int:
    from kanpde.formula import Level, find_formula
    from kanpde.solution import load

    file = _solution_file(options.path)
    formula = find_formula(load(file), budget=options.budget)
    out = options.out or file.with_name("formula.json")
    formula.save(out)
    summary = {
        "problem": formula.problem.name,
        "certificate": formula.certificate.to_dict(),
        "formula": {str(u): str(e) for u, e in formula.expressions.items()},
        "latex": formula.latex,
        "complexity": formula.complexity,
        "seconds": formula.seconds,
        "file": str(out),
    }
    if options.json:
        print(json.dumps(finite(summary), allow_nan=False))  # noqa: T201
    else:
        _print_formula(formula, f"Written to {out} in {formula.seconds:.1f} s.")
    return NOT_SOLVED if formula.certificate.level is Level.NONE else SOLVED


def _verify(options: argparse.Namespace) -> int:
    from kanpde.formula import Level, load_formula

    formula = load_formula(options.path)
    if options.json:
        print(json.dumps(finite(formula.certificate.to_dict()), allow_nan=False))  # noqa: T201
    else:
        _print_formula(formula, "Checked again from the file's problem and formula.")
    return NOT_SOLVED if formula.certificate.level is Level.NONE else SOLVED


def _report_page(options: argparse.Namespace) -> int:
    path: Path = options.path
    folder = path if path.is_dir() else path.parent
    manifest: dict[str, Any] = {}
    if path.is_dir() and (path / "run.json").is_file():
        manifest = json.loads((path / "run.json").read_text())
        if "not_saved" in manifest:
            return _complain(f"there is no solution.h5 in {path}: {manifest['not_saved']}")

    from kanpde.control import parse_budget
    from kanpde.formula import load_formula
    from kanpde.report import report
    from kanpde.solution import load

    none = options.candidates.strip() in ("0", "0s")
    seconds = 0.0 if none else parse_budget(options.candidates) or 0.0
    formula_file = folder / "formula.json"
    out = report(
        load(path / "solution.h5" if path.is_dir() else path),
        options.out or folder / "report.html",
        formula=load_formula(formula_file) if formula_file.is_file() else None,
        run=manifest,
        candidate_seconds=seconds,
    )
    if options.json:
        print(json.dumps({"file": str(out)}))  # noqa: T201
    else:
        print(f"Written to {out}.")  # noqa: T201
    return SOLVED


def _print_formula(formula: Formula, end: str) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    for unknown, expression in formula.expressions.items():
        console.print(f"{unknown} = {expression}")
    console.print(formula.certificate.text, style="bold")
    for check in formula.certificate.checks:
        console.print(f"  {check.name}: {check.level.name.lower()}, {check.how}", style="dim")
    console.print(end, style="dim")


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
    for note in () if solution.outcome.is_success else solution.notes:
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


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"the device {device!r} cannot be used: {str(error).splitlines()[0]}"
        ) from None


def _print_user_traceback(error: BaseException, file: Path) -> None:
    """Print the traceback from the user's own file on, without kanpde's frames above it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if Path(frame.filename) == file.resolve()]
    shown = frames[own[0] :] if own else []
    if shown:
        print("Traceback (most recent call last):", file=sys.stderr)  # noqa: T201
        print("".join(traceback.format_list(shown)), end="", file=sys.stderr)  # noqa: T201
    print("".join(traceback.format_exception_only(error)), end="", file=sys.stderr)  # noqa: T201


def _complain(message: str) -> int:
    print(f"kanpde: {message}", file=sys.stderr)  # noqa: T201
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
