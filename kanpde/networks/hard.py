"""Turn Dirichlet conditions on the faces of a box into hard ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sympy import Expr, Integer, nsimplify

from kanpde.geometry import Face, as_box, as_face
from kanpde.networks.constrained import Constrained
from kanpde.networks.network import Network
from kanpde.problem import NormalComponent, Parameter, Problem, evaluate

COMPATIBLE = 1e-9
TAME = 10.0


@dataclass(frozen=True)
class HardConditions:
    """Lifts and factors for a :class:`Constrained` network, and the conditions they make exact."""

    lift: tuple[Expr, ...]
    factor: tuple[Expr, ...]
    names: tuple[str, ...]

    def apply(self, network: Network, problem: Problem) -> Constrained:
        """Return the network with the conditions built in."""
        return Constrained(network, self.lift, self.factor, problem.coordinates)


def hard_conditions(problem: Problem) -> HardConditions | None:
    r"""Return hard conditions for every Dirichlet condition on faces of a box, or None.

    The factor is the product of the distances to the constrained faces. The lift is the transfinite
    interpolant (Gordon and Hall, Numer. Math. 21, 1973): axis by axis the linear blend of what is
    still missing on the two faces. None is returned if the domain is no box, no condition is of
    the form u = g, or values disagree where two faces meet (no smooth lift exists).
    """
    if as_box(problem.domain) is None:
        return None
    values: list[dict[Face, Expr]] = [{} for _ in problem.unknowns]
    names: list[str] = []
    for name, condition in zip(problem.condition_names, problem.conditions, strict=True):
        sides = [as_face(piece) for piece in condition.on.pieces]
        if condition.opposite is not None or not sides or condition.expression.atoms(Parameter):
            continue
        for index, u in enumerate(problem.unknowns):
            rest = condition.expression - u
            if not rest.atoms(*(type(f) for f in problem.unknowns)) and not rest.has(u):
                names.append(name)
                values[index].update(
                    {face: _on_face(problem, -rest, face) for face in sides if face is not None}
                )
    if not names:
        return None
    lift = tuple(_lift(problem, faces) for faces in values)
    factor = tuple(_factor(problem, faces) for faces in values)
    for expression, faces in zip(lift, values, strict=True):
        for face, wanted in faces.items():
            points, _ = face.sample(64, seed=3)
            given = evaluate(wanted, problem.coordinates, points)
            found = evaluate(expression, problem.coordinates, points)
            if not np.allclose(given, found, rtol=COMPATIBLE, atol=COMPATIBLE):
                return None
    return HardConditions(lift, factor, tuple(names))


def _on_face(problem: Problem, value: Expr, face: Face) -> Expr:
    """Return a boundary value with the outward normal of the face put in."""
    normal = {
        NormalComponent(c.name): Integer(face.side if i == face.axis else 0)
        for i, c in enumerate(problem.coordinates)
    }
    return value.xreplace(normal)


def _position(problem: Problem, axis: int) -> Expr:
    """Return the coordinate of an axis mapped to [0, 1]."""
    lo, hi = (nsimplify(float(b[axis]), rational=True) for b in _bounds(problem))
    return (problem.coordinates[axis] - lo) / (hi - lo)


def _bounds(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    return problem.domain.lower, problem.domain.upper


def _factor(problem: Problem, faces: dict[Face, Expr]) -> Expr:
    factor: Expr = Integer(1)
    for face in faces:
        t = _position(problem, face.axis)
        factor *= 2 * t if face.side < 0 else 2 * (1 - t)
    return factor


def _is_tame(problem: Problem, value: Expr, faces: dict[Face, Expr]) -> bool:
    """Whether an expression is not much larger inside than on the faces it was given for."""
    inside = evaluate(value, problem.coordinates, problem.domain.interior(1000, seed=3))
    points = np.concatenate([face.sample(64, seed=3)[0] for face in faces])
    largest = np.max(np.abs(evaluate(value, problem.coordinates, points)))
    return bool(np.isfinite(inside).all() and np.max(np.abs(inside)) <= TAME * max(largest, 1e-12))


def _lift(problem: Problem, faces: dict[Face, Expr]) -> Expr:
    common = set(faces.values())
    if len(common) == 1 and _is_tame(problem, next(iter(common)), faces):
        return common.pop()  # one expression gives all the values: it is its own lift
    lift: Expr = Integer(0)
    for axis, coordinate in enumerate(problem.coordinates):
        t = _position(problem, axis)
        missing = {
            face.side: (value - lift).subs(coordinate, nsimplify(float(face.value), rational=True))
            for face, value in faces.items()
            if face.axis == axis
        }
        if len(missing) == 2:
            lift += (1 - t) * missing[-1] + t * missing[1]
        else:
            lift += sum(missing.values(), start=Integer(0))
    return lift
