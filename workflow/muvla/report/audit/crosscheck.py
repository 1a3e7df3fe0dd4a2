"""Where two printed tables speak of the same model and task: rows put together from several columns, and rows that
disagree."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from muvla.report.audit.averages import half_up, mean
from muvla.report.printed import Printed, is_average


@dataclass(frozen=True)
class Mixed:
    """A model's row whose cells stand in another table under several of the authors' models, under none of them all."""

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
        """The average of this row's tasks, had all of them been taken from `nearest`."""
        return mean(tuple(self.nearest_values.values()))

    @property
    def like(self) -> str:
        """A printed number of the row, for its digits."""
        return next(iter(self.values.values()))

    @property
    def nearest_average(self) -> str | None:
        """The same, rounded half up as the row's own average is printed."""
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
        """Second minus first, in the tables' unit."""
        return Fraction(self.second[1]) - Fraction(self.first[1])


def is_ours(model: str) -> bool:
    """Whether the printed name marks a model of the paper's authors: "K=2 (Ours)", "μVLA (ours)"."""
    return "ours" in model.lower()


def plain(model: str) -> str:
    """The name without the star that marks memory in Table 3; a dagger stays, for it marks another training."""
    return model.removesuffix("*").strip()


def tasks_of(table: Printed) -> dict[str, dict[str, str]]:
    """Model -> task -> value, without averages."""
    found: dict[str, dict[str, str]] = {}
    for (model, task), value in table.by_model().items():
        found.setdefault(model, {})[task] = value
    return found


def average_of(table: Printed, model: str) -> str | None:
    """A model's printed average over the columns; None where models are columns or no average is printed."""
    if table.models_are_columns:
        return None
    return next((table.values[model, column] for column in table.columns if is_average(column)), None)


def mixed_rows(tables: list[Printed]) -> Iterator[Mixed]:
    """Rows of the authors' models that no single model of theirs in another table gives, but several together do."""
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
    """Every model and task that two tables print with different values."""
    for place, first in enumerate(tables):
        for second in tables[place + 1 :]:
            known = {(plain(model), task): value for (model, task), value in first.by_model().items()}
            for (model, task), value in second.by_model().items():
                earlier = known.get((plain(model), task))
                if earlier is not None and Fraction(earlier) != Fraction(value):
                    yield Disagreement(plain(model), task, (first.name, earlier), (second.name, value))
