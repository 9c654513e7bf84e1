"""The cost of one training step: forward, Laplacian, gradient by all parameters.

    python benchmarks/step_cost.py [--points 1000 10000] [--repeats 30] [--json FILE]
                                   [--install-peers DIRECTORY] [--peers DIRECTORY]

One thread, float64, minimum CPU milliseconds over the repeats, all variants in one run, so that the
ratios mean something on a noisy machine. "step" is kanpde's closed-form adjoint at prepared points,
"autograd" the usual way on the same network: the Laplacian by two reverse passes, the gradient by a
third. "Jacobian" is the residual with its full Jacobian by all parameters. MLP 4x100 is the network
of the KAN paper; "equal" is a tanh MLP with the parameters of the KAN in the row above.

With ``--peers`` other KAN libraries are measured beside ours, from a virtual environment that
``--install-peers`` makes; their "step" is what their documentation says: autograd in torch, jit of
vmap of grad of grad in jax. "/ ours" is the step divided by that of our KAN of the same widths and
basis in the same run.
"""

import argparse
import json
from pathlib import Path

import torch
from peers_env import install, measure
from timing import by_autograd, minimum, repeats_for, samples

from kanpde.bases import BSpline, Chebyshev
from kanpde.bases.activations import SiLU, Tanh
from kanpde.networks import KAN, MLP, JetLayout, Network

SHAPES = ([2, 10, 1], [2, 10, 10, 1])
Row = dict[str, object]


def layout_of(network: Network) -> tuple[JetLayout, list[int]]:
    """Return the cheapest layout that holds the Laplacian, and the parts to add up."""
    if network.collapses:
        layout = JetLayout.of(2, [], (1.0, 1.0))
        return layout, [layout.size - 1]
    layout = JetLayout.of(2, [(2, 0), (0, 2)])
    return layout, [layout.index[2, 0], layout.index[0, 2]]


def by_jets(network: Network, x: torch.Tensor, f: torch.Tensor, *, rows: bool):
    """Return the step in closed form at prepared points."""
    layout, second = layout_of(network)
    points = network.prepare(x, layout)

    def step() -> torch.Tensor:
        jets, pullback = network.linearize(points)
        residual = sum(jets[0, part] for part in second) - f
        adjoint = torch.zeros_like(jets)
        for part in second:
            adjoint[0, part] = 1.0 if rows else 2 * residual / len(f)
        return pullback.rows(adjoint) if rows else pullback.gradient(adjoint)

    return step


def hidden_for(parameters: int, layers: int) -> int:
    """Return the width at which a tanh MLP has about so many parameters."""
    return min(
        range(2, 200),
        key=lambda h: abs(MLP([2, *[h] * layers, 1], seed=0).parameter_count - parameters),
    )


def variants() -> list[tuple[str, list[int], Network]]:
    """Return the networks of the table: name, widths of the KAN to compare with, network."""
    rows: list[tuple[str, list[int], Network]] = []
    for widths in SHAPES:
        spline = KAN(widths, basis=BSpline(3, 10), activation=SiLU(), seed=0)
        rows.append(("KAN B-spline 3, G = 10", widths, spline))
        width = hidden_for(spline.parameter_count, len(widths) - 1)
        equal = [2, *[width] * (len(widths) - 1), 1]
        rows.append((f"MLP {equal} equal", widths, MLP(equal, activation=Tanh(), seed=0)))
        series = KAN(widths, basis=Chebyshev(12), activation=None, seed=0)
        rows.append(("KAN Chebyshev 12", widths, series))
    big = MLP([2, 100, 100, 100, 100, 1], activation=Tanh(), seed=0)
    rows.append(("MLP 4x100", SHAPES[0], big))
    return rows


def ours(points: int, repeats: int) -> list[Row]:
    """Measure kanpde's networks, in closed form and by autograd."""
    x, f = samples(points)
    repeats = repeats_for(points, repeats)
    few = max(3, repeats // 3)
    rows = []
    for name, widths, network in variants():
        row: Row = {"network": name, "widths": widths, "points": points}
        row["parameters"] = network.parameter_count
        row["step"] = minimum(by_jets(network, x, f, rows=False), repeats)
        row["autograd"] = minimum(by_autograd(network, x, f), few)
        if network.parameter_count * points < 5e6:
            row["jacobian"] = minimum(by_jets(network, x, f, rows=True), few)
        rows.append(row)
    return rows


def with_ratio(row: Row, table: list[Row]) -> Row:
    """Return the row with its step as a multiple of that of our KAN like it."""
    basis = "Chebyshev" if "Chebyshev" in str(row["network"]) else "B-spline"
    reference = next(
        (
            r["step"]
            for r in table
            if str(r["network"]).startswith(f"KAN {basis}")
            and (r["widths"], r["points"]) == (row.get("widths"), row.get("points"))
        ),
        None,
    )
    if reference is None or "step" not in row:
        return row
    return {**row, "times_ours": row["step"] / reference}  # type: ignore[operator]


def line(row: Row) -> str:
    """Return a row of the table as text."""
    widths = str(row.get("widths", "")).replace(" ", "")
    head = f"{row['network']!s:<27}{widths:<13}{row.get('points', ''):>6}"
    if "failure" in row:
        first = str(row["failure"]).split(". ")[0].splitlines()[0]
        return f"{head}  fails: {first}"
    cells = [f"{row['parameters']:>7}"]
    for key, width, digits in (
        ("step", 10, 2),
        ("times_ours", 8, 1),
        ("autograd", 10, 2),
        ("jacobian", 10, 2),
    ):
        cells.append(f"{row[key]:>{width}.{digits}f}" if key in row else " " * width)
    return (head + "".join(cells)).rstrip()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--peers", type=Path, metavar="DIRECTORY", help="measure the peers there")
    parser.add_argument("--install-peers", type=Path, metavar="DIRECTORY", help="and make it first")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.install_peers:
        for name, complaint in install(options.install_peers).items():
            print(f"{name:<16}{complaint or 'installed'}", flush=True)
    print(
        f"{'network':<27}{'widths':<13}{'N':>6}{'param.':>7}{'step':>10}{'/ ours':>8}"
        f"{'autograd':>10}{'Jacobian':>10}  ms",
        flush=True,
    )
    table: list[Row] = []
    for points in options.points:
        rows = ours(points, options.repeats)
        for row in rows:
            table.append(with_ratio(row, rows))
            print(line(table[-1]), flush=True)
    directory = options.peers or options.install_peers
    if directory is not None:
        for row in measure(directory, options.points, options.repeats):
            table.append(with_ratio(row, table))
            print(line(table[-1]), flush=True)
    if options.json:
        versions = {"torch": torch.__version__, "repeats": options.repeats}
        options.json.write_text(json.dumps({**versions, "rows": table}, indent=1))


if __name__ == "__main__":
    main()
