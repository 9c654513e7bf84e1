"""The floors of the house: a module imports only from floors below it, or its own package."""

import ast
from pathlib import Path

import pytest

import kanpde

ROOT = Path(kanpde.__file__).parent
FLOORS = {
    "version": 0,
    "control": 1,
    "outcome": 0,
    "ranks": 0,
    "bases": 1,
    "geometry": 1,
    "problem": 1,
    "export": 1,
    "plots": 0,
    "networks": 2,
    "collocation": 3,
    "solution": 4,
    "solving": 5,
    "training": 6,
    "direct": 7,
    "engine": 8,
    "formula": 8,
    "comparison": 9,
    "report": 9,
    "problem_file": 9,
    "progress": 9,
    "provenance": 9,
    "run_folder": 9,
    "sweep": 10,
    "cli": 11,
    "__main__": 12,
}
FOREIGN_TO = {
    "problem": {"torch", "matplotlib", "h5py", "meshio"},
    "geometry": {"torch", "sympy", "matplotlib"},
    "export": {"torch", "sympy", "matplotlib"},
    "report": {"torch", "h5py", "meshio"},
    "plots": {"torch", "sympy", "h5py"},
    "networks": {"matplotlib", "h5py", "rich"},
    "bases": {"matplotlib", "h5py", "rich"},
    "cli": {"torch", "sympy", "matplotlib", "numpy"},
}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def package_of(path):
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path, *, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            if node.module == "kanpde":
                yield from (f"kanpde.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_below(path):
    own = package_of(path)
    assert own in FLOORS, f"{own} has no floor; add it to FLOORS and to docs/architecture.md"
    for name in imports(path):
        if not name.startswith("kanpde."):
            continue
        target = name.split(".")[1]
        target = kanpde._MODULE_OF.get(target, target)
        if target == own:
            continue
        assert FLOORS[target] < FLOORS[own], f"{path.name} ({own}) imports {name} from above"


@pytest.mark.parametrize("package", sorted(FOREIGN_TO))
def test_a_floor_keeps_foreign_libraries_out(package):
    paths = [p for p in MODULES if package_of(p) == package]
    assert paths
    for path in paths:
        top_level = {n.split(".")[0] for n in imports(path, top_level_only=True)}
        assert not top_level & FOREIGN_TO[package], path


def test_nothing_but_the_command_line_prints():
    for path in MODULES:
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
        ]
        assert not calls or package_of(path) == "cli", path


def test_public_names_are_those_of_the_lazy_table():
    assert set(kanpde.__all__) == set(kanpde._MODULE_OF) | {"__version__"}
    for name in kanpde.__all__:
        assert getattr(kanpde, name) is not None
