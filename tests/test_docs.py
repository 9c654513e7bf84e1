"""The documentation: every code block runs, and the pages build without a warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)
NOT_RUN = "<!-- not run -->\n"
QUICK = {"problems"}
"""Pages that need no solve; the others are a few seconds each."""


def blocks(page):
    """Return the Python blocks of a page with their lines, without those marked as not run."""
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.S | re.M):
        if not text[: match.start()].endswith(NOT_RUN):
            yield text.count("\n", 0, match.start()) + 1, match.group(1)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=() if p.stem in QUICK else pytest.mark.slow)
        for p in PAGES
        if list(blocks(p))
    ],
    ids=lambda p: p.stem,
)
def test_the_blocks_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = type(sys)("page")
    monkeypatch.setitem(sys.modules, "page", module)  # dataclasses look it up
    names = module.__dict__
    for line, block in blocks(page):
        code = compile("\n" * line + block, str(page), "exec")
        exec(code, names)


def test_every_block_is_of_a_known_kind():
    kinds = {"python", "sh", "{toctree}", "{eval-rst}", ""}
    for page in PAGES:
        found = re.findall(r"^```(\S*)", page.read_text(encoding="utf-8"), re.M)
        assert set(found) <= kinds, page


def test_every_public_name_is_in_the_reference():
    import kanpde

    text = "".join(p.read_text(encoding="utf-8") for p in (DOCS / "reference").glob("*.md"))
    told = set(re.findall(r":: kanpde\.(\w+)\n", text))
    assert set(kanpde.__all__) - told <= {"__version__", "Way"}, "add it to docs/reference"
    assert told <= set(kanpde.__all__) | {"export", "report"}


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_parser", "furo", "latex2mathml"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", str(DOCS)]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "theory" / "how_it_works.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert not re.search(r'(src|href)="https?://[^"]*\.(js|css)', page)
