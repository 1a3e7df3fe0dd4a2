"""A traced episode of chosen attention, for tests of the pictures."""

from pathlib import Path

import numpy as np

from muvla.records.trace import Trace, write_trace

PHASES = ["cue", "cue", "empty", "act", "act", "act"]
ABOUT = {
    "variant": "m64_k8",
    "environment": "RememberColor3",
    "scale": "mini",
    "mode": "receding",
    "seed": 7,
    "success": True,
    "steps": 6,
    "goal": "Red",
    "instruction": "touch it",
    "num_mem_tokens": 4,
    "width": 16,
    "chunk": 8,
    "commit": "0123456789ab",
}


def made_up_trace(*, memory: bool = True, cameras: int = 2, view: float = 1.0) -> Trace:
    """Six forwards, two layers, 4 x 4 patches; grey frames that differ, and no attention to any patch."""
    times, tokens, queries = len(PHASES), 4, ["MEM", "ACTION"] if memory else ["ACTION"]
    rng = np.random.default_rng(0)
    frames = np.broadcast_to(
        (60 + 20 * np.arange(times)).astype(np.uint8)[:, None, None, None, None], (times, 2, 32, 32, 3)
    ).copy()
    frames[:, 1] += 10
    groups = ["BOS", "VISION", "PROPRIO", "MEM", "TEXT", "ACTION", "STOP"]
    return Trace(
        frames=frames,
        end=frames[-1],
        steps=np.arange(times),
        phases=np.array(PHASES),
        actions=rng.uniform(-1, 1, (times, 1, 7)).astype(np.float32),
        attention=np.zeros((times, 2, len(queries), cameras, 16), np.float32),
        queries=np.array(queries),
        cameras=np.array(["image", "wrist_image", "first_image"][:cameras]),
        shares=np.full((times, 2, 7, 7), 1 / 7, np.float32),
        groups=np.array(groups),
        view=view,
        about=ABOUT,
        norms=rng.uniform(1, 2, (times, tokens)).astype(np.float32) if memory else None,
        distances=rng.uniform(0, 1, (times - 1, tokens)).astype(np.float32) if memory else None,
    )


def write_made_up(path: Path, trace: Trace) -> Path:
    write_trace(path, trace, None)
    return path
