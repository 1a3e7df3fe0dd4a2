"""The project page without a browser: numbers as in the files, links that lead somewhere, words for what is missing."""

import json
import re
import shutil
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from made_up_site import BASELINE, MEMORY, make_results, make_site
from muvla.report.site.archive import site_zip
from muvla.report.site.frame import PAGES
from muvla.report.site.outcomes import read_outcome
from muvla.report.site.site import DRAWINGS
from synthetic_records import lines_of

OURS = sorted(set(PAGES) - {"viewer.html"})  # the viewer has a rule of its own


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def pages(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(results, tmp_path_factory.mktemp("site"))


class Tags(HTMLParser):
    """All tags of a page with their attributes; closed in the order in which they were opened."""

    VOID = ("meta", "link", "img", "input", "br", "wbr", "line", "path", "polyline", "rect", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.opened: list[str] = []
        self.feed(text)
        assert not self.opened

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.found if name in attributes]


def tags(page: Path) -> Tags:
    return Tags(page.read_text("utf-8"))


def test_all_pages_are_made_twice_the_same(results: Path, pages: Path, tmp_path: Path) -> None:
    again = make_site(results, tmp_path / "again")
    made = {path.name: path.read_bytes() for path in pages.iterdir()}
    assert set(OURS) <= made.keys()
    assert made == {path.name: path.read_bytes() for path in again.iterdir()}


@pytest.mark.parametrize("page", OURS)
def test_links_lead_somewhere_and_nothing_comes_from_elsewhere(pages: Path, page: str) -> None:
    found = tags(pages / page)
    for link in [*found.values("href"), *found.values("src")]:
        file, _, anchor = link.partition("#")
        if link == "data:," or file == "viewer.html":
            continue
        assert (pages / file if file else pages / page).is_file(), link
        if anchor and "=" not in anchor:
            assert anchor in tags(pages / (file or page)).values("id"), link
    assert all(image.get("alt") for tag, image in found.found if tag == "img")
    ids = found.values("id")
    assert len(ids) == len(set(ids))


def data_of(pages: Path) -> dict[str, dict]:
    text = (pages / "tables.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


def test_cells_say_what_the_csv_says(results: Path, pages: Path) -> None:
    data = data_of(pages)
    lines = [line for line in lines_of(results / "table_mikasa.csv") if line["printed"] or line["mean"]]
    assert len([key for key in data["cells"] if key.startswith("table_mikasa.")]) == len(lines)
    facts = dict(data["cells"][f"table_mikasa.RememberColor5.{MEMORY}"]["facts"])
    assert facts["reproduced"] == "0.80"
    assert facts["from"] == "8 of 10 episodes"
    assert facts["printed"] == "0.35"
    assert facts["difference"] == "+0.45"
    assert "verdict" not in facts, "a mini number has none"


def test_episodes_behind_a_cell_are_those_of_the_records(pages: Path) -> None:
    episodes = data_of(pages)["episodes"]
    (run,) = episodes[f"{BASELINE} RememberColor5"]
    assert run["outcomes"] == "0000000001"
    assert run["seeds"] == [4242424242, 4242424251]
    assert run["provenance"] in tags(pages / "provenance.html").values("id")
    (task,) = episodes["m64_k2 Object"]
    assert (task["environment"], task["outcomes"]) == ("libero_object/0", "10e")


def test_charts_show_the_numbers_of_the_csv_and_verdicts_stand_beside(pages: Path) -> None:
    tips = tags(pages / "probes.html").values("data-tip")
    assert f"{MEMORY}, memory zero\n1/10 = 0.10\n95 % interval 0.02 to 0.40" in tips
    page = (pages / "probes.html").read_text("utf-8")
    assert re.search(r"does not hold</span> Noise drops success on every cell", page)
    assert "Memory beats none" not in page, "no claim on a probe"
    hero = tags(pages / "index.html").values("data-tip")
    assert "memory set to zero, RememberColor5\n1/10 = 0.10\n95 % interval 0.02 to 0.40" in hero
    assert not any("RememberColor3" in tip for tip in hero), "only environments of the effect"
    assert "<li>m64_k8: 8/10 (0.49; 0.94)</li>\n<li>m64_k2: 6/10</li>" in (pages / "claims.html").read_text("utf-8")
    assert "Not run: first." in page


def test_numbers_say_whose_policies_they_are_of(pages: Path) -> None:
    for name, mark in (
        ("comparisons", "mini"),
        ("claims", "mini"),
        ("probes", "mini"),
        ("tables", "mini"),
        ("audit", "paper"),
    ):
        assert f'<span class="scale {mark}">{mark}</span>' in (pages / f"{name}.html").read_text("utf-8"), name


def test_the_first_screen_has_the_numbers_of_the_effect(pages: Path) -> None:
    page = (pages / "index.html").read_text("utf-8")
    start = page.index('class="card headline"')
    headline = page[start : page.index("</div>", start)]
    assert re.findall(r"<dt[^>]*>(.*?)</dt><dd>(.*?)</dd>", headline) == [
        ("with memory", "8 of 10"),
        ("memory set to zero", "1 of 10"),
        ("without memory", "1 of 10"),
    ]
    assert "0.35 with memory, 0.09 without" in headline, "as the paper prints them"
    assert headline.index(">mini<") < headline.index("8 of 10") < headline.index(">paper<")


def test_the_control_stands_beside_the_averages(pages: Path) -> None:
    page = (pages / "index.html").read_text("utf-8")
    card = page[page.index("LIBERO, where memory is not needed (m64_k2)") :]
    assert "<b>50.0</b> with memory, <b>66.7</b> without<br><small>average over 1 of 4 suites</small>" in card
    verdicts = re.findall(r'<a href="claims.html">(On LIBERO [^<]+)</a>: ([a-z ]+)<', card)
    assert [verdict for _, verdict in verdicts] == ["does not hold", "cannot tell"]


def test_a_trace_that_ended_otherwise_than_its_record_is_marked(pages: Path, tmp_path: Path) -> None:
    assert data_of(pages)["traced"] == {f"{MEMORY}-RememberColor5-4242424243": "0"}
    (tmp_path / "trace.json").write_text("{}")
    assert read_outcome(tmp_path / "trace.json") == ""


def test_an_empty_folder_gives_pages_that_name_the_commands(tmp_path: Path) -> None:
    pages = make_site(tmp_path / "nothing", tmp_path / "site")
    said = {page: set(re.findall(r"Make it: <code>(.*?)</code>", (pages / page).read_text("utf-8"))) for page in OURS}
    assert "snakemake results/table_mikasa.tex" in said["index.html"]
    assert said["tables.html"] == {
        f"snakemake results/{name}.tex" for name in ("table_mikasa", "table_memory_vlas", "table_libero")
    }
    assert "snakemake results/figures/delays.csv" in said["probes.html"]
    assert said["claims.html"] == {"snakemake results/claims.md"}
    for name in ("comparisons", "audit", "provenance"):
        assert said[f"{name}.html"] == {f"snakemake results/{name}.html"}
    for page in OURS:
        tags(pages / page)


@pytest.mark.parametrize(
    ("file", "content", "page", "told"),
    [
        ("table_libero.csv", "a,b\n1,2\n", "tables.html", "table_libero.csv is no table of this version"),
        ("table_libero.html", "<p>", "tables.html", "table_libero.html is no page of this project"),
        ("figures/delays.csv", "a,b\n1,2\n", "probes.html", "delays.csv is no probe of this version"),
        ("figures/masks.svg", "<svg/>", "index.html", "masks.svg does not say what it shows"),
        ("figures/masks.svg", None, "index.html", "masks.svg was not made"),
        ("claims.csv", "a,b\n", "claims.html", "the columns are"),
    ],
)
def test_what_is_missing_or_strange_is_said_and_the_rest_is_there(
    results: Path, tmp_path: Path, file: str, content: str | None, page: str, told: str
) -> None:
    copy = Path(shutil.copytree(results, tmp_path / "results"))
    (copy / file).unlink()
    if content is not None:
        (copy / file).write_text(content, "utf-8")
    pages = make_site(copy, tmp_path / "site")
    assert told in (pages / page).read_text("utf-8")
    assert "Training tasks" in (pages / "index.html").read_text("utf-8")


def test_drawings_are_shown_with_their_words(pages: Path) -> None:
    images = {image["src"]: image for tag, image in tags(pages / "index.html").found if tag == "img"}
    assert {f"{name}.svg" for name in DRAWINGS} < images.keys()
    assert images["masks.svg"]["alt"] == "words"
    page = (pages / "index.html").read_text("utf-8")
    assert "The masks &amp; more" in page
    assert "cosine_rollout-m64_k8-RememberColor3.png" in images, "photographs are smaller as png"


def test_the_zip_holds_the_site_under_any_name(pages: Path, tmp_path: Path) -> None:
    (tmp_path / "site" / "episodes").mkdir(parents=True)
    for name in ("index.html", "site.css", "episodes/one.js"):
        (tmp_path / "site" / name).write_text(name)
    files = [tmp_path / "site" / name for name in ("index.html", "site.css", "episodes")]
    one, two = (site_zip(files=order, root=str(tmp_path / "site"))[".zip"] for order in (files, files[::-1]))
    assert one == two
    (tmp_path / "site.zip").write_bytes(one if isinstance(one, bytes) else b"")
    with zipfile.ZipFile(tmp_path / "site.zip") as archive:
        assert archive.namelist() == ["episodes/one.js", "index.html", "site.css"]
        assert archive.read("episodes/one.js") == b"episodes/one.js"
    with pytest.raises(ValueError, match="is not in the subpath"):
        site_zip(files=[pages / "index.html"], root=str(tmp_path / "site"))
