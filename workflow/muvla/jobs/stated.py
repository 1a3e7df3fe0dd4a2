"""The counts that README and docs/ state in tables, brought up to date with config/records.csv.

    python -m muvla.jobs.stated     rewrite them, and fill the cells that were empty; `make bundle` calls it

A table states counts where its rows name an environment or a task and its columns a policy: `m64_k2`, a control of it
(`m64_k2`, `zero`), another training seed of it (`m64_k2`, seed 1). Words that draw on them are left to their writer.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from muvla.files import ROOT, write_atomically
from muvla.jobs.bundled import Key, Recorded, records
from muvla.report.statistics.tests import wilson

DOCUMENTS = ("README.md", "docs/results.md", "docs/libero.md")
COUNT = re.compile(r"(\d+)/(\d+)(?: \((\d\.\d\d) to (\d\.\d\d)\))?")
POLICY = re.compile(r"`(\w+)`(?:, `(\w+)`)?(?:, seed (\d+))?")  # a column's title: variant, control, training seed
CONFIDENCE = 0.95  # of the intervals


@dataclass(frozen=True)
class Stated:
    """A cell of a table: its line and column, the evaluation that it is about, and what it says; "" where nothing."""

    line: int
    column: int
    evaluation: Key
    count: str


def stated(text: str) -> Iterator[Stated]:
    """Yield the cells of a document's tables that state a count, or may."""
    titles: list[str] = []
    for number, line in enumerate(text.splitlines()):
        cells = _cells(line)
        titles = (titles or cells) if cells else []
        for column, (title, cell) in enumerate(zip(titles, cells, strict=True)):
            policy = POLICY.fullmatch(title)
            if column and policy and (not cell or COUNT.fullmatch(cell)):
                place = cells[0].strip("`")
                home = (f"seed{policy[3]}/" if policy[3] else "") + ("libero/" if "/" in place else "")
                yield Stated(number, column, (policy[1], place, policy[2] or "", home), cell)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


def updated(text: str, recorded: Mapping[Key, Recorded]) -> str:
    """Return the document with every count as recorded; a cell without records stays. Intervals are Wilson's.

    Raises ValueError for a table whose lines have different numbers of cells.
    """
    lines = text.splitlines()
    for cell in stated(text):
        if cell.evaluation in recorded:
            one, cells = recorded[cell.evaluation], _cells(lines[cell.line])
            count = f"{one.successes}/{one.episodes}"
            if "(" in cell.count or (not cell.count and "(" in lines[cell.line]):
                interval = wilson(one.successes, one.episodes, CONFIDENCE)
                count += f" ({interval.low:.2f} to {interval.high:.2f})"
            cells[cell.column] = count
            lines[cell.line] = f"| {' | '.join(cells)} |"
    return "\n".join(lines) + "\n"


def main() -> None:
    for name in DOCUMENTS:
        text = (ROOT / name).read_text("utf-8")
        new = updated(text, records())
        if new != text:
            write_atomically(ROOT / name, new)
            print(f"{name}: counts as in config/records.csv; what is said of them in words may have to follow")


if __name__ == "__main__":
    main()
