"""The margins, probabilities and seeds of the statistics: fixed in the configuration before anything is measured."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from muvla.files import ROOT

CONFIG = ROOT / "config" / "config.yaml"
Section = TypeVar("Section")


@dataclass(frozen=True)
class Rules:
    """Section `statistics` of the configuration; workflow/schemas/config.schema.yaml describes each entry."""

    confidence: float
    resamples: int
    bootstrap_seed: int
    significance: float
    equivalence_margin: float
    printed_episodes: dict[str, int]  # printed table -> episodes behind each of its cells


@dataclass(frozen=True)
class Targets:
    """Section `effect.targets`: what the effect must show to count as reproduced at its scale."""

    with_memory_at_least: float
    without_at_most: float
    p_below: float
    episodes_at_least: int


def _section(kind: type[Section], content: Any, where: str) -> Section:
    wanted = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    if not isinstance(content, dict) or set(content) != set(wanted):
        raise ValueError(f"{where} must have the keys {', '.join(wanted)}; it is {content!r}")
    return kind(**content)


def _given(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{option} is not JSON ({error}): {text!r}") from error


def read_rules(text: str | None = None) -> Rules:
    """The statistics section given as JSON text, or config/config.yaml's. Raises ValueError naming what is wrong."""
    if text is not None:
        return _section(Rules, _given(text, "--statistics"), "--statistics")
    return _section(Rules, yaml.safe_load(CONFIG.read_text("utf-8"))["statistics"], f"{CONFIG.name}: statistics")


def read_targets(text: str | None = None) -> Targets:
    """The same for effect.targets."""
    if text is not None:
        return _section(Targets, _given(text, "--targets"), "--targets")
    content = yaml.safe_load(CONFIG.read_text("utf-8"))["effect"]["targets"]
    return _section(Targets, content, f"{CONFIG.name}: effect.targets")
