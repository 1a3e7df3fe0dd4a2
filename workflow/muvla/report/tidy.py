"""Tidy csv files, written and read by pandas as text: no value is rounded, guessed or left out."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the csv with these columns; every value as str() writes it."""
    texts = [[str(value) for value in row] for row in rows]
    text: str = pandas.DataFrame(texts, columns=list(columns)).to_csv(index=False, lineterminator="\n")
    return text


def read_rows(path: Path | str, columns: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Return the lines of a csv as {column: text}, "" where a value is empty; columns: what its head must be.

    Raises FileNotFoundError, or ValueError naming the file.
    """
    try:
        frame = pandas.read_csv(path, dtype=str, keep_default_na=False, index_col=False).fillna("")
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
        raise ValueError(f"{path} is no csv: {str(error).strip()}") from error
    if columns is not None and list(frame.columns) != list(columns):
        raise ValueError(f"{path}: the columns are {list(frame.columns)}, expected {list(columns)}")
    rows: list[dict[str, str]] = frame.to_dict("records")
    return rows
