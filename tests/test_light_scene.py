"""The light scene beside the shipped one: the same physics, nearly the same pictures, the same files whenever made."""

import contextlib

import numpy as np
import pytest
import sapien.render

from muvla.benchmark.mikasa import MIKASA
from muvla.golden.layers import ENVIRONMENTS
from muvla.sim.mikasa import light_scene
from muvla.sim.mikasa.env import MikasaEnv

SEED = 5
QUICK = ("ShellGamePick", "RememberColor9")  # the first builds its scene anew at every reset, the second never


def bodies(env):
    """What is rendered: {entity: [(vertices, triangles, material) of each part]}."""
    found = {}
    for entity in env.raw.scene.sub_scenes[0].entities:
        body = entity.find_component_by_type(sapien.render.RenderBodyComponent)
        if body is not None:
            parts = [part for shape in body.render_shapes for part in getattr(shape, "parts", [])]
            found[entity.name] = [(part.vertices, part.triangles, part.material) for part in parts]
    return found


def triangles(env):
    return sum(len(part[1]) for parts in bodies(env).values() for part in parts)


def what_matters(env):
    """Masks (2, H, W) of the pixels that show table, objects or gripper, by the shipped scene's segmentation."""
    cameras = [env.raw.scene.sensors[name].camera for name in MIKASA.cameras]
    shown = np.stack([camera.get_picture("PositionSegmentation")[0][0, ..., 3].numpy() for camera in cameras])
    names = {number: thing.name for number, thing in env.raw.segmentation_id_map.items()}
    others = [n for n, name in names.items() if name.startswith(("panda_link", "camera_", "ground"))]
    return ~np.isin(shown, [0, *others])  # 0: the sky


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ENVIRONMENTS]
)
def test_the_pictures_are_nearly_those_of_the_shipped_scene(name):
    images = {}
    for light in (True, False):
        with contextlib.closing(MikasaEnv(name, light_mesh=light, standin_mug=True)) as env:
            images[light] = env.reset(seed=SEED)[0]["image"].astype(int)
            assert (triangles(env) < 20_000) == light  # after a reset, which may have built the scene anew
            masks = what_matters(env)
    difference = np.abs(images[True] - images[False]).mean(axis=-1)  # (2, H, W)
    base, wrist = difference.mean(axis=(1, 2))
    assert base < 1
    assert wrist < 0.1
    for camera, mask in zip(difference, masks, strict=True):
        assert mask.mean() > 0.5
        assert camera[mask].mean() < 1


def test_the_physics_is_that_of_the_shipped_scene_and_materials_are_kept():
    actions = np.random.default_rng(0).uniform(-1, 1, (30, 7)).astype(np.float32)
    states, materials = {}, {}
    for light in (True, False):
        with contextlib.closing(MikasaEnv("RememberColor3", light_mesh=light, actions_per_step=5)) as env:
            observation, info = env.reset(seed=SEED)
            states[light], truncated = [env.raw.get_state().numpy().tobytes()], False
            while not truncated:
                observation, _, _, truncated, info = env.step(actions[info["steps"] : info["steps"] + 5])
                states[light] += [env.raw.get_state().numpy().tobytes(), observation["proprio"].tobytes()]
            materials[light] = {
                name: sorted(
                    (*part[2].base_color, part[2].metallic, part[2].roughness, part[2].specular) for part in parts
                )
                for name, parts in bodies(env).items()
            }
    assert len(states[True]) > 10
    assert states[True] == states[False]
    assert materials[True] == materials[False]
    assert len(materials[True]["panda_hand"]) == 2


def test_the_ground_keeps_its_corners_and_its_texture():
    with contextlib.closing(MikasaEnv("RememberColor3", render=False)) as env:
        ((vertices, faces, material),) = bodies(env)["scene-0_ground"]
        ground = env.raw.table_scene.ground._objs[0].find_component_by_type(sapien.render.RenderBodyComponent)
        uv = ground.render_shapes[0].parts[0].get_vertex_uv()
    assert faces.shape == (2, 3)
    np.testing.assert_allclose(vertices[:, :2], [[-50, -50], [50, -50], [-50, 50], [50, 50]])
    np.testing.assert_allclose(uv, (vertices[:, :2] * 25 + 50) / 100)  # as mani_skill computes them: 4 m a square
    assert material.base_color_texture is not None


def test_the_meshes_are_the_same_bytes_whenever_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one"))
    first = light_scene.mesh_sha256(True)
    assert first != light_scene.mesh_sha256(False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    assert light_scene.mesh_sha256(True) == first
    assert [path.name[0] for path in (tmp_path / "two" / "muvla").iterdir()] == ["p"]  # nothing temporary is left


def test_other_numbers_of_triangles_get_a_folder_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = light_scene.robot_description(True)
    monkeypatch.setattr(light_scene, "FACES", 300)
    assert light_scene.robot_description(True) != first


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match="XDG_CACHE_HOME"):
        light_scene.robot_description(True)
