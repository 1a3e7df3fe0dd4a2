"""Shaders of the light scene: SAPIEN's minimal pack without the table for reflections of an environment map.

SAPIEN computes that table when a process takes its first picture, 6.5 s of CPU on a software renderer. What is read
from it is multiplied by the environment map, which is black: no environment of the suite has one. The pictures are the
same to the last bit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

from muvla.sim.cache import made_once
from muvla.sim.contract import SimulatorError

PACK = "minimal"
TABLE = "samplerBRDFLUT"
_READ = re.compile(rf"texture\({TABLE},.*\)\.xy")
_DECLARATION = re.compile(rf"^layout.*\b{TABLE};\n", re.MULTILINE)


def without_table(shader: str) -> str:
    """Return the text of a shader with zeros in place of what it reads from the table.

    A text that names the table anywhere else, as another version's may, is returned as it is: slow, but right.
    """
    changed = _DECLARATION.sub("", _READ.sub("vec2(0)", shader))
    return shader if TABLE in changed else changed


def _source() -> Path:
    package = importlib.util.find_spec("sapien")
    if package is None or not package.submodule_search_locations:
        raise SimulatorError("sapien is not installed; install the lock (containers/requirements.lock)")
    return Path(package.submodule_search_locations[0]) / "vulkan_shader"


def _make(folder: Path, source: Path) -> None:
    for name in (PACK, "common"):  # the pack includes files of the other one
        shutil.copytree(source / name, folder / name)
    for path in (folder / PACK).iterdir():
        path.write_text(without_table(path.read_text("utf-8")), "utf-8")


def light_pack() -> Path:
    """Return the folder of the shaders, made if missing.

    Raises SimulatorError when the cache cannot be written or sapien is missing.
    """
    source = _source()
    texts = [Path(__file__), *sorted((source / PACK).iterdir()), *sorted((source / "common").iterdir())]
    key = hashlib.sha256(b"\0".join(path.read_bytes() for path in texts)).hexdigest()[:16]
    return made_once(f"shaders-{key}", lambda scratch: _make(scratch, source)) / PACK


def light_cameras() -> dict[str, Any]:
    """Return the sensor_configs of a mani_skill environment whose cameras draw with the shaders."""
    from mani_skill.render.shaders import PREBUILT_SHADER_CONFIGS

    return {"shader_config": dataclasses.replace(PREBUILT_SHADER_CONFIGS[PACK], shader_pack=str(light_pack()))}


def set_picture_formats() -> None:
    """Set the pack's picture formats, which mani_skill sets for packs that it knows by name only."""
    from mani_skill.render.shaders import PREBUILT_SHADER_CONFIGS, set_shader_pack

    set_shader_pack(PREBUILT_SHADER_CONFIGS[PACK])
