"""`python -m muvla.evaluate checkpoint=DIR environment=RememberColor3`: episodes of a policy in the real simulator.

The protocol is the paper's (spec 6.4): episode i is reset with seed + i and ends at the first success or at the
environment's limit. `slots` simulators run side by side and are answered in one batch. Options:
config/muvla/evaluate.yaml. An exception is an error record, never a failed episode.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from muvla.model import checkpoint
from muvla.policy import Policy
from muvla.provenance import commit, json_sha256, versions
from muvla.report.records import RecordFile
from muvla.sim.environments import environment_named
from muvla.sim.vector import MikasaVector, make_vector

CONFIG = str(Path(__file__).resolve().parents[2] / "config" / "muvla")
# where, how fast and how often: no part of the question that the records answer
CIRCUMSTANCES = ("output", "episodes", "slots", "threads", "frames", "checkpoint")


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
    environment_named(config.environment)
    policy = Policy(config.checkpoint, slots=config.slots, memory=config.memory, seed=config.seed)
    mode = _mode(config.mode, policy)
    per_step = 1 if mode == "receding" else config.open_loop_steps or policy.cell.architecture.chunk
    simulators = make_vector(
        config.environment, config.slots, actions_per_step=per_step, backend=config.backend,
        light_mesh=config.light_mesh, standin_mug=config.standin_mug,
    )  # fmt: skip
    with contextlib.closing(simulators):
        provenance = _provenance(config, policy, mode, simulators.call("provenance")[0])
        with RecordFile(Path(config.output), provenance) as records:
            missing = [i for i in range(config.episodes) if config.seed + i not in records.done()]
            bar = tqdm(
                total=config.episodes, initial=config.episodes - len(missing), unit="episode",
                desc=f"{config.name} {config.environment}",
            )  # fmt: skip
            strip = Strip(Path(config.frames)) if config.frames else None
            for record in run(policy, simulators, missing, config, mode, strip):
                records.append(record)
                bar.update()
            bar.close()


def run(
    policy: Policy, simulators: MikasaVector, episodes: list[int], config: DictConfig, mode: str,
    strip: Strip | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield one record for each of `episodes`, in the order in which they end.

    An exception ends the run: every episode it interrupts is yielded as an error record before it is raised again.
    """
    waiting = list(reversed(episodes))
    slots = [Slot() for _ in range(simulators.num_envs)]
    try:
        yield from _episodes(policy, simulators, waiting, slots, config, mode, strip)
    except Exception as error:
        for number, slot in enumerate(slots):
            if slot.episode >= 0 and slot.info:
                yield _record(slot, policy, number, config, mode) | {"success": None, "error": repr(error)}
        raise


def _episodes(
    policy: Policy, simulators: MikasaVector, waiting: list[int], slots: list[Slot], config: DictConfig, mode: str,
    strip: Strip | None,
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
        if strip is not None:
            strip.look(slots, observation["image"])
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
                if strip is not None and strip.episode == slot.episode:
                    strip.end(observation["image"][number], slot)
                slot.episode = -1


def _rows_per_step(simulators: MikasaVector) -> int:
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


class Strip:
    """Keeps the pictures of episode 0, both cameras side by side, and writes them as .npz when it ends."""

    episode = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: list[np.ndarray] = []
        self.labels: list[str] = []

    def look(self, slots: list[Slot], images: np.ndarray) -> None:
        """images (N, 2, H, W, 3): remember what the policy sees of the episode."""
        for number, slot in enumerate(slots):
            if slot.episode == self.episode:
                self._add(images[number], str(slot.info["phase"]))

    def end(self, image: np.ndarray, slot: Slot) -> None:
        self._add(image, str(slot.info["phase"]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.path, frames=np.stack(self.frames), labels=np.array(self.labels))

    def _add(self, image: np.ndarray, label: str) -> None:
        self.frames.append(np.concatenate(list(image), axis=0))  # (2H, W, 3)
        self.labels.append(label)


def _mode(asked: str, policy: Policy) -> str:
    if asked not in ("auto", "receding", "open_loop"):
        raise ValueError(f"mode is {asked!r}: choose auto, receding or open_loop")
    if asked == "auto":
        return "receding" if policy.replans_every_step else "open_loop"
    return asked


def _provenance(config: DictConfig, policy: Policy, mode: str, simulator: dict[str, Any]) -> dict[str, Any]:
    asked = OmegaConf.to_container(config, resolve=True)
    assert isinstance(asked, dict)
    question = {
        "scale": config.label,
        "checkpoint_sha256": checkpoint.sha256(config.checkpoint),
        "config_hash": json_sha256({key: value for key, value in asked.items() if key not in CIRCUMSTANCES}),
        "environment": config.environment,
        "variant": config.name,
        "mode": mode,
        "memory": config.memory,
        "base_seed": config.seed,
        "num_mem_tokens": policy.settings.num_mem_tokens,
        "width": policy.cell.architecture.width,
        "simulator": simulator,
        "versions": versions(),
    }
    source = "trained" if Path(config.checkpoint).parent.name == "checkpoints" else "bundled"
    return {"question": question, "run": {"commit": commit(), "episodes": config.episodes, "checkpoint_source": source}}


if __name__ == "__main__":
    main()
