"""One traced episode as a file (.npz): what `python -m muvla.trace` writes and the pictures are drawn from.

T forwards, N cameras that are filmed, H and W pixels, L layers, Q kinds of queries, C cameras that the policy looks
through, P patches of each, G groups of tokens, m memory tokens.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from muvla.files import replacing
from muvla.records.frames import Strip, chosen_steps

ABOUT = ("variant", "environment", "scale", "mode", "seed", "tried", "success", "steps", "goal", "instruction",
         "num_mem_tokens", "width", "chunk", "commit")  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """A row for every forward of the policy: every step, or the first of every chunk that was run open loop.

    Of a policy without memory `norms` and `distances` are None, and the only queries are those of the actions.
    """

    frames: np.ndarray  # (T, N, H, W, 3) uint8: what the forward saw
    end: np.ndarray  # (N, H, W, 3) uint8: how the episode ended
    steps: np.ndarray  # (T,) whole numbers: simulator steps before the forward
    phases: np.ndarray  # (T,) text: "cue", "empty" or "act"
    attention: np.ndarray  # (T, L, Q, C, P) float32: of a query to each patch, mean over heads and queries of its kind
    queries: np.ndarray  # (Q,) text: "MEM", "ACTION"
    cameras: np.ndarray  # (C,) text: "image", "wrist_image" and, for the episode's first picture, "first_image"
    shares: np.ndarray  # (T, L, G, G) float32: of a token of group q to all of group k; rows sum to 1
    groups: np.ndarray  # (G,) text
    view: float  # side of the centre of a frame that the policy sees, as a share of the frame's
    about: dict[str, Any]  # which episode of which policy (ABOUT)
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
        chosen = (
            f"The {'first success' if about['success'] else 'first, for none succeeded,'} of {about['tried']} tried"
        )
        pace = {
            "receding": "re-planned at every step",
            "open_loop": f"chunks of {about['chunk']} actions run open loop",
        }[about["mode"]]
        warning = " A mini policy, not the paper's model." if about["scale"] != "paper" else ""
        sizes = f"m={about['num_mem_tokens']}, d={about['width']}"
        return f"{chosen}; {pace}.{warning} {sizes}, commit {about['commit']}."

    def strip(self, limit: int = 8) -> Strip:
        """At most `limit` frames, cameras one above the other, with how the episode ended as the last."""
        labels = [*self.phases.tolist(), "end"]
        steps = [*self.steps.tolist(), self.about["steps"]]
        frames = np.concatenate([self.frames, self.end[None]])
        chosen = chosen_steps(labels, limit)
        stacked = frames[chosen].reshape(len(chosen), -1, *frames.shape[-2:])  # (F, N*H, W, 3)
        return Strip(stacked, [labels[place] for place in chosen], [steps[place] for place in chosen])


MEMORY = ("norms", "distances")


def write_trace(path: Path, trace: Trace, memory: np.ndarray | None) -> None:
    """Write `trace`, and M_t itself (T, m, D) where it is given. Raises OSError as atomic.replacing() does."""
    arrays = {field.name: getattr(trace, field.name) for field in fields(trace)}
    arrays |= {"about": json.dumps(trace.about), "memory": memory}
    present = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **present)  # type: ignore[arg-type]


def read_trace(path: Path | str) -> Trace:
    """Read a trace without M_t itself. Raises FileNotFoundError, or ValueError naming the file and what is wrong."""
    wanted = [field.name for field in fields(Trace) if field.name not in MEMORY]
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in wanted}
            arrays |= {name: content[name] for name in MEMORY if name in content}
        about = json.loads(str(arrays["about"]))
        missing = [name for name in ABOUT if name not in about]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is no traced episode ({error}); python -m muvla.trace makes one") from error
    if missing:
        raise ValueError(f"{path}: about lacks {', '.join(missing)}; trace the episode again")
    trace = Trace(**(arrays | {"about": about, "view": float(arrays["view"])}))
    if told := _unsound(trace):
        raise ValueError(f"{path}: {told}; trace the episode again")
    return trace


def _unsound(trace: Trace) -> str:
    """What does not fit together, or ""."""
    times = len(trace.frames)
    if trace.frames.ndim != 5 or trace.frames.shape[-1] != 3 or trace.frames.dtype != np.uint8 or not times:
        return f"frames are {trace.frames.shape} {trace.frames.dtype}, expected (T, N, H, W, 3) uint8, T at least 1"
    per_row = {"steps": trace.steps, "phases": trace.phases, "attention": trace.attention, "shares": trace.shares}
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
