"""Run a notebook as a reader would, with other settings, and get its results back."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture
def run_notebook(tmp_path):
    """Return a function that runs a notebook and returns its dictionary `results`.

    The settings replace names that the cell tagged "parameters" defines; one that it does not
    define is an error. The notebook runs in a kernel of its own, in an empty folder.
    """

    def run(name: str, **settings):
        book = nbformat.read(NOTEBOOKS / name, as_version=4)
        (place,) = (
            i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", [])
        )
        checks = [f"assert {key!r} in globals(), 'no setting {key}'" for key in settings]
        values = [f"{key} = {value!r}" for key, value in settings.items()]
        book.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join([*checks, *values])))
        book.cells.append(
            nbformat.v4.new_code_cell("import json\nprint(json.dumps(results, default=float))")
        )
        NotebookClient(
            book, timeout=3600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
        printed = [out.text for out in book.cells[-1].outputs if out.get("name") == "stdout"]
        return json.loads("".join(printed))

    return run
