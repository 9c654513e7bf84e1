"""Parts of boundary pieces: stretches of curves, or the points at which a predicate holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any, final

import numpy as np

from kanpde.geometry.curves import Curve
from kanpde.geometry.pieces import Piece
from kanpde.geometry.sampling import DEFAULT_SAMPLER, Sampler, Sobol, checked_integer

_LOOKS = 2048
"""Places on a piece at which a predicate is tried; a stretch between two of them is missed."""

Predicate = Callable[[np.ndarray], np.ndarray]


@final
@dataclass(frozen=True, repr=False)
class Stretch(Piece):
    """The part of a plane piece between two values of its parameter.

    Args:
        whole: the piece.
        start: where it begins, in [0, 1).
        stop: where it ends; of a closed curve it may be past 1.

    Raises:
        ValueError: for a piece that is no curve, or an empty range.
    """

    whole: Piece
    start: float
    stop: float

    def __post_init__(self) -> None:
        curve = self.whole.curve
        most = 2.0 if curve is not None and curve.is_closed else 1.0
        if curve is None or not 0.0 <= self.start < self.stop <= most:
            raise ValueError(
                f"{self.start:g} to {self.stop:g} is no part of {self.whole!r}; it must be a curve "
                "and the range lie between 0 and 1."
            )

    def __repr__(self) -> str:
        return f"{self.whole!r}[{self.start!r}:{self.stop!r}]"

    @property
    def name(self) -> str:
        """Return e.g. ``"top[0.5:1]"``; the boundary gives the same part for that name."""
        return f"{self.whole.name}[{_number(self.start)}:{_number(self.stop)}]"

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    @property
    def dimension(self) -> int:
        """Return the dimension of the plane."""
        return 2

    @property
    def curve(self) -> Curve:
        """The part of the curve."""
        assert self.whole.curve is not None
        return self.whole.curve.part(self.start, self.stop)

    @property
    def measure(self) -> float:
        """The length."""
        return self.curve.length

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, 2) off the ends, spread by arc length, and unit outward normals."""
        unit = self.whole.unit(checked_integer("n", n, least=1), seed, sampler)
        curve = self.curve
        t = curve.even(unit)
        return curve.point(t), curve.normal(t)

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, 2) are on the part, (N,) bool."""
        on = self.whole.contains(points, tolerance)
        index = np.flatnonzero(on)
        if len(index):
            assert self.whole.curve is not None
            close = self.curve.nearest(np.asarray(points, dtype=np.float64)[index])[1]
            on[index] = close <= np.maximum(tolerance * np.abs(self.whole.curve.ends).max(), 1e-300)
        return on


@final
@dataclass(frozen=True, repr=False)
class Selection(Piece):
    """The points of a piece in more than two dimensions at which a predicate holds.

    Args:
        whole: the piece.
        predicate: maps points (N, D) to (N,) bool.
        text: how the predicate is called.
        share: of the measure of the piece.
    """

    whole: Piece
    predicate: Predicate = field(compare=False)
    text: str
    share: float

    def __repr__(self) -> str:
        return f"{self.whole!r} where {self.text}"

    @property
    def name(self) -> str:
        """Return e.g. ``"top where x > 0"``."""
        return f"{self.whole.name} where {self.text}"

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    @property
    def dimension(self) -> int:
        """Return the dimension of the space."""
        return self.whole.dimension

    @property
    def measure(self) -> float:
        """Return the share of the measure of the piece."""
        return self.share * self.whole.measure

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) of the piece where the predicate holds, and outward normals."""
        n = checked_integer("n", n, least=1)
        draws = int(1.2 * n / self.share) + 16
        while True:
            points, normals = self.whole.sample(draws, seed=seed, sampler=sampler)
            kept = self.predicate(points)
            if kept.sum() >= n:
                return points[kept][:n], normals[kept][:n]
            draws *= 2

    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) are on the piece and satisfy the predicate, (N,) bool."""
        on = self.whole.contains(points, tolerance)
        on[on] = self.predicate(np.asarray(points, dtype=np.float64)[on])
        return on


def selected_parts(
    predicate: Any, pieces: Sequence[Piece], coordinates: tuple[str, ...]
) -> list[Piece]:
    """Return the pieces and parts of pieces at which a predicate holds, in order.

    Raises:
        ValueError: if the predicate is none, or asks for coordinates that there are not.
    """
    holds = _function(predicate, coordinates)
    parts: list[Piece] = []
    for piece in pieces:
        if piece.curve is not None:
            spans = _spans(holds, piece.curve)
            whole = len(spans) == 1 and spans[0][1] - spans[0][0] == 1.0
            parts += [piece] if whole else [Stretch(piece, a, b) for a, b in spans]
            continue
        points, _ = piece.sample(2 * _LOOKS, seed=0, sampler=Sobol())
        share = float(np.mean(holds(points)))
        if share == 1.0:
            parts.append(piece)
        elif share > 0:
            text = str(predicate) if hasattr(predicate, "free_symbols") else predicate.__name__
            parts.append(Selection(piece, holds, text, share))
    return parts


def named_part(name: Any, pieces: Sequence[Piece]) -> Piece | None:
    """Return the stretch that a name such as ``"top[0.5:1]"`` means, or None."""
    match = re.fullmatch(r"(.+)\[([^\[:]+):([^\[:]+)\]", name) if isinstance(name, str) else None
    if match is None:
        return None
    for piece in pieces:
        if piece.name == match[1] and piece.curve is not None:
            try:
                return Stretch(piece, float(match[2]), float(match[3]))
            except ValueError:
                return None
    return None


def _function(predicate: Any, coordinates: tuple[str, ...]) -> Predicate:
    """Return a function of points (N, D) that gives (N,) bool."""
    if hasattr(predicate, "free_symbols"):
        wanted = sorted(symbol.name for symbol in predicate.free_symbols)
        from sympy import lambdify  # only who has an expression needs it, and has it loaded

        function = lambdify(sorted(predicate.free_symbols, key=str), predicate, "numpy")
        by_name = lambda **values: function(*(values[n] for n in wanted))  # noqa: E731
    elif callable(predicate):
        parameters = signature(predicate).parameters.values()
        every = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
        wanted = list(coordinates) if every else [p.name for p in parameters]
        by_name = predicate
    else:
        raise ValueError(
            f"where({predicate!r}) needs a function of coordinates, such as lambda x: x > 0, or an "
            "expression such as x > 0."
        )
    strange = [name for name in wanted if name not in coordinates]
    if strange:
        raise ValueError(
            f"where: {', '.join(strange)} is no coordinate; the coordinates are "
            f"{', '.join(coordinates)}."
        )

    def holds(points: np.ndarray) -> np.ndarray:
        columns = {name: points[:, coordinates.index(name)] for name in wanted}
        given = np.asarray(by_name(**columns))
        if given.dtype != bool or given.shape not in ((), (len(points),)):
            raise ValueError(
                f"where: the predicate gave {given.dtype} of shape {given.shape}; it must give "
                f"bool of shape ({len(points)},), one for each point."
            )
        return np.broadcast_to(given, (len(points),))

    return holds


def _spans(holds: Predicate, curve: Curve) -> list[tuple[float, float]]:
    """Return the ranges of the parameter in which a predicate holds; bisection finds their ends."""
    t = (np.arange(_LOOKS) + 0.5) / _LOOKS
    true = holds(curve.point(t))
    if true.all():
        return [(0.0, 1.0)]
    low, high = t[:-1][true[1:] != true[:-1]], t[1:][true[1:] != true[:-1]]
    first = true[:-1][true[1:] != true[:-1]]
    if curve.is_closed and true[0] != true[-1]:
        low, high = np.append(low, t[-1]), np.append(high, 1.0 + t[0])
        first = np.append(first, true[-1])
    for _ in range(54):
        middle = (low + high) / 2
        same = holds(curve.point(middle)) == first
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    ends = [float(round(v, 15)) for v in (low + high) / 2]
    if curve.is_closed:
        if not ends:
            return []
        starts = [e for e, f in zip(ends, first, strict=True) if not f]
        stops = sorted(e for e, f in zip(ends, first, strict=True) if f)
        spans = []
        for start in sorted(s % 1.0 for s in starts):
            stop = next((e for e in stops if e > start), None)
            spans.append((start, stop if stop is not None else min(stops) + 1.0))
        return spans
    marks = ([0.0] if true[0] else []) + ends + ([1.0] if true[-1] else [])
    return list(zip(marks[::2], marks[1::2], strict=True))


def _number(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
