"""The findings of the audit, by rule, computed from the printed cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muvla.report.audit.averages import PrintedAverage, averages
from muvla.report.audit.claims import Claim, read_claims
from muvla.report.audit.crosscheck import Disagreement, Mixed, disagreements, mixed_rows
from muvla.report.printed import Printed, read_printed
from muvla.report.published import TABLE_LIBERO, TABLE_MEMORY_VLAS, TABLE_MIKASA

TITLES = {TABLE_MIKASA: "Table 1", TABLE_MEMORY_VLAS: "Table 2", TABLE_LIBERO: "Table 3 (LIBERO)"}


@dataclass(frozen=True)
class Audit:
    """All findings, by rule."""

    tables: list[Printed]
    averages: list[PrintedAverage]
    mixed: list[Mixed]
    disagreements: list[Disagreement]
    claims: list[Claim]

    @property
    def mismatches(self) -> list[PrintedAverage]:
        """Return the averages that do not follow from their cells."""
        return [average for average in self.averages if not average.agrees]


def run_audit(tables: Sequence[Path], claims: Path) -> Audit:
    """Apply every rule to the csv files. Raises OSError, or ValueError naming file and line."""
    printed = [read_printed(path) for path in tables]
    return Audit(
        printed,
        [average for table in printed for average in averages(table)],
        list(mixed_rows(printed)),
        list(disagreements(printed)),
        read_claims(claims, printed),
    )
