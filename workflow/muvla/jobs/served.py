"""Evaluations of other people's policies: the entries of config/policies that the configuration lists."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from muvla.benchmark.benchmark import environment_named
from muvla.jobs import matrix, overrides
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell
from muvla.jobs.overrides import Value
from muvla.serve.policies import PolicyEntry, policy_file, read_policy


class Serving(NamedTuple):
    """One start of a server and what it is evaluated in. benchmark: the part of the entry, a benchmark or a suite."""

    policy: str
    benchmark: str
    cells: tuple[Cell, ...]
    entry: PolicyEntry

    @property
    def name(self) -> str:
        """Name of its rule, such as evaluate_served_pi05_mikasa."""
        return f"evaluate_served_{self.policy}_{self.benchmark}"

    @property
    def on_libero(self) -> bool:
        """Say whether its cells are LIBERO's."""
        return matrix.on_libero(self.cells[0].home)


def servings(config: Configuration, folder: Path) -> list[Serving]:
    """Return every start of a server, in the order of the configuration. folder: config/policies.

    A policy is evaluated in those of the tables' environments and tasks for which its entry says how it is served.
    Raises ValueError for an entry that does not exist or is not valid.
    """
    found = []
    for policy in config["policies"]:
        entry = read_policy(policy_file(folder, policy))
        parts: dict[str, list[Cell]] = {}
        for environment in [*config["environments"], *config["libero"]["tasks"]]:
            home = matrix.home_of(environment)
            names = (environment_named(environment).family, "libero" if home else "mikasa")
            part = next((name for name in names if name in entry["benchmarks"]), None)
            if part is not None:
                parts.setdefault(part, []).append(Cell(policy, environment, home=home))
        found += [Serving(policy, part, tuple(cells), entry) for part, cells in parts.items()]
    return found


def evaluation(config: Configuration, serving: Serving, cell: Cell, **more: Value) -> list[str]:
    """Return the overrides of `python -m muvla.evaluate`, but for the server's address. more: other options."""
    libero = config["libero"]
    options: dict[str, Value] = {
        "name": cell.variant,
        "environment": cell.environment,
        "label": serving.entry["scale"],
        "seed": matrix.first_seed_of(config, cell.environment),
    }
    if serving.on_libero:
        options |= {"episodes": libero["episodes"]}
        options |= {name: libero[name] for name in ("reset_rule", "strict")}
    else:
        options |= {"episodes": config["episodes"], "backend": "gpu" if config["scale"] == "paper" else "cpu"}
    return overrides.overrides(**{**options, **more})
