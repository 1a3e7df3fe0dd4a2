"""One traced episode as the viewer's browser reads it: a script with numbers, and a sheet of pictures a camera.

A page that was opened from a file system may not fetch() the files beside it, but it may load scripts and pictures. So
numbers come in a script that hands them over: viewer.episode(NAME, HEADER, BYTES). BYTES are arrays, one behind the
other, little-endian, gzipped, in base64; HEADER["arrays"] lists name, type and shape of each, in order:

    norms      float32 (T, m)           L2 norm of each memory token that a forward pass read out
    distances  float32 (T-1, m)         1 - cos to the token that the forward pass before read out
    actions    float32 (T, R, 7)        as the simulator was given them
    shares     float32 (T, L, Q, C)     of a query's attention that a camera gets
    peaks      float32 (T, L, Q)        attention to the strongest patch of all cameras
    attention  uint8   (T, L, Q, C, P)  to each patch: peak * (value / 255)**2

Letters as in muvla.records.trace. The first two are missing without memory. A sheet holds the T pictures of a camera
and, last, how the episode ended, COLUMNS in a row.
"""

import base64
import gzip
import io
import json
from dataclasses import dataclass

import numpy as np
from PIL import Image

from muvla.benchmark.benchmark import benchmark_of
from muvla.records.trace import About, Trace

FORMAT = 1  # of scripts and sheets; viewer_files.js reads this one only
COLUMNS = 16  # pictures in a row of a sheet
QUALITY = 82  # of WebP
SHEETS = ("image", "wrist_image")  # cameras with a sheet; a first_image is the first picture of "image"
LISTED = ("variant", "environment", "seed", "success", "steps", "scale", "goal", "instruction", "mode")
ACTIONS = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")


@dataclass(frozen=True)
class Encoded:
    """The files of an episode: script, and sheets by camera."""

    script: str
    sheets: dict[str, bytes]


def described(about: About) -> dict[str, object]:
    """Return what the list of episodes says of one."""
    shown = {key: value for key, value in about.items() if key in LISTED}
    return {"benchmark": benchmark_of(about["environment"]).title, **shown}


def encode(name: str, trace: Trace) -> Encoded:
    """Encode an episode; the same trace gives the same bytes."""
    arrays = arrays_of(trace)
    content = b"".join(array.tobytes() for array in arrays.values())
    header = {
        "format": FORMAT,
        **described(trace.about),
        "origin": trace.origin,
        "forwards": trace.steps.tolist(),
        "phases": trace.phases.tolist(),
        "queries": trace.queries.tolist(),
        "cameras": trace.cameras.tolist(),
        "layers": trace.attention.shape[1],
        "side": round(trace.attention.shape[-1] ** 0.5),
        "view": trace.view,
        "tile": list(trace.frames.shape[3:1:-1]),
        "columns": COLUMNS,
        "actions": list(ACTIONS),
        "arrays": [[key, str(array.dtype.name), list(array.shape)] for key, array in arrays.items()],
    }
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")
    script = f"viewer.episode({json.dumps(name)},\n{script_json(header)},\n{json.dumps(packed)});\n"
    pictures = np.concatenate([trace.frames, trace.end[None]])  # (T + 1, N, H, W, 3)
    return Encoded(script, {camera: sheet(pictures[:, place]) for place, camera in enumerate(SHEETS)})


def arrays_of(trace: Trace) -> dict[str, np.ndarray]:
    """Return the arrays of the script, in the order in which they are written: whole words first."""
    attention = trace.attention.astype(np.float32)  # (T, L, Q, C, P)
    peaks = attention.max(axis=(-1, -2))
    relative = attention / np.maximum(peaks, 1e-12)[..., None, None]
    found = {
        "norms": trace.norms,
        "distances": trace.distances,
        "actions": trace.actions,
        "shares": attention.sum(axis=-1),
        "peaks": peaks,
    }
    arrays = {name: array.astype("<f4") for name, array in found.items() if array is not None}
    # The root keeps faint patches apart: a hundredth of the strongest is 26 of 255.
    return {**arrays, "attention": np.rint(255 * np.sqrt(relative)).astype(np.uint8)}


def sheet(pictures: np.ndarray) -> bytes:
    """Lay pictures (F, H, W, 3) uint8 out in rows of COLUMNS, as WebP."""
    count, height, width, _ = pictures.shape
    rows = -(-count // COLUMNS)
    found = np.zeros((rows * height, min(count, COLUMNS) * width, 3), np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // COLUMNS * height, place % COLUMNS * width
        found[top : top + height, left : left + width] = picture
    stream = io.BytesIO()
    Image.fromarray(found).save(stream, "WEBP", quality=QUALITY, method=4)
    return stream.getvalue()


def script_json(value: object) -> str:
    """Return JSON that can stand in a script of any encoding."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
