"""`python -m muvla.collect environment=RememberColor3 episodes=200 output=DIR`: demonstrations as RLDS (spec 3.1).

The same command resumes an interrupted run. The same options give the same bytes.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from muvla.benchmark.benchmark import benchmark_of, environment_named, require_options
from muvla.collect.attempts import SimulatorSettings
from muvla.collect.collection import SEED_END, Collection, collect
from muvla.collect.demonstration import Manner
from muvla.options import command, option
from muvla.sim.contract import SimulatorError

SEEDS_PER_ENVIRONMENT = 10_000_000


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
