"""The matrix of config/config.yaml: checked before the DAG is built, and the jobs that follow from it."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from muvla.data.episode import dataset_name

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
    """Return the evaluations beside the table: {(variant, environment, name): the control}."""
    return {(one["variant"], one["environment"], one["name"]): one for one in config["controls"]}


def cells(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (variant, environment) of every evaluation of the table, those of the effect included."""
    effect = config["effect"]
    pairs = [(variant, environment) for variant in config["variants"] for environment in config["environments"]]
    pairs += [(effect[role], effect["environment"]) for role in ("memory", "baseline")]
    return list(dict.fromkeys(pairs))


def training_environments(config: Mapping[str, Any], variant: str) -> list[str]:
    """Return the environments that `variant` is trained on: its own, if its file names some, else those of all."""
    file = VARIANTS / f"{variant}.yaml"
    own = yaml.safe_load(file.read_text("utf-8"))["environments"] if file.is_file() else None  # pi05 has no file
    return own or config["training_environments"]


def demonstrations(config: Mapping[str, Any], environments: list[str]) -> list[str]:
    """Return the file that is written last when an environment's demonstrations are collected, for each of them."""
    return [f"{config['outputs']}/data/{dataset_name(name)}/collection.json" for name in environments]


def demonstrated(config: Mapping[str, Any]) -> list[str]:
    """Return the environments of which demonstrations may be asked for: for training, and for the probe."""
    trained = [name for variant in config["variants"] for name in training_environments(config, variant)]
    return list(dict.fromkeys([*config["training_environments"], *trained, config["effect"]["environment"]]))


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


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    if len(controls(config)) < len(config["controls"]):
        yield "controls: two of them have the same variant, environment and name; give one another name"
