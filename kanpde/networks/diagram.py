"""A formula as a graph: sum and product nodes, functions of one variable on the edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sympy import Add, Expr, Integer, Mul, Pow, Symbol, exp, log

Z = Symbol("z", real=True)


@dataclass(frozen=True)
class Wire:
    """An edge: a function of the value of one node, that goes into another.

    Args:
        source: index of the node it starts from.
        function: of the symbol z.
    """

    source: int
    function: Expr


@dataclass
class Diagram:
    """The nodes of one or several formulas, inputs first.

    Args:
        coordinates: the inputs.
        values: the expression of each node.
        products: whether a node multiplies what enters it.
        wires: what enters each node; nothing enters an input.
        depths: the row of each node.
    """

    coordinates: tuple[Symbol, ...]
    values: list[Expr] = field(default_factory=list)
    products: list[bool] = field(default_factory=list)
    wires: list[list[Wire]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)

    @staticmethod
    def of(expressions: Sequence[Expr], coordinates: Sequence[Symbol]) -> Diagram:
        """Return the graph of formulas; the last nodes are theirs, all in the last row.

        Args:
            expressions: of the coordinates.
            coordinates: the inputs.

        Raises:
            ValueError: for a function of several variables that is no sum, product or power.

        >>> from sympy.abc import x, y
        >>> from sympy import exp, sin
        >>> [len(w) for w in Diagram.of([exp(sin(x) + y**2)], [x, y]).wires]
        [0, 0, 2, 1]
        """
        made = Diagram(tuple(coordinates))
        for c in coordinates:
            made._node(c, [], product=False)
        tops = [made._wires(e) for e in expressions]
        last = 1 + max((made.depths[w.source] for wires, _ in tops for w in wires), default=0)
        for expression, (wires, is_product) in zip(expressions, tops, strict=True):
            place = made._node(expression, wires, product=is_product)
            made.depths[place] = last
        return made

    def _node(self, value: Expr, wires: list[Wire], *, product: bool) -> int:
        self.values.append(value)
        self.products.append(product)
        self.wires.append(wires)
        self.depths.append(1 + max((self.depths[w.source] for w in wires), default=-1))
        return len(self.values) - 1

    def _wires(self, e: Expr) -> tuple[list[Wire], bool]:
        """Return what enters a node of this value, and whether the node multiplies."""
        symbols = [c for c in self.coordinates if e.has(c)]
        if len(symbols) <= 1:
            source = symbols[0] if symbols else self.coordinates[0]
            return [Wire(self.coordinates.index(source), e.subs(source, Z))], False
        core = self._core(e)
        if core != e:
            return [Wire(self._existing(core), e.xreplace({core: Z}))], False
        if isinstance(e, Pow):  # base and exponent both vary
            product = e.exp * log(e.base)
            return [Wire(self._existing(product), exp(Z))], False
        if not isinstance(e, (Add, Mul)):
            raise ValueError(
                f"{e} is no sum, product or power of functions of one variable, so it is no graph."
            )
        return self._joined(e), isinstance(e, Mul)

    def _joined(self, e: Expr) -> list[Wire]:
        """Return the wires of a sum or product: one a coordinate, one for each other part."""
        neutral = Integer(0) if isinstance(e, Add) else Integer(1)
        join = Add if isinstance(e, Add) else Mul
        single: dict[Symbol | None, Expr] = {}
        mixed: list[Expr] = []
        for part in e.args:
            symbols = [c for c in self.coordinates if part.has(c)]
            if len(symbols) > 1:
                mixed.append(part)
            else:
                key = symbols[0] if symbols else None
                single[key] = join(single.get(key, neutral), part)
        constant = single.pop(None, neutral)
        wires = [Wire(self.coordinates.index(s), f.subs(s, Z)) for s, f in single.items() if s]
        for part in mixed:
            factor, rest = part.as_coeff_Mul()
            core = self._core(rest)
            wires.append(Wire(self._existing(core), factor * rest.xreplace({core: Z})))
        first = wires[0]
        wires[0] = Wire(first.source, join(constant, first.function))
        return wires

    def _core(self, e: Expr) -> Expr:
        """Return the smallest part of which the expression is a function."""
        parts = [a for a in e.args if any(a.has(c) for c in self.coordinates)]
        return self._core(parts[0]) if len(parts) == 1 else e

    def _existing(self, value: Expr) -> int:
        """Return the node of a value, made if there is none."""
        if value in self.values:
            return self.values.index(value)
        wires, is_product = self._wires(value)
        return self._node(value, wires, product=is_product)
