"""The light scene of LIBERO: what is only drawn is decimated when a scene is loaded, and nothing is mirrored.

A software renderer pays for triangles: 90 % of the time of both pictures goes into meshes, 300,000 triangles in a scene
of libero_object. The light scene draws a twentieth of them, and draws them once: floor and table mirror nothing.
Collision shapes, masses and textures stay as shipped, so the physics is the same to the last bit; pictures differ, and
the provenance says so.
F faces, V vertices, T texture coordinates of one mesh.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FACES = 400  # of each mesh: robot links are made of several
PART = 40  # or one in so many, where that is more
ENOUGH = 800  # a mesh of no more stays as it is
CREASE = 30  # degrees: sharper edges keep their edge in the shading
INWARDS = 0.05  # of the way from a corner to its triangle's centre: on which side of a texture's seam it lies


def lighten(model: Any) -> None:
    """Decimate the meshes of a compiled MjModel that touch nothing, before a renderer takes them; mirror nothing."""
    import mujoco

    model.mat_reflectance[:] = 0

    meshes = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    touching = (model.geom_contype > 0) | (model.geom_conaffinity > 0)
    solid = set(model.geom_dataid[meshes & touching].tolist())
    for number in sorted(set(model.geom_dataid[meshes & ~touching].tolist()) - solid):
        if model.mesh_facenum[number] <= ENOUGH:
            continue
        _store(model, number, *_decimated(*_stored(model, number)))


def _stored(model: Any, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return vertices (V, 3), faces (F, 3), and texture coordinates of every corner (F, 3, 2) if there are any."""
    first, count = model.mesh_vertadr[number], model.mesh_vertnum[number]
    vertices = model.mesh_vert[first : first + count].copy()
    start, faces = model.mesh_faceadr[number], model.mesh_facenum[number]
    corners = model.mesh_face[start : start + faces].copy()
    if (place := model.mesh_texcoordadr[number]) < 0:
        return vertices, corners, None
    return vertices, corners, model.mesh_texcoord[place + model.mesh_facetexcoord[start : start + faces]].copy()


def _decimated(vertices: np.ndarray, faces: np.ndarray, texture: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Return vertices (V', 3), faces (F', 3), normals (F', 3, 3) and texture coordinates (F', 3, 2) of every corner.

    A corner's texture is that of the nearest corner of the shipped mesh, both moved a little into their triangles.
    """
    import fast_simplification
    import trimesh
    from scipy.spatial import cKDTree

    whole = trimesh.Trimesh(vertices, faces, process=True)
    # Rounded, to a micrometre, so that the pictures do not hang on the last bit of a CPU's arithmetic.
    points, corners = fast_simplification.simplify(
        whole.vertices, whole.faces, target_count=max(FACES, len(faces) // PART)
    )
    points = np.round(points, 6).astype(np.float32)
    light = trimesh.Trimesh(points, corners, process=False)
    smooth = trimesh.graph.smooth_shade(light, angle=np.radians(CREASE), facet_minarea=None)
    normals = np.round(smooth.vertex_normals[smooth.faces], 4)
    # smooth_shade orders faces anew: everything below is of its faces
    places = smooth.vertices[smooth.faces]  # (F', 3, 3)
    _, corners = cKDTree(points).query(places.reshape(-1, 3))
    coordinates = np.zeros((len(places), 3, 2), np.float32)
    if texture is not None:
        tree = cKDTree(_inwards(vertices[faces]).reshape(-1, 3))
        _, nearest = tree.query(_inwards(places).reshape(-1, 3))
        coordinates = texture.reshape(-1, 2)[nearest].reshape(-1, 3, 2)
    return points, corners.reshape(-1, 3).astype(np.int32), normals.astype(np.float32), coordinates


def _inwards(triangles: np.ndarray) -> np.ndarray:
    """Move each corner of triangles (F, 3, 3) towards its triangle's centre."""
    return triangles + INWARDS * (triangles.mean(axis=1, keepdims=True) - triangles)


def _store(
    model: Any, number: int, points: np.ndarray, faces: np.ndarray, normals: np.ndarray, texture: np.ndarray
) -> None:
    """Put a lighter mesh into the place of a mesh, if it has room there.

    Its normals and texture coordinates are one for each corner.
    """
    first, start = model.mesh_vertadr[number], model.mesh_faceadr[number]
    each = np.arange(faces.size, dtype=np.int32).reshape(-1, 3)
    place = model.mesh_normaladr[number]
    if faces.size > model.mesh_normalnum[number] or len(points) > model.mesh_vertnum[number]:
        return
    if model.mesh_texcoordadr[number] >= 0 and faces.size > model.mesh_texcoordnum[number]:
        return
    model.mesh_vert[first : first + len(points)] = points
    model.mesh_face[start : start + len(faces)] = faces
    model.mesh_normal[place : place + faces.size] = normals.reshape(-1, 3)
    model.mesh_facenormal[start : start + len(faces)] = each
    if (place := model.mesh_texcoordadr[number]) >= 0:
        model.mesh_texcoord[place : place + faces.size] = texture.reshape(-1, 2)
        model.mesh_facetexcoord[start : start + len(faces)] = each
    model.mesh_facenum[number] = len(faces)
