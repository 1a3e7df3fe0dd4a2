"""The jobs that follow from the configuration: evaluations and trainings, and the files between them."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import yaml

from muvla.benchmark.benchmark import benchmark_of
from muvla.files import ROOT
from muvla.jobs import bundled
from muvla.jobs.configuration import Configuration, Control, listed

VARIANTS = ROOT / "config" / "muvla" / "variant"  # one file a variant, composed by Hydra
# What a table's own cell is evaluated with; a control differs in some of it.
USUAL: dict[str, str | int | None] = {
    "mode": "auto",
    "memory": "active",
    "open_loop_steps": None,
    "phases": None,
    "unseen_colours": None,
}


class Cell(NamedTuple):
    """One evaluation: a variant in an environment or task.

    control: name of a control; "" for a table's own cell.
    home: where policy and records lie below <outputs>: "" for the first training seed, "seed1/" for seed 1, "chunk16/"
    for policies that predict 16 actions, each followed by "libero/" for LIBERO.
    """

    variant: str
    environment: str
    control: str = ""
    home: str = ""


class Checkpoint(NamedTuple):
    """A checkpoint folder and what is known of it. Bundled and released ones lie in the source tree.

    complete: the file that says that the folder is complete.
    provenance: the file that says what the checkpoint was made of, or where it was downloaded from.
    source: "trained", "bundled" or "released".
    """

    folder: str
    complete: str
    provenance: str
    source: str


def checkpoint(config: Configuration, variant: str, home: str = "") -> Checkpoint:
    """Return the checkpoint of `variant`; home as in Cell."""
    libero = on_libero(home)
    if config["checkpoints"] == "trained":
        folder = f"{config['outputs']}/{home}checkpoints/{variant}"
        return Checkpoint(folder, f"{folder}/provenance.json", f"{folder}/provenance.json", "trained")
    if config["scale"] == "paper":
        folder = f"hub/models/{'libero_' if libero else ''}{variant}"
        return Checkpoint(folder, f"{folder}.json", f"{folder}.json", "released")
    folder = f"{bundled.FOLDER}/{home}{variant}"
    return Checkpoint(folder, "checkpoints/mini.verified", f"{folder}/provenance.json", "bundled")


def table(config: Configuration) -> list[Cell]:
    """Return the cells of Table 1, those of the effect included."""
    effect, existing = config["effect"], available(config)
    places = [(variant, environment) for variant in config["variants"] for environment in config["environments"]]
    places += [(effect[role], environment) for role in ("memory", "baseline") for environment in effect["environments"]]
    return [Cell(*place) for place in dict.fromkeys(places) if place[0] in existing]


def libero_cells(config: Configuration, home: str = "") -> list[Cell]:
    """Return the evaluations on LIBERO for the training seed of `home`: the table's, and the controls of the first."""
    return [*libero_table(config, home), *([] if home else control_cells(config, "libero"))]


def libero_table(config: Configuration, home: str = "") -> list[Cell]:
    """Return the cells of the LIBERO table for the training seed of `home`; not every variant has a checkpoint."""
    libero, variants = config["libero"], config["libero"]["variants"]
    if home:
        variants = [variant for variant in variants if variant in config["repeated"]["libero"]]
    cells = [Cell(variant, task, home=f"{home}libero/") for variant in variants for task in libero["tasks"]]
    return [cell for cell in cells if has_checkpoint(config, cell.variant, cell.home)]


def controls(config: Configuration) -> dict[Cell, Control]:
    """Return the evaluations beside the tables, of the first training seed.

    Those of policies that predict longer chunks are there only where policies are trained: none was released.
    """
    existing = {"": available(config), "libero/": config["libero"]["variants"]}
    return {
        Cell(variant, environment, control["name"], home(control, environment)): control
        for control in config["controls"]
        for variant in listed(control["variant"])
        for environment in listed(control["environment"])
        if variant in existing[home_of(environment)] and has_checkpoint(config, variant, home_of(environment))
        if config["checkpoints"] == "trained" or "trained_chunk" not in control
    }


def control_of(config: Configuration, cell: Cell) -> Control | None:
    """Return the control that `cell` names; None for a table's own cell. Raises ValueError for an unknown one."""
    if not cell.control:
        return None
    known, key = controls(config), cell._replace(home=re.sub(r"^seed[0-9]+/", "", cell.home))
    if key not in known:
        raise ValueError(f"the configuration has no control {cell.control!r} of {cell.variant} in {cell.environment}")
    return known[key]


def control_cells(config: Configuration, benchmark: str = "mikasa") -> list[Cell]:
    """Return the cells of all controls in a benchmark."""
    return [cell for cell in controls(config) if on_libero(cell.home) == (benchmark == "libero")]


def home(control: Control, environment: str) -> str:
    """Return the home of a control's policy: "" for the table's, "chunk16/" for one that predicts 16 actions."""
    return (f"chunk{control['trained_chunk']}/" if "trained_chunk" in control else "") + home_of(environment)


def longer_chunks(config: Configuration) -> dict[str, int]:
    """Return {home: actions} of the policies that are trained to predict more actions; of the first seed only."""
    return {cell.home: one["trained_chunk"] for cell, one in controls(config).items() if "trained_chunk" in one}


def first_seed(config: Configuration) -> list[Cell]:
    """Return the evaluations of the first training seed: the table and the controls of the table's policies."""
    return [*table(config), *(cell for cell in control_cells(config) if not cell.home)]


def repeated(config: Configuration) -> list[Cell]:
    """Return the evaluations of the other training seeds, then those of policies with longer chunks."""
    places = config["repeated"]
    again = [
        cell
        for cell in first_seed(config)
        if cell.variant in places["variants"]
        and cell.environment in places["environments"]
        and cell.control in ("", *places["controls"])
    ]
    others = [cell._replace(home=seed) for seed in seeds(config) if seed for cell in again]
    others = [cell for cell in others if has_checkpoint(config, cell.variant, cell.home)]
    return [*others, *(cell for cell in control_cells(config) if cell.home)]


def episodes(config: Configuration, cell: Cell) -> int:
    """Return how many episodes an evaluation has."""
    if on_libero(cell.home):
        return config["libero"]["episodes"]
    of_first = not cell.home and not cell.control
    trained = of_first and cell.environment in config["training_environments"]
    return config["episodes_trained" if trained else "episodes"]


def of_every_seed(config: Configuration, cells: Sequence[Cell]) -> list[Cell]:
    """Return evaluations of the first training seed, each with those of the other seeds that are alike."""
    wanted, others = set(cells), set(seeds(config)) - {""}
    return [*cells, *(cell for cell in repeated(config) if cell.home in others and cell._replace(home="") in wanted)]


def differences(control: Control) -> dict[str, str | int | None]:
    """Return the conditions in which a control differs from the table."""
    return {key: value for key, value in control.items() if key in USUAL and value != USUAL[key]}  # type: ignore[misc]


def available(config: Configuration) -> list[str]:
    """Return the variants that have or get a checkpoint: the Hub has only some columns of the paper."""
    pair = config["effect"]
    named = dict.fromkeys([*config["variants"], pair["memory"], pair["baseline"]])
    return [variant for variant in named if has_checkpoint(config, variant)]


def has_effect(config: Configuration) -> bool:
    """Return whether both policies of the effect have a checkpoint."""
    return {config["effect"]["memory"], config["effect"]["baseline"]} <= set(available(config))


def first_seed_of(config: Configuration, environment: str) -> int:
    """Return the seed of an evaluation's first episode; in LIBERO the first of the stored initial states."""
    return 0 if on_libero(home_of(environment)) else config["evaluation_seed"]


def on_libero(home: str) -> bool:
    """Return whether policies and records of `home` (as in Cell) are LIBERO's."""
    return home.endswith("libero/")


def home_of(environment: str) -> str:
    """Return the home, below that of a training seed, of an environment's policies: "" or "libero/"."""
    return "libero/" if benchmark_of(environment).name == "libero" else ""


@cache
def variant_settings(variant: str) -> Mapping[str, Any]:
    """Return what the file of a variant says."""
    settings: Mapping[str, Any] = yaml.load((VARIANTS / f"{variant}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return settings


def has_memory(variant: str) -> bool:
    """Return whether `variant` has memory tokens."""
    return bool(variant_settings(variant)["memory"]["num_mem_tokens"] != 0)  # a number, or the scale's


def seeds(config: Configuration) -> dict[str, int]:
    """Return {home: seed} of the trainings: "" for the first, "seed<N>/" for the others; those on the Hub are one."""
    first, *others = config["training_seeds"][:1] if _on_hub(config) else config["training_seeds"]
    return {"": first, **{f"seed{seed}/": seed for seed in others}}


def has_checkpoint(config: Configuration, variant: str, home: str = "") -> bool:
    """Return whether a checkpoint gets trained, or is bundled, or was released on the Hub."""
    if config["checkpoints"] == "trained":
        return True
    if _on_hub(config):
        return f"{'libero_' if on_libero(home) else ''}{variant}" in config["hub"]["checkpoints"]
    return f"{home}{variant}" in bundled.policies()


def _on_hub(config: Configuration) -> bool:
    return config["scale"] == "paper" and config["checkpoints"] == "released"
