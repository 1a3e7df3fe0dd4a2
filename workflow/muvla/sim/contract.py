"""The contract of every simulator: one gymnasium.Env, one observation, chunks of actions, one episode at a time.

Letters: A actions in one call, H W picture height and width, P proprio width.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from muvla.benchmark.benchmark import Benchmark, benchmark_of, environment_named

ACTION_DIMS = 7

Observation = dict[str, np.ndarray]
Info = dict[str, Any]  # of step() and reset(): see Simulator
Options = dict[str, Any]  # of a simulator's constructor, by name
Provenance = dict[str, Any]  # JSON


class SimulatorError(RuntimeError):
    """A simulator cannot start, draw or go on here; the message is one sentence for the user, with what to do."""


@dataclass(frozen=True)
class Ran:
    """What the actions of one call did. raw: the simulator's own last observation, None where nothing ran."""

    raw: Any
    executed: int
    success: bool
    reward: float


class Simulator(gymnasium.Env[Observation, np.ndarray], abc.ABC):
    """One environment of a benchmark.

    Observation: image (2, H, W, 3) uint8, third-person then wrist camera; proprio (P,) float32.
    Action: (actions_per_step, 7). step() runs them in a row (fewer rows for fewer actions, none to sit out),
    stops early at success or truncation, and renders once, at the end: a picture costs ten times the physics.
    info: instruction, success (of any action run by this call), steps (of the episode), executed (of this call), phase
    "cue" | "empty" | "act", cue_steps, empty_steps, goal (what has to be touched, "" if the task has no such thing).

    Attributes:
        row: its row in the benchmark's record.
        environment: the row's name.
        max_steps: simulator steps until truncation.
        instruction: of the episode.
        raw: the benchmark's own environment, with the state that scripted experts read.

    Raises ValueError for an unknown environment, or fewer than one action a step.
    """

    metadata: dict[str, Any] = {"render_modes": []}
    raw: Any

    def __init__(self, environment: str, actions_per_step: int) -> None:
        if actions_per_step < 1:
            raise ValueError(f"actions_per_step is {actions_per_step}; it must be at least 1")
        self.row = environment_named(environment)
        self.environment, self.max_steps, self.actions_per_step = self.row.name, self.row.max_steps, actions_per_step
        self.observation_space, self.action_space = spaces(benchmark_of(environment), actions_per_step)
        self.instruction = ""
        self._last: Observation | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Begin the episode that `seed` names.

        Raises ValueError without a seed: an episode without one cannot be repeated.
        """
        if seed is None:
            raise ValueError("reset() needs a seed: an episode without one cannot be repeated")
        self._last = self._observation(self._begin(int(seed)))
        return self._last, self._info(success=False, executed=0)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, Info]:
        """Run the actions (0 to A, 7); see the class. terminated is always False.

        Nothing runs, and the last observation comes back with executed 0, when there is no row or the episode is over:
        so a slot that has nothing to do can sit out in a vector of simulators.
        Raises ValueError for a wrong shape, NaN or infinity; RuntimeError before the first reset().
        """
        if self._last is None:
            raise RuntimeError("step() before reset()")
        rows = given_actions(action, self.actions_per_step)[: max(0, self.max_steps - self.steps)]
        ran = self._run(rows) if len(rows) else Ran(None, executed=0, success=False, reward=0.0)
        if ran.executed:
            self._last = self._observation(ran.raw)
        info = self._info(success=ran.success, executed=ran.executed)
        return self._last, ran.reward, False, self.steps >= self.max_steps, info

    @property
    @abc.abstractmethod
    def steps(self) -> int:
        """Simulator steps since reset."""

    @property
    def cue_steps(self) -> int:
        """Steps during which the cue is shown, 0 where there is none."""
        return 0

    @property
    def empty_steps(self) -> int:
        """Steps between the cue and the choice, 0 where there are none."""
        return 0

    @property
    def phase(self) -> str:
        """What the next action meets: "cue" and "empty" swallow it, "act" does not."""
        if self.steps < self.cue_steps:
            return "cue"
        return "empty" if self.steps < self.cue_steps + self.empty_steps else "act"

    @property
    def goal(self) -> str:
        """What must be touched; "" where nothing is chosen."""
        return ""

    @abc.abstractmethod
    def provenance(self) -> Provenance:
        """Say what pictures and physics depend on: versions, renderer, options."""

    @abc.abstractmethod
    def _begin(self, seed: int) -> Any:
        """Begin the episode and set `instruction`; return the simulator's own observation."""

    @abc.abstractmethod
    def _run(self, rows: np.ndarray) -> Ran:
        """Run at least one action (A, 7) until the first success. The episode has as many steps left."""

    @abc.abstractmethod
    def _observation(self, raw: Any) -> Observation:
        """Turn the simulator's own observation into the contract's."""

    def _info(self, *, success: bool, executed: int) -> Info:
        return {
            "instruction": self.instruction,
            "success": success,
            "steps": self.steps,
            "executed": executed,
            "phase": self.phase,
            "cue_steps": self.cue_steps,
            "empty_steps": self.empty_steps,
            "goal": self.goal,
        }


def spaces(benchmark: Benchmark, actions_per_step: int) -> tuple[gymnasium.spaces.Dict, gymnasium.spaces.Box]:
    """Return (observation space, action space); actions are (actions_per_step, 7) float32."""
    pictures = (len(benchmark.cameras), benchmark.picture_size, benchmark.picture_size, 3)
    observation = gymnasium.spaces.Dict(
        image=gymnasium.spaces.Box(0, 255, pictures, np.uint8),
        proprio=gymnasium.spaces.Box(-np.inf, np.inf, (benchmark.proprio_width,), np.float32),
    )
    bound = benchmark.action_bound
    return observation, gymnasium.spaces.Box(-bound, bound, (actions_per_step, ACTION_DIMS), np.float32)


def given_actions(action: np.ndarray, most: int) -> np.ndarray:
    """Return the actions as (0 to most, 7) float32. Raises ValueError for any other shape, NaN or infinity."""
    actions = np.asarray(action, np.float32)
    if actions.ndim != 2 or actions.shape[1] != ACTION_DIMS or len(actions) > most:
        raise ValueError(f"actions of shape {actions.shape}; expected (0 to {most}, {ACTION_DIMS})")
    if not np.isfinite(actions).all():
        raise ValueError(f"actions hold NaN or infinity: {actions.tolist()}")
    return actions
