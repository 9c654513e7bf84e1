"""What every shape gives: points inside, and a boundary made of named pieces with normals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from kanpde.geometry.sampling import DEFAULT_SAMPLER, Sampler, checked_integer

_MOST_NAMES = 12
"""How many pieces an error message lists: all of a box in six dimensions."""


class Piece(ABC):
    """A named smooth piece of the boundary; members are frozen dataclasses."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name by which messages and reports call the piece, e.g. ``"left"``."""

    @property
    @abstractmethod
    def aliases(self) -> tuple[str, ...]:
        """Return the other names that select the piece, e.g. ``("x=0",)``."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Return the dimension D of the space the piece lies in."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Return the area (2-D: length) of the piece; a point counts one."""

    @abstractmethod
    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) of the piece and the unit outward normals (n, D) there.

        A piece that is a single point returns that one point whatever n is.
        """

    @abstractmethod
    def contains(self, points: np.ndarray, tolerance: float = 1e-12) -> np.ndarray:
        """Return which points (N, D) lie on the piece, (N,) bool.

        The tolerance is relative to the largest coordinate of the domain along each axis.
        """


@final
@dataclass(frozen=True, repr=False)
class Boundary:
    """The boundary of a domain, or the part of it that some pieces make up.

    ``boundary["left"]`` and ``boundary["left", "top"]`` select a part, by names or aliases.

    Args:
        pieces: at least one.
        domain_text: how messages call the domain.
        further: pieces that can be selected by name but are no part of the whole, such as the
            final moment of a space-time domain.

    >>> from kanpde.geometry import Rectangle
    >>> boundary = Rectangle(x=(0, 1), y=(0, 2)).boundary
    >>> boundary["left", "y=2"].names, boundary.measure
    (('left', 'top'), 6.0)
    """

    pieces: tuple[Piece, ...]
    domain_text: str
    further: tuple[Piece, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", tuple(self.pieces))
        if not self.pieces:
            raise ValueError(f"no piece of the boundary of {self.domain_text} was selected.")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the pieces."""
        return tuple(piece.name for piece in self.pieces)

    @property
    def measure(self) -> float:
        """Return the sum of the measures of the pieces."""
        return float(sum(piece.measure for piece in self.pieces))

    def __getitem__(self, names: str | tuple[str, ...] | list[str]) -> Boundary:
        """Return the part that the names or aliases select, each piece once.

        Raises:
            ValueError: for a name of no piece; the message lists the pieces.
        """
        wanted = names if isinstance(names, (tuple, list)) else (names,)
        pieces = dict.fromkeys(self._piece(name) for name in wanted)
        return Boundary(tuple(pieces), self.domain_text)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return any(item == p.name or item in p.aliases for p in self._selectable)
        return item in self._selectable

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return f"{self.domain_text}.boundary[{', '.join(map(_quoted, self.names))}]"

    def sample(
        self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points (n, D) and unit outward normals (n, D), spread evenly over the pieces.

        Each piece gets a share of n in proportion to its measure, and at least one point: fewer
        points than pieces cannot be had. A piece that is a single point contributes that point
        once, so an interval has two whatever n is. Pieces follow each other in order.

        Raises:
            ValueError: for n below one, a negative seed, or a sampler that is none.
        """
        parts = [
            piece.sample(count, seed=seed, sampler=sampler)
            for piece, count in zip(self.pieces, self._shares(n), strict=True)
        ]
        points, normals = zip(*parts, strict=True)
        return np.concatenate(points), np.concatenate(normals)

    def _shares(self, n: int) -> list[int]:
        """Return the number of points of each piece."""
        n = max(checked_integer("n", n, least=1), len(self.pieces))
        measures = np.array([piece.measure for piece in self.pieces])
        if not 0 < measures.sum() < np.inf:  # over- or underflow in very many dimensions
            measures = np.ones(len(measures))
        ideal = n * (measures / measures.sum())
        shares = np.maximum(np.floor(ideal).astype(np.int64), 1)
        while shares.sum() < n:
            shares[np.argmax(ideal - shares)] += 1
        while shares.sum() > n:
            shares[np.argmax(np.where(shares > 1, shares - ideal, -np.inf))] -= 1
        return [int(share) for share in shares]

    @property
    def _selectable(self) -> tuple[Piece, ...]:
        return (*self.pieces, *self.further)

    def _piece(self, name: Any) -> Piece:
        for piece in self._selectable:
            if name == piece.name or name in piece.aliases:
                return piece
        shown = [
            _quoted(p.name) + (f" ({', '.join(map(_quoted, p.aliases))})" if p.aliases else "")
            for p in self._selectable[:_MOST_NAMES]
        ]
        more = len(self._selectable) - len(shown)
        raise ValueError(
            f"{_quoted(name)} names no piece of the boundary of {self.domain_text}; "
            f"its pieces are: {', '.join(shown)}{f' and {more} more' if more else ''}."
        )


class Domain(ABC):
    """Where equations hold: a bounded set of D named coordinates; members are frozen dataclasses.

    Attributes:
        names: the coordinates, in the order of the columns of points.
    """

    names: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """Return the number D of coordinates."""
        return len(self.names)

    @property
    @abstractmethod
    def lower(self) -> np.ndarray:
        """Return the lower corner of the bounding box, (D,)."""

    @property
    @abstractmethod
    def upper(self) -> np.ndarray:
        """Return the upper corner of the bounding box, (D,)."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Return the volume (1-D: length, 2-D: area) in the units of the coordinates."""

    @property
    @abstractmethod
    def boundary(self) -> Boundary:
        """Return the whole boundary, in named pieces."""

    @abstractmethod
    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, D) lie in the closed domain, (N,) bool."""

    @abstractmethod
    def interior(self, n: int, *, seed: int = 0, sampler: Sampler = DEFAULT_SAMPLER) -> np.ndarray:
        """Return points (n, D) strictly inside the domain."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description from which ``domain_from_dict`` makes an equal one."""


def checked_points(points: Any, names: tuple[str, ...]) -> np.ndarray:
    """Return points as a float64 array of shape (N, D).

    Raises:
        ValueError: for another shape.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ValueError(
            f"points must have shape (N, {len(names)}), one column for each of "
            f"{', '.join(names)}; got {array.shape}."
        )
    return array


def _quoted(name: Any) -> str:
    return f'"{name}"' if isinstance(name, str) else repr(name)
