"""Where a run came from: versions, machine and the text of the problem."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kanpde.version import __version__

LONGEST = 100_000


def digest(problem_file: str | Path) -> str:
    """Return the SHA-256 of a problem file's text.

    Raises:
        OSError: if it cannot be read.
    """
    return hashlib.sha256(Path(problem_file).read_bytes()).hexdigest()


def environment(problem_file: str | Path) -> dict[str, Any]:
    """Return versions, platform and the problem file's name, text and SHA-256, JSON-able.

    A text longer than ``LONGEST`` bytes is left out.

    Raises:
        OSError: if the problem file cannot be read.
    """
    text = Path(problem_file).read_bytes()
    packages = ("torch", "numpy", "scipy", "sympy", "h5py")
    return {
        "kanpde": __version__,
        **{package: version(package) for package in packages},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "problem_file": Path(problem_file).name,
        "problem_sha256": digest(problem_file),
        **({"problem_text": text.decode("utf-8", "replace")} if len(text) <= LONGEST else {}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
