"""The audit of the printed tables: every finding, computed from config/published/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from muvla.report.audit.averages import Average, averages
from muvla.report.audit.claims import Claim, read_claims
from muvla.report.audit.crosscheck import Disagreement, Mixed, disagreements, mixed_rows
from muvla.report.printed import FILES, Printed, read_printed
from muvla.report.published import TABLE_LIBERO, TABLE_MEMORY_VLAS, TABLE_MIKASA

TITLES = {TABLE_MIKASA: "Table 1", TABLE_MEMORY_VLAS: "Table 2", TABLE_LIBERO: "Table 3 (LIBERO)"}


@dataclass(frozen=True)
class Audit:
    """All findings, by rule."""

    tables: list[Printed]
    averages: list[Average]
    mixed: list[Mixed]
    disagreements: list[Disagreement]
    claims: list[Claim]

    @property
    def mismatches(self) -> list[Average]:
        """The averages that do not follow from their cells."""
        return [average for average in self.averages if not average.agrees]


def audit(folder: Path) -> Audit:
    """Apply every rule to the csv files of `folder`. Raises OSError, or ValueError naming file and line."""
    tables = [read_printed(folder / f"{file}.csv") for file in FILES]
    return Audit(
        tables,
        [average for table in tables for average in averages(table)],
        list(mixed_rows(tables)),
        list(disagreements(tables)),
        read_claims(folder / "claims.csv", tables),
    )
