"""The pages of the site, made from the files of results that the rule `site` names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from muvla.report.caption import percent
from muvla.report.paper.source import read_page
from muvla.report.printed import FILES
from muvla.report.runner import Contents
from muvla.report.site import assets
from muvla.report.site.cells import Line, Shown, Table, read_table
from muvla.report.site.charts import draw
from muvla.report.site.frame import PAGES, Missing, page
from muvla.report.site.gather import Drawing, Files, attempt, named, read_drawing
from muvla.report.site.outcomes import Episodes, read_outcome, read_outcomes
from muvla.report.site.overview import cards, effect_charts, headline, zeroed_marks
from muvla.report.site.probes import PROBES, Asked, Probe, claims_on, comparisons, read_probe
from muvla.report.statistics.rules import Effect, Rules
from muvla.report.templates import TEMPLATES
from muvla.report.tidy import read_rows

DRAWINGS = ("architecture", "method", "masks")
ROLLOUT = "cosine_rollout-"  # how the name of an episode's figure begins
DOCUMENTS = ("comparisons", "audit", "provenance")
CLAIMS = ("claim", "paper", "verdict", "evidence")
MEASURE = "snakemake results/site/index.html --config records=measured"  # evaluates every policy here
VIEWS = {
    "reproduced": "What was measured here: rate, interval, and n, the number of episodes; of an average, its parts.",
    "printed": "What the paper prints, of its own policies.",
    "difference": "What was measured here minus what the paper prints.",
}
OTHER_SCALE = " Policies of another size than the paper's: this says how far apart they are, not whether it reproduces."


def tables_of(files: Files) -> tuple[list[Table], list[Missing]]:
    """Read the paper's tables; those that are missing come second."""

    def read(name: str) -> Table:
        return read_table(named(files, f"{name}.csv"), named(files, f"{name}.html"))

    found = [attempt(partial(read, name), f"The table {name}", f"snakemake results/{name}.tex") for name in FILES]
    return [one for one in found if isinstance(one, Table)], [one for one in found if isinstance(one, Missing)]


def tables_page(
    tables: Sequence[Table],
    absent: Sequence[Missing],
    episodes: dict[str, list[Episodes]],
    traced: Mapping[str, str],
    scale: str,
) -> str:
    """Write the page of the tables; episodes: by "variant environment".

    traced: the outcome of the viewer's episodes by their names, a letter of outcomes.LETTERS each.
    """
    cells = {
        f"{table.name}.{cell.key}": {
            "row": row.name,
            "column": cell.line["column"],
            "facts": facts(cell),
            "number": cell.number,
        }
        for table in tables
        for rows in table.groups.values()
        for row in rows
        for cell in row.cells
        if cell.ours or cell.printed
    }
    notes = dict(VIEWS)
    if scale != "paper":
        notes["difference"] += OTHER_SCALE
    data = {"cells": cells, "episodes": episodes, "traced": dict(traced), "notes": notes}
    return page("tables.html", tables=tables, absent=absent, data=data, notes=notes, scale=scale)


def facts(cell: Shown) -> list[tuple[str, str]]:
    """Return what is known of a cell, as (name, text)."""
    line = cell.line
    counted = f"{line['successes']} of {line['episodes']} episodes" if line["episodes"] else line["parts"]
    found = [
        ("reproduced", cell.ours or "not run"),
        ("interval", cell.interval),
        ("from", counted),
        ("training seeds", line.get("seeds", "")),
        ("printed", cell.printed),
        ("difference", cell.difference),
        ("verdict", "" if line["verdict"] == "none" else line["verdict"]),
        ("marks", cell.marks),
    ]
    return [(name, text) for name, text in found if text]


def probes_page(files: Files, claims: Sequence[Line] | Missing, effect: Effect, rules: Rules, scale: str) -> str:
    """Write the page of the probes: charts, and the paper's claims beside their verdicts."""

    def read(probe: Probe) -> Asked:
        return read_probe(probe, named(files, f"{probe.name}.csv"), rules.confidence, effect.memory)

    parts = []
    for probe in PROBES:
        what = f"The data of {probe.name}"
        asked = attempt(partial(read, probe), what, f"snakemake results/figures/{probe.name}.csv")
        missing = asked if isinstance(asked, Missing) else None
        if isinstance(asked, Asked) and not asked.charts:
            missing = Missing(what, MEASURE, "None of its evaluations was run here, and no records of them come along.")
        charts, not_run = (
            ([draw(chart) for chart in asked.charts], asked.not_run) if isinstance(asked, Asked) else ([], ())
        )
        parts.append((probe, charts, not_run, [] if isinstance(claims, Missing) else claims_on(probe, claims), missing))
    absent = claims if isinstance(claims, Missing) else None
    return page(
        "probes.html",
        probes=parts,
        absent=absent,
        confidence=percent(rules.confidence),
        scale=scale,
        measure=MEASURE,
        comparisons=comparisons,
    )


def document_page(files: Files, name: str, scale: str) -> str:
    """Write a page that another rule made, in the frame of the site, with the scale of its numbers."""
    found = attempt(
        lambda: read_page(named(files, f"{name}.html")), f"The page {name}", f"snakemake results/{name}.html"
    )
    if isinstance(found, Missing):
        return page(f"{name}.html", "document.html", missing=found, heading=PAGES[f"{name}.html"])
    csv = f"{name}.csv" if f"{name}.csv" in files else ""
    # The audit is about what the paper prints; where numbers come from is no number.
    mark = {"audit": "paper", "comparisons": scale}.get(name, "")
    return page(f"{name}.html", "document.html", missing=None, heading=found.title, body=found.body, csv=csv, mark=mark)


def claims_page(claims: Sequence[Line] | Missing, scale: str) -> str:
    """Write the page of the paper's claims."""
    if isinstance(claims, Missing):
        return page("claims.html", missing=claims, scale=scale)
    counts = Counter(line["verdict"] for line in claims)
    return page(
        "claims.html",
        missing=None,
        claims=claims,
        counts=dict(counts.most_common()),
        comparisons=comparisons,
        scale=scale,
    )


def overview_page(
    files: Files,
    tables: Sequence[Table],
    absent: Sequence[Missing],
    claims: Sequence[Line] | Missing,
    effect: Effect,
    rules: Rules,
    scale: str,
) -> str:
    """Write the first page."""
    read = attempt(lambda: read_rows(named(files, "interventions.csv")), "", "")
    zeroed = {} if isinstance(read, Missing) else zeroed_marks(read, effect.memory)
    charts = effect_charts(tables, zeroed, effect, rules.confidence)
    legend = {series.name: series.colour for chart in charts for series in chart.series}
    missing = list(absent) if not tables else []
    if tables and not charts:
        why = f"{effect.memory} and {effect.baseline} were not both run in any environment of the effect."
        missing.append(Missing("The effect", "snakemake results/table_mikasa.tex", why))
    drawings, lost = _drawings(files, DRAWINGS, "svg")
    rollouts = [Path(name).stem for name in files if name.startswith(ROLLOUT) and name.endswith(".svg")]
    cosine, more = _drawings(files, rollouts, "png")
    return page(
        "index.html",
        headline=headline(tables, charts, effect),
        charts=[draw(chart) for chart in charts],
        legend=list(legend.items()),
        absent=missing,
        lost=lost,
        lost_cosine=more,
        cards=cards(tables, [] if isinstance(claims, Missing) else claims, effect),
        drawings=drawings,
        cosine=cosine,
        effect=effect,
        confidence=percent(rules.confidence),
        scale=scale,
    )


def _drawings(files: Files, names: Sequence[str], shown: str) -> tuple[list[Drawing], list[Missing]]:

    def read(name: str) -> Drawing:
        return read_drawing(named(files, f"{name}.svg"), name, shown)

    found = [
        attempt(partial(read, name), f"The drawing {name}", f"snakemake results/figures/{name.replace('-', '/')}.svg")
        for name in names
    ]
    return [one for one in found if isinstance(one, Drawing)], [one for one in found if isinstance(one, Missing)]


def site(
    *,
    pages: Sequence[Path],
    numbers: Sequence[Path],
    pictures: Sequence[Path],
    names: Sequence[str],
    records: Sequence[Path],
    traces: Sequence[Path],
    traced: Sequence[str],
    effect: Effect,
    scale: str,
    statistics: Rules,
) -> Contents:
    """Make the pages of the site, with everything that they need beside them; whatever is missing is said on its page.

    pages: html files of other rules. numbers: csv files of tables, probes, documents and claims. pictures: with their
    names on the site in `names`. records: marks of the cells. traces: the JSON files of the traced episodes, with their
    names in the viewer in `traced`.
    Raises RecordsError for records that are corrupt or were changed.
    """
    drawn = dict(zip(names, pictures, strict=True))
    files = {path.name: path for path in (*pages, *numbers)} | drawn
    tables, absent = tables_of(files)
    claims = attempt(
        lambda: read_rows(named(files, "claims.csv"), CLAIMS),
        "The list of the paper's claims",
        "snakemake results/claims.md",
    )
    outcomes = {name: read_outcome(path) for name, path in zip(traced, traces, strict=True)}
    made: dict[str, str | bytes] = {
        "index.html": overview_page(files, tables, absent, claims, effect, statistics, scale),
        "tables.html": tables_page(tables, absent, read_outcomes(records), outcomes, scale),
        "probes.html": probes_page(files, claims, effect, statistics, scale),
        "claims.html": claims_page(claims, scale),
        **{f"{name}.html": document_page(files, name, scale) for name in DOCUMENTS},
        **{name: (TEMPLATES / "site" / name).read_text("utf-8") for name in assets.SITE},
        **{path.name: path.read_bytes() for path in numbers if path.is_file()},
        **{name: path.read_bytes() for name, path in drawn.items() if path.is_file()},
    }
    print(f"{sum(len(one) for one in made.values()) / 1e6:.1f} MB in {len(made)} files")
    return made
