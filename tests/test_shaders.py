"""The light scene's shaders: the pictures of the shipped ones, without the table that costs seconds at the first."""

import contextlib

import numpy as np

from muvla.sim.mikasa import shaders
from muvla.sim.mikasa.env import MikasaEnv

ACTIONS = np.random.default_rng(0).uniform(-1, 1, (25, 1, 7)).astype(np.float32)


def pictures() -> bytes:
    with contextlib.closing(MikasaEnv("RememberColor3")) as env:
        seen = [env.reset(seed=5)[0]["image"], *(env.step(action)[0]["image"] for action in ACTIONS)]
        return np.stack(seen).tobytes()


def test_pictures_are_those_of_the_shipped_shaders(monkeypatch) -> None:
    light = pictures()
    monkeypatch.setattr(shaders, "light_cameras", dict)
    assert pictures() == light


def test_no_shader_names_the_table() -> None:
    made = {path.name: path.read_text("utf-8") for path in shaders.light_pack().iterdir()}
    shipped = {path.name: path.read_text("utf-8") for path in (shaders._source() / shaders.PACK).iterdir()}
    changed = {name for name, text in shipped.items() if made[name] != text}
    assert changed == {name for name, text in shipped.items() if shaders.TABLE in text}
    assert changed
    assert not [name for name, text in made.items() if shaders.TABLE in text]


def test_a_shader_that_reads_the_table_in_another_way_is_left_as_it_is() -> None:
    declared = f"layout(set = 3, binding = 8) uniform sampler2D {shaders.TABLE};\n"
    text = f"{declared}vec4 x = textureLod({shaders.TABLE}, uv, 0);\n"
    assert shaders.without_table(text) == text
