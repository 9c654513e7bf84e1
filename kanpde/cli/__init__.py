"""The command line: ``kanpde solve``, ``resume``, ``problems``, ``formula``, ``report``, ..."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence

from kanpde.cli import listing, many_runs, results, solving
from kanpde.cli.shared import complain
from kanpde.ranks import launched
from kanpde.version import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 solved, 1 not solved, 2 bad input."""
    options = _parser().parse_args(arguments)
    if launched().size > 1:  # outside of a solve, torchrun must not cut off what is being said
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        return int(options.run(options))
    except (ValueError, OSError, RuntimeError) as error:
        return complain(str(error))
    except KeyboardInterrupt:
        return complain("interrupted before there was a field to save.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kanpde",
        description="Solve partial differential equations with Kolmogorov-Arnold networks.",
    )
    parser.add_argument("--version", action="version", version=f"kanpde {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (solving, listing, many_runs, results):
        module.add_commands(commands)
    return parser
