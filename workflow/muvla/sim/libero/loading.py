"""Load LIBERO's scene once instead of at every reset, and as the light scene if wished.

Its environments build their scene anew at every reset: objects, XML, compilation, renderer. The XML comes out the same,
so all but the first compilation and renderer are spared: the compiled scene is put back to how it was loaded. Random
numbers are drawn as before, so an episode is the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from muvla.sim.libero.light_scene import lighten

LARGE = ("mesh_", "tex_", "hfield_", "bvh_", "oct_")  # arrays of a compiled scene that no episode changes


def load_once(raw: Any, *, light: bool) -> None:
    """Let one of LIBERO's environments (a ControlEnv) keep the scene of its next reset, as the light one if `light`."""
    env = raw.env
    load = env._initialize_sim
    loaded: dict[str, Any] = {}

    def load_or_put_back(xml_string: str | None = None) -> None:
        xml = xml_string or env.model.get_xml()
        if xml != loaded.get("xml"):
            release(raw)
            env._destroy_sim = lambda: None
            load(xml)
            if light:
                lighten(env.sim.model._model)
            loaded.update(xml=xml, sim=env.sim, arrays=_arrays(env.sim.model._model))
            return
        env.sim = loaded["sim"]
        for name, values in loaded["arrays"].items():
            getattr(env.sim.model._model, name)[...] = values
        env.sim.reset()
        env.sim.forward()
        env.initialize_time(env.control_freq)

    env._initialize_sim = load_or_put_back


def release(raw: Any) -> None:
    """Free the scene that load_once keeps."""
    vars(raw.env).pop("_destroy_sim", None)
    raw.env._destroy_sim()


def _arrays(model: Any) -> dict[str, np.ndarray]:
    """Copy everything of a compiled MjModel that an episode could change."""
    names = [name for name in dir(model) if not name.startswith(("_", *LARGE))]
    found = {name: getattr(model, name) for name in names if isinstance(getattr(model, name, None), np.ndarray)}
    return {name: values.copy() for name, values in found.items() if values.flags.writeable}
