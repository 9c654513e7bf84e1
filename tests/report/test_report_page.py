import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from sympy import exp, pi, sin

from kanpde import (
    KAN,
    MLP,
    Dirichlet,
    Disk,
    Initial,
    Interval,
    LevenbergMarquardt,
    Problem,
    Rectangle,
    TimeInterval,
    coordinates,
    laplacian,
    load,
    solve,
    time,
    unknown,
)
from kanpde.cli import main
from kanpde.report import report

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Checks that every element is closed, in order, and collects ids and references."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.references, self.tags = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        known = dict(attributes)
        if "id" in known:
            self.ids.append(known["id"])
        self.references += [known[a] for a in ("src", "href") if a in known]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open[-1] == tag, f"</{tag}> ends <{self.open[-1]}>"
        self.open.pop()


def checked(path):
    """Return text, parsed page and data of a report that stands by itself."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?:/", text)
    assert "@import" not in text
    assert all(r.startswith(("#", "data:")) for r in page.references), page.references
    assert len(page.ids) == len(set(page.ids))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return text, page, json.loads(data.group(1))


@pytest.fixture(scope="module")
def trained():
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    square = Rectangle(x=(0, 1), y=(0, 1))
    exact = sin(pi * x) * sin(pi * y)
    problem = Problem(
        square,
        {"poisson": laplacian(u) + 2 * pi**2 * exact},
        [Dirichlet(u, 0, on=square.boundary)],
        exact={u: exact},
        name="a <trained> & small one",
    )
    return solve(problem, KAN([2, 2, 1]), [LevenbergMarquardt(iterations=4)])


@pytest.fixture(scope="module")
def heat():
    x, t = coordinates("x"), time("t")
    u = unknown("u", x, t)
    exact = sin(pi * x) * exp(-(pi**2) * t)
    problem = Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 0.1)),
        {"heat": u.diff(t) - u.diff(x, 2)},
        [Initial(u, sin(pi * x)), Dirichlet(u, 0, on=("left", "right"))],
        exact={u: exact},
        name="heat",
    )
    return solve(problem)


def test_a_page_stands_by_itself(trained, tmp_path):
    path = report(trained, tmp_path / "a.html", candidate_seconds=0.1)
    text, page, data = checked(path)
    assert {"problem", "field", "error-and-residual", "network", "convergence"} <= set(page.ids)
    assert "<trained>" not in text  # names are escaped
    assert "a &lt;trained&gt; &amp; small one" in text
    assert text.count('class="edge"') == len(data["edges"]) > 0
    assert data["frames"] is None
    assert "moment" not in page.ids
    assert "Domain, conditions and points" in text


def test_edges_have_functions_and_candidates(trained, tmp_path):
    path = report(trained, tmp_path / "a.html", candidate_seconds=1)
    _, _, data = checked(path)
    strongest = max(data["edges"], key=lambda e: e["importance"])
    assert len(strongest["x"]) == len(strongest["y"]) == 81
    assert strongest["candidates"]
    misfits = [float(c["misfit"]) for c in strongest["candidates"]]
    assert min(misfits) < 0.05
    assert strongest["candidates"][0]["formula"].startswith("<math>")


def test_no_time_gives_no_candidates(trained, tmp_path):
    path = report(trained, tmp_path / "a.html", candidate_seconds=0)
    assert all(e["candidates"] == [] for e in checked(path)[2]["edges"])


def test_an_evolution_has_a_slider_with_the_field_at_every_moment(heat, tmp_path):
    _, page, data = checked(heat.report(tmp_path / "heat.html"))
    assert {"moment", "play", "which", "lines"} <= set(page.ids)
    frames = data["frames"]
    (field,) = frames["fields"]
    k, i = 20, 120
    assert frames["axes"][0]["low"] == 0
    middle = heat(x=0.5, t=frames["moments"][k])
    assert field["values"][k][i] == pytest.approx(middle, rel=1e-4)
    assert field["exact"][k][i] == pytest.approx(middle, rel=1e-4)


def test_maps_have_one_scale_and_rows_from_above(tmp_path):
    import base64

    import numpy as np

    from kanpde.report.frames import FRAMES, frames

    x, y, z = coordinates("x y z")
    from kanpde import Box

    u = unknown("u", x, y, z)
    box = Box(x=(0, 1), y=(0, 2), z=(0, 1))
    problem = Problem(
        box, {"laplace": laplacian(u)}, [Dirichlet(u, y + z, on=box.boundary)], exact={u: y + z}
    )
    found = frames(solve(problem))
    assert found["kind"] == "maps"
    assert found["coordinate"] == "z"
    field, error = found["fields"]
    assert error["name"] == "log10 of the error of u"
    assert (field["low"], field["high"]) == pytest.approx((0, 3))
    levels = np.frombuffer(base64.b64decode(field["levels"]), np.uint8)
    levels = levels.reshape(FRAMES, field["rows"], field["columns"])
    assert levels[0, -1, 0] == 0  # y = 0, z = 0: below
    assert levels[-1, 0, 0] == 254
    assert levels[0, 0, 0] == pytest.approx(254 * 2 / 3, abs=1)


def test_a_hole_is_no_level(tmp_path):
    import base64

    import numpy as np

    from kanpde import Annulus
    from kanpde.report.frames import HOLE, frames

    x, y = coordinates("x y")
    t = time("t")
    u = unknown("u", x, y, t)
    domain = Annulus(inner=0.5, outer=1, x=0, y=0) * TimeInterval(t=(0, 1))
    problem = Problem(
        domain,
        {"heat": u.diff(t) - laplacian(u, x, y)},
        [
            Initial(u, x),
            Dirichlet(u, x, on=tuple(n for n in domain.boundary.names if n != "initial")),
        ],
    )
    field = frames(solve(problem, tol=1e-2))["fields"][0]
    levels = np.frombuffer(base64.b64decode(field["levels"]), np.uint8)
    middle = levels.reshape(-1, field["rows"], field["columns"])[:, field["rows"] // 2]
    assert (middle[:, field["columns"] // 2] == HOLE).all()
    assert (middle[:, 2] != HOLE).all()


def test_a_field_of_too_many_edges_is_drawn_in_its_compact_form(tmp_path):
    x, t = coordinates("x"), time("t")
    u = unknown("u", x, t)
    problem = Problem(
        Interval(x=(0, 1)) * TimeInterval(t=(0, 0.1)),
        {"fisher": u.diff(t) - u.diff(x, 2) / 10 - u * (1 - u)},
        [Initial(u, sin(pi * x)), Dirichlet(u, 0, on=("left", "right"))],
    )
    path = report(solve(problem), tmp_path / "f.html", candidate_seconds=0)
    text, page, data = checked(path)
    assert "The field is a SlabKAN" in text
    assert "compact form" in text
    assert data["edges"]
    assert "graph" in page.ids


def test_a_field_without_edges_says_so(tmp_path):
    x, y = coordinates("x y")
    u = unknown("u", x, y)
    disk = Disk(x=0, y=0, radius=1)
    problem = Problem(disk, laplacian(u), [Dirichlet(u, x, on="circle")])
    solution = solve(problem, MLP([2, 3, 1]), [LevenbergMarquardt(iterations=1)])
    text, page, data = checked(solution.report(tmp_path / "f.html"))
    assert data["edges"] is None
    assert "graph" not in page.ids
    assert "The field is a MLP" in text


def test_another_suffix_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match=r"must be \.html"):
        trained.report(tmp_path / "a.pdf")


PROBLEM = """
from sympy import pi, sin
from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown
x, y = coordinates("x y")
u = unknown("u", x, y)
square = Rectangle(x=(0, 1), y=(0, 1))
problem = Problem(square, {"poisson": laplacian(u) + 2 * pi**2 * sin(pi * x) * sin(pi * y)},
    [Dirichlet(u, 0, on=square.boundary)])
tol = 1e-6
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.py").write_text(PROBLEM)
    out = folder / "out"
    assert (
        main(["solve", str(folder / "small.py"), "--out", str(out), "--no-figures", "--json"]) == 0
    )
    assert main(["formula", str(out), "--json"]) == 0
    return out


def test_the_command_writes_the_page_of_a_run_with_its_formula(run, capsys):
    assert main(["report", str(run), "--json", "--candidates", "1s"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(run / "report.html")}
    text, page, _ = checked(run / "report.html")
    assert "formula" in page.ids
    assert "proved: all" in text
    assert "The formula as a KAN." in text
    assert "kanpde solve small.py --seed 0" in text
    assert "tol = 1e-6" in text  # the problem file


def test_a_solution_file_has_a_page_too(run, tmp_path):
    out = tmp_path / "x.html"
    assert main(["report", str(run / "solution.h5"), "--out", str(out), "--candidates", "0"]) == 0
    checked(out)
    assert load(run / "solution.h5").problem.name in out.read_text()


def test_bad_input_is_told(run, tmp_path, capsys):
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert main(["report", str(run), "--candidates", "soon"]) == 2
    (tmp_path / "run.json").write_text('{"not_saved": "its problem holds a function"}')
    assert main(["report", str(tmp_path)]) == 2
    assert "holds a function" in capsys.readouterr().err


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_slider_and_graph_work_without_an_error(trained, heat, tmp_path, scheme):
    playwright = pytest.importorskip("playwright.sync_api")
    pages = [trained.report(tmp_path / "a.html"), heat.report(tmp_path / "b.html")]
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=scheme)
        told, asked = [], []
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(pages[0].as_uri())
        assert not page.locator("#detail").is_visible()
        page.locator(".edge").first.click()
        assert page.locator("#detail").is_visible()
        assert page.locator("#detail-plot path").get_attribute("d")
        page.locator(".edge").last.focus()
        page.keyboard.press("Enter")
        assert page.locator(".edge.on").count() == 1
        page.goto(pages[1].as_uri())
        before = page.locator("#lines .curve").get_attribute("d")
        page.locator("#moment").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#lines .curve").get_attribute("d") != before
        assert page.locator("#moment-value").text_content() != "t = 0"
        page.locator("#play").click()
        page.wait_for_timeout(400)
        assert page.locator("#play").text_content() == "Stop"
        # MathML has a height of its own, and the page fits a phone.
        assert page.locator("math").first.bounding_box()["height"] > 8
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 391
        browser.close()
    assert told == []
    assert all(url.startswith(("file:", "data:")) for url in asked)
