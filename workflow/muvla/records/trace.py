"""One traced episode as a file (.npz): written by `python -m muvla.trace`, drawn by the figures and the viewer.

T forward passes, R actions that one of them runs, N recorded cameras, H and W pixels, L layers, Q kinds of queries, C
cameras that the policy sees, P patches of each, G groups of tokens, m memory tokens, D width.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypedDict

import numpy as np

from muvla.files import replacing
from muvla.records.frames import KeyFrames, key_steps


class About(TypedDict):
    """Which episode of which policy."""

    variant: str
    environment: str
    scale: str
    mode: str  # "receding" or "open_loop"
    seed: int
    success: bool
    steps: int  # of the whole episode
    goal: str
    instruction: str
    num_mem_tokens: int
    width: int
    chunk: int
    commit: str


@dataclass(frozen=True)
class Trace:
    """One row a forward pass of the policy: every step, or the first of every chunk that was run open loop.

    A policy without memory has no `norms` and no `distances`, and its only queries are those of the actions.
    """

    frames: np.ndarray  # (T, N, H, W, 3) uint8: what the forward saw
    end: np.ndarray  # (N, H, W, 3) uint8: how the episode ended
    steps: np.ndarray  # (T,) whole numbers: simulator steps before the forward
    phases: np.ndarray  # (T,) text: "cue", "empty" or "act"
    actions: np.ndarray  # (T, R, 7) float32: as the simulator was given them; an episode can end before the last ones
    attention: np.ndarray  # (T, L, Q, C, P) float32: of a query to each patch, mean over heads and queries of its kind
    queries: np.ndarray  # (Q,) text: "MEM", "ACTION"
    cameras: np.ndarray  # (C,) text: "image", "wrist_image" and, for the episode's first picture, "first_image"
    shares: np.ndarray  # (T, L, G, G) float32: of a token of group q to all of group k; rows sum to 1
    groups: np.ndarray  # (G,) text
    view: float  # side of the centre of a frame that the policy sees, as a share of the frame's
    about: About
    norms: np.ndarray | None = None  # (T, m) float32: L2 norm of each token of M_t, as step t read it out
    distances: np.ndarray | None = None  # (T-1, m) float32: 1 - cos(M_t, M_{t-1}) of each token

    @property
    def title(self) -> str:
        """Which episode of which policy, for the head of a picture."""
        about = self.about
        goal = f", goal {about['goal']}" if about["goal"] else ""
        outcome = "succeeded" if about["success"] else "failed"
        place = f"{about['variant']} in {about['environment']} ({about['scale']})"
        return f"{place}: episode of seed {about['seed']}{goal}, {outcome}"

    @property
    def origin(self) -> str:
        """Sentences for the foot of a picture: how the episode was chosen and run, and by what."""
        about = self.about
        pace = {
            "receding": "re-planned at every step",
            "open_loop": f"chunks of {about['chunk']} actions run open loop",
        }[about["mode"]]
        warning = " A mini policy, not the paper's model." if about["scale"] != "paper" else ""
        sizes = f"m={about['num_mem_tokens']}, d={about['width']}"
        return f"Not chosen by its outcome; {pace}.{warning} {sizes}, commit {about['commit']}."

    def key_frames(self, limit: int = 8) -> KeyFrames:
        """Choose at most `limit` frames, cameras one above the other; the last one shows how the episode ended."""
        labels = [*self.phases.tolist(), "end"]
        steps = [*self.steps.tolist(), self.about["steps"]]
        frames = np.concatenate([self.frames, self.end[None]])
        chosen = key_steps(labels, limit)
        stacked = frames[chosen].reshape(len(chosen), -1, *frames.shape[-2:])  # (F, N*H, W, 3)
        return KeyFrames(stacked, [labels[place] for place in chosen], [steps[place] for place in chosen])


MEMORY = ("norms", "distances")


def write_trace(path: Path, trace: Trace, memory: np.ndarray | None) -> None:
    """Write `trace`, and the memory itself (T, m, D) where it is given. Raises OSError as files.replacing() does."""
    arrays = {field.name: getattr(trace, field.name) for field in fields(trace)}
    arrays |= {"about": json.dumps(trace.about), "memory": memory}
    present = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **present)  # type: ignore[arg-type]


def read_trace(path: Path | str) -> Trace:
    """Read a trace, but not the memory itself. Raises FileNotFoundError, or ValueError naming file and fault."""
    wanted = [field.name for field in fields(Trace) if field.name not in MEMORY]
    try:
        with np.load(path, allow_pickle=False) as content:
            if "frames" in content and (absent := [name for name in wanted if name not in content]):
                raise ValueError(f"it is of another version, without {', '.join(absent)}")
            arrays = {name: content[name] for name in wanted}
            arrays |= {name: content[name] for name in MEMORY if name in content}
        about = json.loads(str(arrays["about"]))
        missing = [name for name in About.__annotations__ if name not in about]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is no traced episode ({error}); python -m muvla.trace makes one") from error
    if missing:
        raise ValueError(f"{path}: about lacks {', '.join(missing)}; trace the episode again")
    trace = Trace(**(arrays | {"about": about, "view": float(arrays["view"])}))
    if fault := _fault(trace):
        raise ValueError(f"{path}: {fault}; trace the episode again")
    return trace


def _fault(trace: Trace) -> str:
    """Say which arrays do not fit together; "" when all do."""
    times = len(trace.frames)
    if trace.frames.ndim != 5 or trace.frames.shape[-1] != 3 or trace.frames.dtype != np.uint8 or not times:
        return f"frames are {trace.frames.shape} {trace.frames.dtype}, expected (T, N, H, W, 3) uint8, T at least 1"
    per_row = {"steps": trace.steps, "phases": trace.phases, "attention": trace.attention, "shares": trace.shares}
    per_row |= {"actions": trace.actions}
    if trace.norms is not None:
        per_row["norms"] = trace.norms
    for name, array in per_row.items():
        if len(array) != times:
            return f"{len(array)} rows of {name} for {times} frames"
    expected = (len(trace.queries), len(trace.cameras))
    if trace.attention.ndim != 5 or trace.attention.shape[2:4] != expected:
        return f"attention is {trace.attention.shape}, expected (T, L, {expected[0]}, {expected[1]}, P)"
    side = round(trace.attention.shape[-1] ** 0.5)
    if side * side != trace.attention.shape[-1]:
        return f"{trace.attention.shape[-1]} patches of a camera are no square"
    if trace.distances is not None and len(trace.distances) != times - 1:
        return f"{len(trace.distances)} distances for {times} frames"
    return ""
