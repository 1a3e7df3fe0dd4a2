"""What a table or a picture must say about where its numbers come from, generated from their provenance."""

from collections.abc import Iterable
from typing import Any

from muvla.records.file import Cell

SCALES = {
    "mini": "MINI RESULTS: small policies of the same architecture, trained from scratch on demonstrations "
    "of scripted oracles. They are not the paper's models, and no cell stands for a number the paper prints.",
    "paper": "Paper scale: OpenVLA-7B policies.",
}
MODES = {"receding": "receding horizon (one query a step)", "open_loop": "open loop (one query a chunk)"}


def distinct(values: Iterable[Any]) -> str:
    """The different values in a fixed order, joined by " / "."""
    return " / ".join(sorted({str(value) for value in values}))


def percent(probability: float) -> str:
    """0.95 -> "95 %"."""
    return f"{100 * probability:g} %"


def short(value: Any) -> str:
    """A checksum's first twelve digits; everything else as it is."""
    text = str(value)
    is_checksum = len(text) in (40, 64) and not set(text) - set("0123456789abcdef")
    return text[:12] if is_checksum else text


def size_label(cell: Cell) -> str:
    """The label that a column carries wherever it is shown, e.g. "mini, m=8, d=128"."""
    question = cell.question
    return f"{question['scale']}, m={question['num_mem_tokens']}, d={question['width']}"


# Of a simulator's entries: what its start-up probe found (sim/libero_probe.py), and what was asked (sim/novelty.py).
NOT_VERSIONS = {"probe", "phases", "unseen_colours"}


def versions(cells: list[Cell], part: str) -> str:
    """The entries of question[part] over all cells: "key value, key value / other value"."""
    keys = sorted({key for cell in cells for key in cell.question[part]} - NOT_VERSIONS)
    found = {key: distinct(short(cell.question[part].get(key, "-")) for cell in cells) for key in keys}
    return ", ".join(f"{key} {value or '-'}" for key, value in found.items())


def checkpoint(run: dict[str, Any]) -> str:
    """Where a run's weights come from and after how many updates: "bundled, step 220"."""
    step = run.get("checkpoint_step")  # records of before it was written have none
    return f"{run['checkpoint_source']}, step {'unknown' if step is None else step}"


def origin(cells: list[Cell]) -> list[str]:
    """Sentences on scale, sizes, episodes, inference, simulator, checkpoints and commit of these cells."""
    if not cells:
        return ["Nothing was run yet: all numbers are the printed ones."]
    scales = sorted({cell.question["scale"] for cell in cells})
    episodes = sorted({cell.asked for cell in cells})
    modes: dict[str, set[str]] = {}
    for cell in cells:
        modes.setdefault(cell.question["mode"], set()).add(cell.question["variant"])
    inference = "; ".join(f"{MODES[mode]}: {', '.join(sorted(modes[mode]))}" for mode in sorted(modes))
    asked = f"{episodes[0]}" if len(episodes) == 1 else f"{episodes[0]} to {episodes[-1]}"
    sources = distinct(checkpoint(run) for cell in cells for run in cell.runs[-1:])
    commits = distinct(short(run["commit"]) for cell in cells for run in cell.runs)
    return [
        *(SCALES.get(scale, f"Scale: {scale}.") for scale in scales),
        f"Sizes (memory tokens m, width d): {'; '.join(sorted({size_label(cell) for cell in cells}))}.",
        (
            f"Episodes asked for in a cell: {asked}; "
            f"episode i has seed {distinct(cell.question['base_seed'] for cell in cells)} + i."
        ),
        f"Inference: {inference}.",
        f"Simulator: {versions(cells, 'simulator')}.",
        *([f"The simulator warned: {distinct(told)}."] if (told := [w for c in cells for w in warnings(c)]) else []),
        f"Software: {versions(cells, 'versions')}.",
        f"Checkpoints: {sources}. Commit: {commits}.",
    ]


def warnings(cell: Cell) -> list[str]:
    """What the simulator's start-up probe warned of; MIKASA-Robo has no probe."""
    return list(cell.question["simulator"].get("probe", {}).get("warnings", []))
