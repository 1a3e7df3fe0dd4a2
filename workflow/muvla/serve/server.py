"""A checkpoint behind vla-eval's protocol: a session is a slot of the policy, with a memory of its own.

N slots, C chunk, A action dimensions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from vla_eval.model_servers.base import SessionContext
from vla_eval.model_servers.predict import PredictModelServer

from muvla.evaluate.policy import Policy
from muvla.evaluate.remote.conventions import Declared, Specs, action_specs, observation_specs, seen
from muvla.files import Json


class PolicyServer(PredictModelServer):
    """Answer the observations of up to as many sessions as the policy has slots, in one batch.

    A session gets a slot when its episode starts, so that its memory starts anew, and gives it back at the end. A
    policy that re-plans at every step answers an action; another one a plan, which vla-eval's base class hands out
    action by action.
    """

    def __init__(self, policy: Policy, *, max_wait: float = 0.01) -> None:
        """policy: as evaluated. max_wait: seconds to wait for the observations of other sessions after a batch."""
        slots = len(policy.forwards)
        per_forward = policy.facts.per_forward
        super().__init__(
            chunk_size=per_forward if per_forward > 1 else None, max_batch_size=slots, max_wait_time=max_wait
        )
        self.policy, self.benchmark = policy, policy.facts.benchmark
        self.slots: dict[str, int] = {}  # by session

    def predict_batch(self, obs_batch: list[Json], ctx_batch: list[SessionContext]) -> list[Json]:
        """Run one forward pass for these sessions.

        Raises ConventionMismatch for an observation of other cameras or another state, RuntimeError before a session's
        first episode has started.
        """
        count = len(self.policy.forwards)
        numbers = [self._slot(ctx) for ctx in ctx_batch]
        observations = [seen(self.benchmark, obs) for obs in obs_batch]
        pictures = np.zeros((count, *observations[0][0].shape), np.uint8)
        proprio = np.zeros((count, self.benchmark.proprio_width), np.float32)
        instructions = [""] * count
        is_first, active = np.zeros(count, bool), np.zeros(count, bool)
        for number, ctx, (picture, state, instruction) in zip(numbers, ctx_batch, observations, strict=True):
            pictures[number], proprio[number], instructions[number] = picture, state, instruction
            is_first[number], active[number] = ctx.is_first, True
        commands = self.policy.act(pictures, proprio, instructions, is_first, active)  # (N, C, A)
        return [{"actions": commands[number, 0] if self.chunk_size is None else commands[number]} for number in numbers]

    async def on_episode_start(self, config: dict[str, Any], ctx: SessionContext) -> None:
        """Give the session a slot, whose noise follows the episode's `seed`, where a client names one.

        Raises RuntimeError where all slots are taken.
        """
        free = set(range(len(self.policy.forwards))) - set(self.slots.values())
        if ctx.session_id not in self.slots:
            if not free:
                raise RuntimeError(f"all {len(self.slots)} slots are taken by other sessions: serve with slots=N")
            self.slots[ctx.session_id] = min(free)
        self.policy.begin_episode(self.slots[ctx.session_id], int(config.get("seed") or 0))
        await super().on_episode_start(config, ctx)

    async def on_episode_end(self, result: dict[str, Any], ctx: SessionContext) -> None:
        """Take the slot back, also when the connection was lost."""
        self.slots.pop(ctx.session_id, None)
        await super().on_episode_end(result, ctx)

    def get_action_spec(self) -> Specs:
        """Declare the benchmark's actions, and what records are to say of the policy."""
        facts = self.policy.facts
        declared = Declared(facts.sha256, facts.num_mem_tokens, facts.width, facts.per_forward)
        return action_specs(self.benchmark, declared.text())

    def get_observation_spec(self) -> Specs:
        """Declare the benchmark's cameras and state, and the instruction."""
        return observation_specs(self.benchmark)

    def get_observation_params(self) -> Json:
        """Ask vla-eval's benchmarks for the wrist camera and the state, as the paper reads it (spec 6.6)."""
        params: Json = {"send_wrist_image": True, "send_state": True}
        return params | ({"quat_no_antipodal": True} if self.benchmark.name == "libero" else {})

    def _slot(self, ctx: SessionContext) -> int:
        if ctx.session_id not in self.slots:
            raise RuntimeError("an observation came before the session's EPISODE_START")
        return self.slots[ctx.session_id]
