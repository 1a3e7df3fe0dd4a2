"""The paper's claims, decided on the records by rules that the configuration fixes: claims.md and claims.csv."""

from collections.abc import Sequence
from pathlib import Path

from muvla.report.caption import origin, percent
from muvla.report.claims.libero import claims_on_libero
from muvla.report.claims.probes import claims_on_probes
from muvla.report.claims.statement import Statement, line, section, short
from muvla.report.claims.tables import claims_on_tables
from muvla.report.claims.targets import NOT_OF_THE_PAPER, judged_targets, targets_section
from muvla.report.document import PlainTable, Section, document
from muvla.report.grid import Grid, grid_of, read_cells
from muvla.report.probes.probes import probe_samples
from muvla.report.published import Published, read_published
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Effect, Rules
from muvla.report.statistics.versus import POWER
from muvla.report.tidy import csv_text

COLUMNS = ("claim", "paper", "verdict", "evidence")
TITLE = "The paper's claims, decided on these records"


def method(effect: Effect, rules: Rules) -> Section:
    """State the rules of the verdicts."""
    p, margin, narrow = f"{rules.significance:g}", f"{rules.equivalence_margin:g}", percent(1 - 2 * rules.significance)
    items = [
        "Two samples are compared on the episodes that both ran from the same training seeds, so a difference need not "
        "be that of the rates beside it (McNemar's exact test, two-sided; Fisher's where they share none), averages "
        "over environments by McNemar's test over the pairs of all, two gaps by the exact sign test over the episodes "
        "in which one is greater. Over several training seeds the p-value is also at least that of Student's t over "
        "the seeds' differences, and intervals hold the seeds' scatter (docs/verdicts.md). Where some comparison rests "
        "on one training seed the verdict says so: it is of these policies, and another training may turn it.",
        f"A claim that the first is greater holds when every comparison goes its way with p < {p}. It does not hold "
        f"when one goes the other way with p < {p} after Holm's correction, or when one is a difference within "
        f"±{margin} by its {narrow} interval.",
        f"A claim that two are the same holds when every difference is within ±{margin} by its {narrow} interval, and "
        f"does not when one is not and has p < {p}.",
        f"A claim that the first is not worse holds when the {narrow} interval of every difference is above −{margin}, "
        f"and does not when one is not and is below 0 with p < {p} after Holm's correction.",
        f"Beside both stands the equivalence test (two one-sided tests at {p}, by the same {narrow} interval), and "
        f"where it cannot tell, how many pairs would let it in {percent(POWER)} of experiments, if the two were the "
        "same.",
        "Otherwise the records cannot tell, as where nothing was run.",
        f"Intervals shown are {percent(rules.confidence)}: of a rate Wilson's, of an average rate a bootstrap's, of a "
        "difference Newcombe's for pairs, combined over environments where it is an average.",
    ]
    if effect.picked:
        items.append(
            f"{effect.memory} was named after its results were seen: its p-values on the tables are multiplied by the "
            "number of variants with memory."
        )
    return Section("How it is decided", items=tuple(items))


def statements(grid: Grid, published: Published, effect: Effect) -> list[Statement]:
    """Judge every claim of the paper, on the tables first."""
    cells = [cell for sample in (*grid.cells.values(), *grid.controls.values()) for cell in sample.cells]
    return [
        *claims_on_tables(grid, published, effect),
        *claims_on_libero(grid, effect),
        *claims_on_probes(probe_samples(cells), grid.rules),
    ]


def claims(*, records: Sequence[Path], published: Path, effect: Effect, statistics: Rules) -> Contents:
    """Judge the paper's claims and our targets, as .md and .csv.

    records: marks. published: Table 1, which names the groups of environments. Raises RecordsError as read_cells,
    grid_of and probe_samples do.
    """
    cells = read_cells(records)
    grid = grid_of(cells, statistics)
    found = statements(grid, read_published(published), effect)
    targets = judged_targets(grid, effect)
    rows = tuple((one.text, short(one)) for one in found)
    parts = [
        Section("Verdicts", table=PlainTable(("claim", "verdict"), rows, "ll")),
        method(effect, statistics),
        *(section(one, statistics) for one in found),
        *([targets_section(targets)] if targets else []),
        Section("Where the numbers come from", items=tuple(origin(cells))),
    ]
    for text, verdict in rows:
        print(f"{text}: {verdict}")
    lines = [line(one, statistics) for one in found]
    lines += [(text, NOT_OF_THE_PAPER, met.value, measured) for text, met, measured in targets]
    return {".md": document("md", TITLE, parts, "claims"), ".csv": csv_text(COLUMNS, lines)}
