"""Compare printed tables on the models and tasks they share: rows that mix several models, and rows that disagree."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from muvla.report.audit.averages import half_up, mean
from muvla.report.printed import Printed, is_average


@dataclass(frozen=True)
class Mixed:
    """A row that matches another table only by mixing cells of several models."""

    table: str
    model: str
    other: str
    sources: dict[str, tuple[str, ...]]  # task -> the other table's models that print this row's value for it
    values: dict[str, str]  # task -> the value of this row
    nearest: str  # the other table's model that explains most of the cells
    nearest_values: dict[str, str]
    printed_average: str | None

    @property
    def nearest_mean(self) -> Fraction:
        """Return the average of this row's tasks, had all cells been taken from `nearest`."""
        return mean(tuple(self.nearest_values.values()))

    @property
    def like(self) -> str:
        """Return a printed number of the row, for its digits."""
        return next(iter(self.values.values()))

    @property
    def nearest_average(self) -> str | None:
        """Return nearest_mean, rounded half up to the digits of the row's printed average."""
        return None if self.printed_average is None else half_up(self.nearest_mean, self.printed_average)


@dataclass(frozen=True)
class Disagreement:
    """One model and task with two values."""

    model: str
    task: str
    first: tuple[str, str]  # (table, value)
    second: tuple[str, str]

    @property
    def difference(self) -> Fraction:
        """Return second minus first, in the tables' unit."""
        return Fraction(self.second[1]) - Fraction(self.first[1])


def is_ours(model: str) -> bool:
    """Say whether the printed name marks a model of the paper's authors: "K=2 (Ours)", "μVLA (ours)"."""
    return "ours" in model.lower()


def plain(model: str) -> str:
    """Remove the star that marks memory in Table 3; a dagger stays, because it marks another training."""
    return model.removesuffix("*").strip()


def tasks_of(table: Printed) -> dict[str, dict[str, str]]:
    """Return {model: {task: value}}, without averages."""
    found: dict[str, dict[str, str]] = {}
    for (model, task), value in table.by_model().items():
        found.setdefault(model, {})[task] = value
    return found


def average_of(table: Printed, model: str) -> str | None:
    """Return a model's printed average over the columns; None where models are columns or no average is printed."""
    if table.models_are_columns:
        return None
    return next((table.values[model, column] for column in table.columns if is_average(column)), None)


def mixed_rows(tables: list[Printed]) -> Iterator[Mixed]:
    """Yield the rows of the authors' models that no single model of another table explains, but several together do."""
    for table, other in permutations(tables, 2):
        theirs = {model: cells for model, cells in tasks_of(other).items() if is_ours(model)}
        for model, cells in tasks_of(table).items():
            common = {task for rows in theirs.values() for task in rows} & cells.keys()
            if table.models_are_columns or not is_ours(model) or len(common) < 2 or model in theirs:
                continue
            sources = {
                task: tuple(name for name, rows in theirs.items() if rows.get(task) == cells[task])
                for task in cells
                if task in common
            }
            counts = {name: sum(name in found for found in sources.values()) for name in theirs}
            nearest = max(counts, key=counts.__getitem__)
            if counts[nearest] == len(sources) or not all(sources.values()):
                continue
            values = {task: cells[task] for task in sources}
            replaced = {task: theirs[nearest][task] for task in sources}
            whole = len(sources) == len(cells)
            average = average_of(table, model) if whole else None
            yield Mixed(table.name, model, other.name, sources, values, nearest, replaced, average)


def disagreements(tables: list[Printed]) -> Iterator[Disagreement]:
    """Yield every model and task that two tables print with different values."""
    for place, first in enumerate(tables):
        for second in tables[place + 1 :]:
            known = {(plain(model), task): value for (model, task), value in first.by_model().items()}
            for (model, task), value in second.by_model().items():
                earlier = known.get((plain(model), task))
                if earlier is not None and Fraction(earlier) != Fraction(value):
                    yield Disagreement(plain(model), task, (first.name, earlier), (second.name, value))
