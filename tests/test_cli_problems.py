"""``kanpde problems``: files are listed by their docstrings and not run."""

import json
from pathlib import Path

from kanpde.cli import main

PROBLEMS = Path(__file__).parent.parent / "problems"


def test_every_problem_file_has_its_line(capsys):
    assert main(["problems", str(PROBLEMS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= len(list(PROBLEMS.glob("*.py")))
    assert any(line.startswith("poisson_2d ") and "KAN paper's first PDE" in line for line in lines)
    assert main(["problems", str(PROBLEMS), "--json"]) == 0
    titles = json.loads(capsys.readouterr().out)
    assert titles["lorenz_inverse"].startswith("The three constants of the Lorenz system")
    assert all(titles.values())


def test_files_are_read_and_not_run(tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.py").write_text('"""One."""\nproblem = 1 / 0\n')
    (tmp_path / "none.py").write_text('"""No problem."""\nx = 1\n')
    (tmp_path / "broken.py").write_text("problem = (\n")
    (tmp_path / "silent.py").write_text("problem: int = 3\n")
    assert main(["problems", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["broken", "silent", "sub/one"]
    assert "cannot be read" in lines[0]
    assert lines[2].endswith("One.")


def test_a_folder_without_problems_is_told(tmp_path, capsys):
    assert main(["problems", str(tmp_path)]) == 2
    assert main(["problems", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err
