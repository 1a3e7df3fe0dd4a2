"""Typed options of the commands: dataclasses that Hydra composes, checked at every depth and documented.

A command's options are the fields of one dataclass, each made with `option`, so that its default, its range and its
documentation stand in one place. `scale` and `variant` are files of config/muvla (made with `group`), checked against
their own dataclasses. `python -m muvla.train --help` prints them all.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TypeVar

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from muvla.files import ROOT
from muvla.options_text import documentation, expected, explanation, options_of, shown

CONFIG = ROOT / "config" / "muvla"
SEPARATOR = "--"  # between the options of several commands in one process
T = TypeVar("T")


class SettingsError(ValueError):
    """An option that does not exist or has a value that it cannot have; the message names key, value and range."""


def option(
    default: T,
    doc: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    choices: Sequence[str | int] | None = None,
) -> T:
    """Return a dataclass field with its documentation and its range, both bounds included."""
    metadata = {"doc": doc, "at_least": at_least, "at_most": at_most, "choices": choices}
    return field(default=default, metadata=metadata)


def section(kind: Callable[[], T], doc: str) -> T:
    """Return a dataclass field that holds further options, or a list; kind: makes its default."""
    return field(default_factory=kind, metadata={"doc": doc})


def group(default: str, doc: str, kind: type[T], schemas: Mapping[str, type[T]] | None = None) -> T:
    """Return a dataclass field that is filled from config/muvla/<field>/<file>.yaml; default: the name of the file.

    schemas: dataclasses that such a file can name in its `defaults` list, where `kind` alone does not describe it.
    """
    return field(default_factory=kind, metadata={"doc": doc, "group": default, "schemas": schemas or {}})


def read(kind: type[T], overrides: Sequence[str] = ()) -> T:
    """Compose the options `kind` with `overrides` (option=value, in Hydra's grammar) and check them.

    Raises SettingsError: one sentence that names the option, the value and what it can be, or the nearest known name.
    """
    for each in overrides:
        if each.startswith(("+", "~", "-")):
            raise SettingsError(f"{each!r} is not an option: write option=value; --help lists the options")
    try:
        with initialize_config_dir(str(CONFIG), version_base=None):
            settings = OmegaConf.to_object(compose(_registered(kind), list(overrides)))
    except (HydraException, OmegaConfBaseException) as error:
        raise SettingsError(explanation(kind, error, str(CONFIG.relative_to(ROOT)))) from error
    assert isinstance(settings, kind)
    for fault in _faults(settings):
        raise SettingsError(fault)
    return settings


def whole_number(at_least: int) -> Callable[[str], int]:
    """Return argparse's `type` for whole numbers of at least `at_least`."""

    def number(given: str) -> int:
        if not given.removeprefix("-").isdecimal() or int(given) < at_least:
            raise argparse.ArgumentTypeError(f"{given} is not a whole number of at least {at_least}")
        return int(given)

    return number


def separated(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the options of each command of a command line of several, OPTIONS -- OPTIONS."""
    for is_separator, part in itertools.groupby(words, lambda word: word == SEPARATOR):
        if not is_separator:
            yield list(part)


def overrides_of(settings: object) -> list[str]:
    """Return the overrides (option=value) that make flat `settings` of the defaults."""
    values = ((each, getattr(settings, each.name)) for each in dataclasses.fields(settings))  # type: ignore[arg-type]
    return [f"{each.name}={shown(value)}" for each, value in values if value != each.default]


def command(kind: type[T], run: Callable[[T], object], doc: str | None, *also: type[Exception]) -> None:
    """Run a command with the options of its command line; --help prints `doc` and the options.

    ValueError, OSError and the exceptions `also` end it with one sentence and exit code 1. Any other one is a bug and
    shows its traceback.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(documentation(kind, doc or ""))
        return
    expected_errors: tuple[type[Exception], ...] = (ValueError, OSError, *also)
    try:
        run(read(kind, sys.argv[1:]))
    except expected_errors as error:
        sys.exit(f"error: {error}")


def _registered(kind: type) -> str:
    """Tell Hydra about `kind` and return the name under which it composes it, with the default file of every group."""
    store = ConfigStore.instance()
    groups = [each for each in dataclasses.fields(kind) if "group" in each.metadata]
    for each in groups:
        for name, schema in each.metadata["schemas"].items():
            store.store(group=each.name, name=name, node=schema)
    store.store(name=f"_{kind.__name__}", node=kind)
    chosen = [{each.name: each.metadata["group"]} for each in groups]
    store.store(name=kind.__name__, node={"defaults": [f"_{kind.__name__}", *chosen, "_self_"]})
    return kind.__name__


def _faults(settings: object, prefix: str = "") -> Iterator[str]:
    """Yield one sentence for every value outside its range, and what a section's own `contradictions` finds."""
    for each in options_of(type(settings)):
        value, path = getattr(settings, each.field.name), f"{prefix}{each.field.name}"
        if isinstance(value, list) and each.sections:
            for number, one in enumerate(value):
                yield from _faults(one, f"{path}.{number}.")
        elif dataclasses.is_dataclass(value):
            yield from _faults(value, f"{path}.")
        elif value is not None and not _within(value, each.field.metadata):
            yield f"{path} is {shown(value)}: it must be {expected(each)}"
    if contradictions := getattr(settings, "contradictions", None):
        yield from (f"{prefix.rstrip('.') or 'this command'} {found}" for found in contradictions())


def _within(value: object, metadata: Mapping[str, object]) -> bool:
    least, most, choices = (metadata.get(key) for key in ("at_least", "at_most", "choices"))
    if isinstance(choices, Sequence):
        return value in choices
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str | int) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    above = not isinstance(least, int | float) or value >= least
    return math.isfinite(value) and above and (not isinstance(most, int | float) or value <= most)
