"""`python -m muvla.evaluate checkpoint=DIR environment=RememberColor3`: episodes of a policy in the real simulator.

The protocol is the paper's (spec 6.4, 6.6): episode i is reset with seed + i and ends at the first success or at the
environment's limit. `slots` simulators run side by side and are answered in one batch. Options:
config/muvla/evaluate.yaml. An exception is an error record, never a failed episode.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from omegaconf import DictConfig
from tqdm import tqdm

from muvla.benchmark.benchmark import benchmark_of
from muvla.evaluate.policy import Policy
from muvla.evaluate.settings import inference_mode, probed, provenance_of, require_benchmark, settle_seed
from muvla.files import ROOT
from muvla.records.file import RecordFile
from muvla.records.frames import FrameRecorder
from muvla.sim.vector import DeadSimulator, SimulatorVector, make_vector

CONFIG = str(ROOT / "config" / "muvla")


@hydra.main(version_base=None, config_path=CONFIG, config_name="evaluate")
def main(config: DictConfig) -> None:
    torch.set_num_threads(config.threads)
    try:
        evaluate(config)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")


@dataclass
class Slot:
    """One simulator and the episode it is running; episode -1: none."""

    episode: int = -1
    began: float = 0.0
    fresh: bool = False
    success: bool = False
    info: dict[str, Any] = field(default_factory=dict)


def evaluate(config: DictConfig) -> None:
    """Run the episodes that the record file does not hold yet.

    Raises ValueError for a mode or memory that the policy does not have, RecordsOfAnotherQuestion, or what the
    simulator says when it cannot start.
    """
    settle_seed(config)
    policy = Policy(
        config.checkpoint, slots=config.slots, memory=config.memory, seed=config.seed, precision=config.precision,
        device=config.device, environment=config.environment,
    )  # fmt: skip
    require_benchmark(config, policy)
    mode = inference_mode(config.mode, policy)
    chunk = policy.cell.architecture.chunk
    if not 1 <= (config.open_loop_steps or 1) <= chunk:
        raise ValueError(f"open_loop_steps is {config.open_loop_steps}; this policy predicts {chunk} actions at a time")
    per_step = 1 if mode == "receding" else config.open_loop_steps or chunk
    start = partial(
        make_vector, config.environment, config.slots, actions_per_step=per_step,
        **benchmark_of(config.environment).select_options(config),
    )  # fmt: skip
    found = probed(config)
    with contextlib.closing(start()) as simulators:
        provenance = provenance_of(config, policy, mode, simulators.call("provenance")[0] | found)
        with RecordFile(Path(config.output), provenance) as records:
            _write_records(policy, simulators, start, records, config, mode)


def _write_records(
    policy: Policy, simulators: SimulatorVector, start: Callable[[], SimulatorVector], records: RecordFile,
    config: DictConfig, mode: str,
) -> None:  # fmt: skip
    """Run what is missing. When a simulator dies, the episodes it interrupts are tried once more in new processes."""
    recorder = FrameRecorder(Path(config.frames)) if config.frames else None
    deaths: Counter[int | None] = Counter()
    missing = _missing(records, config)
    bar = tqdm(
        total=config.episodes, initial=config.episodes - len(missing), unit="episode",
        desc=f"{config.name} {config.environment}",
    )  # fmt: skip
    with bar:
        while missing:
            lost: list[int | None] = []
            try:
                for record in run(policy, simulators, missing, config, mode, recorder):
                    records.append(record)
                    if record["error"] is None:
                        bar.update()
                    else:
                        lost.append(record["seed"])
            except DeadSimulator as error:
                deaths.update(lost or [None])
                if max(deaths.values()) > 1:
                    raise
                print(f"{error} The episodes it interrupted are run once more.", file=sys.stderr)
                simulators.close()
                simulators = start()
            missing = _missing(records, config)
        simulators.close()


def _missing(records: RecordFile, config: DictConfig) -> list[int]:
    done = records.done()
    return [episode for episode in range(config.episodes) if config.seed + episode not in done]


def run(
    policy: Policy, simulators: SimulatorVector, episodes: list[int], config: DictConfig, mode: str,
    recorder: FrameRecorder | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield one record for each of `episodes`, in the order in which they end.

    An exception ends the run: every episode it interrupts is yielded as an error record before it is raised again.
    """
    waiting = list(reversed(episodes))
    slots = [Slot() for _ in range(simulators.num_envs)]
    try:
        yield from _episodes(policy, simulators, waiting, slots, config, mode, recorder)
    except Exception as error:
        for number, slot in enumerate(slots):
            if slot.episode >= 0 and slot.info:
                yield _record(slot, policy, number, config, mode) | {"success": None, "error": repr(error)}
        raise


def _episodes(
    policy: Policy, simulators: SimulatorVector, waiting: list[int], slots: list[Slot], config: DictConfig, mode: str,
    recorder: FrameRecorder | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The loop: begin episodes in idle slots, act in all that run, take out what has ended."""
    observation: dict[str, np.ndarray] = {}
    while waiting or any(slot.episode >= 0 for slot in slots):
        if started := _begin(slots, waiting):
            # a simulator must have been reset once before it can sit out
            mask = np.array([slot.fresh or not observation for slot in slots])
            seeds = [config.seed + max(slot.episode, 0) for slot in slots]
            observation, info = simulators.reset(seed=seeds, options={"reset_mask": mask})
            _take(info, slots, started)
        active = np.array([slot.episode >= 0 for slot in slots])
        if recorder is not None:
            recorder.record(slots, observation["image"])
        instructions = [slot.info.get("instruction", "") for slot in slots]
        fresh = np.array([slot.fresh for slot in slots])
        commands = policy.act(observation["image"], observation["proprio"], instructions, fresh, active)
        for slot in slots:
            slot.fresh = False
        commands = commands[:, : _rows_per_step(simulators)]
        commands[~active] = np.nan  # a slot without an episode sits out
        observation, _, _, truncated, info = simulators.step(commands)
        _take(info, slots, np.flatnonzero(active))
        for number, slot in enumerate(slots):
            if slot.episode >= 0 and (slot.success or truncated[number]):
                yield _record(slot, policy, number, config, mode)
                if recorder is not None and recorder.episode == slot.episode:
                    recorder.finish(observation["image"][number], slot)
                slot.episode = -1


def _rows_per_step(simulators: SimulatorVector) -> int:
    """How many actions of a chunk one step() of the simulators runs."""
    shape = simulators.single_action_space.shape
    assert shape is not None
    return shape[0]


def _begin(slots: list[Slot], waiting: list[int]) -> list[int]:
    """Give every idle slot its next episode; the numbers of the slots that got one."""
    started = []
    for number, slot in enumerate(slots):
        if slot.episode < 0 and waiting:
            slots[number] = Slot(episode=waiting.pop(), began=time.monotonic(), fresh=True)
            started.append(number)
    return started


def _take(info: dict[str, Any], slots: list[Slot], numbers: Any) -> None:
    """Hand each slot its part of a vector's info; success is once and for all (spec 6.4)."""
    for number in numbers:
        slot = slots[number]
        slot.info = {key: values[number] for key, values in info.items() if not key.startswith("_")}
        slot.success = slot.success or bool(slot.info["success"])


def _record(slot: Slot, policy: Policy, number: int, config: DictConfig, mode: str) -> dict[str, Any]:
    return {
        "environment": config.environment,
        "variant": config.name,
        "seed": config.seed + slot.episode,
        "episode": slot.episode,
        "success": slot.success,
        "steps": int(slot.info["steps"]),
        "forwards": int(policy.forwards[number]),
        "memory_updates": int(policy.memory_updates[number]),
        "cue_steps": int(slot.info["cue_steps"]),
        "empty_steps": int(slot.info["empty_steps"]),
        "goal": str(slot.info["goal"]),
        "seconds": round(time.monotonic() - slot.began, 3),
        "error": None,
        "mode": mode,
        "memory": config.memory,
    }


if __name__ == "__main__":
    main()
