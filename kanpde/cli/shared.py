"""What the commands share: exit statuses, options, complaints, files."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kanpde.problem_file import ProblemFile

SOLVED, NOT_SOLVED, BAD_INPUT = 0, 1, 2


def add_json_option(command: argparse.ArgumentParser) -> None:
    """Give a command the option --json."""
    command.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def add_output_options(command: argparse.ArgumentParser) -> None:
    """Give a command the options of what it prints and writes."""
    add_json_option(command)
    command.add_argument("--no-figures", action="store_true", help="write no figures")


def add_device_options(command: argparse.ArgumentParser) -> None:
    """Give a command the options --device and --compiled."""
    command.add_argument("--device", default="cpu", help="cpu (default) or a torch device")
    command.add_argument(
        "--compiled", action="store_true", help="record training and replay it; pays for long ones"
    )


def check_device(device: str) -> None:
    """Raise ValueError if tensors cannot be placed on a device."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"the device {device!r} cannot be used: {str(error).splitlines()[0]}"
        ) from None


def complain(message: str) -> int:
    """Say what is wrong and return the exit status of bad input."""
    print(f"kanpde: {message}", file=sys.stderr)  # noqa: T201
    return BAD_INPUT


def problem_file(file: Path) -> ProblemFile | None:
    """Return what a problem file defines, or None after saying what is wrong with it."""
    if not file.is_file():
        complain(f"there is no problem file {file}.")
        return None

    from kanpde.problem_file import ProblemFileError, load_problem_file

    try:
        return load_problem_file(file)
    except ProblemFileError as error:
        if error.cause is not None:
            _print_user_traceback(error.cause, file)
        complain(str(error))
        return None


def solution_file(path: Path) -> Path:
    """Return the file of a run folder, or the file that was given."""
    return path / "solution.h5" if path.is_dir() else path


def _print_user_traceback(error: BaseException, file: Path) -> None:
    """Print the traceback from the user's own file on, without kanpde's frames above it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if Path(frame.filename) == file.resolve()]
    shown = frames[own[0] :] if own else []
    if shown:
        print("Traceback (most recent call last):", file=sys.stderr)  # noqa: T201
        print("".join(traceback.format_list(shown)), end="", file=sys.stderr)  # noqa: T201
    print("".join(traceback.format_exception_only(error)), end="", file=sys.stderr)  # noqa: T201
