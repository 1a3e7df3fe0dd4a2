"""The paper's generalisation probes (spec 10): delays and colours that no training demonstration has."""

from __future__ import annotations

from typing import Any

from muvla.benchmark.benchmark import Environment
from muvla.sim.contract import Provenance

DELAYED = ("ShellGame", "RememberColor", "RememberShape", "RememberShapeAndColor")  # families with phases
# In the order in which they replace the environment's own. The paper only names the colours (spec 11, U12); the values
# are CSS's.
UNSEEN = {
    "Pink": (255, 192, 203),
    "Orange": (255, 165, 0),
    "Purple": (128, 0, 128),
    "Brown": (165, 42, 42),
    "White": (255, 255, 255),
}


def require(row: Environment, phases: int | None, unseen_colours: int | None) -> None:
    """Raise ValueError for a probe that the environment does not have, or a number out of range."""
    if phases is not None and row.family not in DELAYED:
        raise ValueError(f"phases={phases}: {row.name} has no cue phase; families that have: {', '.join(DELAYED)}")
    if phases is not None and phases < 1:
        raise ValueError(f"phases is {phases}; it must be at least 1")
    if unseen_colours is None:
        return
    if row.family != "RememberColor":
        raise ValueError(f"unseen_colours={unseen_colours}: only RememberColor environments have them, not {row.name}")
    most = min(len(UNSEEN), int(row.name.removeprefix(row.family)))
    if not 1 <= unseen_colours <= most:
        raise ValueError(f"unseen_colours is {unseen_colours}; for {row.name} it must be 1 to {most}")


def recoloured(environment: type[Any], count: int | None) -> type[Any]:
    """Subclass the suite's environment so that its first `count` colours are UNSEEN's; None: return it as it is.

    The suite reads its class attribute COLOR_MAPPING {index: (name, RGBA of 0 to 255)} in the constructor (spec 6.3).
    """
    if count is None:
        return environment
    unseen = {index: (name, [*rgb, 255]) for index, (name, rgb) in zip(range(count), UNSEEN.items(), strict=False)}
    return type(environment.__name__, (environment,), {"COLOR_MAPPING": {**environment.COLOR_MAPPING, **unseen}})


def lengthened(max_steps: int, phases: int | None) -> int:
    """Return the steps of an episode whose cue and empty phases last `phases` each: 2 * phases - 10 more (spec 6.3)."""
    return max_steps + max(0, 2 * (phases or 0) - 10)


def provenance(phases: int | None, unseen_colours: int | None) -> Provenance:
    """Return what differs from the table's environment; {} where nothing does."""
    found: Provenance = {"phases": phases} if phases is not None else {}
    if unseen_colours is not None:
        found["unseen_colours"] = {name: list(rgb) for name, rgb in list(UNSEEN.items())[:unseen_colours]}
    return found
