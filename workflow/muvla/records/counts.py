"""Count successes of finished evaluations, a line a record file: how docs/results.csv is made.

    python -m muvla.records.counts $(find results -path '*records/released*' -name '*.done') > docs/results.csv

Takes marks (records/mark.py), so that an edited or unfinished record file is refused.
"""

import sys
from pathlib import Path

import pandas

from muvla.records.episode import RecordsError
from muvla.records.mark import marked_records


def counts(marks: list[Path]) -> pandas.DataFrame:
    """Return variant, environment, control ("" in a table), episodes and successes of each mark, sorted.

    Raises RecordsError for a mark whose records are gone or were edited.
    """
    rows = []
    for mark in marks:
        records = pandas.read_json(marked_records(mark), lines=True)
        first = records.iloc[0]
        control = mark.stem.partition(".")[2]
        row = (first["variant"], first["environment"], control, len(records), int(records["success"].sum()))
        rows.append(row)
    columns = ["variant", "environment", "control", "episodes", "successes"]
    return pandas.DataFrame(rows, columns=columns).sort_values(columns[:3], ignore_index=True)


if __name__ == "__main__":
    try:
        counts([Path(name) for name in sys.argv[1:]]).to_csv(sys.stdout, index=False, lineterminator="\n")
    except RecordsError as error:
        sys.exit(f"muvla.records.counts: {error}")
