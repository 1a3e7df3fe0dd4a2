"""What a learner of vision may be told about a frame of LIBERO: objects, places, cameras (data/scene.py)."""

import numpy as np

from muvla.benchmark.libero import LIBERO
from muvla.sim.contract import Simulator


def names(env: Simulator) -> dict[str, str]:
    """Return what each object of the task is called, by LIBERO's name for it: "alphabet_soup_1" -> "alphabet soup".

    Where there are two of a kind the number stays: "akita black bowl 2".
    """
    kinds = {name: name.rpartition("_")[0] for name in env.raw.env.objects_dict}
    alone = {name for name, kind in kinds.items() if list(kinds.values()).count(kind) == 1}
    return {name: (kind if name in alone else name).replace("_", " ") for name, kind in kinds.items()}


def positions(env: Simulator) -> np.ndarray:
    """Return where each of these objects is, (n, 3) float32 in metres."""
    raw = env.raw.env
    return np.stack([raw.sim.data.body_xpos[raw.obj_body_id[name]] for name in raw.objects_dict]).astype(np.float32)


def projections(env: Simulator) -> np.ndarray:
    """Return the cameras' matrices as in data.scene.Scene, (cameras, 3, 4) float32.

    MuJoCo's cameras look along their own -z, y up. Pictures are stored as the data sets have them: rotated by 180
    degrees from what OpenGL gives, which is upside down; so they are upright, left and right swapped.
    """
    model, data = env.raw.sim.model._model, env.raw.sim.data._data
    matrices = []
    for name in LIBERO.cameras:
        number = model.camera(name).id
        axes = data.cam_xmat[number].reshape(3, 3)  # columns: the camera's x, y, z
        focal = 0.5 / np.tan(np.radians(model.cam_fovy[number]) / 2)  # in pictures
        inner = np.array([[-focal, 0, -0.5], [0, -focal, -0.5], [0, 0, -1]])
        outer = np.concatenate([axes.T, -axes.T @ data.cam_xpos[number][:, None]], axis=1)
        matrices.append(inner @ outer)
    return np.stack(matrices).astype(np.float32)
