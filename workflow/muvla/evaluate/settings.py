"""What one evaluation asks: which episodes, in which mode, of which simulator; and the provenance of its records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from muvla import checkpoint
from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.evaluate.policy import Policy
from muvla.files import json_sha256
from muvla.provenance import circumstances, versions
from muvla.sim.simulator import start_up_check

# where, how fast and how often: no part of the question that the records answer
CIRCUMSTANCES = ("output", "episodes", "slots", "threads", "frames", "checkpoint", "probe", "strict", "precision",
                 "device")  # fmt: skip
PROBES = ("phases", "unseen_colours")  # a part of the question where they are asked for


def settle_seed(config: DictConfig) -> None:
    """Fill in the benchmark's own first seed. Raises ValueError as first_seed does, and for probes of MIKASA-Robo's
    asked of LIBERO."""
    known = benchmark_of(environment_named(config.environment).name).simulator_options
    if asked := [name for name in PROBES if config[name] is not None and name not in known]:
        raise ValueError(f"{config.environment} has no {' and no '.join(asked)}: leave null")
    config.seed = first_seed(config.environment, config.seed, config.episodes)


def first_seed(environment: str, seed: int | None, episodes: int) -> int:
    """`seed`, or the benchmark's own where it is None. Raises ValueError for unknown environments, and for initial
    states that LIBERO does not have."""
    benchmark = benchmark_of(environment_named(environment).name)
    if seed is None:
        seed = benchmark.first_seed
    if benchmark.stored_states is not None and not 0 <= seed <= seed + episodes <= benchmark.stored_states:
        raise ValueError(
            f"seed {seed} and {episodes} episodes ask for the initial states {seed} to {seed + episodes - 1} of "
            f"{environment}; there are 0 to {benchmark.stored_states - 1}"
        )
    return seed


def require_benchmark(config: DictConfig, policy: Policy) -> None:
    """Raise ValueError when the checkpoint belongs to the other benchmark."""
    expected, given = policy.statistics.benchmark, benchmark_of(config.environment)
    if expected.name != given.name:
        raise ValueError(
            f"{config.checkpoint} is a policy for {expected.title} (proprio width {expected.proprio_width}); "
            f"{config.environment} belongs to {given.title} ({given.proprio_width})"
        )


def inference_mode(asked: str, policy: Policy) -> str:
    if asked not in ("auto", "receding", "open_loop"):
        raise ValueError(f"mode is {asked!r}: choose auto, receding or open_loop")
    if asked == "auto":
        return "receding" if policy.replans_every_step else "open_loop"
    return asked


def probed(config: DictConfig) -> dict[str, Any]:
    """{"probe": ...}, what the start-up check found, for benchmarks that have one. Raises ValueError if strict."""
    suite = environment_named(config.environment).family
    stored = json.loads(Path(config.probe).read_text("utf-8")).get(suite) if config.probe else None
    found = stored or start_up_check(config.environment)
    if found is None:
        return {}
    if found["warnings"]:
        told = "; ".join(found["warnings"])
        if config.strict:
            raise ValueError(f"strict=true, and the start-up check warns: {told}")
        print(f"warning: {told}", file=sys.stderr)
    return {"probe": found}


def provenance_of(config: DictConfig, policy: Policy, mode: str, simulator: dict[str, Any]) -> dict[str, Any]:
    asked = OmegaConf.to_container(config, resolve=True)
    assert isinstance(asked, dict)
    left_out = [*CIRCUMSTANCES, *(name for name in PROBES if config[name] is None)]
    settings = {
        "scale": config.label,
        "checkpoint_sha256": checkpoint.sha256(config.checkpoint),
        "config_hash": json_sha256({key: value for key, value in asked.items() if key not in left_out}),
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
    if config.open_loop_steps is not None and mode == "open_loop":
        settings["open_loop_steps"] = config.open_loop_steps
    if config.precision != "float32":
        settings["precision"] = config.precision
    source = "trained" if Path(config.checkpoint).parent.name == "checkpoints" else "bundled"
    run = {**circumstances(), "episodes": config.episodes, "checkpoint_source": source, "checkpoint": config.checkpoint}
    return {"settings": settings, "run": {**run, "checkpoint_step": checkpoint.StoredPolicy(config.checkpoint).step}}
