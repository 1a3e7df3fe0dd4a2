"""Runs episodes of a policy in parallel simulators: the loop of an evaluation (spec 6.4, 6.6).

B slots, one simulator each; N cameras; C rows of a chunk that one step runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from muvla.benchmark.mikasa import object_name
from muvla.data.text import naming
from muvla.evaluate.acting import Acting
from muvla.evaluate.options import EvaluateSettings
from muvla.records.frames import FrameRecorder
from muvla.sim.vector import Simulators

Record = dict[str, Any]  # one line of a record file (records/episode.py)


@dataclass
class Slot:
    """One simulator and the episode that it runs; episode -1: none. fresh: it has not acted yet."""

    episode: int = -1
    began: float = 0.0
    fresh: bool = False
    success: bool = False
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        return self.episode >= 0


def run(
    policy: Acting,
    simulators: Simulators,
    episodes: Sequence[int],
    settings: EvaluateSettings,
    mode: str,
    recorder: FrameRecorder | None = None,
) -> Iterator[Record]:
    """Yield one record for each of `episodes`, in the order in which they end.

    An exception ends the run: every episode that it interrupts is yielded as an error record before it is raised again.
    """
    slots = [Slot() for _ in range(simulators.num_envs)]
    try:
        for number in _ended(policy, simulators, list(reversed(episodes)), slots, settings, recorder):
            yield _record(slots[number], policy, number, settings, mode)
    except Exception as error:
        for number, slot in enumerate(slots):
            if slot.runs and slot.info:
                yield _record(slot, policy, number, settings, mode) | {"success": None, "error": repr(error)}
        raise


def _ended(
    policy: Acting,
    simulators: Simulators,
    waiting: list[int],
    slots: list[Slot],
    settings: EvaluateSettings,
    recorder: FrameRecorder | None,
) -> Iterator[int]:
    """Run all episodes; yield the number of each slot whose episode has ended, before it begins another one."""
    shape = simulators.single_action_space.shape
    assert shape is not None
    rows_per_step = shape[0]
    observation: dict[str, np.ndarray] = {}
    while waiting or any(slot.runs for slot in slots):
        # begin the next episodes in idle slots
        started = [number for number, slot in enumerate(slots) if not slot.runs][: len(waiting)]
        for number in started:
            slots[number] = Slot(episode=waiting.pop(), began=time.monotonic(), fresh=True)
        if started:
            # a simulator must have been reset once before it can sit out
            mask = np.array([slot.fresh or not observation for slot in slots])
            seeds: list[int | None] = [settings.base_seed + max(slot.episode, 0) for slot in slots]
            for number in started:
                policy.begin_episode(number, settings.base_seed + slots[number].episode)
            observation, info = simulators.reset(seed=seeds, options={"reset_mask": mask})
            _distribute(info, slots, started)

        # act in all that run
        active = np.array([slot.runs for slot in slots])
        if recorder is not None:
            recorder.record(slots, observation["image"])
        instructions = [_instruction(slot, settings.named) for slot in slots]
        fresh = np.array([slot.fresh for slot in slots])
        commands = policy.act(observation["image"], observation["proprio"], instructions, fresh, active)
        for slot in slots:
            slot.fresh = False
        # (B, C, 7); a slot without an episode sits out: it gets no rows
        given = [rows[:rows_per_step] if runs else rows[:0] for rows, runs in zip(commands, active, strict=True)]
        observation, _, _, truncated, info = simulators.step(given)
        _distribute(info, slots, np.flatnonzero(active).tolist())

        # take out what has ended
        for number, slot in enumerate(slots):
            if slot.runs and (slot.success or truncated[number]):
                yield number
                if recorder is not None and recorder.episode == slot.episode:
                    recorder.finish(observation["image"][number], slot)
                slot.episode = -1
                policy.end_episode(number, success=slot.success, steps=int(slot.info["steps"]))


def _instruction(slot: Slot, named: bool) -> str:
    """Return what the slot's policy is told to do; named: which object it is, where one must be chosen."""
    instruction, goal = slot.info.get("instruction", ""), slot.info.get("goal", "")
    return naming(instruction, object_name(goal)) if named and goal else instruction


def _distribute(info: dict[str, Any], slots: list[Slot], numbers: Iterable[int]) -> None:
    """Hand each of the slots its part of a vector's info; success is once and for all (spec 6.4)."""
    for number in numbers:
        slot = slots[number]
        slot.info = {key: values[number] for key, values in info.items() if not key.startswith("_")}
        slot.success = slot.success or bool(slot.info["success"])


def _record(slot: Slot, policy: Acting, number: int, settings: EvaluateSettings, mode: str) -> Record:
    return {
        "environment": settings.environment,
        "variant": settings.variant,
        "seed": settings.base_seed + slot.episode,
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
        "memory": settings.memory,
    }
