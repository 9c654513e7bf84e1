"""A node that is a sum or a product of edges with free coefficients, and its fit to values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

STEPS = 25


@dataclass(frozen=True)
class Node:
    """A sum or a product of edges plus a constant, with its derivatives by the coefficients."""

    kind: str
    columns: Sequence[np.ndarray]

    def start(self, inner: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
        """Return coefficients that fit the values of the node, or None."""
        ones = np.ones((len(inner), 1))
        if self.kind == "sum":
            a = np.hstack([ones, *self.columns])
            return _least_squares(a, inner, weights)
        full = [np.hstack([ones, c]) for c in self.columns]
        best: tuple[float, np.ndarray] | None = None
        for shift in (0.0, float(np.mean(inner)), 1.0):
            edges = [np.zeros(f.shape[1]) for f in full]
            generator = np.random.default_rng(0)
            for e in edges:
                e[:] = generator.normal(size=len(e)) / (1 + np.arange(len(e))) ** 2
                e[0] += 1.0
            for _ in range(25):
                for i, f in enumerate(full):
                    others = np.ones(len(inner))
                    for j, g in enumerate(full):
                        if j != i:
                            others = others * (g @ edges[j])
                    edges[i] = _least_squares(f * others[:, None], inner - shift, weights)
                    if i < len(full) - 1:
                        edges[i] /= np.linalg.norm(edges[i]) or 1.0
            product = np.prod([f @ e for f, e in zip(full, edges, strict=True)], axis=0)
            left = float(((weights * (inner - shift - product)) ** 2).sum())
            if np.isfinite(left) and (best is None or left < best[0]):
                best = left, np.concatenate([[shift], *edges])
        return None if best is None else best[1]

    def evaluate(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Return the node (N,), the edges (D, N), and the node's derivatives by each edge."""
        count = len(self.columns[0])
        if self.kind == "sum":
            sizes = np.cumsum([1, *(a.shape[1] for a in self.columns)])
            parts = np.stack(
                [a @ c[i:j] for a, i, j in zip(self.columns, sizes, sizes[1:], strict=False)]
            )
            return c[0] + parts.sum(axis=0), parts, [np.ones(count)] * len(parts)
        parts = np.stack([a @ own for a, own in self._edges(c)])
        others = [np.prod(np.delete(parts, i, axis=0), axis=0) for i in range(len(parts))]
        return c[0] + np.prod(parts, axis=0), parts, others

    def jacobian(self, c: np.ndarray) -> np.ndarray:
        """Return the derivatives of the node by the coefficients, (N, P)."""
        ones = np.ones((len(self.columns[0]), 1))
        if self.kind == "sum":
            return np.hstack([ones, *self.columns])
        _, _, others = self.evaluate(c)
        full = [a for a, _ in self._edges(c)]
        return np.hstack([ones, *(a * o[:, None] for a, o in zip(full, others, strict=True))])

    def _edges(self, c: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        place = 1
        for columns in self.columns:
            full = np.hstack([np.ones((len(columns), 1)), columns])
            yield full, c[place : place + full.shape[1]]
            place += full.shape[1]


def gauss_newton(
    model: Node,
    c: np.ndarray,
    h: Callable,
    derivative: Callable,
    values: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray | None:
    """Return the coefficients that fit h(node) to values, by damped Gauss-Newton steps, or None.

    Args:
        model: the node.
        c: where to start, (P,).
        h: the outer function.
        derivative: of it.
        values: (N,).
        weights: (N,).
    """

    def misfit(c: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            r = weights * (h(model.evaluate(c)[0]) - values)
        return r if np.isfinite(r).all() else np.full(len(r), np.inf)

    r = misfit(c)
    damping = 1e-6
    for _ in range(STEPS):
        node = model.evaluate(c)[0]
        with np.errstate(all="ignore"):
            gain = np.nan_to_num(
                weights * derivative(node) * np.ones(len(node)), posinf=0, neginf=0
            )
        if not np.isfinite(r).all():  # outside of h's domain: move the constant inside
            c = c.copy()
            c[0] += 0.02 * (np.abs(node).max() + 1e-3) * (1 if node.min() < 0 else -1)
            r = misfit(c)
            continue
        a = model.jacobian(c) * gain[:, None]
        size = np.sqrt((a**2).sum(axis=0)) + 1e-300
        a = np.vstack([a / size, np.sqrt(damping) * np.eye(len(c))])
        step = np.linalg.lstsq(a, -np.concatenate([r, np.zeros(len(c))]), rcond=1e-12)[0] / size
        trial = misfit(c + step)
        if trial @ trial < r @ r:
            done = 1 - (trial @ trial) / (r @ r) < 1e-6
            c, r, damping = c + step, trial, max(damping / 10, 1e-12)
            if done:
                break
        else:
            damping *= 30
            if damping > 1e4:
                break
    return c if np.isfinite(r).all() else None


def _least_squares(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(a * weights[:, None], b * weights, rcond=1e-12)[0]
