"""Results on MIKASA's "standard five" in the format of vla-eval, whose leaderboard scores these five environments.

One result a policy and training seed, made by vla-eval's own collector. Beside its numbers, under "muvla", stand what
the format has no place for: intervals, seeds, scale, and which episodes are missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vla_eval.results.collector import EpisodeResult, ResultCollector

from muvla.records.file import Cell
from muvla.report.grid import average, read_grid
from muvla.report.published import VARIANTS
from muvla.report.runner import Contents
from muvla.report.statistics.rules import Rules
from muvla.report.statistics.tests import wilson

STANDARD_FIVE = ("ShellGameTouch", "InterceptMedium", "RememberColor3", "RememberColor5", "RememberColor9")
EPISODES = 100  # of an environment, on the leaderboard
BENCHMARK = "MIKASA-Robo"


def leaderboard(*, records: Sequence[Path], statistics: Rules) -> Contents:
    """Return the results of every policy that was evaluated in one of the five; the same records give the same bytes.

    Raises RecordsError as read_grid does.
    """
    grid = read_grid(records, statistics)
    titles = VARIANTS | {variant: server.get("title", variant) for variant, server in grid.served().items()}
    policies: dict[tuple[str, str], dict[str, Cell]] = {}  # (variant, training seed) -> environment -> cell
    for variant in titles:
        for environment in STANDARD_FIVE:
            sample = grid.cells.get((variant, environment))
            for cell in sample.cells if sample else ():
                if cell.episodes:
                    policies.setdefault((variant, cell.training_seed), {})[environment] = cell
    results = [result(cells, titles[variant], seed, statistics) for (variant, seed), cells in policies.items()]
    for one in results:
        print(f"{one['muvla']['policy']}: {one['mean_success']:.2f} over {len(one['tasks'])} of 5 environments")
    return {".json": json.dumps(results, indent=1, ensure_ascii=False) + "\n"}


def result(cells: Mapping[str, Cell], title: str, training_seed: str, rules: Rules) -> dict[str, Any]:
    """Return one policy's result; an episode that ended in an error is left out, not counted as a failure."""
    collector = ResultCollector(BENCHMARK, metric_keys={"success": "mean"})
    for name, cell in cells.items():
        for record in cell.records:
            if record["error"] is None:
                collector.record(f"{name}-VLA-v0", _episode(record))
    first = next(iter(cells.values()))
    params = {"seed": first.settings["base_seed"], "tasks": [f"{name}-VLA-v0" for name in cells]}
    made: dict[str, Any] = {**collector.get_benchmark_result({"params": params})}
    made["created_at"] = max(str(run.get("time", "")) for cell in cells.values() for run in cell.runs)
    # the mean over all episodes, which is the collector's, would weigh environments by their episodes
    tasks = {task["task"]: task["mean_success"] for task in made["tasks"]}
    made["mean_success"] = round(sum(tasks.values()) / len(tasks), 4)
    if len(cells) < len(STANDARD_FIVE):
        made["partial"] = True
    return made | {"muvla": _beside(cells, title, training_seed, rules)}


def _episode(record: dict[str, Any]) -> EpisodeResult:
    return EpisodeResult(
        episode_id=record["episode"],
        metrics={"success": record["success"]},
        steps=record["steps"],
        elapsed_sec=record["seconds"],
    )


def _beside(cells: Mapping[str, Cell], title: str, training_seed: str, rules: Rules) -> dict[str, Any]:
    """Return what the format has no place for."""
    parts = [{training_seed: (cell.successes, cell.episodes)} for cell in cells.values()]
    mean = average(parts, len(STANDARD_FIVE), rules)
    assert mean is not None
    settings = next(iter(cells.values())).settings
    return {
        "policy": title,
        "variant": settings["variant"],
        "training_seed": training_seed or "the first",
        "scale": settings["scale"],
        "confidence": rules.confidence,
        "interval": [round(mean.estimate.low, 4), round(mean.estimate.high, 4)],
        "environments": {
            name: {
                "successes": cell.successes,
                "episodes": cell.episodes,
                "errors": cell.errors,
                "interval": [round(end, 4) for end in wilson(cell.successes, cell.episodes, rules.confidence)[1:]],
                "seeds": f"{cell.settings['base_seed']} + episode_id",
                "checkpoint": cell.settings["checkpoint_sha256"],
                "commit": cell.runs[-1]["commit"],
            }
            for name, cell in cells.items()
        },
        "missing": [name for name in STANDARD_FIVE if name not in cells],
        "fewer_episodes_than_100": [name for name, cell in cells.items() if cell.episodes < EPISODES],
    }
