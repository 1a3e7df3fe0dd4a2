"""Build the light scene: the robot's visual meshes decimated at first use, and the ground as two triangles.

A software renderer pays for vertices. As shipped, the robot's visual meshes hold 561,000 triangles (425,160 of them in
the body of the wrist camera), nearly each with three vertices of its own, and the ground is a flat grid of 20,000. The
light scene draws 10,000 and leaves the pictures nearly as they are. Collision shapes, masses and joints stay as
shipped, so the physics is the same to the last bit.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from muvla import cpu
from muvla.files import file_sha256
from muvla.sim.cache import made_once
from muvla.sim.contract import SimulatorError
from muvla.sim.mikasa import shaders

if TYPE_CHECKING:
    import trimesh

# Triangles of each part (one material of one link); FACES_OF: of each part of the links named there. The fingers, which
# the wrist camera sees from 5 cm, have fewer and stay as shipped, so its picture of them does not change; no camera
# sees links 3 and 4 in any of the nine families. Chosen by what both pictures cost (CPU time) and by the mean
# difference from the shipped scene, of 255 levels, on the base camera's pixels of arm and gripper (RememberColor3, ten
# states, AMD EPYC):
#   FACES  hand  links 3 and 4      ms   arm  gripper
#     300   300            300    10.4   9.7     11.4
#     500   500            500    11.2   6.6      9.3
#     500   500            100    10.8   6.7      9.3
#     500  1500            100    11.3   6.7      2.3   (chosen)
#     600  1500            100    12.0   6.1      2.5
#    1200  3000            100    14.6   4.1      2.1
#    2000  2000           2000    18.2   2.0      1.6
#   shipped                      127.9
FACES = 500
FACES_OF = {"hand": 1500, "link3": 100, "link4": 100}
# Edges sharper than this many degrees keep their edge in the shading; the others are shaded smoothly, as the shipped
# meshes, whose triangles are flat but small, look at 128 pixels.
CREASE = 30
# Pieces of a mesh smaller than this, in metres, are dropped before decimation: less than a pixel of the base camera,
# which sees the robot from 0.3 m or more at 128 pixels over 90 degrees.
SPECK = 0.004
# Raise it when the code below changes what it makes.
VERSION = 1

CAMERA_MESH = Path("realsense2_description") / "meshes" / "d415.stl"


def _source() -> Path:
    """The robot description that ships with mani_skill."""
    package = importlib.util.find_spec("mani_skill")  # found, not imported: that takes seconds
    if package is None or not package.submodule_search_locations:
        raise SimulatorError("mani_skill is not installed; install the lock (containers/requirements.lock)")
    return Path(package.submodule_search_locations[0]) / "assets" / "robots" / "panda" / "panda_v3.urdf"


def _meshes(robot: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """The mesh elements of a robot description; kind: "visual" or "collision"."""
    return robot.findall(f"link/{kind}/geometry/mesh")


def _key(source: Path, robot: ElementTree.Element) -> str:
    """Everything the made folder depends on, so that a changed installation gets a new one."""
    import fast_simplification
    import trimesh

    names = sorted({mesh.attrib["filename"] for mesh in _meshes(robot, "visual")})
    parts = [str(source), file_sha256(source), *(file_sha256(source.parent / name) for name in names)]
    parts += [str(setting) for setting in (FACES, FACES_OF, CREASE, SPECK, VERSION)]
    parts += [str(fast_simplification.__version__), str(trimesh.__version__), cpu.state()]  # it rounds corners
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _decimated(mesh: trimesh.Trimesh, count: int) -> trimesh.Trimesh:
    """`mesh` with about `count` triangles, shaded smoothly except at creases; itself if it has no more than that."""
    import fast_simplification
    import trimesh

    if len(mesh.faces) <= count:
        return mesh
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)  # welded: shipped triangles share no vertex
    pieces = trimesh.graph.connected_components(whole.face_adjacency, nodes=np.arange(len(whole.faces)))
    whole.update_faces(np.concatenate([p for p in pieces if np.ptp(whole.triangles[p], axis=(0, 1)).max() >= SPECK]))
    points, faces = fast_simplification.simplify(whole.vertices, whole.faces, target_count=count)
    # Rounded, to a micrometre, so that the bytes do not hang on the last bit of a CPU's arithmetic.
    light = trimesh.Trimesh(np.round(points, 6), faces, process=False)
    smooth = trimesh.graph.smooth_shade(light, angle=np.radians(CREASE), facet_minarea=None)
    return trimesh.Trimesh(
        smooth.vertices, smooth.faces, vertex_normals=np.round(smooth.vertex_normals, 4), process=False
    )


def _materials(glb: Path) -> dict[str, dict[str, Any]]:
    """The materials of a binary glTF file by name, as written there: trimesh rounds colours to 8 bits."""
    data = glb.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    return {material["name"]: material for material in json.loads(data[20 : 20 + length])["materials"]}


def _decimate_file(path: Path, target: Path, count: int) -> None:
    """Write the meshes of `path` (.glb or .stl) to `target` (.glb), each decimated, poses and materials kept."""
    import trimesh

    shipped = trimesh.load_scene(path, process=False)
    light = trimesh.Scene()
    for node in shipped.graph.nodes_geometry:
        pose, name = shipped.graph[node]
        mesh = shipped.geometry[name]
        if path.suffix == ".stl":
            # The camera's body: 1,083 pieces, which decimation cannot get below 13,600 triangles. Its outside is
            # convex, one material covers it, and the wrist camera looks out of it. In millimetres.
            part = _decimated(trimesh.convex.convex_hull(np.round(mesh.vertices, 3)), count)
        else:
            part = _decimated(mesh, count)
            part.visual = trimesh.visual.TextureVisuals(material=mesh.visual.material)
        light.add_geometry(part, geom_name=str(name), transform=pose)

    def keep_materials(tree: dict[str, Any]) -> None:
        if path.suffix == ".glb":
            written = _materials(path)
            tree["materials"] = [written[material["name"]] for material in tree["materials"]]

    light.export(target, include_normals=True, tree_postprocessor=keep_materials)


def _make(folder: Path, source: Path) -> None:
    """Write the decimated meshes, and the robot description that names them, into `folder`."""
    tree = ElementTree.parse(source)
    robot = tree.getroot()
    # The loader looks for files from the description's folder upwards; absolute names keep the rest where it is.
    for mesh in _meshes(robot, "collision"):
        mesh.set("filename", str(source.parent / mesh.attrib["filename"]))
    for mesh in _meshes(robot, "visual"):
        path = source.parent / mesh.attrib["filename"]
        light = folder / f"{path.stem}.glb"
        if not light.exists():
            _decimate_file(path, light, FACES_OF.get(path.stem, FACES))
        mesh.set("filename", light.name)
    tree.write(folder / source.name)
    # Without the collision pairs beside it the hand and the camera would collide and physics would differ.
    srdf = source.with_suffix(".srdf")
    (folder / srdf.name).write_bytes(srdf.read_bytes())


def robot_description(light: bool) -> Path:
    """The URDF to load: mani_skill's own, or the one with the light meshes (made if missing).

    Raises SimulatorError when the cache cannot be written or mani_skill is missing.
    """
    source = _source()
    if not light:
        return source
    key = _key(source, ElementTree.parse(source).getroot())
    return made_once(f"panda-light-{key}", lambda scratch: _make(scratch, source)) / source.name


def mesh_sha256(light: bool) -> str:
    """SHA-256 that tells the scenes apart, for provenance.

    Of the light scene, over its meshes; of the shipped one, of the body of the wrist camera.
    """
    if not light:
        return file_sha256(_source().parent / CAMERA_MESH)
    meshes = sorted(robot_description(True).parent.glob("*.glb"))
    return hashlib.sha256("\n".join(f"{mesh.name} {file_sha256(mesh)}" for mesh in meshes).encode()).hexdigest()


def _corners(vertices: np.ndarray) -> np.ndarray:
    """Indices (4,) of the vertices (N, 3) of a flat grid at (low, low), (high, low), (low, high), (high, high) x, y."""
    low, high = vertices[:, :2].min(axis=0), vertices[:, :2].max(axis=0)
    wanted = np.array([low, (high[0], low[1]), (low[0], high[1]), high])
    return np.abs(wanted[:, None] - vertices[None, :, :2]).sum(axis=2).argmin(axis=1)


def lighten_ground(ground: Any) -> None:
    """Draw mani_skill's ground (an Actor) as two triangles between the corners of its grid, with the same texture.

    Texture coordinates are linear over the grid and no more than 13 at its corners, so a software renderer can
    interpolate them over 100 m: beside the shipped grid one pixel in ten thousand differs, by one level, and grids
    of 50, 20, 10, 4 and 2 squares a side differ as much.
    """
    import sapien.render

    for entity in ground._objs:
        shipped = entity.find_component_by_type(sapien.render.RenderBodyComponent)
        if shipped is None:  # built without a renderer
            continue
        (part,) = shipped.render_shapes[0].parts
        chosen = _corners(part.vertices)
        light = sapien.render.RenderBodyComponent()
        light.attach(
            sapien.render.RenderShapeTriangleMesh(
                vertices=part.vertices[chosen],
                triangles=np.array([[0, 1, 2], [1, 3, 2]]),
                normals=part.get_vertex_normal()[chosen],
                uvs=part.get_vertex_uv()[chosen],
                material=part.material,
            )
        )
        entity.remove_component(shipped)
        entity.add_component(light)


def lightened(environment: type[Any]) -> type[Any]:
    """A subclass of the suite's environment: its scene has the light ground, its cameras the formats of our shaders."""

    def _load_scene(self: Any, options: dict[str, Any]) -> None:
        environment._load_scene(self, options)
        lighten_ground(self.table_scene.ground)

    def _setup_sensors(self: Any, options: dict[str, Any]) -> None:
        shaders.set_picture_formats()
        environment._setup_sensors(self, options)

    changed = {"_load_scene": _load_scene, "_setup_sensors": _setup_sensors}
    return type(environment.__name__, (environment,), changed)
