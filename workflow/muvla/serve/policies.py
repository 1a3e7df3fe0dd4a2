"""Policies of other people as config/policies/NAME.yaml describes them (workflow/schemas/policy.schema.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import NotRequired, TypedDict, cast

import yaml
from jsonschema import Draft202012Validator

from muvla.files import ROOT

SCHEMA = ROOT / "workflow" / "schemas" / "policy.schema.yaml"


class Weights(TypedDict):
    """A repository and the revision that is served; None: not pinned."""

    repository: str
    revision: str | None


class Served(TypedDict):
    """How a policy is served for one benchmark: by a command, or by somebody else at an address."""

    rows: dict[str, str]
    chunk: int
    weights: Weights
    command: NotRequired[str]
    address: NotRequired[str]


class PolicyEntry(TypedDict):
    """A file of config/policies."""

    title: str
    scale: str
    image: str | None
    packages: list[str]
    start_timeout: float
    tried: str
    benchmarks: dict[str, Served]


def read_policy(path: Path | str) -> PolicyEntry:
    """Read an entry. Raises ValueError with a line for every mistake, OSError where there is no such file."""
    content = yaml.load(Path(path).read_text("utf-8"), Loader=yaml.CSafeLoader)
    rules = yaml.load(SCHEMA.read_text("utf-8"), Loader=yaml.CSafeLoader)
    errors = sorted(Draft202012Validator(rules).iter_errors(content), key=lambda error: error.json_path)
    if errors:
        lines = [f"{error.json_path.removeprefix('$.')}: {error.message}" for error in errors]
        raise ValueError("\n  ".join([f"{path} is not valid:", *lines, f"{SCHEMA.name} describes every key"]))
    return cast(PolicyEntry, content)


def policy_file(folder: Path, name: str) -> Path:
    """Return the file of the policy called `name` in config/policies. Raises ValueError for an unknown one."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.yaml")))
        raise ValueError(f"policies: there is no config/policies/{name}.yaml; there are {known}")
    return path
