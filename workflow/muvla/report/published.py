"""The paper's printed numbers (config/published/), and the names its columns and groups have here (spec 5,
6.2)."""

import csv
from dataclasses import dataclass
from pathlib import Path

HEADER = ("table", "group", "row", "column", "value", "unit", "note")
TABLE_MIKASA = "table1_mikasa_23env"

VARIANTS = {
    "pi05": "π0.5",
    "oft": "OpenVLA-OFT",
    "oft_episodic": "OpenVLA-OFT†",
    "m1_k8": "m=1 K=8 (Ours)",
    "m64_k8": "m=64 K=8 (Ours)",
    "m64_k2": "K=2 (Ours)",
    "m64_k1": "K=1 (Ours)",
    "m64_ema": "EMA (Ours)",
    "m64_ema_full": "EMA full mask (Ours)",
    "rc5_only": "single-task RC5 (Ours)",
    "oft_first_obs": "OpenVLA-OFT (+1st obs.) (Oracle)",
}
ALL = "All environments"  # the group that the csv gives to the printed average over all 23
GROUPS = {
    "training": "Training tasks (in-distribution)",
    "matched": "Held-out, matched memory semantics",
    "novel": "Held-out, novel memory semantics",
}


@dataclass(frozen=True)
class Published:
    """A printed table: environments by group in the printed order, and every value as it is printed."""

    environments: dict[str, tuple[str, ...]]  # group ("training", "matched", "novel") -> its rows
    values: dict[tuple[str, str], str]  # (variant, environment, "average:<group>" or "average:all") -> "0.95"

    @property
    def group_of(self) -> dict[str, str]:
        """Group of every environment, in the printed order."""
        return {name: group for group, names in self.environments.items() for name in names}


def row_key(title: str, row: str) -> str:
    """Name under which the printed `row` of the group called `title` is kept here."""
    if title == ALL:
        return "average:all"
    group = next(group for group, known in GROUPS.items() if known == title)
    return f"average:{group}" if row.startswith("Average (") else row


def read_published(path: Path | str) -> Published:
    """Read the printed table from its tidy csv (columns: HEADER).

    Raises FileNotFoundError, or ValueError naming the file and the line or the cell that is wrong or missing.
    """
    path = Path(path)
    variants = {column: variant for variant, column in VARIANTS.items()}
    groups = {title: group for group, title in GROUPS.items()}
    environments: dict[str, list[str]] = {group: [] for group in GROUPS}
    values: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != HEADER:
            raise ValueError(f"{path}: the columns are {reader.fieldnames}, expected {list(HEADER)}")
        for line in reader:
            where = f"{path}, line {reader.line_num}"
            title, column = line["group"], line["column"]
            if line["table"] != TABLE_MIKASA or column not in variants or title not in (*groups, ALL):
                raise ValueError(f"{where}: no such table, column or group: {line}")
            try:
                float(line["value"])
            except (TypeError, ValueError) as error:
                raise ValueError(f"{where}: the value {line['value']!r} is not a number") from error
            row = row_key(title, line["row"])
            if (variants[column], row) in values:
                raise ValueError(f"{where}: a second value for {column}, {line['row']}")
            values[variants[column], row] = line["value"]
            if not row.startswith("average:") and row not in environments[groups[title]]:
                environments[groups[title]].append(row)
    wanted = [name for names in environments.values() for name in names]
    wanted += [f"average:{group}" for group in (*GROUPS, "all")]
    missing = [(variant, row) for variant in VARIANTS for row in wanted if (variant, row) not in values]
    if missing:
        raise ValueError(f"{path}: no value for {missing[0]} (and {len(missing) - 1} more)")
    return Published({group: tuple(names) for group, names in environments.items()}, values)
