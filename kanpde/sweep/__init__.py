"""Sweeps: one problem file with many settings and seeds, by a pool of processes, resumable."""

from kanpde.sweep.pool import local_pool, slurm, sweep
from kanpde.sweep.results import Sweep
from kanpde.sweep.settings import Run, parse_parameters, parse_seeds, parse_setting, runs_of

__all__ = [
    "Run",
    "Sweep",
    "local_pool",
    "parse_parameters",
    "parse_seeds",
    "parse_setting",
    "runs_of",
    "slurm",
    "sweep",
]
