"""LIBERO's light scene, what is told of a scene, and how sampled placements are put back, in the real simulator."""

from typing import Any

import numpy as np
import pytest

from fresh_process import apart
from muvla.benchmark.libero import LIBERO
from muvla.collect import libero_scene
from muvla.sim.libero.env import LiberoEnv

OPEN = np.array([[0, 0, 0, 0, 0, 0, -1]], np.float32)


def light_and_shipped() -> dict[str, Any]:
    found: dict[str, Any] = {}
    env = LiberoEnv("libero_object/0", light_mesh=True)
    for scene in ("light", "loaded anew"):
        found[scene] = (env.reset(seed=0)[0]["image"], env.state(), int(env.raw.sim.model._model.mesh_facenum.sum()))
    found["provenance"] = env.provenance()["light_mesh"]
    # Where the picture changes when an object is taken away is where its projection lies.
    places = dict(zip(libero_scene.names(env).values(), libero_scene.positions(env), strict=True))
    for camera, matrix in enumerate(libero_scene.projections(env)):
        seen = matrix @ np.append(places["tomato sauce"], 1)
        found["place", camera] = seen[:2] / seen[2]
    before = [env.raw.sim.render(256, 256, camera_name=name)[::-1, ::-1] for name in LIBERO.cameras]
    joint = env.raw.env.objects_dict["tomato_sauce_1"].joints[-1]
    env.raw.sim.data.set_joint_qpos(joint, np.array([0, 0, -5, 1, 0, 0, 0], np.float64))
    env.raw.sim.forward()
    after = [env.raw.sim.render(256, 256, camera_name=name)[::-1, ::-1] for name in LIBERO.cameras]
    found["changed"] = [np.abs(one.astype(int) - other).sum(-1) > 60 for one, other in zip(before, after, strict=True)]
    return found


def shipped() -> tuple[np.ndarray, np.ndarray, int]:
    env = LiberoEnv("libero_object/0")
    return env.reset(seed=0)[0]["image"], env.state(), int(env.raw.sim.model._model.mesh_facenum.sum())


@pytest.mark.slow
def test_the_light_scene_looks_alike_and_moves_the_same() -> None:
    found, (image, state, faces) = apart(light_and_shipped), apart(shipped)
    for scene in ("light", "loaded anew"):
        lit, same, fewer = found[scene]
        np.testing.assert_array_equal(same, state)
        assert fewer < faces / 3
        assert 0 < np.abs(lit.astype(int) - image).mean() < 8
    assert found["provenance"] is True
    for camera, changed in enumerate(found["changed"]):
        cut = changed[[0, -1]].any() or changed[:, [0, -1]].any()
        if changed.sum() > 50 and not cut:  # the wrist camera may see a part of it or nothing
            middle = np.argwhere(changed).mean(0)[::-1] / 256
            np.testing.assert_allclose(found["place", camera], middle, atol=0.05)
    whole = found["changed"][0]
    assert whole.sum() > 50
    assert not whole[[0, -1]].any()


def placed(order: tuple[int, ...]) -> bytes:
    env = LiberoEnv("libero_spatial/7", placement="sampled", render=False)  # its bowl stands on the stove
    for seed in order:
        env.reset(seed=seed)
    env.step(OPEN)
    state: bytes = env.state().tobytes()
    env.close()
    return state


@pytest.mark.slow
def test_a_sampled_placement_does_not_depend_on_those_before_it() -> None:
    """They are put back without loading the scene anew."""
    assert apart(placed, (5,)) == apart(placed, (3, 4, 5))
