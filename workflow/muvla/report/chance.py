"""What guessing achieves where the cue is gone and an episode ends with one choice."""

import re


def objects(environment: str) -> int | None:
    """How many objects an episode chooses from: RememberColor5 -> 5, RememberShapeAndColor3x2 -> 6,
    ShellGameTouch -> 3.

    None where success is no choice among objects (Intercept*, Rotate*, TakeItBack).
    """
    if environment.startswith("ShellGame"):
        return 3
    sizes = re.fullmatch(r"Remember\w*?(\d+)(?:x(\d+))?", environment)
    return int(sizes[1]) * int(sizes[2] or 1) if sizes else None


def chance(environment: str) -> float | None:
    """Success of touching one object at random: 1 / number of objects; None where there is no such choice."""
    count = objects(environment)
    return None if count is None else 1 / count
