"""The cup of the three ShellGame environments: the YCB mug where it is installed, else a stand-in of our own.

Only the user starts the mug's download of 86 MB. The stand-in is a hollow cylinder of the mug's size with a bottom and
a box handle along +x, made at first use. Results on it are not results on the YCB mug: `MikasaEnv.provenance()` names
which of the two was used.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from muvla.sim.cache import made_once
from muvla.sim.contract import SimulatorError

RADIUS, HEIGHT, WALL = 0.0428, 0.0815, 0.004  # metres, before the environments' own scale of 1.3
HANDLE_OUT, HANDLE_TALL, HANDLE_THICK = 0.031, 0.05, 0.01  # metres
SEGMENTS = 16
MODELS = 74  # as many names as the YCB list has: environments draw one, and draws must stay aligned
FETCH = "python -m mani_skill.utils.download_asset ycb"
MUG = "025_mug"
_SHELL_GAMES = "mikasa_robo_suite.vla.memory_envs.shell_game"
_YCB = Path("assets") / "mani_skill2_ycb"


class MissingMug(SimulatorError):
    """The YCB mug is not installed and the stand-in was not allowed."""


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Any:
    import trimesh

    box = trimesh.creation.box(extents=np.subtract(high, low))
    box.apply_translation(np.add(low, high) / 2)
    return box


def _pieces() -> list[Any]:
    """Return convex pieces whose union is the mug, centred at the origin, open side up."""
    import trimesh

    half, pieces = HEIGHT / 2, []
    edges = np.linspace(0, 2 * np.pi, SEGMENTS + 1)
    for begin, end in zip(edges[:-1], edges[1:], strict=True):
        # A hair's breadth between neighbours: pieces that touch are one to the loader, and their hull fills the mug.
        angles = np.array([begin + 1e-3, end - 1e-3])
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        corners = [(*(r * xy), z) for r in (RADIUS - WALL, RADIUS) for xy in ring for z in (-half + WALL + 1e-4, half)]
        pieces.append(trimesh.convex.convex_hull(np.array(corners)))
    bottom = trimesh.creation.cylinder(radius=RADIUS, height=WALL, sections=SEGMENTS)
    bottom.apply_translation((0, 0, -half + WALL / 2))
    near, far, tall, thick = RADIUS + 1e-4, RADIUS + HANDLE_OUT, HANDLE_TALL / 2, HANDLE_THICK
    side = thick / 2
    pieces += [
        bottom,
        _box((near, -side, tall - thick), (far - thick - 1e-4, side, tall)),
        _box((near, -side, -tall), (far - thick - 1e-4, side, -tall + thick)),
        _box((far - thick, -side, -tall), (far, side, tall)),
    ]
    return pieces


def _make(folder: Path) -> None:
    """Fill `folder` with what the environments read of the YCB set, for one cup."""
    import trimesh

    root = folder / _YCB
    model = root / "models" / MUG
    model.mkdir(parents=True)
    mug: Any = trimesh.util.concatenate(_pieces())
    mug.export(model / "collision.ply")
    lines = ["mtllib textured.mtl", "usemtl mug"]
    for triangle in mug.triangles:
        lines += ["v {:.6f} {:.6f} {:.6f}".format(*corner) for corner in triangle]
    lines += [f"f {3 * i + 1} {3 * i + 2} {3 * i + 3}" for i in range(len(mug.triangles))]
    (model / "textured.obj").write_text("\n".join(lines) + "\n")
    (model / "textured.mtl").write_text("newmtl mug\nKa 0.6 0.08 0.08\nKd 0.6 0.08 0.08\nKs 0.1 0.1 0.1\nillum 2\n")
    low, high = mug.bounds.tolist()
    entry = {"bbox": {"min": low, "max": high}, "scales": [1.0], "density": 1000}
    names = [MUG] + [f"standin_{index:02d}" for index in range(1, MODELS)]
    (root / "info_pick_v0.json").write_text(json.dumps(dict.fromkeys(names, entry)))


def installed(assets: Path) -> bool:
    """Whether the YCB mug is under mani_skill's asset folder `assets`."""
    model = assets / _YCB / "models" / MUG
    return (assets / _YCB / "info_pick_v0.json").is_file() and (model / "textured.obj").is_file()


def choose(environment: str, allow_standin: bool) -> tuple[str, Path]:
    """Choose the YCB mug if it is installed, else the stand-in if allowed.

    Returns ("ycb" | "standin", the asset folder to read).

    Raises MissingMug, saying how to fetch the mug or how to allow the stand-in.
    """
    from mani_skill import ASSET_DIR

    if installed(Path(ASSET_DIR)):
        return "ycb", Path(ASSET_DIR)
    if allow_standin:
        return "standin", made_once("standin-mug-1", _make)
    raise MissingMug(
        f"{environment} needs the YCB mug, which is not in {Path(ASSET_DIR) / _YCB}. Fetch it with `{FETCH}` (86 MB), "
        "or allow the stand-in mug with standin_mug=true, which labels the results."
    )


def read_from(assets: Path) -> None:
    """Make the environments and the asset loader read the YCB set from `assets`; each copied the name at import."""
    import mikasa_robo_suite.vla.memory_envs  # noqa: F401

    # By name: the package shadows its own `utils`, so an import statement finds another one.
    loader = importlib.import_module("mani_skill.utils.building.actors.ycb")
    modules = [sys.modules[name] for name in list(sys.modules) if name.startswith(_SHELL_GAMES)]
    for module in [loader, *modules]:
        module.ASSET_DIR = assets  # type: ignore[attr-defined]
