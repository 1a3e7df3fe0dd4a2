"""Validates an evaluation's settings and builds the provenance stored with its records."""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from muvla import checkpoint
from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.evaluate.policy import INTERVENTIONS, Policy
from muvla.files import json_sha256
from muvla.options import option
from muvla.provenance import circumstances, versions
from muvla.sim.simulator import start_up_check

SOURCES = ("trained", "bundled", "released")
# where, how fast and how often: they decide no record
CIRCUMSTANCES = (
    "output",
    "episodes",
    "slots",
    "threads",
    "frames",
    "checkpoint",
    "probe",
    "strict",
    "precision",
    "device",
    "mark",
    "checkpoint_source",
)
PROBES = ("phases", "unseen_colours")  # the paper's generalisation probes; they decide records where they are given


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
        "receding: a forward at every step. open_loop: one for every chunk of actions. auto: receding where there is "
        "memory, else open_loop.",
        choices=("auto", "receding", "open_loop"),
    )
    precision: str = option(
        "float32",
        "Number format of the policy; the release evaluates in bfloat16.",
        choices=("float32", "bfloat16"),
    )
    device: str = option("cpu", "Where the policy computes.", choices=("cpu", "cuda"))
    threads: int = option(1, "Threads of linear algebra while the simulators wait.", at_least=1)
    output: str | None = option(None, "File to write.")
    backend: str = option(
        "cpu", "Where the simulator computes; gpu: CUDA physics and rendering.", choices=("cpu", "gpu")
    )
    light_mesh: bool = option(
        True,
        "Replace the wrist camera's own body by a light mesh: twice the speed on a CPU; part of the provenance.",
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
    reflections: bool = option(True, "LIBERO: draw the mirror images in floor and table; part of the provenance.")
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
        None, "Records (.jsonl) to write or continue; null: results/records/<name>/<environment>.jsonl."
    )
    episodes: int = option(50, "Episodes to run; episode i is reset with seed + i.", at_least=1)
    open_loop_steps: int | None = option(
        None, "Actions run of each chunk in open loop; null: the whole chunk.", at_least=1
    )
    memory: str = option("active", "What each forward finds in the memory (evaluate/policy.py).", choices=INTERVENTIONS)
    slots: int = option(2, "Parallel simulators, one process each; the policy answers them in one batch.", at_least=1)
    frames: str | None = option(None, "Also keep the pictures of the first episode, for the figure (.npz).")
    phases: int | None = option(
        None, "Probe of delays: cue and empty phases of so many steps; null: drawn from 1 to 5.", at_least=1
    )
    unseen_colours: int | None = option(
        None, "Probe of colours: RememberColor with so many of its colours replaced; null: none.", at_least=1
    )
    probe: str | None = option(
        None,
        "LIBERO: the start-up check, as `python -m muvla.sim.libero.first_frames --output FILE` wrote it; null: check "
        "the suite now.",
    )
    strict: bool = option(
        False, "LIBERO: refuse to run where the start-up check warns (other physics or pictures, an unsettled scene)."
    )
    mark: bool = option(False, "Write <records>.done when every episode is there: what tables are made from.")
    checkpoint_source: str | None = option(
        None,
        "Where the checkpoint comes from; null: what its provenance.json says, else unknown.",
        choices=SOURCES,
    )


S = TypeVar("S", bound=EpisodeSettings)


def settled(settings: S, folder: str, suffix: str, episodes: int) -> S:
    """Return the settings with name, output and seed filled in: they follow checkpoint and environment.

    Raises ValueError for an unknown environment, and for initial states that it does not have.
    """
    seed = first_seed(settings.environment, settings.seed, episodes)
    output = settings.output or f"{folder}/{settings.variant}/{settings.environment}{suffix}"
    return dataclasses.replace(settings, name=settings.variant, output=output, seed=seed)


def first_seed(environment: str, seed: int | None, episodes: int) -> int:
    """Return `seed`, or the benchmark's own where it is None.

    Raises ValueError for an unknown environment, and for initial states that its benchmark does not have.
    """
    benchmark = benchmark_of(environment_named(environment).name)
    if seed is None:
        seed = benchmark.first_seed
    if benchmark.stored_states is not None and not 0 <= seed <= seed + episodes <= benchmark.stored_states:
        raise ValueError(
            f"seed {seed} and {episodes} episodes ask for the initial states {seed} to {seed + episodes - 1} of "
            f"{environment}; there are 0 to {benchmark.stored_states - 1}"
        )
    return seed


def require_probes(settings: EvaluateSettings) -> None:
    """Raise ValueError for a generalisation probe that the environment's benchmark does not have."""
    known = benchmark_of(settings.environment).simulator_options
    unknown = [name for name in PROBES if getattr(settings, name) is not None and name not in known]
    if unknown:
        raise ValueError(f"{settings.environment} has no {' and no '.join(unknown)}: leave null")


def require_benchmark(settings: EpisodeSettings, policy: Policy) -> None:
    """Raise ValueError when the checkpoint belongs to another benchmark."""
    expected, given = policy.statistics.benchmark, benchmark_of(settings.environment)
    if expected.name != given.name:
        raise ValueError(
            f"{settings.checkpoint} is a policy for {expected.title} (proprio width {expected.proprio_width}); "
            f"{settings.environment} belongs to {given.title} ({given.proprio_width})"
        )


def inference_mode(mode: str, policy: Policy) -> str:
    """Return "receding" or "open_loop"; for "auto", what the policy was made for."""
    if mode == "auto":
        return "receding" if policy.replans_every_step else "open_loop"
    return mode


def start_up(settings: EvaluateSettings) -> dict[str, Any]:
    """Return {"probe": ...}, what the start-up check found, for benchmarks that have one.

    Raises ValueError if it warns and settings.strict.
    """
    suite = environment_named(settings.environment).family
    stored = json.loads(Path(settings.probe).read_text("utf-8")).get(suite) if settings.probe else None
    found = stored or start_up_check(settings.environment)
    if found is None:
        return {}
    if found["warnings"]:
        warnings = "; ".join(found["warnings"])
        if settings.strict:
            raise ValueError(f"strict=true, and the start-up check warns: {warnings}")
        print(f"warning: {warnings}", file=sys.stderr)
    return {"probe": found}


def provenance_of(settings: EvaluateSettings, policy: Policy, mode: str, simulator: dict[str, Any]) -> dict[str, Any]:
    """Return {"settings": everything that decides a record, "run": the circumstances of this call}."""
    left_out = [*CIRCUMSTANCES, *(name for name in PROBES if getattr(settings, name) is None)]
    options = {name: value for name, value in dataclasses.asdict(settings).items() if name not in left_out}
    deciding = {
        "scale": settings.label,
        "checkpoint_sha256": checkpoint.sha256(settings.checkpoint),
        "config_hash": json_sha256(options),
        "environment": settings.environment,
        "variant": settings.variant,
        "mode": mode,
        "memory": settings.memory,
        "base_seed": settings.base_seed,
        "num_mem_tokens": policy.settings.num_mem_tokens,
        "width": policy.cell.architecture.width,
        "simulator": simulator,
        "versions": versions(),
    }
    if settings.open_loop_steps is not None and mode == "open_loop":
        deciding["open_loop_steps"] = settings.open_loop_steps
    if settings.precision != "float32":
        deciding["precision"] = settings.precision
    folder = Path(settings.checkpoint)
    run = {
        **circumstances(),
        "episodes": settings.episodes,
        "checkpoint_source": settings.checkpoint_source or source_of(folder),
        "checkpoint": settings.checkpoint,
        "checkpoint_step": checkpoint.StoredPolicy(settings.checkpoint).step,
    }
    return {"settings": deciding, "run": run}


def source_of(folder: Path) -> str:
    """Return where a checkpoint comes from as its provenance.json says, or "unknown"."""
    try:
        source = json.loads((folder / "provenance.json").read_text("utf-8"))["checkpoint_source"]
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"
    return source if source in SOURCES else "unknown"
