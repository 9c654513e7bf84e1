"""Time limits around computer algebra, which may run for hours on an innocent expression."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

GRACE = 2.0
"""Seconds a stopped computation may take to end; then it is left behind as a daemon."""


class _Stopped(BaseException):
    """Raised inside a computation whose time is up; no ``except Exception`` catches it."""


def bounded(function: Callable[..., T], *arguments: object, seconds: float) -> T | None:
    """Return ``function(*arguments)``, or None where it raises or needs more than some seconds.

    The computation runs in a thread of its own and is ended there by an exception, so that no
    signal is needed, any thread may call, and no process has to import sympy again.

    Args:
        function: pure Python, as sympy is; a call into compiled code ends only by itself.
        arguments: of the function.
        seconds: after which it is stopped.

    >>> bounded(lambda n: n + 1, 1, seconds=5)
    2
    >>> bounded(lambda: 1 / 0, seconds=5) is None
    True
    """
    found: list[T] = []

    def work() -> None:
        try:
            found.append(function(*arguments))
        except (Exception, _Stopped):  # a failed rewriting is none; the caller tries another
            return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    waited = 0.0
    while thread.is_alive() and waited < GRACE:  # again, for an exception in __del__ is swallowed
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stopped)
        )
        thread.join(0.05)
        waited += 0.05
    return found[0] if found else None
