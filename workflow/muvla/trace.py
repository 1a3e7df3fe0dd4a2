"""`python -m muvla.trace checkpoint=DIR environment=RememberColor3`: record memory and attention of single episodes.

For the pictures of episodes and the viewer (spec 10). Episode i is the evaluation's: reset with seed + i. Everything is
recorded beside the forward passes that act, which stay as they are: the episode is the evaluation's, bit for bit.

`... OPTIONS -- OPTIONS -- OPTIONS` traces one policy in one environment after the other in the same process.

T forwards, R actions that a forward runs, N cameras, L layers, Q kinds of queries, P patches, G groups, m tokens, D
width.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from muvla import checkpoint
from muvla.benchmark.benchmark import benchmark_of
from muvla.data.episode import CAMERAS
from muvla.data.images import CROP_AREA
from muvla.evaluate.in_turn import run_in_turn
from muvla.evaluate.options import EpisodeSettings
from muvla.evaluate.policy import Policy
from muvla.evaluate.settings import inference_mode, require_benchmark, settled
from muvla.files import file_sha256, write_json
from muvla.model.attention import Seen, group_shares, layout_of, to_patches, watched
from muvla.model.cell import Cell
from muvla.model.memory import token_distances, token_norms
from muvla.options import SEPARATOR, command, option, separated
from muvla.provenance import commit, describe_run
from muvla.records.trace import About, Trace, write_trace
from muvla.sim.contract import Simulator, SimulatorError
from muvla.sim.simulator import make_simulator, preflight

OF_THE_EPISODE = ("seed", "success", "steps", "goal", "instruction", "mode")  # as its provenance has it


@dataclass
class TraceSettings(EpisodeSettings):
    """Options of `python -m muvla.trace`; an episode is the evaluation's with the same options."""

    checkpoint: str = option("checkpoints/mini/m64_k2", "The checkpoint folder.")
    output: str | None = option(
        None,
        "Folder of <seed>.npz, each with its provenance beside it (.json); null: results/traces/<name>/<environment>.",
    )
    episodes: int = option(1, "Episodes to trace, whether they succeed or not.", at_least=1)
    keep_memory: bool = option(
        True,
        "Also keep the memory itself (T, m, D), not only norms and distances: 0.5 GB for 500 steps of 64 tokens of "
        "width 4096.",
    )


def main() -> None:
    if SEPARATOR in sys.argv[1:]:
        run_in_turn(TraceSettings, threaded, list(separated(sys.argv[1:])), "traces")
    else:
        command(TraceSettings, threaded, __doc__, SimulatorError)


def threaded(settings: TraceSettings, like: Policy | None = None) -> Policy:
    """Trace in a process of its own: the number of threads is set first."""
    torch.set_num_threads(settings.threads)
    return trace(settings, like)


@dataclass
class Recording:
    """One episode, a row for every forward; info: the simulator's last."""

    frames: list[np.ndarray] = field(default_factory=list)  # (N, H, W, 3) uint8
    steps: list[int] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)  # (R, 7), as the simulator was given them
    attention: list[Tensor] = field(default_factory=list)  # (L, Q, C, P)
    shares: list[Tensor] = field(default_factory=list)  # (L, G, G)
    memory: list[Tensor] = field(default_factory=list)  # (m, D), as read out, before a moving average is taken of it
    queries: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    end: np.ndarray | None = None  # (N, H, W, 3) uint8
    info: dict[str, Any] = field(default_factory=dict)
    success: bool = False

    def add(self, policy: Policy, image: np.ndarray, info: dict[str, Any], actions: np.ndarray, seen: Seen) -> None:
        """Append the next forward: what the policy saw, where it looked, and what it did."""
        layout = layout_of(traceable(policy), seen.weights.shape[-1])
        self.queries, patches = to_patches(seen.weights, layout, policy.cell.architecture.cameras)
        self.groups, shares = group_shares(seen.weights, layout)
        self.frames.append(image.copy())
        self.steps.append(int(info["steps"]))
        self.phases.append(str(info["phase"]))
        self.actions.append(actions)
        self.attention.append(patches.cpu())
        self.shares.append(shares.cpu())
        self.memory.append(seen.read[: layout.memory].float().cpu())


def trace(settings: TraceSettings, like: Policy | None = None) -> Policy:
    """Run and write the episodes; return the policy. like: as Policy's.

    Raises ValueError for a seed that LIBERO does not have and a checkpoint of another benchmark, and what the simulator
    says when it cannot start.
    """
    settings = settled(settings, "results/traces", "", settings.episodes)
    policy = Policy(
        settings.checkpoint,
        slots=1,
        precision=settings.precision,
        device=settings.device,
        environment=settings.environment,
        like=like,
    )
    traceable(policy)
    require_benchmark(settings, policy)
    mode = inference_mode(settings.mode, policy)
    per_step = 1 if mode == "receding" else policy.cell.architecture.chunk
    options = {"actions_per_step": per_step, **benchmark_of(settings.environment).select_options(vars(settings))}
    preflight(settings.environment, options)
    with contextlib.closing(make_simulator(settings.environment, **options)) as simulator:
        for seed in range(settings.base_seed, settings.base_seed + settings.episodes):
            recording = record(policy, simulator, seed, per_step)
            outcome = "success" if recording.success else "failure"
            print(f"{settings.variant} {settings.environment}, seed {seed}: {outcome}")
            write(settings, policy, recording, seed, mode, simulator.provenance())
    return policy


def traceable(policy: Policy) -> Cell:
    """Return the policy's cell. Raises ValueError for a flow-matching policy, which carries nothing on."""
    if not isinstance(policy.cell, Cell):
        raise ValueError(f"{policy.stored.folder} is a flow-matching policy: it has no memory to trace")
    return policy.cell


def record(policy: Policy, simulator: Simulator, seed: int, per_step: int) -> Recording:
    """Run one episode to its first success or its end."""
    recording, yes = Recording(), np.array([True])
    observation, recording.info = simulator.reset(seed=seed)
    truncated = False
    with watched(traceable(policy)) as seen, tqdm(desc=f"seed {seed}", unit="forward", leave=False) as bar:
        while not (recording.success or truncated):
            image, proprio, info = observation["image"], observation["proprio"], recording.info
            begins = np.array([not recording.steps])
            commands = policy.act(image[None], proprio[None], [str(info["instruction"])], begins, yes)
            recording.add(policy, image, info, commands[0, :per_step], seen.pop())
            observation, _, _, truncated, recording.info = simulator.step(commands[0, :per_step])
            recording.success = bool(recording.info["success"])
            bar.update()
    recording.end = observation["image"].copy()
    return recording


def write(
    settings: TraceSettings, policy: Policy, recording: Recording, seed: int, mode: str, simulator: dict[str, Any]
) -> None:
    """Write <seed>.npz, then its provenance beside it (.json); mode: "receding" or "open_loop"."""
    architecture = policy.cell.architecture
    about: About = {
        "variant": settings.variant,
        "environment": settings.environment,
        "scale": settings.label,
        "num_mem_tokens": policy.settings.num_mem_tokens,
        "width": architecture.width,
        "chunk": architecture.chunk,
        "commit": commit(),
        "seed": seed,
        "success": recording.success,
        "steps": int(recording.info["steps"]),
        "goal": str(recording.info["goal"]),
        "instruction": str(recording.info["instruction"]),
        "mode": mode,
    }
    provenance = describe_run(
        command="muvla.trace",
        config=dataclasses.asdict(settings),
        checkpoint_sha256=checkpoint.sha256(settings.checkpoint),
        simulator=simulator,
        **{name: value for name, value in about.items() if name in OF_THE_EPISODE},
    )
    memory = torch.stack(recording.memory) if policy.settings.num_mem_tokens else None  # (T, m, D)
    assert recording.end is not None
    made = Trace(
        frames=np.stack(recording.frames),
        end=recording.end,
        steps=np.array(recording.steps),
        phases=np.array(recording.phases),
        actions=np.stack(recording.actions),
        attention=torch.stack(recording.attention).numpy(),
        queries=np.array(recording.queries),
        cameras=np.array([*CAMERAS, "first_image"][: architecture.cameras]),
        shares=torch.stack(recording.shares).numpy(),
        groups=np.array(recording.groups),
        view=CROP_AREA**0.5 if policy.cell.vision_backbone.preprocessing.center_crop else 1.0,
        about=about,
        norms=None if memory is None else token_norms(memory).numpy(),
        distances=None if memory is None else token_distances(memory[1:], memory[:-1]).numpy(),
    )
    output = settings.path / f"{seed}.npz"
    write_trace(output, made, memory.numpy() if memory is not None and settings.keep_memory else None)
    beside = write_json(output.with_suffix(".json"), {**provenance, "npz_sha256": file_sha256(output)})
    print(f"written: {output} and {beside}")


if __name__ == "__main__":
    main()
