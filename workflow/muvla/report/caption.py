"""What a table or a picture must say about where its numbers come from, generated from their provenance."""

from collections.abc import Iterable
from typing import Any

from muvla.report.records import Cell
from muvla.report.stats import RESAMPLES

SCALES = {
    "mini": "MINI RESULTS: small policies of the same architecture, trained from scratch on demonstrations "
    "of scripted oracles. They are not the paper's models, and no cell stands for a number the paper prints.",
    "paper": "Paper scale: OpenVLA-7B policies.",
}
MODES = {"receding": "receding horizon (one query a step)", "open_loop": "open loop (one query a chunk)"}


def distinct(values: Iterable[Any]) -> str:
    """The different values in a fixed order, joined by " / "."""
    return " / ".join(sorted({str(value) for value in values}))


def short(value: Any) -> str:
    """A checksum's first twelve digits; everything else as it is."""
    text = str(value)
    is_checksum = len(text) in (40, 64) and not set(text) - set("0123456789abcdef")
    return text[:12] if is_checksum else text


def size_label(cell: Cell) -> str:
    """The label that a column carries wherever it is shown, e.g. "mini, m=8, d=128"."""
    question = cell.question
    return f"{question['scale']}, m={question['num_mem_tokens']}, d={question['width']}"


def versions(cells: list[Cell], part: str) -> str:
    """The entries of question[part] over all cells: "key value, key value / other value"."""
    keys = sorted({key for cell in cells for key in cell.question[part]})
    found = {key: distinct(short(cell.question[part].get(key, "-")) for cell in cells) for key in keys}
    return ", ".join(f"{key} {value or '-'}" for key, value in found.items())


def origin(shown: list[Cell], controls: list[Cell]) -> list[str]:
    """Sentences on scale, sizes, episodes, simulator, checkpoints and commit of all cells; inference of
    `shown`."""
    cells = [*shown, *controls]
    scales = sorted({cell.question["scale"] for cell in cells})
    episodes = sorted({cell.asked for cell in cells})
    modes: dict[str, set[str]] = {}
    for cell in shown:
        modes.setdefault(cell.question["mode"], set()).add(cell.question["variant"])
    inference = "; ".join(f"{MODES[mode]}: {', '.join(sorted(modes[mode]))}" for mode in sorted(modes))
    asked = f"{episodes[0]}" if len(episodes) == 1 else f"{episodes[0]} to {episodes[-1]}"
    sources = distinct(run["checkpoint_source"] for cell in cells for run in cell.runs[-1:])
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
        f"Software: {versions(cells, 'versions')}.",
        f"Checkpoints: {sources}. Commit: {commits}.",
    ]


def legend(cells: list[Cell]) -> list[str]:
    """Sentences on how to read a cell of the table."""
    errors = sum(cell.errors for cell in cells)
    incomplete = sum(cell.episodes + cell.errors < cell.asked for cell in cells)
    return [
        (
            "A cell is the fraction of episodes that succeeded at least once, its 95 % Wilson interval, and "
            "the number of episodes; a dash was not run."
        ),
        (
            f"Averages count every environment that was run the same and say how many of the group's those "
            f"are; their 95 % intervals are a bootstrap of {RESAMPLES:,} draws within environments."
        ),
        f"Mark e: {errors} episodes ended in an error; not counted, neither as successes nor as failures.",
        f"Mark i: fewer episodes than asked for ({incomplete} cells).",
    ]
