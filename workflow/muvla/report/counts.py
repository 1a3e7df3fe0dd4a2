"""Count successes of finished evaluations, a line a record file: how docs/results.csv is made.

    python -m muvla.report.counts $(find results -path '*records/released*' -name '*.done') > docs/results.csv

Takes marks (records/mark.py), so that an edited or unfinished record file is refused.
"""

import sys
from pathlib import Path

import pandas

from muvla.records.episode import RecordsError
from muvla.records.mark import marked_cells


def counts(marks: list[Path]) -> pandas.DataFrame:
    """Return variant, environment, control ("" in a table), training seed, episodes and successes of each mark, sorted.

    An episode that was run again after an error counts once. Raises RecordsError for a mark whose records are gone or
    were edited.
    """
    cells = marked_cells(marks)
    rows = [
        (settings["variant"], settings["environment"], cell.control, cell.training_seed, cell.episodes, cell.successes)
        for cell in cells
        for settings in [cell.settings]
    ]
    columns = ["variant", "environment", "control", "seed", "episodes", "successes"]
    return pandas.DataFrame(rows, columns=columns).sort_values(columns[:4], ignore_index=True)


if __name__ == "__main__":
    try:
        counts([Path(name) for name in sys.argv[1:]]).to_csv(sys.stdout, index=False, lineterminator="\n")
    except RecordsError as error:
        sys.exit(f"muvla.report.counts: {error}")
