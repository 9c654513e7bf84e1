"""The ladder: one global KAN with fixed inner edges, its degree raised until the error is small.

Each step is one least squares for the output edges. On a smooth problem the error falls
exponentially with the degree, and the difference of two steps tells how far one has come. What is
not smooth for a known reason gets nodes of its own: holes, corners. Written as a KAN this is a
spectral least-squares method.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

from sympy import Abs, Heaviside, Max, Min, Piecewise, sign

from kanpde.control import Control
from kanpde.networks import LinearKAN, Network, ProductNodes, TensorKAN
from kanpde.outcome import Outcome
from kanpde.problem import Problem
from kanpde.solving.estimate import UNRESOLVED, HeldOut, Step
from kanpde.solving.families import Family, family_of
from kanpde.solving.levels import Level, Levels
from kanpde.solving.newton import Newton
from kanpde.solving.traits import Traits
from kanpde.solving.way import Way

DEGREES = (
    *(6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 38, 44, 52, 60, 72, 86, 100),
    *(120, 144, 172, 206),
)
KINKS = (Abs, Heaviside, Max, Min, Piecewise, sign)
"""Functions that are not smooth."""
LOOSE = 1e-3
"""Relative error from which on a random field is not found again from its residuals."""
BEYOND = 28
"""Degree up to which other solutions than zero are sought."""
MOST_BEYOND = 1_000
"""Columns up to which they are: some tenths of a second, for a problem that takes no more."""
NOT_ALONE = (
    "The equations and conditions do not determine the field: others have the same residuals, and "
    "of these this is the one with the least coefficients. Is a condition missing, or is a "
    "coefficient an eigenvalue?"
)
WORTH = 30.0
"""How much smaller the residual must be for nodes that were added on trial to be kept."""


@dataclass(frozen=True)
class Ladder(Way):
    """How a problem is solved by raising the degree of one global KAN.

    A linear problem is one least squares a level, a nonlinear one a few: Newton's method from the
    field of the level before.

    Args:
        degrees: the steps, increasing.
        oversampling: interior points for each coefficient of an unknown.
        patience: steps that may gain less than 2.5x before the ladder gives up.
        newton: for nonlinear problems.
        together: in more than three coordinates, how many occur in one product; by default one,
            and more as long as the field gets no better.
    """

    degrees: tuple[int, ...] = DEGREES
    oversampling: float = 1.4
    patience: int = 2
    newton: Newton = field(default_factory=Newton)
    together: int | None = None

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in pairwise(self.degrees))
        if not self.degrees or self.degrees[0] < 1 or not increasing:
            raise ValueError(f"Ladder: degrees must be positive and increase, got {self.degrees}.")

    def solve(
        self,
        problem: Problem,
        tol: float,
        control: Control,
        *,
        seed: int = 0,
        error: Callable[[Network], float | None] = lambda network: None,
        device: str = "cpu",
    ) -> LadderResult:
        """Raise the degree until the estimated relative L2 error is below ``tol``.

        Args:
            problem: any whose solution is smooth but for holes and corners.
            tol: for the estimate of the relative L2 error.
            control: budget, stop request and history; it remembers the levels, and those that it
                remembered before are not solved again.
            seed: of the points.
            error: gives the true error for the history where it is known.
            device: of all tensors.

        Returns:
            the best field, its estimate and the outcome.

        Raises:
            ValueError: if not even the first degree can be held in memory, or the problem seeks
                unknown numbers, or levels that are remembered are of another version.
        """
        if problem.parameters:
            raise ValueError(
                f"{problem.name} seeks {', '.join(map(str, problem.parameters))}, and a ladder "
                "finds fields only, for with an unknown number no equation is linear; leave the "
                "network out or give one to train, for example "
                f"KAN([{problem.dimension}, {len(problem.unknowns)}])."
            )
        traits = Traits.of(problem)
        held_out = HeldOut(problem, traits, seed, device)
        levels = Levels(
            problem,
            traits,
            oversampling=self.oversampling,
            newton=self.newton,
            seed=seed,
            device=device,
        )
        climb = _Climb(family_of(problem, traits, self.together))
        rungs: list[Rung] = control.memory or []
        for turn in range(10**6):
            place = climb.place
            degree = climb.family.degree(self.degrees[place]) if place < len(self.degrees) else 0
            if not degree or not levels.fits(climb.family, degree):
                if turn == 0:
                    raise ValueError(
                        f"{problem.name}: a ladder in {problem.dimension} coordinates is too large "
                        f"at its first degree {degree}; give a network to train, for "
                        f"example KAN([{problem.dimension}, {len(problem.unknowns)}])."
                    )
                break
            if climb.best is not None and turn == len(rungs):
                if control.should_stop:
                    return climb.ended(control.stop_outcome)
                before = climb.last
                if before and (
                    levels.seconds(climb.family, degree, before.size, before.seconds)
                    > control.time_left
                ):
                    return climb.ended(Outcome.BUDGET)
            if turn < len(rungs):
                level, step = rungs[turn].level, rungs[turn].step
                if rungs[turn].degree != degree:
                    raise ValueError(
                        "the ladder cannot go on with levels of another version of kanpde; solve "
                        "the problem anew."
                    )
                levels.take(level, degree)
            else:
                began = control.seconds
                level = levels.solve(climb.family, degree, control, climb.start)
                step = held_out.step(level.network, level.factors, climb.previous, degree)
                if not level.converged:
                    step.estimate = 1.0
                step.seconds = control.seconds - began
                control.record(
                    "ladder",
                    degree,
                    parameters=level.network.parameter_count,
                    held_out=step.residual,
                    estimate=step.estimate if climb.previous else None,
                    error=control.off_the_clock(partial(error, level.network)),
                )
                if level.converged or not control.should_stop:  # else Newton's method was stopped
                    rungs.append(Rung(degree, level, step))
                    control.remember(rungs)
            climb.take(level, step, degree)
            if level.converged and step.estimate < tol:
                if problem.is_linear and not step.values.any():
                    climb.look_beyond(levels, self.degrees, control)
                return climb.ended(Outcome.SOLVED)
            if climb.is_over(self.patience):
                break
        if not problem.is_linear and climb.is_astray:
            return climb.ended(Outcome.NOT_CONVERGED)
        return climb.ended(Outcome.TOLERANCE_NOT_REACHED)


def suits(problem: Problem) -> bool:
    """Whether a ladder is the way to try first.

    That is for linear problems, and for nonlinear ones that are smooth, have at most two
    coordinates and conditions on every piece of the boundary: what evolves in time over a space has
    none at the end, and a global field is no good for it. An ordinary differential equation with
    initial values is one of them.
    """
    if problem.is_linear:
        return True
    if problem.parameters or (problem.evolution is not None and problem.evolution.space):
        return False
    smooth = not any(e.has(*KINKS) for e in problem.equations.values())
    held = {piece.name for c in problem.conditions for piece in c.on.pieces}
    return smooth and problem.dimension <= 2 and set(problem.domain.boundary.names) <= held


@dataclass(frozen=True)
class Rung:
    """A level that was solved, for a ladder that is taken up again.

    Args:
        degree: of the level.
        level: its field.
        step: what was measured of it.
    """

    degree: int
    level: Level
    step: Step


class _Climb:
    """Where a ladder stands: the family of nodes, the next degree, the best field so far."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.place = 0
        self.best: LadderResult | None = None
        self.previous: Step | None = None
        self.last: Step | None = None
        self.start: Network | None = None
        self._idle = 0
        self._lost = 0
        self._tried = 0
        self._on_trial: tuple[Family, Step, int] | None = None

    def take(self, level: Level, step: Step, degree: int) -> None:
        """Note a level and decide which one follows."""
        self.last = step
        gain = self.best.estimate / step.estimate if self.best else float("inf")
        if self.best is None or gain > 1:
            self.best = LadderResult(
                level.network, step.estimate, level.rows, Outcome.TOLERANCE_NOT_REACHED
            )
        self._note(level)
        self._lost = 0 if level.converged else self._lost + 1
        if level.converged:
            self.start = level.network
        if self._on_trial is not None and not self._keeps(step):
            return
        before = self.previous
        self.previous = step if level.converged else None
        self.place += 1
        idle = False
        if before is not None:
            gain = max(gain, before.residual / max(step.residual, 1e-300))
            idle = self.family.is_idle(degree, gain, step.estimate, cheap=level.direct)
        self._idle = self._idle + 1 if idle else 0
        poor = not level.converged and not self.family.on_trial
        if (self._idle and not level.direct) or poor:
            self._enrich(step)

    def _note(self, level: Level) -> None:
        """Say so if other fields have the residuals of a level's, too."""
        if level.loose > LOOSE and self.best is not None and not self.best.notes:
            self.best = replace(self.best, notes=(NOT_ALONE,))

    def look_beyond(self, levels: Levels, degrees: Sequence[int], control: Control) -> None:
        """See whether other fields solve a linear problem than zero, which the first levels solve.

        They are found only where the degree is high enough for them.
        """
        for degree in map(self.family.degree, degrees[self.place :]):
            out_of_reach = degree > BEYOND or levels.columns(self.family, degree) > MOST_BEYOND
            assert self.best is not None
            if self.best.notes or out_of_reach or control.should_stop:
                break
            self._note(levels.solve(self.family, degree, control, None))

    def _enrich(self, step: Step) -> None:
        """Turn to the next richer family, if there is one that was not tried."""
        alternatives = self.family.alternatives[self._tried :]
        if alternatives:
            self._on_trial = (self.family, step, self.place)
            self.family, self.previous, self._idle, self._lost = alternatives[0], None, 0, 0
            self.place = self.family.restart(self.place - 1)

    def _keeps(self, step: Step) -> bool:
        """Decide on a richer family after its first level; if it brought nothing, go back."""
        assert self._on_trial is not None
        family, before, place = self._on_trial
        self._on_trial = None
        if not self.family.on_trial or step.residual * WORTH < before.residual:
            self._tried = 0
            return True
        self.family, self.previous, self.place = family, before, place
        self._idle = 1
        self._tried += 1
        self._enrich(before)
        return False

    def is_over(self, patience: int) -> bool:
        """Whether going on brings nothing: little gained, or Newton lost, for several levels."""
        return self._idle >= patience or self._lost > patience

    @property
    def is_astray(self) -> bool:
        """Whether no level came near to a solution."""
        return self._lost > 0 or self.best is None or self.best.estimate > UNRESOLVED

    def ended(self, outcome: Outcome) -> LadderResult:
        """Return the best field with an outcome."""
        assert self.best is not None
        return replace(self.best, outcome=outcome)


@dataclass(frozen=True)
class LadderResult:
    """The best field of a ladder.

    Args:
        network: the field.
        estimate: of its relative L2 error.
        points: rows of its least-squares system.
        outcome: why the ladder ended.
        notes: whether other fields solve a linear problem, too.
    """

    network: Network
    estimate: float
    points: int
    outcome: Outcome
    notes: tuple[str, ...] = ()

    @property
    def way(self) -> str:
        """How the field was found, in words."""
        linear = self.network
        if isinstance(linear, TensorKAN):
            return (
                f"ladder: one KAN of product nodes of degree {linear.shape[0] - 1} along each "
                "axis, output edges by fast diagonalisation of the separable operator"
            )
        assert isinstance(linear, LinearKAN)
        names = []
        for block in linear.blocks():
            name = type(block).__name__
            if hasattr(block, "degree"):
                name += f" of degree {block.degree}"
            if isinstance(block, ProductNodes) and block.interaction:
                name += f" in {block.interaction} coordinates at a time"
            names.append(name)
        kinds = " and ".join(
            f"{count} x {name}" if count > 1 else name for name, count in Counter(names).items()
        )
        return f"ladder: one KAN with fixed inner edges ({kinds}), output edges by least squares"
