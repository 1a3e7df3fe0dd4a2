"""Scripted experts with privileged state, one module per family of tasks (docs/experts.md)."""

from muvla.benchmark.benchmark import environment_named
from muvla.collect.experts.expert import Expert
from muvla.collect.experts.intercept import InterceptExpert
from muvla.collect.experts.intercept_grab import InterceptGrabExpert
from muvla.collect.experts.libero import TASKS, PickPlaceExpert
from muvla.collect.experts.remember import RememberExpert
from muvla.collect.experts.rotate import RotateLenientExpert, RotateStrictExpert
from muvla.collect.experts.shell_game import ShellGamePickExpert, ShellGamePushExpert, ShellGameTouchExpert
from muvla.collect.experts.take_it_back import TakeItBackExpert

EXPERTS: dict[str, type[Expert]] = {  # by environment, or by family
    "ShellGameTouch": ShellGameTouchExpert,
    "ShellGamePush": ShellGamePushExpert,
    "ShellGamePick": ShellGamePickExpert,
    "TakeItBack": TakeItBackExpert,
    "Intercept": InterceptExpert,
    "InterceptGrab": InterceptGrabExpert,
    "RememberColor": RememberExpert,
    "RememberShape": RememberExpert,
    "RememberShapeAndColor": RememberExpert,
    "RotateLenientPos": RotateLenientExpert,
    "RotateLenientPosNeg": RotateLenientExpert,
    "RotateStrictPos": RotateStrictExpert,
    "RotateStrictPosNeg": RotateStrictExpert,
    **dict.fromkeys(TASKS, PickPlaceExpert),
}


def expert_for(name: str) -> Expert:
    """Return a fresh expert for an environment.

    Raises ValueError for an unknown name, or an environment without an expert.
    """
    environment = environment_named(name)
    expert = EXPERTS.get(environment.name) or EXPERTS.get(environment.family)
    if expert is None:
        raise ValueError(f"there is no scripted expert for {name}; there are for: {', '.join(EXPERTS)}")
    return expert()
