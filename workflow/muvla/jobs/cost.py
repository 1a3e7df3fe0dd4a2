"""What the paper's matrix costs in GPU-hours, before anything runs: python -m muvla.jobs.cost

An estimate from counted work (floating-point operations, simulator steps) and the assumptions below, none of which was
measured by us on a GPU. Read it for its proportions, run one training for an hour, and correct `utilisation`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from muvla.benchmark.benchmark import environment_named
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import controls, has_memory, home, seeds, traces
from muvla.sim.mikasa.novelty import lengthened

VARIANTS = Path("config/muvla/variant")


@dataclass(frozen=True)
class Assumptions:
    """Everything that is put in. Sources: spec 1.2 (sizes), 4.2 (batch, updates), 6 (steps)."""

    llama: float = 6.48e9  # parameters in the 32 layers; embedding and head are not multiplied with
    towers: float = 0.70e9  # DINOv2-L and SigLIP-So400m without their last blocks
    tower_tokens: int = 517  # of two pictures: 2 x 256 patches and DINO's 5 others
    tokens: int = 670  # of a whole sequence: 512 patches, m=64, prompt, 56 actions (7 for each of 8), 4 others
    batch: int = 32  # 8 GPUs of 4
    updates: int = 150_000
    peak: float = 989e12  # operations a second of an H100 in bf16, without sparsity
    utilisation: float = 0.35  # of the peak, in training; published trainings of this size report 0.3 to 0.45
    query: float = 0.08  # seconds a forward of one observation takes in evaluation, bounded by memory bandwidth
    mikasa_step: float = 0.05  # seconds of a simulator step with both pictures on a GPU
    libero_step: float = 0.10  # seconds of a simulator step with both pictures
    start: float = 120.0  # seconds until a job has loaded 16 GB and started its simulator
    share: float = 0.8  # of the longest possible episode that the average one lasts


@dataclass(frozen=True)
class Line:
    """One line of the plan."""

    what: str
    jobs: int
    hours: float  # GPU-hours of all jobs together


def operations(assumed: Assumptions, *, checkpointed: bool, chunk: int = 8) -> float:
    """Return floating-point operations of training on one frame, of which `chunk` actions are predicted.

    Two for each parameter and token forward and two backward to the activations; the gradients of the LoRA factors are
    small beside them, those of the frozen weights are not computed. Gradient checkpointing repeats the forward.
    """
    passes = 6.0 if checkpointed else 4.0
    tokens = assumed.tokens + 7 * (chunk - 8)
    return passes * (assumed.llama * tokens + assumed.towers * assumed.tower_tokens)


def training_hours(assumed: Assumptions, window: int, chunk: int = 8) -> float:
    """Return GPU-hours of one training whose window is K=`window` frames: each update sees batch x K of them."""
    frames = assumed.batch * window * assumed.updates
    work = frames * operations(assumed, checkpointed=window > 1, chunk=chunk)
    return work / (assumed.peak * assumed.utilisation) / 3600


def evaluation_hours(assumed: Assumptions, *, episodes: int, steps: int, step: float, every: int) -> float:
    """Return GPU-hours of one evaluation; every: steps between two queries of the policy."""
    lasting = episodes * steps * assumed.share
    return (assumed.start + lasting * (step + assumed.query / every)) / 3600


def plan(config: Configuration, assumed: Assumptions | None = None) -> list[Line]:
    """Return the plan of a matrix: trainings by window length, and every kind of evaluation."""
    assumed = assumed or Assumptions()
    repeats = len(seeds(config))
    trainings: dict[int, int] = {}
    for variant in [*config["variants"], *config["libero"]["variants"]]:
        window = _window(variant)
        trainings[window] = trainings.get(window, 0) + repeats
    lines = [
        Line(f"training, {'no memory, K=1 or EMA' if window == 1 else f'K={window}'}", count, count * hours)
        for window, count in sorted(trainings.items())
        for hours in [training_hours(assumed, window)]
    ]
    longer = {
        (variant, control["trained_chunk"]) for (variant, _, _), control in controls(config).items() if home(control)
    }
    for chunk in sorted({chunk for _, chunk in longer}):
        again = [training_hours(assumed, _window(variant), chunk) for variant, length in longer if length == chunk]
        lines.append(Line(f"training, chunks of {chunk} (first seed)", len(again), sum(again)))

    def mikasa(environment: str, every: int, phases: int | None = None) -> float:
        steps = lengthened(environment_named(environment).max_steps, phases)
        return evaluation_hours(
            assumed, episodes=config["episodes"], steps=steps, step=assumed.mikasa_step, every=every
        )

    table = [mikasa(name, _every(variant)) for variant in config["variants"] for name in config["environments"]]
    probes: list[float] = []
    apart: list[float] = []
    for (_, environment, _), control in controls(config).items():
        asked = mikasa(environment, control.get("open_loop_steps", 1), control.get("phases"))
        (apart if home(control) else probes).append(asked)
    libero = [
        evaluation_hours(
            assumed,
            episodes=config["libero"]["episodes"],
            steps=environment_named(task).max_steps,
            step=assumed.libero_step,
            every=_every(variant),
        )
        for variant in config["libero"]["variants"]
        for task in config["libero"]["tasks"]
    ]
    for what, hours in (("evaluation, Table 1", table), ("evaluation, probes", probes), ("evaluation, LIBERO", libero)):
        lines.append(Line(what, len(hours) * repeats, sum(hours) * repeats))
    if apart:
        lines.append(Line("evaluation, probes of longer chunks (first seed)", len(apart), sum(apart)))
    steps = [environment_named(name).max_steps for _, name in traces(config)]
    traced = [evaluation_hours(assumed, episodes=1, steps=most, step=assumed.libero_step, every=1) for most in steps]
    lines.append(Line("single episodes, traced (first seed)", len(traced), sum(traced)))
    return [*lines, Line("all", sum(line.jobs for line in lines), sum(line.hours for line in lines))]


def _settings(variant: str) -> Mapping[str, Any]:
    memory: Mapping[str, Any] = yaml.safe_load((VARIANTS / f"{variant}.yaml").read_text("utf-8"))["memory"]
    return memory


def _window(variant: str) -> int:
    """K of a variant: 1 without memory and with EMA, whose gradient does not cross steps (spec 2.3)."""
    memory = _settings(variant)
    crosses = memory["num_mem_tokens"] != 0 and memory["memory_update"] == "tbptt"
    return int(memory["tbptt_length"]) if crosses else 1


def _every(variant: str) -> int:
    """Steps between two queries: 1 with memory, a chunk of 8 without (spec 6.4)."""
    return 1 if has_memory(variant) else 8


def table(lines: list[Line]) -> str:
    """The plan as a Markdown table."""
    rows = [f"| {line.what} | {line.jobs} | {line.hours:,.0f} |" for line in lines]
    return "\n".join(["| what | jobs | GPU-hours |", "|---|---:|---:|", *rows])


def main() -> int:
    """Print the plan of config/config.yaml with config/paper.yaml on top."""
    config: dict[str, Any] = {"scale": "paper"}
    for name in ("config", "paper"):
        told = yaml.safe_load(Path(f"config/{name}.yaml").read_text("utf-8"))
        config = {**config, **told, "libero": {**config.get("libero", {}), **told["libero"]}, "scale": "paper"}
    print(table(plan(cast(Configuration, config))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
