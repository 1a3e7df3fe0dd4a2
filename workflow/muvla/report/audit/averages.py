"""Recompute every printed average from its printed cells, with exact arithmetic on the printed digits."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from muvla.report.printed import Printed, is_average

COUNTED = "100 episodes"  # in a cell's note: its two digits are a count of episodes


@dataclass(frozen=True)
class PrintedAverage:
    """One printed average and the cells behind it."""

    table: str
    row: str
    column: str
    printed: str
    terms: tuple[str, ...]  # the printed cells it averages
    counted: bool = False  # the cells are k of 100 episodes printed with two digits, so nothing was rounded away

    @property
    def exact(self) -> Fraction:
        """Return the mean of the printed cells."""
        return mean(self.terms)

    @property
    def recomputed(self) -> str:
        """Return the mean, rounded half up to as many digits as the average is printed with."""
        return half_up(self.exact, self.printed)

    @property
    def agrees(self) -> bool:
        """Say whether the average is the mean of its cells."""
        return self.recomputed == self.printed

    @property
    def rounding_explains(self) -> bool:
        """Say whether cells that were themselves rounded could give the printed average."""
        of_cells = Fraction() if self.counted else mean(tuple(half_unit(term) for term in self.terms))
        return abs(self.exact - Fraction(self.printed)) <= half_unit(self.printed) + of_cells

    @property
    def hidden(self) -> Fraction:
        """Return the value of one further, unprinted cell that would make the printed average right."""
        return Fraction(self.printed) * (len(self.terms) + 1) - sum(map(Fraction, self.terms))


def mean(terms: tuple[str, ...] | tuple[Fraction, ...]) -> Fraction:
    """Return the exact mean of printed numbers, or of fractions."""
    return sum(map(Fraction, terms), Fraction()) / len(terms)


def half_up(value: Fraction, like: str) -> str:
    """Round half up to the digits of the printed number `like`: 57/80 like "0.71" -> "0.71"."""
    unit = Decimal(like).as_tuple().exponent
    assert isinstance(unit, int)
    # Enough digits that only an exact half is a half: value is a fraction of at most a few hundred cells.
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    return str(decimal.quantize(Decimal(1).scaleb(unit), ROUND_HALF_UP))


def half_unit(printed: str) -> Fraction:
    """Return half of the last printed digit, the most by which rounding can have changed the number."""
    unit = Decimal(printed).as_tuple().exponent
    assert isinstance(unit, int)
    return Fraction(10) ** unit / 2


def exact_text(value: Fraction, like: str, digits: int = 4) -> str:
    """Write a fraction in decimals, "0.6825"; cut after `digits` digits where it goes on, "0.1221…".

    It has at least the digits of the printed number `like`: 73 like "76.8" -> "73.0".
    """
    cut = Fraction(int(abs(value) * 10**digits), 10**digits)
    text = f"{'-' if value < 0 else ''}{float(cut):.{digits}f}"
    if cut != abs(value):
        return f"{text}…"
    surplus = digits - len(like.partition(".")[2])
    kept, ending = text[: len(text) - surplus], text[len(text) - surplus :]
    return (kept + ending.rstrip("0")).rstrip(".")


def averages(table: Printed) -> list[PrintedAverage]:
    """Return all printed averages of a table, in the printed order.

    An average row is over the other rows of its group, or over all of the table where its group has no others; an
    average column is over the other columns.
    """
    found = []
    rows = [row for row in table.rows if not is_average(row)]
    columns = [column for column in table.columns if not is_average(column)]
    for names in table.groups.values():
        own = [row for row in names if not is_average(row)] or rows
        for row in names:
            for column in table.columns:
                if is_average(row):
                    terms = tuple(table.values[other, column] for other in own)
                elif is_average(column):
                    terms = tuple(table.values[row, other] for other in columns)
                else:
                    continue
                counted = all(COUNTED in note for note in table.notes.values())
                found.append(PrintedAverage(table.name, row, column, table.values[row, column], terms, counted))
    return found
