"""The workflow's configuration (config/*.yaml, --configfile, --config): its types, and its validation before the DAG.

workflow/schemas/config.schema.yaml describes every key; the types here are those keys as Python sees them.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast

import yaml
from jsonschema import Draft202012Validator, ValidationError

from muvla.benchmark.benchmark import benchmark_of
from muvla.files import ROOT

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
Scale = Literal["mini", "smoke", "paper"]


class Control(TypedDict):
    """An evaluation beside the table: what differs from the table's own cell of that variant and environment."""

    name: str
    variant: str | list[str]
    environment: str | list[str]
    mode: NotRequired[str]
    memory: NotRequired[str]
    open_loop_steps: NotRequired[int]
    phases: NotRequired[int]
    unseen_colours: NotRequired[int]
    trained_chunk: NotRequired[int]


class Libero(TypedDict):
    """The LIBERO table: its cells, and how their policies are trained and evaluated."""

    variants: list[str]
    tasks: list[str]
    episodes: int
    demonstrations: int
    collection: dict[str, int | float]  # options of muvla.collect
    mode: str
    reset_rule: str
    light_mesh: bool
    strict: bool


class Target(TypedDict):
    """What success in one environment of the effect was to be."""

    environment: str
    memory_at_least: NotRequired[float]
    baseline_at_least: NotRequired[float]
    baseline_at_most: NotRequired[float]
    gain_at_least: NotRequired[float]


class LiberoSample(TypedDict):
    """What of LIBERO is evaluated again beside bundled records."""

    tasks: list[str]
    episodes: int


class Sample(TypedDict):
    """What is evaluated again beside bundled records."""

    variants: list[str]
    environments: list[str]
    episodes: int
    libero: LiberoSample


class Repeated(TypedDict):
    """What the other training seeds than the first are trained and evaluated for."""

    variants: list[str]
    environments: list[str]
    controls: list[str]
    libero: list[str]


class Effect(TypedDict):
    """The variants between which an effect of memory is claimed, and where."""

    environments: list[str]
    memory: str
    baseline: str
    oracle: str
    picked: bool
    targets: list[Target]


class Trace(TypedDict):
    """Episodes whose memory and attention are recorded: the first ones of an evaluation."""

    variant: str | list[str]
    environment: str | list[str]
    episodes: int


class Site(TypedDict):
    """What differs between labs."""

    gpu_partition: str | None
    gpu_model: str | None
    image: str
    paper_image: str


class Repository(TypedDict):
    """A repository of the Hugging Face Hub and the commit that is fetched; None: not pinned."""

    repository: str
    revision: str | None


class Hub(TypedDict):
    """What scale paper takes from the Hugging Face Hub."""

    base: Repository
    mikasa: Repository
    libero: Repository
    checkpoints: dict[str, Repository]


class Comparison(TypedDict):
    """A pair of variants compared on the same seeds."""

    first: str
    second: str


class Configuration(TypedDict):
    """The configuration once it is valid."""

    scale: Scale
    checkpoints: Literal["released", "trained"]
    records: Literal["bundled", "measured"]
    outputs: str
    variants: list[str]
    environments: list[str]
    episodes: int
    episodes_trained: int
    evaluation_seed: int
    sample: Sample
    libero: Libero
    policies: list[str]
    effect: Effect
    comparisons: list[Comparison]
    statistics: dict[str, object]  # muvla.report.statistics.rules.Rules
    controls: list[Control]
    traces: list[Trace]
    training_environments: list[str]
    demonstrations: int | dict[str, int]
    training_seeds: list[int]
    repeated: Repeated
    orphaned_jobs: Literal["refuse", "cancel"]
    site: Site
    hub: NotRequired[Hub]


def validated(config: Mapping[str, object], schema: Path | str) -> Configuration:
    """Return `config` with its types. schema: a JSON Schema written as YAML.

    Raises ValueError with one line for every mistake.
    """
    rules = yaml.load(Path(schema).read_text("utf-8"), Loader=yaml.CSafeLoader)  # at every parse: ten times as fast
    errors = sorted(Draft202012Validator(rules).iter_errors(config), key=lambda error: error.json_path)
    checked = cast(Configuration, config)
    lines = [line for error in errors for line in _explanations(error)] or list(_contradictions(checked))
    if lines:
        introduction = "The configuration (config/config.yaml, --configfile and --config together) is not valid:"
        raise ValueError("\n  ".join([introduction, *lines, f"All keys and values are described in {schema}."]))
    return checked


def matrix_of(scale: str) -> Configuration:
    """Return the configuration of `snakemake --config scale=... checkpoints=trained`, merged as Snakemake does it."""
    from snakemake.utils import update_config  # slow, and the workflow itself needs it not

    config: dict[str, object] = {}
    for name in ("config", "site", *(["paper"] if scale == "paper" else [])):
        update_config(config, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text("utf-8")))
    return validated({**config, "scale": scale, "checkpoints": "trained"}, SCHEMA)


def listed(value: str | list[str]) -> list[str]:
    """Return a list where the configuration takes one name or several."""
    return [value] if isinstance(value, str) else value


def _explanations(error: ValidationError) -> Iterator[str]:
    """Explain a finding of jsonschema: where, what, and what was probably meant."""
    place = error.json_path.removeprefix("$").removeprefix(".")
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in error.instance:
            if key not in known:
                yield f"{f'{place}: ' if place else ''}there is no key {key!r}; {_suggestion(key, known)}"
    elif error.validator == "enum":
        yield f"{place}: {error.instance!r} is unknown; {_suggestion(error.instance, error.validator_value)}"
    else:
        yield f"{place or 'configuration'}: {error.message}"


def _suggestion(value: object, known: list[str]) -> str:
    close = difflib.get_close_matches(str(value), known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}There are: {', '.join(known)}"


def _contradictions(config: Configuration) -> Iterator[str]:
    """Find what a schema cannot: keys that are valid alone and wrong together."""
    names = [
        (variant, environment, control["name"])
        for control in config["controls"]
        for variant in listed(control["variant"])
        for environment in listed(control["environment"])
    ]
    if len(set(names)) < len(names):
        yield "controls: two of them have the same variant, environment and name; give one another name"
    for control in config["controls"]:
        tasks = [name for name in listed(control["environment"]) if benchmark_of(name).name == "libero"]
        if tasks and (own := [key for key in ("phases", "unseen_colours") if key in control]):
            yield f"controls: {control['name']} asks for {' and '.join(own)} in {tasks[0]}; only MIKASA-Robo has them"
    if both := set(config["policies"]) & set(config["variants"]):
        yield f"policies and variants: {', '.join(sorted(both))} is in both; a column shows one policy"
    if config["scale"] == "paper" and "pi05" in config["variants"]:
        yield "variants: pi05 is trained at the mini scale only; at this one it is policies: [pi05]"
    names_of = {control["name"] for control in config["controls"]}
    if (unknown := set(config["repeated"]["controls"]) - names_of) and len(config["training_seeds"]) > 1:
        yield f"repeated.controls: there is no control called {', '.join(sorted(unknown))}"
    if config["scale"] != "paper" and any("trained_chunk" in control for control in config["controls"]):
        yield "controls: trained_chunk is for scale paper; the mini demonstrations hold plans of 8 actions"
