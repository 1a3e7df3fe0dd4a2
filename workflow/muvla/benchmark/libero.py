"""LIBERO: the tasks of its five suites, and its conventions (spec 3.2, 6.6)."""

import numpy as np

from muvla.benchmark.benchmark import Benchmark, Environment, Part, Wire

_SUITES = (  # suite, steps, tasks
    ("libero_spatial", 220, 10),
    ("libero_object", 280, 10),
    ("libero_goal", 300, 10),
    ("libero_10", 520, 10),
    ("libero_90", 400, 90),
)
TABLE_SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")  # of the paper

# Of the instructions of all five suites.
WORDS = """
    akita alphabet and at back basket bbq between black book both bottle bottom bowl box butter cabinet caddy
    center cheese chocolate close compartment cookie cookies cream drawer dressing from front frying in inside
    it juice ketchup layer left microwave middle milk moka mug next of off on open orange pan pick place plate
    pot pots pudding push put rack ramekin red right salad sauce shelf soup stack stove table the them to
    tomato top tray turn under up white wine wooden yellow
"""


def _standardise(actions: np.ndarray) -> np.ndarray:
    """(..., 7) with the gripper as 1 open ... 0 closed, which is stored as -1 open ... +1 closed (spec 3.2).

    Done when a data set is loaded, before statistics are taken and before normalising.
    """
    standardised = actions.copy()
    standardised[..., -1] = 1 - np.clip(actions[..., -1], 0, 1)
    return standardised


def _command(actions: np.ndarray) -> np.ndarray:
    """(..., 7) with the gripper as -1 open or +1 closed, not clipped; exactly 0.5 becomes 0 (spec 13.6)."""
    command = actions.copy()
    command[..., -1] = -np.sign(2 * actions[..., -1] - 1)
    return command


LIBERO = Benchmark(
    name="libero",
    title="LIBERO",
    example="libero_spatial/3",
    environments={
        f"{suite}/{task}": Environment(f"{suite}/{task}", suite, steps, f"{suite}_task_{task}_scripted")
        for suite, steps, tasks in _SUITES
        for task in range(tasks)
    },
    # A suite's published set (libero_object_no_noops) holds human demonstrations; ours, task by task, end in _scripted.
    datasets=r"libero_[a-z0-9_]+",
    cameras=("agentview", "robot0_eye_in_hand"),
    picture_size=256,
    proprio_width=8,
    proprio_key="state",
    action_bound=np.inf,
    action_mask=(True,) * 6 + (False,),  # the gripper stays in [0, 1] (spec 3.4)
    standardise=_standardise,
    command=_command,
    first_seed=0,
    stored_states=50,
    simulator_options=("reset_rule", "placement", "light_mesh"),
    light_mesh=False,  # the policies there are know the shipped scene, which looks otherwise
    start_method="spawn",  # its OpenGL does not survive a fork
    one_a_process=True,  # a second one's pictures are wrong without a word
    check="python -m muvla.sim.libero.first_frames",
    instructions=(),
    words=WORDS,
    wire=Wire(
        cameras=("agentview", "wrist"),
        state_key="states",
        state=Part(8, "eef_pos3_axisangle3_gripper2"),
        action={
            "position": Part(3, "delta_xyz"),
            "rotation": Part(3, "axis_angle"),
            "gripper": Part(1, "binary_close_positive"),
        },
    ),
)
