"""Captions: sentences on where the numbers of a table or a figure come from, made from their provenance."""

from collections.abc import Iterable
from typing import Literal

from muvla.records.file import Cell
from muvla.records.settings import Run

SCALES = {
    "mini": "MINI RESULTS: small policies of the same architecture, trained from scratch on demonstrations "
    "of scripted experts. They are not the paper's models: no cell measures a number that the paper prints.",
    "paper": "Paper scale: OpenVLA-7B policies.",
}
MODES = {"receding": "receding horizon (one query a step)", "open_loop": "open loop (one query a chunk)"}


def distinct(values: Iterable[object]) -> str:
    """Join the different values, sorted, by " / "."""
    return " / ".join(sorted({str(value) for value in values}))


def percent(probability: float) -> str:
    """Write a probability in percent: 0.95 -> "95 %"."""
    return f"{100 * probability:g} %"


def intervals(confidence: float, *, several: bool) -> str:
    """Name the intervals of rates; several: some are over several training seeds (statistics/seeds.py)."""
    name = f"{percent(confidence)} Wilson intervals"
    return f"{name}, over several training seeds widened to Student's t of the seeds" if several else name


def signed(difference: float) -> str:
    """Write a difference of rates with its sign: -0.1 -> "−0.10"."""
    return f"{difference:+.2f}".replace("-", "−")


def short(value: object) -> str:
    """Shorten a checksum to its first twelve digits; return everything else as it is."""
    text = str(value)
    is_checksum = len(text) in (40, 64) and not set(text) - set("0123456789abcdef")
    return text[:12] if is_checksum else text


def size_label(cell: Cell) -> str:
    """Return the label of scale and sizes that a column carries wherever it is shown: "mini, m=8, d=128"; "paper,
    served" where a policy's server does not say its sizes."""
    settings = cell.settings
    if not settings["width"]:
        return f"{settings['scale']}, served"
    return f"{settings['scale']}, m={settings['num_mem_tokens']}, d={settings['width']}"


# Entries of a simulator that are no versions: what its start-up check found, and what a control changed.
NOT_VERSIONS = {"probe", "phases", "unseen_colours"}


def versions(cells: list[Cell], part: Literal["simulator", "versions"]) -> str:
    """Write settings[part] of all cells: "key value, key value / other value"."""
    keys = sorted({key for cell in cells for key in cell.settings[part]} - NOT_VERSIONS)
    found = {key: distinct(short(cell.settings[part].get(key, "-")) for cell in cells) for key in keys}
    return ", ".join(f"{key} {value or '-'}" for key, value in found.items())


def checkpoint_label(run: Run) -> str:
    """Say where a run's weights come from and after how many updates: "bundled, step 220"."""
    step = run.get("checkpoint_step")  # records of earlier versions have none
    return f"{run['checkpoint_source']}, step {'unknown' if step is None else step}"


def origin(cells: list[Cell]) -> list[str]:
    """Return sentences on scale, sizes, episodes, inference, simulator, checkpoints and commit of these cells."""
    if not cells:
        return ["Nothing was run yet: all numbers are the printed ones."]
    scales = sorted({cell.settings["scale"] for cell in cells})
    episodes = sorted({cell.requested for cell in cells})
    modes: dict[str, set[str]] = {}
    for cell in cells:
        modes.setdefault(cell.settings["mode"], set()).add(cell.settings["variant"])
    inference = "; ".join(f"{MODES[mode]}: {', '.join(sorted(modes[mode]))}" for mode in sorted(modes))
    requested = f"{episodes[0]}" if len(episodes) == 1 else f"{episodes[0]} to {episodes[-1]}"
    startup = [warning for cell in cells for warning in startup_warnings(cell)]
    sources = distinct(checkpoint_label(run) for cell in cells for run in cell.runs[-1:])
    commits = distinct(short(run["commit"]) for cell in cells for run in cell.runs)
    return [
        *(SCALES.get(scale, f"Scale: {scale}.") for scale in scales),
        f"Sizes (memory tokens m, width d): {'; '.join(sorted({size_label(cell) for cell in cells}))}.",
        (
            f"Episodes requested per cell: {requested}; "
            f"episode i has seed {distinct(cell.settings['base_seed'] for cell in cells)} + i."
        ),
        f"Inference: {inference}.",
        f"Simulator: {versions(cells, 'simulator')}.",
        *([f"The simulator warned: {distinct(startup)}."] if startup else []),
        f"Software: {versions(cells, 'versions')}.",
        f"Checkpoints: {sources}. Commit: {commits}.",
    ]


def startup_warnings(cell: Cell) -> list[str]:
    """Return the warnings of the simulator's start-up check; MIKASA-Robo has none."""
    return list(cell.settings["simulator"].get("probe", {}).get("warnings", []))
