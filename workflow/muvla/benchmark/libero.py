"""LIBERO's suites (spec 6.6): which tasks there are, and how many steps an episode of each may take."""

import re
from dataclasses import dataclass

STORED_STATES = 50  # initial states that come with every task


@dataclass(frozen=True)
class Suite:
    """max_steps: simulator steps after the settling ones until truncation. tasks: how many there are."""

    name: str
    max_steps: int
    tasks: int


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("libero_spatial", 220, 10),
        Suite("libero_object", 280, 10),
        Suite("libero_goal", 300, 10),
        Suite("libero_10", 520, 10),
        Suite("libero_90", 400, 90),
    )
}
TABLE_SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")


@dataclass(frozen=True)
class LiberoTask:
    """One task, named like libero_spatial/3 everywhere."""

    suite: Suite
    index: int

    @property
    def name(self) -> str:
        return f"{self.suite.name}/{self.index}"


def is_libero(environment: str) -> bool:
    """Whether this is the name of a LIBERO task, right or wrong, and not of a MIKASA-Robo environment."""
    return environment.startswith("libero")


def libero_task(name: str) -> LiberoTask:
    """The task called `name`. Raises ValueError saying which suites and tasks there are."""
    match = re.fullmatch(r"([^/]*)/(\d+)", name)
    if match is None:
        raise ValueError(f"LIBERO task {name!r} is not spelt like libero_spatial/3 (suite, slash, number from 0)")
    if match[1] not in SUITES:
        raise ValueError(f"unknown LIBERO suite {match[1]!r}; there are: {', '.join(SUITES)}")
    suite, index = SUITES[match[1]], int(match[2])
    if index >= suite.tasks:
        raise ValueError(f"{suite.name} has no task {index}; its tasks are 0 to {suite.tasks - 1}")
    return LiberoTask(suite, index)
