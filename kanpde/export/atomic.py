"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it takes the place of `path`.

    An interrupted or failed write leaves the earlier file, or none, and no temporary one. The
    replacement is atomic because both files lie in one folder (POSIX ``rename``).

    Raises:
        OSError: if the folder is missing, the path is no plain file, or the write fails; the
            message names the path and what to do.
    """
    target = Path(os.path.realpath(path))
    _check_target(path, target)
    temporary = target.with_name(f".{target.name}.{token_hex(4)}.tmp")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(
            f'"{path}" was not written: {error}. Check the free space and that you may write in '
            f'"{target.parent}", or give another path.'
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_target(path: str | Path, target: Path) -> None:
    """Raise OSError unless a file can be put at `target`."""
    folder = target.parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f'"{path}" cannot be written: the folder "{folder}" does not exist; create it first.'
        )
    if target.exists() and not target.is_file():
        raise IsADirectoryError(
            f'"{path}" cannot be written: it is a folder or a device; give the path of a file.'
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(
            f'"{path}" cannot be written: the file there is read-only; give another path or '
            "change its permissions."
        )


def _flush(path: Path) -> None:
    """Bring the file to the disk, so that a crash after the replacement cannot empty it."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())
