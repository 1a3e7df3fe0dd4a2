"""`python -m muvla.collect environment=RememberColor3 episodes=200 output=DIR`: demonstrations as RLDS (spec 3.1).

Stores the result of every seed as soon as it is finished, and assembles the data set from these parts at the end. So an
interrupted run loses at most the episodes in progress, and the same command resumes it. The same options give the same
bytes.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from muvla.benchmark.benchmark import benchmark_of, environment_named, require_options
from muvla.collect.attempts import SimulatorSettings, attempt
from muvla.collect.demonstration import Manner, load_part
from muvla.collect.describe import described
from muvla.collect.experts import expert_for
from muvla.data.episode import Counterfactual, Episode, dataset_name
from muvla.data.rlds.dataset import VERSION, write_dataset
from muvla.data.scene import Scene
from muvla.files import write_json
from muvla.options import command, option
from muvla.sim.contract import SimulatorError

SEED_END = 2**31  # evaluation seeds lie above
SEEDS_PER_ENVIRONMENT = 10_000_000

Json = dict[str, Any]


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


@dataclass
class CollectSettings:
    """Options of `python -m muvla.collect`."""

    environment: str = option(
        "RememberColor3", "An environment or task that has a scripted expert (muvla/collect/experts)."
    )
    episodes: int = option(
        250,
        "Successful demonstrations to collect; failed ones are counted but not kept, and further seeds are tried.",
        at_least=1,
    )
    output: str = option(
        "results/data",
        "Folder OUTPUT; the data set is written to OUTPUT/<name>/1.0.0, and a report to OUTPUT/<name>/collection.json.",
    )
    first_seed: int | None = option(
        None,
        "Seeds are consecutive from here; null: the environment's place in its table (from 0) times ten million. "
        "Evaluation seeds begin at 4242424242, so anything below 2147483648 is disjoint from them.",
        at_least=0,
        at_most=SEED_END - 1,
    )
    noise: float = option(
        0.25,
        "Standard deviation of the Gaussian noise on the executed translation (an action of 1 is 0.1 m); recorded "
        "actions carry none.",
        at_least=0,
    )
    rotation_noise: float = option(
        0.0, "Standard deviation of the noise on the executed rotation (an action of 1 is 0.1 rad).", at_least=0
    )
    quiet_distance: float = option(
        0.06,
        "No noise closer than this, in metres, to the point where precision matters: touching needs a robot at rest.",
        at_least=0,
    )
    hold_steps: int = option(
        8, "Frames kept after the first success: all but the last 5 with noise that carries the tool off.", at_least=0
    )
    grip_lag: int = option(
        0,
        "At most so many frames the executed gripper keeps its command after the expert's has changed, drawn anew for "
        "each change; a policy learns to close or open not in one frame only.",
        at_least=0,
    )
    shoves: float = option(
        0.0,
        "Probability that in a frame before the success a shove begins: the tool is moved off for 1 to 4 frames, also "
        "where precision matters, so that a policy learns the way back.",
        at_least=0,
        at_most=1,
    )
    disturbed: str = option(
        "all",
        "Which demonstrations have noise, a late gripper and shoves before the success: all, or those of odd seeds.",
        choices=("all", "odd"),
    )
    processes: int = option(2, "Parallel simulators, one process each.", at_least=1)
    shards: int = option(2, "TFRecord files that the data set is split into.", at_least=1)
    backend: str = option(
        "cpu", "Where the simulator computes; gpu: physics and rendering on a GPU.", choices=("cpu", "gpu")
    )
    light_mesh: bool | None = option(
        None,
        "Draw the light scene, in which little has many triangles: several times the speed on a CPU. null: in "
        "MIKASA-Robo, not in LIBERO.",
    )
    standin_mug: bool = option(
        False, "Allow our stand-in cup in the ShellGame environments where the YCB mug is not installed."
    )


def plan_of(settings: CollectSettings) -> Collection:
    """Build the collection that the settings describe. Raises ValueError for values that do not fit together."""
    environment = environment_named(settings.environment).name
    require_options(environment, settings)
    benchmark = benchmark_of(environment)
    first = settings.first_seed
    if first is None:
        first = list(benchmark.environments).index(environment) * SEEDS_PER_ENVIRONMENT
    manner = Manner(
        settings.noise,
        settings.rotation_noise,
        settings.quiet_distance,
        settings.hold_steps,
        settings.grip_lag,
        settings.shoves,
        settings.disturbed,
    )
    light_mesh = benchmark.draws_light(settings.light_mesh)
    simulator = SimulatorSettings(settings.backend, light_mesh, settings.standin_mug)
    return Collection(environment, settings.episodes, first, settings.shards, manner, simulator)


def run(settings: CollectSettings) -> None:
    """Collect the data set and say where it is; an interrupted run says how to resume."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        target = collect(plan_of(settings), Path(settings.output), settings.processes)
    except KeyboardInterrupt:
        raise SystemExit("interrupted: finished episodes are kept; the same command continues") from None
    print(f"demonstrations in {target}")


def main() -> None:
    command(CollectSettings, run, __doc__, SimulatorError)


if __name__ == "__main__":
    main()
