"""A collection of demonstrations: what decides it, and the steps to a data set of the successful ones (spec 3.1).

The result of every seed is stored as soon as it is finished, and the data set is assembled from these parts at the end.
So an interrupted run loses at most the episodes in progress, and is resumed.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from muvla.collect.attempts import SimulatorSettings, attempt
from muvla.collect.demonstration import Manner, load_part
from muvla.collect.describe import described
from muvla.collect.experts import expert_for
from muvla.data.episode import Counterfactual, Episode, dataset_name
from muvla.data.rlds.dataset import VERSION, write_dataset
from muvla.data.scene import Scene
from muvla.files import Json, write_json

SEED_END = 2**31  # evaluation seeds lie above


@dataclass(frozen=True)
class Collection:
    """Everything that decides what the data set holds; `processes` only decides how fast."""

    environment: str
    episodes: int
    first_seed: int
    shards: int
    manner: Manner
    simulator: SimulatorSettings

    def __post_init__(self) -> None:
        expert_for(self.environment)
        if not self.first_seed >= 0 or self.first_seed + self.attempts_allowed > SEED_END:
            raise ValueError(f"first_seed is {self.first_seed}; seeds must lie within 0 and {SEED_END - 1}")

    @property
    def attempts_allowed(self) -> int:
        """How many seeds to try before giving up on the expert."""
        return 2 * self.episodes + 20


def _read_json(file: Path) -> Json | None:
    """Return the content, None where there is no such file. Raises ValueError for a damaged one."""
    try:
        content: Json = json.loads(file.read_text())
        return content
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}). Remove it and run the same command again.") from error


def _require_same(settings: Json, stored: Json, where: Path, but: tuple[str, ...] = ()) -> None:
    """Raise ValueError when `stored` differs from `settings`, except in what `but` names."""
    differing = [key for key in settings if key not in but and stored.get(key) != settings[key]]
    if differing:
        found = ", ".join(f"{key} {stored.get(key)} instead of {settings[key]}" for key in differing)
        raise ValueError(f"{where} was made with {found}. Remove it, or choose another output.")


def _episodes(
    plan: Collection, folder: Path, seeds: list[int], others: list[Counterfactual], scenes: list[Scene]
) -> Iterator[Episode]:
    """Yield the episodes, and fill `others` and `scenes` with what was recorded beside each."""
    for seed in tqdm(seeds, desc=f"write {plan.environment}", unit="episode"):
        part = load_part(folder, plan.environment, seed)
        assert part.episode is not None
        if part.counterfactual is not None:
            others.append(part.counterfactual)
        if part.scene is not None:
            scenes.append(part.scene)
        yield part.episode


def collect(plan: Collection, output: Path, processes: int) -> Path:
    """Collect the data set, or finish it; return OUTPUT/NAME/1.0.0.

    Raises ValueError for options that contradict what is there or an expert that fails too often; SimulatorError when a
    simulator cannot start or dies; OSError when the disk is full. Finished episodes are kept in every case.
    """
    name = dataset_name(plan.environment)
    target, folder = output / name / VERSION, output / f".{name}.parts"
    report = output / name / "collection.json"
    settings = asdict(plan)
    done = _read_json(report)
    if done is not None and target.is_dir():
        _require_same(settings, done["config"], output / name)
        shutil.rmtree(folder, ignore_errors=True)
        return target
    folder.mkdir(parents=True, exist_ok=True)
    stored = _read_json(folder / "config.json")
    if stored is not None:
        _require_same(settings, stored, folder, but=("episodes", "shards"))
    write_json(folder / "config.json", settings)
    results, versions = attempt(
        plan.environment,
        folder,
        wanted=plan.episodes,
        seeds=range(plan.first_seed, plan.first_seed + plan.attempts_allowed),
        manner=plan.manner,
        simulator=plan.simulator,
        processes=processes,
    )
    wins = [seed for seed in sorted(results) if results[seed]]
    others: list[Counterfactual] = []
    scenes: list[Scene] = []
    write_dataset(
        output,
        name,
        _episodes(plan, folder, wins, others, scenes),
        shards=plan.shards,
        counterfactuals=others,
        scenes=scenes,
        overwrite=True,  # a finished set has its report, and was returned above
    )
    summary = {
        "attempted": len(results),
        "succeeded": len(wins),
        "success_rate": len(wins) / len(results),
        "seeds": [min(results), max(results)],
        "failed_seeds": [seed for seed in sorted(results) if not results[seed]],
        "config": settings,
        "versions": versions,
    }
    write_json(target.parent / "croissant.json", described(name, target, summary))
    write_json(report, summary)
    shutil.rmtree(folder)
    return target
