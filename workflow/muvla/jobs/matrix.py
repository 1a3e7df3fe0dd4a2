"""The matrix of config/config.yaml: checked before the DAG is built, and the jobs that follow from it."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from muvla.benchmark.benchmark import benchmark_of
from muvla.data.episode import dataset_name

# what is asked of a policy, and the table's own question; a control has others
ASKED = {"memory": "active", "mode": "auto", "open_loop_steps": "null", "phases": "null", "unseen_colours": "null"}
VARIANTS = Path("config/muvla/variant")  # one file a variant: what Hydra composes, and who is trained on what


def validated(config: Mapping[str, Any], schema: Path | str) -> None:
    """Raise ValueError with one line for every mistake in `config`; schema: a JSON Schema written as YAML."""
    rules = yaml.safe_load(Path(schema).read_text("utf-8"))
    errors = sorted(Draft202012Validator(rules).iter_errors(config), key=lambda error: error.json_path)
    lines = [line for error in errors for line in _explanations(error)] or list(_contradictions(config))
    if lines:
        introduction = "The configuration (config/config.yaml, --configfile and --config together) is not valid:"
        raise ValueError("\n  ".join([introduction, *lines, f"All keys and values are described in {schema}."]))


def controls(config: Mapping[str, Any]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """Return the evaluations beside the table, one by one: {(variant, environment, name): the control}.

    Those of policies that predict longer chunks are there where policies are trained: none was released.
    """
    return {
        (variant, environment, control["name"]): control
        for control in config["controls"]
        for variant in _listed(control["variant"])
        for environment in _listed(control["environment"])
        if variant in available(config) and (config["checkpoints"] == "trained" or "trained_chunk" not in control)
    }


def home(control: Mapping[str, Any]) -> str:
    """Return where a control's policy and records lie: "" with the table's, "chunk16/" for a policy of its own."""
    return f"chunk{control['trained_chunk']}/" if "trained_chunk" in control else ""


def records_folder(done: str) -> str:
    """Return <...>/records/<checkpoints> of <...>/records/<checkpoints>/<variant>/<environment or task>.done."""
    home, _, below = done.partition("/records/")
    return f"{home}/records/{below.partition('/')[0]}"


def shown_by_effect(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (variant, environment, name) of the controls that the effect shows beside its two cells.

    They are the policy with memory reading zeros, and the one without re-planning at every step.
    """
    effect = config["effect"]
    roles = ({"variant": effect["memory"], "memory": "zero"}, {"variant": effect["baseline"], "mode": "receding"})
    asked = [{"mode": "receding", "memory": "active", **role, "environment": effect["environment"]} for role in roles]
    return [
        (variant, environment, name)
        for (variant, environment, name), control in controls(config).items()
        if {"mode": "receding", "memory": "active", **_asked(control), "variant": variant, "environment": environment}
        in asked
    ]


def probes(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (variant, environment, name) of the controls that the pictures of the paper's probes show (spec 10)."""
    return [key for key, control in controls(config).items() if _asked(control).keys() - {"mode"}]


def longer_chunks(config: Mapping[str, Any]) -> dict[str, int]:
    """Return {home: actions} of the policies that are trained to predict more actions; of the first seed only."""
    return {home(one): one["trained_chunk"] for one in controls(config).values() if "trained_chunk" in one}


def available(config: Mapping[str, Any]) -> list[str]:
    """Return the variants that have or get a checkpoint: on the Hub, only some columns of the paper were released."""
    effect = config["effect"]
    asked = list(dict.fromkeys([*config["variants"], effect["memory"], effect["baseline"]]))
    return [variant for variant in asked if _released(config, variant)]


def available_on_libero(config: Mapping[str, Any]) -> list[str]:
    """Return the variants that are evaluated on LIBERO and have or get a checkpoint for it."""
    return [variant for variant in config["libero"]["variants"] if _released(config, f"libero_{variant}")]


def traces(config: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Return {(variant, environment or task): episodes to try until one succeeds} of what is traced and has or gets a
    checkpoint; as many as are evaluated where no number is named."""
    found = {}
    for trace in config["traces"]:
        variant, environment = trace["variant"], trace["environment"]
        libero = benchmark_of(environment).name == "libero"
        if _released(config, f"libero_{variant}" if libero else variant):
            usual = config["libero"]["episodes"] if libero else config["episodes"]
            found[variant, environment] = trace.get("search", usual)
    return found


def has_memory(variant: str) -> bool:
    """Say whether `variant` has memory tokens."""
    settings = yaml.safe_load((VARIANTS / f"{variant}.yaml").read_text("utf-8"))
    return settings["memory"]["num_mem_tokens"] != 0  # a number, or the scale's


def cells(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (variant, environment) of every evaluation of the table, those of the effect included."""
    effect = config["effect"]
    pairs = [(variant, environment) for variant in config["variants"] for environment in config["environments"]]
    pairs += [(effect[role], effect["environment"]) for role in ("memory", "baseline")]
    return [pair for pair in dict.fromkeys(pairs) if pair[0] in available(config)]


def done(cells: str, variant: str, environment: str, control: str = "", again: str = "") -> str:
    """Return the mark that all episodes of a cell are there, or of a control; cells: the pattern of their names."""
    return cells.format(again=again, variant=variant, environment=environment) + f"{control and '.'}{control}.done"


def has_effect(config: Mapping[str, Any]) -> bool:
    """Say whether both policies of the effect have a checkpoint."""
    return {config["effect"]["memory"], config["effect"]["baseline"]} <= set(available(config))


def seeds(config: Mapping[str, Any]) -> dict[str, int]:
    """Return {folder: seed} of the trainings: "" for the first, "seed<N>/" for the others; released are one."""
    first, *others = config["training_seeds"] if config["checkpoints"] == "trained" else config["training_seeds"][:1]
    return {"": first, **{f"seed{seed}/": seed for seed in others}}


def training_environments(config: Mapping[str, Any], variant: str) -> list[str]:
    """Return the environments that `variant` is trained on: its own, if its file names some, else those of all."""
    file = VARIANTS / f"{variant}.yaml"
    own = yaml.safe_load(file.read_text("utf-8"))["environments"] if file.is_file() else None  # pi05 has no file
    return own or config["training_environments"]


def demonstrations(config: Mapping[str, Any], environments: list[str]) -> list[str]:
    """Return the file that is written last when an environment's demonstrations are there, for each of them.

    They are collected here at the mini scale, and fetched from the Hub at the paper's.
    """
    if config["scale"] == "paper":
        return [f"hub/datasets/mikasa/{dataset_name(name)}.json" for name in environments]
    return [f"{config['outputs']}/data/{dataset_name(name)}/collection.json" for name in environments]


def demonstrated(config: Mapping[str, Any]) -> list[str]:
    """Return the environments of which demonstrations may be asked for: for training, and for the probe."""
    trained = [name for variant in config["variants"] for name in training_environments(config, variant)]
    return list(dict.fromkeys([*config["training_environments"], *trained, config["effect"]["environment"]]))


def suites(config: Mapping[str, Any]) -> list[str]:
    """Return the LIBERO suites of which tasks are evaluated."""
    return list(dict.fromkeys(task.partition("/")[0] for task in config["libero"]["tasks"]))


def _released(config: Mapping[str, Any], name: str) -> bool:
    """Say whether a checkpoint is there or made; those of the Hub at the paper's scale are not all there."""
    on_hub: bool = config["scale"] == "paper" and config["checkpoints"] == "released"
    return not on_hub or name in config["hub"]["checkpoints"]


def _explanations(error: ValidationError) -> Iterator[str]:
    """Say in our words what jsonschema found: where, what, and what was probably meant."""
    place = error.json_path.removeprefix("$").removeprefix(".")
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in error.instance:
            if key not in known:
                yield f"{f'{place}: ' if place else ''}there is no key {key!r}; {_meant(key, known)}"
    elif error.validator == "enum":
        yield f"{place}: {error.instance!r} is unknown; {_meant(error.instance, error.validator_value)}"
    else:
        yield f"{place or 'configuration'}: {error.message}"


def _meant(value: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(str(value), known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}There are: {', '.join(known)}"


def _asked(control: Mapping[str, Any]) -> dict[str, Any]:
    """What a control asks that the table does not."""
    return {key: value for key, value in control.items() if key in ASKED and value != ASKED[key]}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    names = [
        (variant, environment, control["name"])
        for control in config["controls"]
        for variant in _listed(control["variant"])
        for environment in _listed(control["environment"])
    ]
    if len(set(names)) < len(names):
        yield "controls: two of them have the same variant, environment and name; give one another name"
    if config["scale"] != "paper" and any("trained_chunk" in control for control in config["controls"]):
        yield "controls: trained_chunk is for scale paper; the mini demonstrations hold plans of 8 actions"
