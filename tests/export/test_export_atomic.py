"""Files are there whole or not at all; paths that cannot be written are named. Names, imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import h5py
import numpy as np
import pytest

from kanpde.export import (
    field_name,
    read_attributes,
    write_grid_field,
    write_point_field,
    write_pvd,
    write_vtu,
)

POINTS = np.array([[0.0], [1.0]])
FIELDS = {"u": np.array([1.0, 2.0])}


def vtu(path: Path) -> None:
    write_vtu(path, POINTS, {"line": np.array([[0, 1]])}, FIELDS)


def pvd(path: Path) -> None:
    write_pvd(path, [(0.0, "a.vtu")])


def grid(path: Path) -> None:
    write_grid_field(path, {"x": POINTS[:, 0]}, FIELDS)


def cloud(path: Path) -> None:
    write_point_field(path, POINTS, ["x"], FIELDS)


WRITERS = [
    pytest.param(vtu, "u.vtu", id="vtu"),
    pytest.param(pvd, "u.pvd", id="pvd"),
    pytest.param(grid, "u.h5", id="grid"),
    pytest.param(cloud, "u.h5", id="points"),
]
Writer = Callable[[Path], None]


def break_writing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let every way of writing leave half a file and raise."""

    def vtu_half(source: object, target: IO[bytes], *_: object) -> None:
        target.write(b"half")
        raise error

    def pvd_half(self: Path, *_: object, **__: object) -> None:
        self.write_bytes(b"half")
        raise error

    def hdf5_half(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("kanpde.export.vtu.Collected.copy", vtu_half)
    monkeypatch.setattr(Path, "write_text", pvd_half)
    monkeypatch.setattr(h5py.Group, "create_dataset", hdf5_half)


@pytest.mark.parametrize(("write", "name"), WRITERS)
@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("x")])
def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch, write: Writer, name: str, earlier: bool, error: BaseException
) -> None:
    path = tmp_path / name
    if earlier:
        write(path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    break_writing(monkeypatch, error)
    with pytest.raises(type(error)):
        write(path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_full_disk_is_an_error_that_names_the_path(
    tmp_path: Path, monkeypatch, write: Writer, name: str
) -> None:
    break_writing(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match=rf"{name}.* was not written: .*No space left.*free space"):
        write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_write_replaces_the_earlier_file_alone(tmp_path: Path, write: Writer, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    write(path)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert not path.read_bytes().startswith(b"old")


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_new_file_has_the_permissions_of_the_user(
    tmp_path: Path, write: Writer, name: str
) -> None:
    (tmp_path / "plain").touch()
    write(tmp_path / name)
    assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_link_is_followed(tmp_path: Path, write: Writer, name: str) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / name).symlink_to(folder / name)
    write(tmp_path / name)
    assert (tmp_path / name).is_symlink()
    assert (folder / name).is_file()


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_relative_text_path_is_taken(
    tmp_path: Path, monkeypatch, write: Writer, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(name)
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_paths_that_cannot_be_written_are_named(tmp_path: Path, write: Writer, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"missing.*{name}.*does not exist; create it"):
        write(tmp_path / "missing" / name)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="does not exist"):
        write(tmp_path / "file" / name)
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=rf"{name}.*give the path of a file"):
        write(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_permissions_are_respected(tmp_path: Path, write: Writer, name: str) -> None:
    write(tmp_path / name)
    (tmp_path / name).chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        write(tmp_path / name)
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    with pytest.raises(OSError, match="may write in"):
        write(folder / name)
    folder.chmod(0o755)


def test_a_file_of_the_user_is_not_mistaken_for_a_temporary_one(tmp_path: Path) -> None:
    (tmp_path / ".u.h5.tmp").write_text("mine")
    grid(tmp_path / "u.h5")
    assert (tmp_path / ".u.h5.tmp").read_text() == "mine"
    assert read_attributes(tmp_path / "u.h5")["kanpde_schema"] == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("u", "u"),
        ("residual_dirichlet on left, right (2)", "residual_dirichlet_on_left_right_2"),
        ("θ:x", "θ_x"),
        ("3 d", "_3_d"),
    ],
)
def test_any_text_has_a_name(text: str, name: str) -> None:
    assert field_name(text) == name
    assert field_name(name) == name


def test_signs_alone_have_no_name() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        field_name(" +-")


def test_importing_export_loads_neither_torch_nor_the_file_libraries() -> None:
    script = (
        "import sys, kanpde.export; "
        "sys.exit(', '.join({'torch', 'h5py', 'meshio', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.strip() == ""
