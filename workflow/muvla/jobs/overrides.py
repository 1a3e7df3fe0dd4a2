"""Command lines of the rules: options of muvla's commands as Hydra overrides ("key=value")."""

import shlex
from collections.abc import Iterable

from muvla.benchmark.benchmark import environment_named
from muvla.jobs import matrix, traces, trainings
from muvla.jobs.configuration import Configuration
from muvla.jobs.matrix import Cell

ONLY_EVALUATION = ("checkpoint_source", "memory", "strict")  # options that muvla.trace does not have
Value = str | int | float | bool | list[str] | None


def evaluation(config: Configuration, cell: Cell, checkpoint: str, **more: Value) -> list[str]:
    """Return the overrides of `python -m muvla.evaluate`. checkpoint: folder of the policy; more: other options."""
    return overrides(**{**evaluation_options(config, cell, checkpoint), **more})


def several(evaluations: Iterable[list[str]]) -> str:
    """Return the overrides of several evaluations in one process, quoted for the shell."""
    return " -- ".join(map(shlex.join, evaluations))


def evaluation_options(config: Configuration, cell: Cell, checkpoint: str) -> dict[str, Value]:
    """Return the options that `cell` decides, by name; None: left out. Raises ValueError for an unknown control."""
    paper, libero = config["scale"] == "paper", config["libero"]
    options: dict[str, Value] = {
        "checkpoint": checkpoint,
        "checkpoint_source": matrix.checkpoint(config, cell.variant, cell.home).source,
        "name": cell.variant,
        "environment": cell.environment,
        "episodes": matrix.episodes(config, cell),
        "seed": matrix.first_seed_of(config, cell.environment),
        "label": config["scale"],
        "device": "cuda" if paper else "cpu",
        "precision": "bfloat16" if paper else "float32",
        "other_statistics": True if paper else None,  # the release's rule for environments that were not trained on
        **matrix.USUAL,
    }
    if on_libero := matrix.on_libero(cell.home):
        options |= {name: libero[name] for name in ("mode", "reset_rule", "light_mesh", "strict")}
    if control := matrix.control_of(config, cell):
        options |= matrix.differences(control)
    if on_libero:
        return options
    return options | {"backend": "gpu" if paper else "cpu"} | standin_mug(config, cell.environment)


def standin_mug(config: Configuration, environment: str) -> dict[str, Value]:
    """Return the option that allows our stand-in cup: at the mini scale, where an environment has cups."""
    has_cups = environment_named(environment).family == "ShellGame"
    return {"standin_mug": True} if has_cups and config["scale"] != "paper" else {}


def trace(config: Configuration, variant: str, environment: str, checkpoint: str, **more: Value) -> list[str]:
    """Return the overrides of `python -m muvla.trace`: episodes as the evaluation of that cell would run them."""
    cell = Cell(variant, environment, home=matrix.home_of(environment))
    evaluated = evaluation_options(config, cell, checkpoint)
    options = {name: value for name, value in evaluated.items() if name not in ONLY_EVALUATION}
    options["episodes"] = traces.wanted(config)[variant, environment]
    # 520 steps of the paper's memory are 0.5 GB, of which the pictures need norms and distances only.
    options["keep_memory"] = not (config["scale"] == "paper" and matrix.on_libero(cell.home))
    return overrides(**options, **more)


def training(config: Configuration, variant: str, home: str, **more: Value) -> list[str]:
    """Return the overrides of `python -m muvla.train`; home: as in Cell."""
    seeds, chunks = matrix.seeds(config), matrix.longer_chunks(config)
    options: dict[str, Value] = {
        "variant": variant,
        "scale": trainings.scale_of(config, home),
        "seed": seeds.get(home.removesuffix("libero/"), seeds[""]),
        "environments": trainings.environments(config, home),
    }
    if home in chunks:
        options["scale.memory_training.chunk"] = chunks[home]
    return overrides(**options, **more)


def collection(config: Configuration, environment: str, **more: Value) -> list[str]:
    """Return the overrides of `python -m muvla.collect`."""
    libero = config["libero"]
    if matrix.on_libero(matrix.home_of(environment)):
        made = {"episodes": libero["demonstrations"], "light_mesh": libero["light_mesh"], **libero["collection"]}
        return overrides(environment=environment, **made, **more)
    wanted = trainings.demonstrations(config, environment)
    return overrides(environment=environment, episodes=wanted, **standin_mug(config, environment), **more)


def overrides(**options: Value) -> list[str]:
    """Return ["key=value", ...] as Hydra reads them, without the options that are None."""
    return [f"{name}={_spelt(value)}" for name, value in options.items() if value is not None]


def quoted(value: str) -> str:
    """Quote a value with spaces or commas for Hydra."""
    return "'" + value.replace("'", "\\'") + "'"


def _spelt(value: Value) -> str:
    if isinstance(value, list):
        return f"[{','.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
