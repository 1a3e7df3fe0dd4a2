"""Validates an evaluation's settings and builds the provenance stored with its records."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from pathlib import Path
from typing import Any, TypeVar

from muvla.benchmark.benchmark import benchmark_of, environment_named, require_options
from muvla.evaluate.acting import UNKNOWN, Acting
from muvla.evaluate.options import EpisodeSettings, EvaluateSettings
from muvla.files import Json, json_sha256
from muvla.options import overrides_of
from muvla.provenance import circumstances, versions
from muvla.records.settings import SOURCES
from muvla.sim.simulator import start_up_check

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
    "policy",
    "server",
    "timeout",
    "other_statistics",
)
# the paper's probes, asking by name, and another's policy; they decide records where they are given
WHERE_GIVEN = ("phases", "unseen_colours", "named", "server_chunk")


S = TypeVar("S", bound=EpisodeSettings)


def settled(settings: S, folder: str, suffix: str, episodes: int) -> S:
    """Return the settings with name, output, seed and scene filled in: they follow checkpoint and environment.

    Raises ValueError for an unknown environment, for options of another benchmark's simulator, and for initial states
    that the environment does not have.
    """
    seed = first_seed(settings.environment, settings.seed, episodes)
    require_options(settings.environment, settings)
    output = settings.output or f"{folder}/{settings.variant}/{settings.environment}{suffix}"
    light_mesh = benchmark_of(settings.environment).draws_light(settings.light_mesh)
    return dataclasses.replace(settings, name=settings.variant, output=output, seed=seed, light_mesh=light_mesh)


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


def require_benchmark(settings: EpisodeSettings, policy: Acting) -> None:
    """Raise ValueError when the checkpoint belongs to another benchmark or, unless allowed, to other data sets."""
    expected, given = policy.facts.benchmark, benchmark_of(settings.environment)
    if expected.name != given.name:
        raise ValueError(
            f"{settings.checkpoint} is a policy for {expected.title} (proprio width {expected.proprio_width}); "
            f"{settings.environment} belongs to {given.title} ({given.proprio_width})"
        )
    if averaged := policy.facts.averaged:
        said = f"{settings.checkpoint} has no statistics of {settings.environment}, only the {averaged}"
        if not settings.other_statistics:
            raise ValueError(f"{said}: give other_statistics=true to un-normalise its actions with that")
        print(f"warning: {said}, with which its actions are un-normalised", file=sys.stderr)


def inference_mode(mode: str, policy: Acting) -> str:
    """Return "receding" or "open_loop"; for "auto", what the policy was made for."""
    if mode == "auto":
        return "receding" if policy.facts.per_forward == 1 else "open_loop"
    return mode


def actions_per_step(settings: EvaluateSettings, policy: Acting, mode: str) -> int:
    """Return how many actions of a chunk are run between two queries of the policy.

    Raises ValueError for open_loop_steps where the policy re-plans at every step, or beyond its chunk.
    """
    chunk, steps = policy.facts.chunk, settings.open_loop_steps
    if steps is not None and mode != "open_loop":
        raise ValueError(f"open_loop_steps is {steps}, but the mode is {mode}: give mode=open_loop, or leave it out")
    if (steps or 1) > chunk:
        raise ValueError(f"open_loop_steps is {steps}: this policy predicts {chunk} actions at a time")
    return 1 if mode == "receding" else steps or chunk


def start_up(settings: EvaluateSettings) -> dict[str, Any]:
    """Return {"probe": ...}, what the start-up check found, for benchmarks that have one.

    Raises ValueError if it warns and settings.strict, and for `strict` or `probe` where there is no such check.
    """
    suite = environment_named(settings.environment).family
    stored = json.loads(Path(settings.probe).read_text("utf-8")).get(suite) if settings.probe else None
    found = stored or start_up_check(settings.environment)
    if found is None:
        if settings.strict or settings.probe:
            raise ValueError(f"{settings.environment} has no start-up check: leave strict and probe out")
        return {}
    if found["warnings"]:
        warnings = "; ".join(found["warnings"])
        if settings.strict:
            raise ValueError(f"strict=true, and the start-up check warns: {warnings}")
        print(f"warning: {warnings}", file=sys.stderr)
    return {"probe": found}


def provenance_of(settings: EvaluateSettings, policy: Acting, mode: str, simulator: dict[str, Any]) -> dict[str, Any]:
    """Return {"settings": everything that decides a record, "run": the circumstances of this call}.

    The command is that of this evaluation alone, whatever else its process evaluates.
    """
    left_out = [*CIRCUMSTANCES, *(name for name in WHERE_GIVEN if getattr(settings, name) in (None, False))]
    options = {name: value for name, value in dataclasses.asdict(settings).items() if name not in left_out}
    facts = policy.facts
    deciding = {
        "scale": settings.label,
        "checkpoint_sha256": facts.sha256,
        "config_hash": json_sha256(options),
        "environment": settings.environment,
        "variant": settings.variant,
        "mode": mode,
        "memory": settings.memory,
        "base_seed": settings.base_seed,
        "num_mem_tokens": facts.num_mem_tokens,
        "width": facts.width,
        "simulator": simulator,
        "versions": versions(),
    }
    if settings.open_loop_steps is not None:
        deciding["open_loop_steps"] = settings.open_loop_steps
    if settings.named:
        deciding["named"] = True
    if facts.averaged:
        deciding["statistics"] = facts.averaged
    if settings.precision != "float32":
        deciding["precision"] = settings.precision
    server = json.loads(Path(settings.server).read_text("utf-8")) if settings.server else {"settings": {}, "run": {}}
    if facts.server is not None:
        deciding["server"] = facts.server | server["settings"]
        weights = server["settings"].get("weights")
        if weights and facts.sha256 == UNKNOWN:
            deciding["checkpoint_sha256"] = f"{weights['repository']}@{weights['revision'] or 'not pinned'}"
    run = {
        **circumstances(),
        "command_line": shlex.join(["python", "-m", "muvla.evaluate", *overrides_of(settings)]),
        "episodes": settings.episodes,
        "checkpoint_source": "served" if facts.server else settings.checkpoint_source or source_of(facts.provenance),
        "checkpoint": settings.policy or settings.checkpoint,
        "checkpoint_step": facts.step,
    } | ({"server": server["run"]} if server["run"] else {})
    return {"settings": deciding, "run": run}


def source_of(provenance: Json | None) -> str:
    """Return where a checkpoint comes from as its provenance.json says; "unknown" where it does not."""
    source = (provenance or {}).get("checkpoint_source")
    return source if source in SOURCES else "unknown"
