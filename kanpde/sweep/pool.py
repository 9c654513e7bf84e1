"""Run a sweep: what is not finished yet, by a pool of processes or a batch scheduler."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from kanpde.provenance import digest
from kanpde.run_folder import CHECKPOINT, write_run
from kanpde.sweep.results import Sweep
from kanpde.sweep.settings import Run, Value, applied, check


def perform(file: Path, run: Run, out: Path) -> dict[str, Any]:
    """Solve one run into its folder, or go on with it, and return its summary; see ``write_run``.

    Raises:
        OSError: if the folder cannot be written.
    """
    from kanpde.engine import resume, solve
    from kanpde.outcome import Outcome
    from kanpde.provenance import environment

    folder = out / run.name
    folder.mkdir(parents=True, exist_ok=True)
    origin = environment(file)
    origin["settings"] = {**dict(run.settings), "seed": run.seed}
    manifest = folder / "run.json"
    checkpoint = folder / CHECKPOINT
    loaded, arguments = applied(file, run)
    goes_on = checkpoint.is_file() and _origin(manifest) == origin["problem_sha256"]
    manifest.write_text(json.dumps({"outcome": "running", "environment": origin}) + "\n")
    if goes_on:
        budget = arguments.get("budget")
        solution = resume(checkpoint, problem=loaded.problem, plan=loaded.plan, budget=budget)
    else:
        tol = {} if loaded.tol is None else {"tol": loaded.tol}
        settings = {**tol, "seed": run.seed, "checkpoint": checkpoint, **arguments}
        solution = solve(loaded.problem, loaded.network, loaded.plan, **settings)
    summary = write_run(solution, folder, origin, figures=False)
    if solution.outcome is not Outcome.INTERRUPTED:
        checkpoint.unlink(missing_ok=True)
    return summary


def _origin(manifest: Path) -> str | None:
    """Return the hash of the problem file that a run is of, or None."""
    try:
        return str(json.loads(manifest.read_text())["environment"]["problem_sha256"])
    except (OSError, ValueError, KeyError):
        return None


def finished(sha256: str, run: Run, out: Path) -> dict[str, Any] | None:
    """Return the summary of a run that is over and of this very problem file, or None."""
    from kanpde.outcome import Outcome

    manifest = out / run.name / "run.json"
    if _origin(manifest) != sha256:
        return None
    summary: dict[str, Any] = json.loads(manifest.read_text())
    stopped = summary["outcome"] in ("running", Outcome.INTERRUPTED.name.lower())
    return None if stopped or "seconds" not in summary else summary


def local_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes on this machine."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def slurm(folder: Path, parameters: Mapping[str, Value]) -> Any:
    """Return an executor of jobs for Slurm (extra ``slurm``: submitit).

    Args:
        folder: of the jobs' scripts and logs.
        parameters: of submitit, such as ``timeout_min=60`` and ``slurm_partition="cpu"``;
            ``cluster="local"`` for processes of this machine, else Slurm where there is one.

    Raises:
        ValueError: if submitit is not installed.
    """
    try:
        import submitit
    except ImportError:
        raise ValueError('jobs for Slurm need submitit: pip install "kanpde[slurm]".') from None
    others = dict(parameters)
    executor = submitit.AutoExecutor(folder=str(folder), cluster=others.pop("cluster", None))
    executor.update_parameters(**others)
    return executor


def sweep(
    file: str | Path,
    runs: Sequence[Run],
    out: str | Path,
    executor: Any,
    *,
    progress: Callable[[Run, dict[str, Any]], None] = lambda run, summary: None,
) -> Sweep:
    """Run what is not finished yet, and return all results.

    Args:
        file: the problem file, which each run loads.
        runs: what to run; see :func:`runs_of`.
        out: folder of the sweep, one folder in it for each run.
        executor: of :mod:`concurrent.futures`, or one with its ``submit``.
        progress: called with each run and its summary as it ends; a run that fails has "failed".

    Raises:
        ValueError: before anything runs, for a setting that does not apply.
        OSError: if the folder cannot be written.
        KeyboardInterrupt: after the runs under way have been saved; the same call goes on.
    """
    file, out = Path(file).resolve(), Path(out).resolve()
    check(file, runs)
    out.mkdir(parents=True, exist_ok=True)
    results: dict[Run, dict[str, Any]] = {}
    jobs: dict[Any, Run] = {}
    sha256 = digest(file)
    for run in runs:
        done = finished(sha256, run, out)
        if done is None:
            jobs[executor.submit(perform, file, run, out)] = run
        else:
            results[run] = done
            progress(run, done)
    try:
        for job in _completed(list(jobs)):
            run = jobs[job]
            try:
                results[run] = job.result()
            except Exception as error:
                results[run] = {"failed": f"{type(error).__name__}: {error}"}
            progress(run, results[run])
    except KeyboardInterrupt:
        for job in jobs:
            job.cancel()
        raise
    return Sweep(file.stem, tuple((run, results[run]) for run in runs))


def _completed(jobs: list[Any]) -> Iterator[Any]:
    if all(isinstance(job, Future) for job in jobs):
        yield from as_completed(jobs)
    else:  # jobs of a batch scheduler
        yield from jobs
