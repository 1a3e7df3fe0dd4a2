"""Options of the commands that run a policy in a simulator: `python -m muvla.evaluate` and `muvla.trace`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muvla.options import option
from muvla.records.episode import MEMORIES
from muvla.records.settings import SOURCES

OF_SERVERS = ("server_chunk", "server", "timeout")  # options that only a policy behind a socket has
OF_CHECKPOINTS = ("checkpoint", "checkpoint_source", "mode", "open_loop_steps", "memory", "precision", "device")


@dataclass
class EpisodeSettings:
    """Options of every command that runs a policy in a simulator."""

    checkpoint: str = option("checkpoints/mini/m64_k2", "The checkpoint folder.")
    name: str | None = option(None, "Name of the variant in what is written; null: the checkpoint folder's name.")
    environment: str = option(
        "RememberColor3", "One of MIKASA-Robo's environments, or a task of LIBERO, spelt like libero_spatial/3."
    )
    seed: int | None = option(
        None,
        "Seed of the first episode; in LIBERO the number of its stored initial state, 0 to 49. null: 4242424242 for "
        "MIKASA-Robo, 0 for LIBERO.",
        at_least=0,
        at_most=2**63 - 1,
    )
    mode: str = option(
        "auto",
        "receding: a forward pass at every step. open_loop: one for every chunk of actions. auto: receding for a "
        "policy with memory, else open_loop.",
        choices=("auto", "receding", "open_loop"),
    )
    precision: str = option(
        "float32",
        "Number format of the policy; the release evaluates in bfloat16.",
        choices=("float32", "bfloat16"),
    )
    device: str = option("cpu", "Where the policy computes.", choices=("cpu", "cuda"))
    threads: int = option(1, "CPU threads for linear algebra.", at_least=1)
    output: str | None = option(None, "File to write.")
    backend: str = option(
        "cpu", "MIKASA-Robo: where the simulator computes; gpu: physics and rendering on a GPU.", choices=("cpu", "gpu")
    )
    light_mesh: bool | None = option(
        None,
        "Draw the light scene, in which little has many triangles: several times the speed on a CPU; part of the "
        "provenance. null: in MIKASA-Robo, not in LIBERO.",
    )
    standin_mug: bool = option(
        False,
        "Allow our stand-in cup in the ShellGame environments where the YCB mug is not installed; part of the "
        "provenance.",
    )
    reset_rule: str = option(
        "episode",
        "LIBERO. episode: numpy is seeded with the episode's number before its reset, which places the fixtures, so an "
        "episode does not depend on those before it. release: seeded once, as in the original.",
        choices=("episode", "release"),
    )
    other_statistics: bool = option(
        False,
        "Allow an environment of whose data set the checkpoint has no statistics: actions are then un-normalised with "
        "the average of those it has, as in the release (spec 6.4); part of the provenance.",
    )
    label: str = option("mini", "Name of the scale, which every number of these episodes carries (mini or paper).")

    @property
    def variant(self) -> str:
        """Name of the variant."""
        return Path(self.checkpoint).name if self.name is None else self.name

    @property
    def base_seed(self) -> int:
        """Seed of the first episode; of settled settings."""
        assert self.seed is not None
        return self.seed

    @property
    def path(self) -> Path:
        """File to write; of settled settings."""
        assert self.output is not None
        return Path(self.output)


@dataclass
class EvaluateSettings(EpisodeSettings):
    """Options of `python -m muvla.evaluate`."""

    output: str | None = option(
        None, "File of records (.jsonl) to write or continue; null: results/records/<name>/<environment>.jsonl."
    )
    episodes: int = option(50, "Episodes to run; episode i is reset with seed + i.", at_least=1)
    open_loop_steps: int | None = option(
        None, "Actions executed of each chunk in open loop; null: the whole chunk.", at_least=1
    )
    memory: str = option(
        "active",
        "What each forward pass reads as its memory. active: the policy's own. zero: zeros. noise: fresh Gaussian "
        "noise. freeze_first: the memory after the episode's first forward pass.",
        choices=MEMORIES,
    )
    named: bool = option(
        False,
        'Ask for the goal by name instead of giving the task\'s instruction ("touch the red cube."): what a policy '
        "can do whose memory holds the cue. Tasks without a choice keep their instruction.",
    )
    slots: int = option(
        2,
        "Parallel simulators, one process each; the policy handles them in one batch. 1: MIKASA-Robo's runs in the "
        "policy's process.",
        at_least=1,
    )
    frames: str | None = option(None, "Also keep the pictures of the first episode, for the figure (.npz).")
    phases: int | None = option(
        None, "Probe of delays: steps of the cue phase and of the empty phase; null: drawn from 1 to 5.", at_least=1
    )
    unseen_colours: int | None = option(
        None,
        "Probe of colours: number of RememberColor's colours that are replaced by unseen ones; null: none.",
        at_least=1,
    )
    probe: str | None = option(
        None,
        "LIBERO: file with the result of the start-up check, written by `python -m muvla.sim.libero.first_frames "
        "--output FILE`; null: check the suite now.",
    )
    strict: bool = option(
        False, "LIBERO: refuse to run where the start-up check warns (other physics or pictures, an unsettled scene)."
    )
    mark: bool = option(
        False, "Write <records>.done when all episodes are there; tables are made only from records that have it."
    )
    policy: str | None = option(
        None,
        "Instead of a checkpoint: the address ws://HOST:PORT of a server that speaks vla-eval's protocol. It needs "
        "`name`.",
    )
    server_chunk: int | None = option(
        None,
        "Actions that the policy's server runs of each of its plans before it plans anew, whether it keeps them itself "
        "or sends them all. null: as a server of ours declares; else it is asked, and taken to plan, at every step.",
        at_least=1,
    )
    server: str | None = option(
        None, "File that describes the policy's server, for the provenance; written by `python -m muvla.serve.beside`."
    )
    timeout: float = option(120.0, "Seconds to wait for an answer of the policy's server.", at_least=0.1)
    checkpoint_source: str | None = option(
        None,
        "Where the checkpoint comes from; null: what its provenance.json says, else unknown.",
        choices=SOURCES,
    )

    def contradictions(self) -> Iterator[str]:
        """Yield what cannot be asked of a policy behind a socket, or of one that is not."""
        defaults = {each.name: each.default for each in dataclasses.fields(self)}
        given = [name for name, value in defaults.items() if getattr(self, name) != value]
        if self.policy is None:
            yield from (f"{name} is given: it is for policy=ws://HOST:PORT" for name in OF_SERVERS if name in given)
            return
        yield from (
            f"{name} is given together with policy={self.policy}: that is for its server to decide"
            for name in OF_CHECKPOINTS
            if name in given
        )
        if self.name is None:
            yield "policy needs name=NAME, which its records get"
