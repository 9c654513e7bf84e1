"""A solved problem: the field, how good it is, how it was found, and where it can go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sympy import Expr, sympify
from torch import Tensor

from kanpde.collocation import Collocation, boundary_points, collocate, torch_function
from kanpde.control import Control, Record, parse_budget, parse_iterations
from kanpde.export import field_name
from kanpde.geometry import Sobol
from kanpde.networks import JetLayout, Network
from kanpde.outcome import Outcome
from kanpde.problem import Measured, Problem, determined, evaluate
from kanpde.problem.kept import missing
from kanpde.problem.residual import symbolic_residual

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure

CHUNK = 16384
"""Points evaluated at once."""

ERROR_POINTS = 10_000


@dataclass(frozen=True)
class Solution:
    """A field with its problem, outcome and history.

    Call it with coordinates by name: ``solution(x=0.3, y=0.2)``; numbers, numpy arrays and torch
    tensors are taken, broadcast against each other, and given back in kind. With several unknowns a
    dict by name is returned.

    Args:
        problem: what was solved.
        network: the field; output i is the unknown ``problem.unknowns[i]``.
        outcome: why the solve ended.
        estimate: of the relative L2 error, or None where the way of solving gives none.
        history: one record for each step.
        points: rows of the (last) residual vector.
        seconds: spent in solving.
        seed: of points and start.
        notes: what the stages had to say.
        way: how the field was found, in words.
        weights: of the equations and conditions in the loss, by name; one where none is given.
        why: why it was found in this way.
    """

    problem: Problem
    network: Network
    outcome: Outcome
    estimate: float | None = None
    history: tuple[Record, ...] = ()
    points: int = 0
    seconds: float = 0.0
    seed: int = 0
    notes: tuple[str, ...] = ()
    way: str = field(default="")
    weights: Mapping[str, float] = field(default_factory=dict)
    why: str = field(default="")

    def __call__(self, **coordinates: Any) -> Any:
        """Return the unknowns at the given coordinates.

        Raises:
            ValueError: if a coordinate is missing, unknown or of a shape that does not broadcast.
        """
        values = {
            name: self.derivative(u, **coordinates)
            for name, u in zip(self.problem.unknown_names, self.problem.unknowns, strict=True)
        }
        return values[self.problem.unknown_names[0]] if len(values) == 1 else values

    def derivative(self, expression: Expr, **coordinates: Any) -> Any:
        """Return an expression of the unknowns and their derivatives at the given coordinates.

        ``solution.derivative(u.diff(x, 2), x=0.3, y=0.2)``: derivatives are exact, not differences.

        Raises:
            ValueError: for a wrong coordinate, or an expression that is none of the unknowns'.
        """
        points, restore = self._points(coordinates)
        if isinstance(expression, (int, float)):
            expression = sympify(expression)
        if not isinstance(expression, Expr):
            raise ValueError(
                f"the expression {expression!r} is no sympy expression; write, for example, "
                "solution.derivative(u.diff(x), ...)."
            )
        strange = expression.free_symbols - set(self.problem.coordinates)
        if strange:
            raise ValueError(
                f"the expression {expression} holds {', '.join(map(str, strange))}, which has no "
                f"value here; only the unknowns and {', '.join(self.problem.domain.names)} do."
            )
        residual = symbolic_residual(
            "expression", expression, self.problem.unknowns, self.problem.coordinates
        )
        layout = JetLayout.of(self.problem.dimension, [p.order for p in residual.parts])
        symbols = [*self.problem.coordinates, *(p.symbol for p in residual.parts)]
        function = torch_function(symbols, [residual.expression])
        pieces = []
        for chunk in points.split(CHUNK):
            with torch.no_grad():
                jets = self.network.jets(chunk, layout)
            arguments = [jets[p.unknown, layout.index[p.order]] for p in residual.parts]
            value = torch.as_tensor(function(*chunk.T, *arguments)[0], dtype=chunk.dtype)
            pieces.append(value.expand(len(chunk)))
        return restore(torch.cat(pieces))

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return all unknowns at points (N, D), shape (N, unknowns)."""
        x = torch.as_tensor(np.asarray(points, dtype=np.float64)).to(self._like())
        with torch.no_grad():
            pieces = [self.network(chunk) for chunk in x.split(CHUNK)]
        return torch.cat(pieces).cpu().numpy()

    # How good it is --------------------------------------------------------------------------

    def errors(self) -> dict[str, dict[str, float]]:
        """Return relative L2 and maximum error of each unknown on an independent point set.

        An unknown whose exact solution is zero has its absolute L2 error instead of the relative.
        A number sought has its relative and its absolute error.

        Raises:
            ValueError: if the problem has no exact solution.
        """
        if not self.problem.exact:
            raise ValueError(
                f"{self.problem.name} has no exact solution to compare with; see "
                "solution.estimate and solution.residual_rms() instead."
            )
        points = self.problem.domain.interior(ERROR_POINTS, seed=991, sampler=Sobol())
        found = self.at(points)
        errors = {}
        for i, (name, u) in enumerate(
            zip(self.problem.unknown_names, self.problem.unknowns, strict=True)
        ):
            known = determined(self.problem, i, points)
            exact = evaluate(self.problem.exact[u], self.problem.coordinates, points[known])
            difference = found[known, i] - exact
            size = float(np.linalg.norm(exact)) or float(np.sqrt(len(exact)))
            errors[name] = {
                "relative_l2": float(np.linalg.norm(difference)) / size,
                "max_error": float(np.max(np.abs(difference))),
            }
        for p in self.problem.parameters:
            wanted = float(self.problem.exact[p])
            gap = abs(self.numbers[p.name] - wanted)
            errors[p.name] = {"relative_l2": gap / (abs(wanted) or 1.0), "max_error": gap}
        return errors

    @property
    def numbers(self) -> dict[str, float]:
        """The unknown numbers that were found, by name; none if the problem seeks none."""
        found = self.network.numbers.tolist()
        return {p.name: n for p, n in zip(self.problem.parameters, found, strict=True)}

    def uncertainties(self) -> dict[str, float]:
        """Return the standard deviations of the numbers, due to the noise of the measured values.

        They come from the Gauss-Newton matrix at the solution, with the variance of the noise found
        from the residuals of the data; see :mod:`kanpde.solution.uncertainty` for the formula and
        what it leaves out. A number that nothing determines has an infinite one.

        Raises:
            ValueError: if the problem seeks no number, or has no ``Data`` of more than one point.
        """
        from kanpde.solution.uncertainty import standard_deviations

        problem = self.problem
        measured = frozenset(
            name
            for name, c in zip(problem.condition_names, problem.conditions, strict=True)
            if isinstance(c.on, Measured) and len(c.on.points) > 1
        )
        if not problem.parameters or not measured:
            lack = "number to be found" if measured else "measured values (Data)"
            raise ValueError(f"{problem.name} has no {lack}, so there is no uncertainty to tell.")
        collocation = self._fresh_collocation().weighted(dict(self.weights))
        found = standard_deviations(self.network, collocation, measured)
        return {p.name: float(s) for p, s in zip(problem.parameters, found, strict=True)}

    def residual_rms(self) -> dict[str, float]:
        """Return the root mean square residual of each equation and condition on fresh points."""
        return self._fresh_collocation().rms(self.network)

    def _fresh_collocation(self) -> Collocation:
        problem = self.problem
        interior = problem.domain.interior(2000, seed=self.seed + 4242, sampler=Sobol())
        boundary = boundary_points(problem, 1000, self.seed + 4242, sampler=Sobol(), least=200)
        like = self._like()
        return collocate(problem, interior, boundary, device=like.device, dtype=like.dtype)

    @property
    def parameters(self) -> int:
        """The number of trainable numbers of the field."""
        return self.network.parameter_count

    def summary(self) -> dict[str, Any]:
        """Return the JSON-able summary that ``kanpde solve --json`` prints."""
        errors = self.errors() if self.problem.exact else {}
        return {
            "problem": self.problem.name,
            "outcome": self.outcome.name.lower(),
            "message": self.outcome.value,
            "way": self.way,
            "why": self.why,
            "notes": list(self.notes),
            "relative_l2": {name: e["relative_l2"] for name, e in errors.items()},
            "max_error": {name: e["max_error"] for name, e in errors.items()},
            "estimate": self.estimate,
            **({"numbers": self._numbers_found()} if self.problem.parameters else {}),
            "residual_rms": self.residual_rms(),
            "parameters": self.parameters,
            "points": self.points,
            "seconds": self.seconds,
            "seed": self.seed,
            "stages": self.stages(),
        }

    def _numbers_found(self) -> dict[str, dict[str, float | None]]:
        """Return value and uncertainty (None without data) of every number found."""
        try:
            deviations: dict[str, float] = self.uncertainties()
        except ValueError:  # nothing is measured
            deviations = {}
        return {
            name: {"value": value, "uncertainty": deviations.get(name)}
            for name, value in self.numbers.items()
        }

    def stages(self) -> list[dict[str, Any]]:
        """Return one summary for each stage: its last record, with the iterations it took."""
        stages: dict[str, dict[str, Any]] = {}
        for record in self.history:
            entry = record.to_dict()
            entry["steps"] = stages.get(record.stage, {"steps": 0})["steps"] + 1
            if entry["error"] is None and record.stage in stages:
                entry["error"] = stages[record.stage]["error"]
            stages[record.stage] = entry
        return list(stages.values())

    # Where it can go -------------------------------------------------------------------------

    def plot(self, *, resolution: int = 161) -> dict[str, Figure]:
        """Return figures by name: field, error, residual, convergence, network.

        Nothing is shown or written; call ``figure.savefig`` or display them in a notebook.
        """
        from kanpde.solution.figures import figures

        return figures(self, resolution)

    def animate(
        self, path: str | Path, *, frames: int = 61, resolution: int = 121, fps: int = 15
    ) -> Path:
        """Write an animation of the field in time, or along the third coordinate.

        Args:
            path: a ``.gif``; other formats where ffmpeg is installed.
            frames: how many.
            resolution: points along an axis of a map; lines have twice as many.
            fps: frames a second.

        Raises:
            ValueError: for a field without time in fewer than three dimensions, or a number below
                two.
            OSError: if the file cannot be written.
        """
        from kanpde.solution.figures import animation

        return animation(self, Path(path), frames=frames, resolution=resolution, fps=fps)

    def compress(self, tol: float = 1e-6) -> Solution:
        """Return the solution with a compact field: few products of one edge for each coordinate.

        The singular value decomposition of the field on a Chebyshev grid becomes a
        :class:`SeparableKAN`. Whatever found the field - ladder, patches, slabs, training - it is
        kept to ``tol``, measured on points of its own; a note and the estimate say how far.

        Args:
            tol: relative L2 distance to the field as it is, of every unknown.

        Returns:
            a solution; its outcome is "tolerance not reached" where the field has too sharp
            features for 1600 Chebyshev functions along an axis.

        Raises:
            ValueError: unless the domain is a box in two coordinates (one may be time), or for a
                field that is not known everywhere.
        """
        from kanpde.solution.compress import compressed

        return compressed(self, tol)

    def distil(
        self,
        network: Network,
        *,
        tol: float = 1e-8,
        extensions: int = 0,
        budget: float | str | None = None,
        seed: int = 0,
        progress: Callable[[Record], None] | None = None,
    ) -> Solution:
        """Return the solution with the field of a compact network, fitted to this one.

        The network, such as ``KAN([2, 5, 1])``, ``KAN([2, (0, 1), 1])`` or a ``SeparableKAN``, is
        fitted to values and derivatives, from a start that the structure of the field suggests
        (sums, products, a function of a sum, directions), then trained on the residual of the
        problem; the better of the two is kept. What is left is what the network cannot hold: a note
        says how far it is from this field, and the estimate is this field's plus that.

        Args:
            network: its edges start anew.
            tol: relative L2 distance to the field as it is, of every unknown.
            extensions: how often the grid of splines may be halved to get there.
            budget: seconds, or a text such as "30s"; no limit if None.
            seed: of points and random starts.
            progress: called with a :class:`Record` after every step.

        Returns:
            a solution; its outcome is "tolerance not reached" if the network is further away.

        Raises:
            ValueError: for a network of the wrong dimensions, a problem with unknown numbers, or a
                field that is not known everywhere.
        """
        # As for a formula: a way out of this floor.
        distilled = import_module("kanpde.training.distil").distilled
        seconds, iterations = parse_budget(budget), parse_iterations(budget)
        control = Control(seconds, progress, iterations=iterations)
        how = {"tol": tol, "extensions": extensions, "seed": seed, "control": control}
        return distilled(self, network, **how)

    def formula(
        self,
        *,
        budget: float | str | None = None,
        functions: Sequence[Callable[..., Any]] = (),
    ) -> Any:
        """Return the closed form of the field, if it has one, with a certificate.

        Args:
            budget: seconds for the search, or a text such as "30s"; 30 seconds if None.
            functions: sympy functions of one variable to compare edges with, besides the library.

        Returns:
            a :class:`kanpde.Formula`; see :func:`kanpde.find_formula`.
        """
        # The package stands floors above; it is a way out of this one, as a file format is.
        find_formula = import_module("kanpde.formula").find_formula
        return find_formula(self, budget=budget, functions=functions)

    def report(self, path: str | Path, *, formula: Any = None) -> Path:
        """Write one self-contained HTML page: problem, field, errors, network, convergence.

        Args:
            path: of the page, ending in ``.html``.
            formula: what :meth:`formula` found, for a section with its certificate.

        Raises:
            ValueError: for another suffix.
            OSError: if the file cannot be written.
        """
        report = import_module("kanpde.report").report  # as for a formula, floors above
        return report(self, path, formula=formula)

    def save(self, path: str | Path) -> Path:
        """Write problem, network, outcome and history to one HDF5 file; see :func:`load`.

        Raises:
            OSError: if the file cannot be written.
        """
        from kanpde.solution.storage import save

        return save(self, path)

    def export(
        self,
        path: str | Path,
        *,
        resolution: int | None = None,
        times: Sequence[float] | None = None,
        mesh: str | Path | None = None,
        vectors: Mapping[str, Sequence[str]] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Path:
        """Write the field on a grid or a mesh, with residuals, and errors where they are known.

        ``.vtu`` is for ParaView, ``.pvd`` a time series of such files, ``.vtkhdf`` one file for all
        times (recent ParaView), ``.h5`` for Python (CF, xarray). A field is evaluated and written
        piece by piece, so that one of any size needs little memory; the file takes its name when it
        is complete.

        Args:
            path: its suffix decides the format; a ``.pvd`` is the file to open, and the files of
                the series lie beside it.
            resolution: points along each coordinate; by default 101 in two dimensions and less in
                three.
            times: of a series, strictly increasing, 21 by default; or the one time of a ``.vtu``
                of a field in time, which then shows space alone.
            mesh: a file of your own, in any format that meshio reads, at whose points the field is
                written, NaN outside of the domain; its groups are kept as cell data. An ``.h5``
                holds the points and the cells of the largest kind.
            vectors: by name the fields that are its components, as in
                ``{"velocity": ("u", "v")}``; for VTK, which gets three components.
            progress: called with the share that is done, from 0 to 1; ``kanpde.progress.Bar``
                shows it.

        Raises:
            ValueError: for another suffix, a ``.vtu`` in more than three dimensions, times outside
                of the domain's or of a field without time, a mesh without points in the domain, or
                a vector of fields that do not exist.
            OSError: if the file cannot be written.
        """
        from kanpde.solution.files import export

        how: dict[str, Any] = {"times": times, "mesh": mesh, "vectors": vectors}
        return export(self, path, resolution, progress=progress, **how)

    def fields(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Return named arrays (N,) at points (N, D): unknowns, residuals, and errors if known.

        An unknown whose equations hold in parts of the domain is NaN elsewhere. There are no
        residuals where an equation holds a function that a file could not keep.
        """
        values = self.at(points)
        fields: dict[str, np.ndarray] = {}
        for i, (name, u) in enumerate(
            zip(self.problem.unknown_names, self.problem.unknowns, strict=True)
        ):
            known = determined(self.problem, i, points)
            fields[name] = np.where(known, values[:, i], np.nan)
            if self.problem.exact:
                exact = np.full(len(points), np.nan)
                coordinates, own = self.problem.coordinates, self.problem.exact[u]
                exact[known] = evaluate(own, coordinates, points[known])
                fields[f"{name}_exact"] = exact
                fields[f"{name}_error"] = fields[name] - exact
        if any(missing(equation) for equation in self.problem.equations.values()):
            return fields
        collocation = collocate(self.problem, points, {}, device=self._like().device)
        for block, prepared in zip(
            collocation.blocks, collocation.prepare(self.network), strict=True
        ):
            with torch.no_grad():
                jets = self.network.evaluate(prepared)
                residual = block.residual(jets, self.network.numbers)
            fields[field_name(f"residual_{block.name}")] = residual.cpu().numpy()
        return fields

    # Internals -------------------------------------------------------------------------------

    def _like(self) -> Tensor:
        return next(self.network.parameters()).detach()

    def _points(self, coordinates: Mapping[str, Any]) -> tuple[Tensor, Any]:
        """Return points (N, D) and a function that gives results the input's shape and kind."""
        names: Sequence[str] = self.problem.domain.names
        lacking = [n for n in names if n not in coordinates]
        strange = [n for n in coordinates if n not in names]
        if lacking or strange:
            raise ValueError(
                f"this solution depends on {', '.join(names)}; "
                + (f"missing: {', '.join(lacking)}. " if lacking else "")
                + (f"unknown: {', '.join(strange)}. " if strange else "")
                + f"Write solution({', '.join(f'{n}=...' for n in names)})."
            )
        given = [coordinates[n] for n in names]
        like = self._like()
        tensors = [_tensor(n, g, like) for n, g in zip(names, given, strict=True)]
        try:
            broadcast = torch.broadcast_tensors(*tensors)
        except RuntimeError:
            shapes = ", ".join(
                f"{n}: {tuple(t.shape)}" for n, t in zip(names, tensors, strict=True)
            )
            raise ValueError(f"the coordinates do not broadcast together ({shapes}).") from None
        shape = broadcast[0].shape
        points = torch.stack([b.reshape(-1) for b in broadcast], dim=1)
        as_torch = any(isinstance(g, Tensor) for g in given)

        def restore(values: Tensor) -> Any:
            result = values.reshape(shape)
            if as_torch:
                return result
            return float(result) if not shape else result.cpu().numpy()

        return points, restore


def _tensor(name: str, given: Any, like: Tensor) -> Tensor:
    """Return a coordinate as a tensor of the network's precision, whatever it came as."""
    if isinstance(given, Tensor):
        return given.to(like)
    try:
        if given is None:  # numpy would take it for nan
            raise TypeError
        # Through numpy: torch would take a Python float for single precision.
        return torch.as_tensor(np.array(given, dtype=np.float64)).to(like)
    except (TypeError, ValueError):
        raise ValueError(f"the coordinate {name}={given!r} is no number or array.") from None
