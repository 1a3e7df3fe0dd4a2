"""Statistics of every data set by itself, as the release's frame-shuffled loader takes them (spec 3.6, 6.4).

The gripper is not normalised, and what never changes in a data set is 0 (Bounds.constant).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from muvla.data.episode import dataset_name
from muvla.data.statistics import (
    COMBINED_SUFFIX,
    LIBERO_ACTION_MASK,
    STATISTICS_FILE,
    Body,
    Bounds,
    Statistics,
    parse_statistics,
    read_statistics,
)


def separate_entries(bodies: Mapping[str, Body]) -> Body:
    """The content of dataset_statistics.json: an entry for each data set's name, the action's with its mask."""
    return {name: {**body, "action": {**body["action"], "mask": LIBERO_ACTION_MASK}} for name, body in bodies.items()}


def statistics_for(folder: str | Path, environment: str) -> Statistics:
    """What a checkpoint un-normalises with in `environment`: the joint entry where there is one, else that of the
    environment's own data set, else the average of all entries (it was not trained on).

    Raises FileNotFoundError or ValueError as read_statistics.
    """
    file = Path(folder) / STATISTICS_FILE
    entries = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not isinstance(entries, dict) or not entries or any(name.endswith(COMBINED_SUFFIX) for name in entries):
        return read_statistics(folder)
    suite = environment.partition("/")[0]
    for name in (dataset_name(environment), suite, f"{suite}_no_noops"):
        if name in entries:
            return parse_statistics(entries, name, file)
    every = [parse_statistics(entries, name, file) for name in sorted(entries)]
    action, proprio = ([getattr(each, part) for each in every] for part in ("action", "proprio"))
    return Statistics(f"average of {len(every)} data sets", _average(file, action), _average(file, proprio))


def _average(file: Path, bounds: list[Bounds]) -> Bounds:
    """Element by element; constant is what never changed in any of them."""
    first = bounds[0]
    if any(each.q01.shape != first.q01.shape or (each.mask != first.mask).any() for each in bounds):
        raise ValueError(f"{file} has entries of different widths or masks: they have no average")
    known = [each.constant for each in bounds if each.constant is not None]
    return dataclasses.replace(
        first,
        q01=np.mean([each.q01 for each in bounds], axis=0),
        q99=np.mean([each.q99 for each in bounds], axis=0),
        constant=np.all(known, axis=0) if len(known) == len(bounds) else None,
    )
