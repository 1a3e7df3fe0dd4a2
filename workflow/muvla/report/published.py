"""Translate names of the paper's printed tables (printed.py) to ours: variants, groups, environments (spec 5, 6.2)."""

from dataclasses import dataclass
from pathlib import Path

from muvla.benchmark.benchmark import environment_named
from muvla.benchmark.libero import LIBERO
from muvla.report.printed import is_average, read_printed

TABLE_MIKASA, TABLE_MEMORY_VLAS, TABLE_LIBERO = "table1_mikasa_23env", "table2_memory_vlas", "table3_libero"

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
FILES = {  # of config/published, without the ending
    TABLE_MIKASA: "table_mikasa",
    TABLE_MEMORY_VLAS: "table_memory_vlas",
    TABLE_LIBERO: "table_libero",
}
# The printed rows that are our variants; the others are other people's policies.
METHODS = {
    TABLE_MEMORY_VLAS: {"OpenVLA-OFT": "oft", "μVLA (ours)": "m64_k2"},
    TABLE_LIBERO: {
        "OpenVLA-OFT": "oft",
        "μVLA (m=64, K=8, ours)": "m64_k8",
        "μVLA (m=64, EMA, ours)": "m64_ema",
    },
}
SUITES = {"Spatial": "libero_spatial", "Object": "libero_object", "Goal": "libero_goal", "Long-10": "libero_10"}
ALL = "All environments"  # the group that the csv gives to the printed average over all 23
GROUPS = {
    "training": "Training tasks (in-distribution)",
    "matched": "Held-out, matched memory semantics",
    "novel": "Held-out, novel memory semantics",
}


@dataclass(frozen=True)
class Published:
    """Table 1: environments by group in the printed order, and every value as it is printed."""

    environments: dict[str, tuple[str, ...]]  # group ("training", "matched", "novel") -> its rows
    values: dict[tuple[str, str], str]  # (variant, environment, "average:<group>" or "average:all") -> "0.95"

    @property
    def group_of(self) -> dict[str, str]:
        """Return the group of every environment, in the printed order."""
        return {name: group for group, names in self.environments.items() for name in names}


def variant_of(table: str, model: str) -> str | None:
    """Return the variant that the printed `model` of `table` is; None for other people's."""
    if table == TABLE_MIKASA:
        return next((variant for variant, name in VARIANTS.items() if name == model), None)
    return METHODS[table].get(model)


def libero_tasks(suite: str) -> tuple[str, ...]:
    """Return the tasks of a suite: libero_spatial -> libero_spatial/0, ..., libero_spatial/9."""
    return LIBERO.of_family(suite)


def read_published(path: Path | str) -> Published:
    """Read Table 1 from its csv. Raises as read_printed does, and ValueError for an unknown column or group."""
    table = read_printed(path)
    titles = {title: group for group, title in GROUPS.items()} | {ALL: "all"}
    names = {column: variant for variant, column in VARIANTS.items()}
    if table.name != TABLE_MIKASA or set(table.columns) != set(names) or set(table.groups) != set(titles):
        raise ValueError(
            f"{path}: expected {TABLE_MIKASA} with the columns {', '.join(names)} and the groups "
            f"{', '.join(titles)}; found {table.name}, {', '.join(table.columns)} and {', '.join(table.groups)}"
        )
    values = {}
    environments: dict[str, tuple[str, ...]] = {}
    for title, rows in table.groups.items():
        averages = [row for row in rows if is_average(row)]
        if len(averages) != 1:
            raise ValueError(f"{path}: the group {title!r} has {len(averages)} average rows, expected one")
        for row in rows:
            key = f"average:{titles[title]}" if is_average(row) else row
            values.update({(names[column], key): table.values[row, column] for column in table.columns})
        if title != ALL:
            environments[titles[title]] = tuple(row for row in rows if not is_average(row))
    return Published(environments, values)


def objects(environment: str) -> int | None:
    """Count the objects that an episode chooses from: RememberColor5 -> 5, RememberShapeAndColor3x2 -> 6,
    ShellGameTouch -> 3.

    None where success is no choice among objects (Intercept*, Rotate*, TakeItBack).
    """
    return environment_named(environment).objects


def chance(environment: str) -> float | None:
    """Return the success of touching one object at random, 1 / number of objects; None without such a choice."""
    count = objects(environment)
    return None if count is None else 1 / count
