"""The episode viewer of a few made-up traces in the folder of a site, for the tests in a browser."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from made_up_trace import made_up_trace, write_made_up
from muvla.records.trace import Trace
from muvla.report.site.viewer import site_viewer
from muvla.report.templates import TEMPLATES

LIT = 4 * 1 + 2  # a patch of 4 x 4: second row, third column
EPISODES = {
    "m64_k8-RememberColor3-7": {"variant": "m64_k8", "seed": 7},
    "m64_k8-RememberColor3-8": {"variant": "m64_k8", "seed": 8, "success": False},
    "oft_episodic-RememberColor3-7": {"variant": "oft_episodic", "seed": 7, "success": False, "steps": 24},
    "m64_k8-TakeItBack-7": {"variant": "m64_k8", "environment": "TakeItBack", "seed": 7, "goal": ""},
    "m64_k2-libero_object-0-0": {"variant": "m64_k2", "environment": "libero_object/0", "seed": 0, "steps": 41},
}
FIRST = next(iter(EPISODES))
UNTRACED = [("m64_ema", ["RememberColor3", "TakeItBack"])]


def lit_trace(**about: Any) -> Trace:
    """Memory attends to patch LIT of the base camera in layer 1, actions to the wrist camera's first in layer 0.

    Episodes of 24 and 41 steps run chunks of 8 actions open loop.
    """
    memory = about["variant"] != "oft_episodic"
    trace = made_up_trace(memory=memory)
    if memory:
        trace.attention[:, 1, 0, 0, LIT] = 0.5
    trace.attention[:, 0, -1, 1, 0] = 0.25
    trace = dataclasses.replace(trace, about={**trace.about, **about})
    if trace.about["steps"] == len(trace.steps):
        return trace
    forwards = -(-trace.about["steps"] // 8)
    rows = {name: getattr(trace, name)[:forwards] for name in ("frames", "phases", "attention", "shares")}
    if memory:
        rows |= {"norms": trace.norms[:forwards], "distances": trace.distances[: forwards - 1]}
    actions = np.zeros((forwards, 8, 7), np.float32)
    return dataclasses.replace(trace, **rows, steps=8 * np.arange(forwards), actions=actions)


def make_viewer(folder: Path, *, broken: bool = False) -> Path:
    """Make the viewer in `folder`, as the rule does, and return its page; broken: with a trace of another version."""
    traces = []
    for name, about in EPISODES.items():
        traces.append(write_made_up(folder / "traces" / f"{name}.npz", lit_trace(**about)))
    names = list(EPISODES)
    if broken:
        np.savez(folder / "traces" / "old.npz", frames=np.zeros(1))
        traces, names = [*traces, folder / "traces" / "old.npz"], [*names, "old"]
    write_site(folder, names, traces)
    return folder / "viewer.html"


def write_site(folder: Path, names: list[str], traces: list[Path]) -> None:
    """Write the files of the viewer, and those of the site that it needs."""
    made = site_viewer(traces=traces, names=names, untraced=UNTRACED)
    (folder / "episodes").mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        inside = name == "index.js" or name.split(".")[0] in names
        file = folder / "episodes" / name if inside else folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    for name in ("site.css", "address.js"):
        (folder / name).write_bytes((TEMPLATES / "site" / name).read_bytes())
