"""What README and docs/ claim: counts as recorded, links, files and commands that exist, facts that can be followed."""

import importlib.util
import re
from pathlib import Path

import pandas
import pytest
import yaml
from scipy.stats import binomtest

from dry_runs import LAB, dry_run, planned
from muvla.files import ROOT
from muvla.records.episode import RecordsError
from muvla.records.mark import write_mark
from muvla.report.counts import counts
from synthetic_records import write_cell

DOCUMENTS = [ROOT / "README.md", ROOT / "benchmarks" / "results.md", *sorted((ROOT / "docs").glob("*.md"))]
RECORDED = ("README.md", "docs/results.md", "docs/libero.md")  # the documents that state counts
KEY = ["variant", "environment", "control"]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def recorded(name: str) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Return {(variant, environment, control): (successes, episodes)} of a committed file of counts."""
    table = pandas.read_csv(ROOT / "docs" / name, keep_default_na=False)
    return {(row.variant, row.environment, row.control): (row.successes, row.episodes) for row in table.itertuples()}


RELEASED = recorded("results.csv")


def rows(name: str) -> list[tuple[tuple[str, str, str], list[str]]]:
    """Return the table rows of a document that state counts, with the evaluation that each is about."""
    found = []
    for line in text(name).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or not any(re.fullmatch(r"\d+/\d+", cell) for cell in cells):
            continue
        variant, second = (re.match(r"`([^`]*)`|", cell)[1] or "" for cell in cells[:2])  # type: ignore[index]
        task = second.startswith("libero_")
        found.append(((variant, second if task else "RememberColor3", "" if task else second), cells))
    return found


@pytest.mark.parametrize("name", RECORDED)
def test_tables_state_the_recorded_counts(name: str) -> None:
    listed = rows(name)
    assert listed, "no counts found: has the table another form now?"
    for evaluation, cells in listed:
        successes, episodes = RELEASED[evaluation]
        stated = [cell for cell in cells if re.fullmatch(r"\d+/\d+", cell)]
        assert stated == [f"{successes}/{episodes}"], evaluation
        interval = binomtest(successes, episodes).proportion_ci(method="wilson")
        assert f"{successes / episodes:.2f}" in cells, evaluation
        assert f"{interval.low:.2f} to {interval.high:.2f}" in cells, evaluation


def test_every_recorded_count_is_shown() -> None:
    shown = {evaluation for name in RECORDED for evaluation, _ in rows(name)}
    assert shown == set(RELEASED)


def test_recorded_counts_are_of_tables_and_controls_of_the_configuration() -> None:
    config = yaml.safe_load(text("config/config.yaml"))
    names = {"", *(one["name"] for one in config["controls"])}
    for (variant, environment, control), (successes, episodes) in RELEASED.items():
        assert variant in config["variants"]
        assert environment in (*config["environments"], *config["libero"]["tasks"])
        assert control in names
        assert episodes == (config["libero"] if environment.startswith("libero_") else config)["episodes"]
        assert 0 <= successes <= episodes


def test_p_values_follow_from_the_pairs() -> None:
    page = " ".join(text("docs/results.md").split())
    stated = re.findall(r"p = ([\d.e-]+) (?:in open loop|re-planned) \((\d+)[^)]*? (\d+)[^)]*\)", page)
    assert len(stated) == 2
    memory = RELEASED["m64_k8", "RememberColor3", ""][0]
    for (p, more, less), control in zip(stated, ("", "receding"), strict=True):
        assert int(more) - int(less) == memory - RELEASED["oft_episodic", "RememberColor3", control][0]
        assert float(p) == pytest.approx(7 * binomtest(int(less), int(more) + int(less)).pvalue, rel=0.05)


def test_counts_are_made_from_marked_records(tmp_path: Path) -> None:
    records = write_cell(tmp_path, "m64_k2", "RememberColor3", [True, False, True], control="zero")
    mark = write_mark(records)
    assert counts([mark]).values.tolist() == [["m64_k2", "RememberColor3", "zero", "", 3, 2]]
    records.write_text(records.read_text().replace("false", "true"))
    with pytest.raises(RecordsError, match="was changed after its evaluation"):
        counts([mark])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
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
    named = {(path.name, module) for path in DOCUMENTS for module in commands(path)}
    assert len({module for _, module in named}) > 8
    assert [one for one in sorted(named) if not runs(one[1])] == []


def test_named_modules_exist() -> None:
    for document in DOCUMENTS:
        for name in re.findall(r"`(muvla(?:\.[a-z_]+)+)", document.read_text("utf-8")):
            parts = name.split(".")
            found = [".".join(parts[:end]) for end in range(len(parts), 1, -1)]
            assert any(importlib.util.find_spec(one) for one in found[:2]), f"{document.name}: {name}"


def test_named_targets_are_made_by_a_rule(clone: Path) -> None:
    lines = [line for path in DOCUMENTS for line in re.findall(r"`(snakemake [^`]+)`", path.read_text("utf-8"))]
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
