"""MIKASA-Robo: the 23 environments of the paper's Table 1, in its order, and its conventions (spec 3.1, 6.2-6.4)."""

import re

import numpy as np

from muvla.benchmark.benchmark import Benchmark, Environment, Part, Wire

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
CUPS = 3  # of every ShellGame

# Every instruction of the environments (spec 6.2); the tokenizer splits the angle into digits, which it knows.
INSTRUCTIONS = (
    "Observe which cup hides the ball, wait, then touch that cup.",
    "Observe which cup hides the ball, wait, then push that cup forward.",
    "Observe which cup hides the ball, wait, then pick up that cup and lift it.",
    "Intercept the rolling ball by moving to its path and deflecting it toward the target.",
    "Intercept the rolling ball and grasp it to stop it.",
    "Rotate the peg by -90 degrees to match the target angle.",
    "Rotate the peg by 90 degrees to match the target angle while keeping the center of the peg in place.",
    "Push the cube onto the red target, and when the target changes color, return the cube to its original position.",
    "Observe the cube's color, wait, then touch the cube of the same color.",
    "Observe the object's shape, wait, then touch the object of the same shape.",
    "Observe the object's shape and color, wait, then touch the object of the same shape and color.",
)
# The suite's palette, then the colours that the probes put in its place (spec 6.3, 10).
COLOURS = (
    *("Red", "Lime", "Blue", "Yellow", "Magenta", "Cyan", "Maroon", "Olive", "Teal"),
    *("Pink", "Orange", "Purple", "Brown", "White", "Green", "Black", "Grey"),
)
SHAPES = ("cube", "sphere", "cylinder", "cross", "torus", "star", "pyramide", "t_shape", "crescent")


def _dataset(name: str) -> str:
    """RememberShapeAndColor3x2 -> remember_shape_and_color_3x2_vla_v0, the published data set's name (spec 3.1)."""
    return "_".join(re.findall(r"[A-Z][a-z]+|\d+(?:x\d+)?", name)).lower() + "_vla_v0"


def object_name(goal: str) -> str:
    """Name a goal as demonstrations name their objects: "Red" -> "red cube", "Lime cube" -> "lime cube"."""
    return f"{goal} cube".lower() if goal in COLOURS else goal.lower()


def _objects(name: str, family: str) -> int | None:
    """RememberColor5 -> 5, RememberShapeAndColor3x2 -> 6, ShellGameTouch -> 3, TakeItBack -> None."""
    if family == "ShellGame":
        return CUPS
    sizes = re.fullmatch(r"Remember\w*?(\d+)(?:x(\d+))?", name)
    return int(sizes[1]) * int(sizes[2] or 1) if sizes else None


def _as_stored(actions: np.ndarray) -> np.ndarray:
    """(..., 7) unchanged: the gripper is stored as the policy learns it (spec 3.1)."""
    return actions


def _command(actions: np.ndarray) -> np.ndarray:
    """(..., 7) clipped to [-1, 1], the gripper like the rest (spec 6.4)."""
    return np.clip(actions, -1, 1)


MIKASA = Benchmark(
    name="mikasa",
    title="MIKASA-Robo",
    example="RememberColor3",
    environments={
        name: Environment(name, family, steps, _dataset(name), _objects(name, family))
        for family, steps, names in _FAMILIES
        for name in names
    },
    datasets=r"[a-z0-9_]+_vla_v0",
    cameras=("base_camera", "hand_camera"),
    picture_size=128,
    proprio_width=7,
    proprio_key="proprio",
    action_bound=1.0,
    action_mask=None,
    standardise=_as_stored,
    command=_command,
    first_seed=4242424242,
    stored_states=None,
    simulator_options=("backend", "light_mesh", "standin_mug", "phases", "unseen_colours"),
    light_mesh=True,
    start_method="forkserver",
    one_a_process=False,
    check="python -m muvla.sim.mikasa.check",
    instructions=INSTRUCTIONS,
    words=" ".join((*COLOURS, *SHAPES)),
    wire=Wire(
        cameras=("base_camera", "hand_camera"),
        state_key="state",
        state=Part(7, "eef_pos3_euler3_gripper1"),  # the sum of the two finger joints
        # pd_ee_delta_pose: every number from -1 to 1; the gripper opens at +1
        action={
            "position": Part(3, "delta_xyz"),
            "rotation": Part(3, "euler_xyz"),
            "gripper": Part(1, "binary_close_negative"),
        },
    ),
)
