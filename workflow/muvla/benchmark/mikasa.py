"""The 23 MIKASA-Robo environments of the paper's Table 1, in its order (spec 6.2; groups: spec 9.3)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """One row of the table. max_steps: simulator steps until truncation; group: training | matched | novel."""

    name: str
    gym_id: str
    max_steps: int
    group: str
    family: str


_TRAINING = ("ShellGamePush", "InterceptMedium", "TakeItBack", "RememberColor5", "RememberShapeAndColor3x3")
_NOVEL = ("Rotate", "RememberShape")  # families whose instruction no training task shares
_FAMILIES = (  # family, steps, names
    ("ShellGame", 30, ("ShellGameTouch", "ShellGamePush", "ShellGamePick")),
    ("Intercept", 60, ("InterceptSlow", "InterceptMedium", "InterceptFast")),
    ("InterceptGrab", 60, ("InterceptGrabSlow", "InterceptGrabMedium", "InterceptGrabFast")),
    ("Rotate", 60, ("RotateLenientPos", "RotateLenientPosNeg")),
    ("Rotate", 90, ("RotateStrictPos", "RotateStrictPosNeg")),
    ("TakeItBack", 60, ("TakeItBack",)),
    ("RememberColor", 25, ("RememberColor3", "RememberColor5", "RememberColor9")),
    ("RememberShape", 25, ("RememberShape3", "RememberShape5", "RememberShape9")),
    (
        "RememberShapeAndColor",
        25,
        ("RememberShapeAndColor3x2", "RememberShapeAndColor3x3", "RememberShapeAndColor5x3"),
    ),
)


def _group(name: str, family: str) -> str:
    if name in _TRAINING:
        return "training"
    return "novel" if family in _NOVEL else "matched"


ENVIRONMENTS: dict[str, Environment] = {
    name: Environment(name, f"{name}-VLA-v0", steps, _group(name, family), family)
    for family, steps, names in _FAMILIES
    for name in names
}


def environment_named(name: str) -> Environment:
    """The row called `name`. Raises ValueError listing the names there are."""
    if name not in ENVIRONMENTS:
        raise ValueError(f"unknown environment {name!r}; there are: {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[name]
