"""The paper's headline claims: the printed cells behind them, and the same comparison like for like.

config/published/claims.csv says of every number of a claim which average it is and whether it stands for the authors'
model or for a baseline; the tables say which model that is.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from muvla.report.audit.crosscheck import is_ours, plain
from muvla.report.printed import Printed, is_average
from muvla.report.published import variant_of
from muvla.report.tidy import read_rows

CLAIMS_HEADER = ("claim", "text", "role", "value", "table", "average")


@dataclass(frozen=True)
class LikeForLike:
    """The claim's model against one baseline, at the claim's average and at each part of the average."""

    model: str
    baseline: str
    values: tuple[str, str]  # of the baseline, of the model
    parts: dict[str, Fraction]  # task -> model minus baseline; empty where models are columns

    @property
    def difference(self) -> Fraction:
        """Model minus baseline, in the table's unit."""
        return Fraction(self.values[1]) - Fraction(self.values[0])


@dataclass(frozen=True)
class Claim:
    """One sentence of the abstract, and the cells that it may be based on."""

    name: str
    text: str
    table: str
    average: str
    used: dict[str, tuple[str, ...]]  # role ("ours", "baseline") -> models whose printed average is the claimed number
    numbers: dict[str, str]  # role -> claimed number
    comparisons: tuple[LikeForLike, ...]  # against every baseline that any claim uses and this table has
    oracle: tuple[str, str] | None  # (name, value) of the column that is shown the first frame at every step


def is_oracle(model: str) -> bool:
    """Say whether the printed name marks an upper bound."""
    return "oracle" in model.lower()


def at(table: Printed, average: str) -> dict[str, str]:
    """Return {model: its printed average of this name}. Raises ValueError when the table has none."""
    if average in table.rows:
        return {column: table.values[average, column] for column in table.columns}
    if average in table.columns:
        return {row: table.values[row, average] for row in table.rows}
    raise ValueError(
        f"the printed table {table.name} has no row or column {average!r}; see config/published/claims.csv"
    )


def read_claims(path: Path | str, tables: list[Printed]) -> list[Claim]:
    """Read the claims and find their cells.

    Raises ValueError naming file and line for an unknown table, average or role, or a number that no cell prints.
    """
    by_name = {table.name: table for table in tables}
    lines: dict[str, list[dict[str, str]]] = {}
    used: dict[tuple[str, str], tuple[str, ...]] = {}
    for number, line in enumerate(read_rows(path, CLAIMS_HEADER), start=2):
        if line["table"] not in by_name or line["role"] not in ("ours", "baseline"):
            raise ValueError(
                f"{path}, line {number}: the table is {', '.join(by_name)}; the role is ours or baseline; not {line}"
            )
        printed = at(by_name[line["table"]], line["average"])
        wanted = line["role"] == "ours"
        models = [m for m in printed if is_ours(m) == wanted and not is_oracle(m)]
        used[line["claim"], line["role"]] = tuple(m for m in models if printed[m] == line["value"])
        lines.setdefault(line["claim"], []).append(line)
    baselines = dict.fromkeys(model for (_, role), models in used.items() if role == "baseline" for model in models)
    return [_claim(name, rows, used, list(baselines), by_name[rows[0]["table"]]) for name, rows in lines.items()]


def _claim(
    name: str,
    lines: list[dict[str, str]],
    used: dict[tuple[str, str], tuple[str, ...]],
    baselines: list[str],
    table: Printed,
) -> Claim:
    average = lines[0]["average"]
    printed = at(table, average)
    comparisons = tuple(
        LikeForLike(model, baseline, (printed[baseline], printed[model]), parts(table, baseline, model))
        for model in used.get((name, "ours"), ())
        for baseline in baselines
        if baseline in printed
    )
    oracle = next(((model, value) for model, value in printed.items() if is_oracle(model)), None)
    mine = {role: models for (claim, role), models in used.items() if claim == name}
    numbers = {line["role"]: line["value"] for line in lines}
    return Claim(name, lines[0]["text"], table.name, average, mine, numbers, comparisons, oracle)


def parts(table: Printed, baseline: str, model: str) -> dict[str, Fraction]:
    """Return model minus baseline for every column; {} where models are columns."""
    if table.models_are_columns:
        return {}
    columns = [column for column in table.columns if not is_average(column)]
    return {
        column: Fraction(table.values[model, column]) - Fraction(table.values[baseline, column]) for column in columns
    }


def changing_baselines(claims: list[Claim]) -> dict[str, tuple[str, ...]]:
    """Return {claim: its baselines} when the claims that name a baseline share none, else {}."""
    named = {claim.name: claim.used["baseline"] for claim in claims if "baseline" in claim.used}
    common = set.intersection(*(set(models) for models in named.values())) if named else set()
    return {} if common or len(named) < 2 else named


def changing_policies(claims: list[Claim]) -> dict[str, tuple[str, ...]]:
    """Return {claim: variants whose printed number it is} when no variant serves all claims, else {}."""
    named = {
        claim.name: tuple(v for model in claim.used["ours"] if (v := variant_of(claim.table, model)) is not None)
        for claim in claims
        if "ours" in claim.used
    }
    common = set.intersection(*(set(variants) for variants in named.values())) if named else set()
    return {} if common or len(named) < 2 else named


def same_policy(claims: list[Claim], tables: list[Printed]) -> list[tuple[str, str, dict[str, str | None]]]:
    """Return (claim, model, {other claim: the model's printed value there, or None}) for every claim's own model."""
    found = []
    by_name = {table.name: table for table in tables}
    for claim in claims:
        for model in claim.used.get("ours", ()):
            variant = variant_of(claim.table, model)
            elsewhere: dict[str, str | None] = {}
            for other in claims:
                if other.name != claim.name:
                    printed = at(by_name[other.table], other.average)
                    values = [v for name, v in printed.items() if variant_of(other.table, plain(name)) == variant]
                    elsewhere[other.name] = values[0] if values else None
            found.append((claim.name, model, elsewhere))
    return found
