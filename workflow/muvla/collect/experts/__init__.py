"""Scripted experts with privileged state, one module per family of tasks (spec simulators: oracles that worked)."""

from muvla.benchmark.libero import is_libero, libero_task
from muvla.benchmark.mikasa import ENVIRONMENTS, environment_named
from muvla.collect.experts.expert import Oracle
from muvla.collect.experts.intercept import InterceptOracle
from muvla.collect.experts.libero import GRIPS, PickPlaceOracle
from muvla.collect.experts.remember import RememberOracle
from muvla.collect.experts.shell_game import ShellGamePushOracle, ShellGameTouchOracle
from muvla.collect.experts.take_it_back import TakeItBackOracle

ORACLES: dict[str, type[Oracle]] = {
    "ShellGameTouch": ShellGameTouchOracle,
    "ShellGamePush": ShellGamePushOracle,
    "TakeItBack": TakeItBackOracle,
    **{name: InterceptOracle for name, row in ENVIRONMENTS.items() if row.family == "Intercept"},
    **{name: RememberOracle for name, row in ENVIRONMENTS.items() if row.family.startswith("Remember")},
}


def oracle_for(environment: str) -> Oracle:
    """A fresh expert for `environment`. Raises ValueError for an unknown name, or an environment without an expert."""
    if is_libero(environment):
        suite = libero_task(environment).suite.name
        if suite not in GRIPS:
            raise ValueError(f"there is no scripted expert for {suite}; there are for: {', '.join(GRIPS)}")
        return PickPlaceOracle()
    name = environment_named(environment).name
    if name not in ORACLES:
        raise ValueError(f"there is no scripted expert for {name}; there are for: {', '.join(ORACLES)}")
    return ORACLES[name]()
