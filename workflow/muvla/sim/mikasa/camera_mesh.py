"""A light mesh for the body of the wrist camera, made at first use.

The body of the robot's wrist camera holds 425 thousand of the scene's 581 thousand triangles, and a CPU renderer pays
for vertices. Quadric decimation to about eight thousand faces leaves the wrist picture as it is and halves the cost.
"""

import hashlib
import importlib.util
from pathlib import Path

from muvla.files import file_sha256
from muvla.sim.cache import made_once
from muvla.sim.contract import SimulatorError

FACES = 8000
MESH = Path("realsense2_description") / "meshes" / "d415.stl"
LIGHT_NAME = "d415_light.stl"


def _source() -> Path:
    """Return the robot description that ships with mani_skill."""
    package = importlib.util.find_spec("mani_skill")  # found, not imported: that takes seconds
    if package is None or not package.submodule_search_locations:
        raise SimulatorError("mani_skill is not installed; install the lock (containers/requirements.lock)")
    return Path(package.submodule_search_locations[0]) / "assets" / "robots" / "panda" / "panda_v3.urdf"


def _key(source: Path) -> str:
    """Hash everything the folder depends on, so that a changed installation gets a new one."""
    import fast_simplification
    import trimesh

    mesh = source.parent / MESH
    parts = [str(source), file_sha256(source), file_sha256(mesh), str(FACES)]
    parts += [str(fast_simplification.__version__), str(trimesh.__version__)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _make(folder: Path, source: Path) -> None:
    """Write the decimated mesh, and the robot description that names it, into `folder`."""
    import fast_simplification
    import trimesh

    mesh = trimesh.load_mesh(source.parent / MESH)
    assert isinstance(mesh, trimesh.Trimesh)
    points, faces = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=FACES)
    trimesh.Trimesh(points, faces, process=False).export(folder / LIGHT_NAME)
    text = source.read_text()
    name = str(MESH)
    if text.count(f'filename="{name}"') != 1:
        raise SimulatorError(
            f"{source} does not name {name} exactly once: this mani_skill is not the one the light mesh was "
            "made for (3.0.1). Install the lock's version, or turn the light mesh off (light_mesh: false)."
        )
    # The loader looks for files from the description's folder upwards; absolute names keep the rest where it is.
    text = text.replace(f'filename="{name}"', f'filename="{LIGHT_NAME}"')
    text = text.replace('filename="franka_description', f'filename="{source.parent}/franka_description')
    (folder / source.name).write_text(text)
    # Without the collision pairs beside it the hand and the camera would collide and physics would differ.
    srdf = source.with_suffix(".srdf")
    (folder / srdf.name).write_bytes(srdf.read_bytes())


def robot_description(light: bool) -> Path:
    """Return the URDF to load: mani_skill's own, or the one with the light camera body (made if missing).

    Raises SimulatorError when the cache cannot be written or mani_skill's files are not as expected.
    """
    source = _source()
    if not light:
        return source
    folder = made_once(f"panda-light-{_key(source)}", lambda scratch: _make(scratch, source))
    return folder / source.name


def mesh_sha256(light: bool) -> str:
    """Return the SHA-256 of the mesh that `robot_description(light)` uses for the camera body."""
    if not light:
        return file_sha256(_source().parent / MESH)
    return file_sha256(robot_description(True).parent / LIGHT_NAME)
