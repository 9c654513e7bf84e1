"""``kanpde compare`` and ``kanpde sweep``: many runs of one file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde.cli.shared import (
    BAD_INPUT,
    NOT_SOLVED,
    SOLVED,
    add_device_options,
    add_json_option,
    check_device,
    complain,
    problem_file,
    solution_file,
)
from kanpde.run_folder import finite


def add_commands(commands: Any) -> None:
    """Add the two commands."""
    _add_compare_command(commands)
    _add_sweep_command(commands)


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
    add_device_options(compare)
    compare.add_argument("--threads", type=int, default=1, help="of linear algebra (default 1)")
    add_json_option(compare)
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
    add_json_option(sweep)
    sweep.set_defaults(run=_sweep)


def _compare(options: argparse.Namespace) -> int:
    loaded = problem_file(options.file)
    if loaded is None:
        return BAD_INPUT
    check_device(options.device)
    out = options.out or Path("runs") / options.file.stem
    out.mkdir(parents=True, exist_ok=True)

    from kanpde.comparison import REFERENCE, Entrant, compare, usual_entrants
    from kanpde.networks import Network
    from kanpde.progress import LiveProgress
    from kanpde.solution import load

    given: Path | None = options.reference
    if given is not None and not given.exists():
        return complain(f"there is no run or solution {given}.")
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
            device=options.device,
            compiled=options.compiled,
            reference=None if given is None else load(solution_file(given)),
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
    if problem_file(options.file) is None:
        return BAD_INPUT
    if options.workers < 1:
        return complain(f"--workers {options.workers} must be at least 1.")

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
