"""The stage that adds a correction where a field has come to its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanpde.collocation import Collocation
from kanpde.networks import KAN, MLP, Corrected, Network, bare, with_bare
from kanpde.problem import Problem
from kanpde.training.stage import SingleStep, StageState, Task


@dataclass(frozen=True)
class Multistage(SingleStep):
    r"""Keep the field and train a small correction of it, :math:`u=u_0+\epsilon\,v`.

    The stages that follow train v alone. :math:`\epsilon` makes the residual of the untrained
    correction as large as the one that is left, so that v is of order one (Wang and Lai,
    J. Comput. Phys. 504 (2024) 112865; there v has higher frequencies, too: give such a network
    where the residual oscillates).

    Args:
        network: the correction v; by default one of the field's own shape from a new start.

    Raises:
        ValueError: (before the first step) if the network has no shape to repeat, or the given one
            has other coordinates or outputs.

    >>> [stage.name for stage in (Multistage(), Multistage(MLP([2, 9, 1])))]
    ['multistage', 'multistage']
    """

    network: Network | None = None

    name: ClassVar[str] = "multistage"

    def check(self, problem: Problem, network: Network) -> Network:
        """Return the field with a correction, or raise ValueError if there is none for it."""
        return with_bare(
            network, Corrected(bare(network), self._correction(network, problem, 0), 1.0)
        )

    def apply(self, task: Task, network: Network) -> StageState:
        """Return the field with a correction of the right size."""
        correction = self._correction(network, task.problem, task.seed + 1)
        kept = bare(network)

        def of_size(scale: float) -> Network:
            return with_bare(network, Corrected(kept, correction, scale))

        collocation = task.collocate(of_size(1.0))
        left = collocation.residual(network, collocation.prepare(network))
        size = float(left.norm())
        if size == 0:
            return StageState(network, note="nothing is left to correct")
        scale = 1.0
        for _ in range(2):  # the second time near the right size, for nonlinear problems
            change = _residual(collocation, of_size(scale)) - left
            scale *= size / max(float(change.norm()), 1e-300)
        note = f"a correction of size {scale:.1e}"
        return StageState(of_size(scale), loss=0.5 * size**2, note=note)

    def _correction(self, network: Network, problem: Problem, seed: int) -> Network:
        """Return the correction at its start."""
        shape = self.network or _like(bare(network))
        if (shape.dimension, shape.outputs) != (network.dimension, network.outputs):
            raise ValueError(
                f"Multistage: the correction maps {shape.dimension} coordinates to "
                f"{shape.outputs} outputs; the field {network.dimension} to {network.outputs}."
            )
        if isinstance(shape, (KAN, MLP)):
            shape = shape.prepared(problem.domain.lower, problem.domain.upper, seed)
        open_ = [axis for axis in bare(network).periods if axis not in shape.periods]
        if open_ and not isinstance(shape, (KAN, MLP)):
            raise ValueError(
                f"Multistage: the field is periodic by construction, and a {type(shape).__name__} "
                "as correction is not; give a KAN or an MLP, or solve with hard=False."
            )
        if open_:
            assert isinstance(shape, (KAN, MLP))
            shape = shape.closed(open_)
        return shape.to(next(network.parameters()).device)


def _like(network: Network) -> Network:
    """Return an unseeded network of the same shape."""
    if isinstance(network, Corrected):
        return _like(network.correction)
    if isinstance(network, KAN):
        widths = [row.width for row in network.rows]
        activation = network.layers[0].activation
        return KAN(widths, basis=network.bases, activation=activation)  # type: ignore[arg-type]
    if isinstance(network, MLP):
        return MLP.from_dict({**network.to_dict(), "seed": None, "lower": None, "upper": None})
    raise ValueError(
        f"Multistage: a {type(network).__name__} has no shape to repeat; give the correction: "
        "Multistage(KAN([...])) or Multistage(MLP([...]))."
    )


def _residual(collocation: Collocation, network: Network) -> Tensor:
    return collocation.residual(network, collocation.prepare(network))
