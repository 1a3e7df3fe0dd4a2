"""The claims document of made-up records: its lines by claim."""

import dataclasses
from pathlib import Path
from typing import Any

from muvla.report.claims.document import COLUMNS, claims
from muvla.report.runner import Contents
from synthetic_records import EFFECT, RULES, TABLE_MIKASA, lines_of, marks, save

HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not hold", "cannot tell"


def outcomes(successes: int, episodes: int = 50) -> list[bool]:
    return [episode < successes for episode in range(episodes)]


def made(records: Path, **effect: Any) -> Contents:
    given = dataclasses.replace(EFFECT, **effect)
    return claims(records=marks(records), published=TABLE_MIKASA, effect=given, statistics=RULES)


def judged(records: Path, **effect: Any) -> dict[str, dict[str, str]]:
    """The lines of the csv by claim."""
    output = records.parent / "out"
    save(made(records, **effect), output)
    lines = lines_of(output.with_name("out.csv"))
    assert tuple(lines[0]) == COLUMNS
    assert len({line["claim"] for line in lines}) == len(lines)
    return {line["claim"]: line for line in lines}


def verdicts(records: Path, **effect: Any) -> dict[str, str]:
    return {claim: line["verdict"] for claim, line in judged(records, **effect).items()}
