"""What README and docs/ claim: counts as recorded, links, files and commands that exist, facts that can be followed."""

import importlib.util
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from scipy.stats import binomtest

from dry_runs import CONFIG, LAB, dry_run, planned
from muvla.files import ROOT
from muvla.jobs import bundled, matrix
from muvla.jobs.bundled import Recorded
from muvla.jobs.matrix import Cell
from muvla.jobs.stated import COUNT, DOCUMENTS, stated, updated

PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "results.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_state_the_recorded_counts(name: str) -> None:
    cells = [cell for cell in stated(text(name)) if cell.count]
    assert cells, "no counts found: has the table another form now?"
    for cell in cells:
        recorded, count = bundled.records()[cell.evaluation], COUNT.fullmatch(cell.count)
        assert count is not None
        assert (int(count[1]), int(count[2])) == (recorded.successes, recorded.episodes), cell
        if count[3]:
            interval = binomtest(recorded.successes, recorded.episodes).proportion_ci(method="wilson")
            assert (count[3], count[4]) == (f"{interval.low:.2f}", f"{interval.high:.2f}"), cell


def test_counts_are_brought_up_to_date_and_words_stay() -> None:
    table = """Of 100.

| environment | `m64_k2` | `m64_k2`, `zero` | `m64_k2`, seed 1 | chance |
|---|---|---|---|---|
| `TakeItBack` | 1/10 (0.02 to 0.40) |  | 3/10 |  |
| of 10 | 1 |  | 3 |  |
"""
    recorded = {
        ("m64_k2", "TakeItBack", "", ""): Recorded(20, 10, 1.0, ""),
        ("m64_k2", "TakeItBack", "zero", ""): Recorded(20, 0, 1.0, ""),
        ("m64_k2", "TakeItBack", "", "seed1/"): Recorded(20, 5, 1.0, ""),
    }
    new = "| `TakeItBack` | 10/20 (0.30 to 0.70) | 0/20 (0.00 to 0.16) | 5/20 |  |"
    assert updated(table, recorded).splitlines() == [
        new if line.startswith("| `TakeItBack`") else line for line in table.splitlines()
    ]
    assert updated(table, {}) == table


def test_recorded_counts_are_evaluations_of_the_configuration() -> None:
    wanted = [*matrix.first_seed(CONFIG), *matrix.repeated(CONFIG)]
    wanted += [cell for home in matrix.seeds(CONFIG) for cell in matrix.libero_cells(CONFIG, home)]
    for evaluation, recorded in bundled.records().items():
        assert evaluation in wanted
        assert recorded.episodes == matrix.episodes(CONFIG, Cell(*evaluation))
        assert 0 <= recorded.successes <= recorded.episodes


def test_no_benchmark_stands_before_a_package_of_its_name() -> None:
    """Python looks beside a script first: benchmarks/libero.py was found where LIBERO was wanted."""
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert not scripts & packages_distributions().keys()


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


COMMITTED = (
    "config",
    "containers",
    "docs",
    "paper",
    "profiles",
    "slurm",
    "tests",
    "benchmarks",
    "workflow",
    "dvcstore",
)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.S)
    for quoted in re.findall(r"`([^`\n]+)`", prose):
        for word in quoted.split():
            path = word.split("=")[-1].rstrip(",;")
            ours = path.split("/")[0] in COMMITTED and "/" in path and re.fullmatch(r"[\w./-]+", path)
            if ours and not path.endswith(".sif"):  # images are built
                assert (ROOT / path).exists(), quoted


def test_map_shows_what_is_there() -> None:
    """Each line of the map names folders of ours, and each package of the library has its line."""
    (block,) = re.findall(r"```\n(Snakefile .*?)```", text("README.md"), flags=re.S)
    library = ROOT / "workflow" / "muvla"
    packages = {path.parent.name for path in library.glob("*/__init__.py")}
    named = set(re.findall(r"^  (\w+)/ ", block, flags=re.M))
    assert named == packages
    for name in re.findall(r"(?:^|  )([\w./]+/|Snakefile|data\.dvc)(?= |$)", block, flags=re.M):
        assert (ROOT / name).exists() or (library / name).exists(), name


def commands(document: Path) -> list[str]:
    return re.findall(r"(?:python|torchrun[^`\n]*?) -m (muvla[\w.]*)", document.read_text("utf-8"))


def runs(module: str) -> bool:
    """Say whether `python -m module` does something."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return False
    path = Path(found.origin)
    path = path.with_name("__main__.py") if path.name == "__init__.py" else path
    return path.is_file() and "__main__" in path.read_text("utf-8")


def test_named_commands_exist() -> None:
    named = {(path.name, module) for path in PAGES for module in commands(path)}
    assert len({module for _, module in named}) > 8
    assert [one for one in sorted(named) if not runs(one[1])] == []


def test_named_modules_exist() -> None:
    for document in PAGES:
        for name in re.findall(r"`(muvla(?:\.[a-z_]+)+)", document.read_text("utf-8")):
            parts = name.split(".")
            found = [".".join(parts[:end]) for end in range(len(parts), 1, -1)]
            assert any(importlib.util.find_spec(one) for one in found[:2]), f"{document.name}: {name}"


def test_named_targets_are_made_by_a_rule(clone: Path) -> None:
    lines = [line for path in PAGES for line in re.findall(r"`(snakemake [^`]+)`", path.read_text("utf-8"))]
    targets = {word for line in lines for word in line.split() if word.startswith("results/")}
    assert len(targets) > 8
    result = dry_run(clone, *sorted(targets - {"results/paper.pdf"}))  # LaTeX may be missing here
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("stated", "arguments"),
    [(r"`snakemake` \|.*\| (\d+) jobs", ()), (r"--config scale=paper` \|.*\| ([\d,]+) jobs", LAB)],
)
def test_number_of_jobs(clone: Path, stated: str, arguments: tuple[str, ...]) -> None:
    number = re.search(stated, text("README.md"))
    assert number is not None
    jobs = planned(clone, *arguments)
    assert int(number[1].replace(",", "")) == jobs["total"] - jobs.get(
        "evaluate_served_pi05_mikasa", 0
    )  # only where a lab has it


def test_readme_is_short() -> None:
    assert len(text("README.md").splitlines()) <= 110


CITED = re.compile(r"\bspec ((?:\d+(?:\.\d+)?|[BDPU]\d+)\b(?:(?:, ?| |-)(?:\d+(?:\.\d+)?|[BDPU]\d+)\b)*)")
SEARCHED = ("workflow", "docs", "tests", "config", "paper", "benchmarks", "containers", "README.md", "Snakefile")


def facts() -> set[str]:
    """Return the numbers that docs/spec.md has: headings, entries, and numbered items of 12 and 13."""
    page = text("docs/spec.md")
    numbers = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)[. ]", page, flags=re.M))
    numbers |= set(re.findall(r"^- ([BDP]\d+) ", page, flags=re.M))
    numbers |= set(re.findall(r"\b(U\d+) ", page.partition("## 11.")[2].partition("## 12.")[0]))
    return numbers | set(re.findall(r"\((1[23]\.\d+)\)$", page, flags=re.M))


def test_every_cited_fact_can_be_followed() -> None:
    known = facts()
    assert {"1.1", "6.4", "B3", "U12", "12.10", "13.6"} <= known
    missing, cited = [], set()
    for top in SEARCHED:
        for path in [ROOT / top] if (ROOT / top).is_file() else (ROOT / top).rglob("*"):
            if path.suffix not in {".py", ".smk", ".md", ".yaml", ".jinja", ".sh", ".def", ""} or not path.is_file():
                continue
            for found in CITED.findall(path.read_text("utf-8", errors="replace")):
                numbers = re.findall(r"\d+\.\d+|[BDPU]\d+|\d+", found)
                cited.update(numbers)
                missing += [f"{path.relative_to(ROOT)}: spec {one}" for one in numbers if one not in known]
    assert len(cited) > 40
    assert missing == []
