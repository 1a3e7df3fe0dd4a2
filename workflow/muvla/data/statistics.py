"""Normalisation with the statistics that a checkpoint was trained with (spec 1.9, 3.4, 3.6).

Letters: D width of an action or of proprio.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from muvla.benchmark.benchmark import Benchmark, benchmark_of, benchmarks
from muvla.data.episode import dataset_name
from muvla.files import read_json

STATISTICS_FILE = "dataset_statistics.json"
COMBINED_SUFFIX = "_combined"
EPSILON = 1e-8

Body = dict[str, Any]  # JSON: statistics of actions and proprio, by name


@dataclass(frozen=True)
class Bounds:
    """Quantiles that are mapped to [-1, 1].

    Attributes:
        q01, q99: (D,) float64.
        mask: (D,) bool; where false, values pass through untouched.
        constant: (D,) bool or None; where true, the data never change and normalised values are 0 (spec 3.6).
    """

    q01: np.ndarray
    q99: np.ndarray
    mask: np.ndarray
    constant: np.ndarray | None = None

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """(..., D) -> clip(2 (x - q01) / (q99 - q01 + 1e-8) - 1, -1, 1), in the type of the values."""
        self._check(values)
        low, high = self.q01.astype(values.dtype), self.q99.astype(values.dtype)
        scaled = np.clip(2 * (values - low) / (high - low + EPSILON) - 1, -1, 1)
        scaled = np.where(self.mask, scaled, values)
        return scaled if self.constant is None else np.where(self.constant, scaled.dtype.type(0), scaled)

    def unnormalise(self, values: np.ndarray) -> np.ndarray:
        """(..., D) -> 0.5 (x + 1) (q99 - q01 + 1e-8) + q01 in float64, without clipping."""
        self._check(values)
        scaled = 0.5 * (values.astype(np.float64) + 1) * (self.q99 - self.q01 + EPSILON) + self.q01
        return np.where(self.mask, scaled, values)

    def _check(self, values: np.ndarray) -> None:
        if values.ndim == 0 or values.shape[-1] != len(self.q01) or values.dtype.kind != "f":
            raise ValueError(
                f"values of {values.shape} {values.dtype} for statistics of width {len(self.q01)}: "
                "needs (..., width) floats. Do checkpoint and data belong to the same benchmark?"
            )


@dataclass(frozen=True)
class Statistics:
    """What a checkpoint was trained with: the key of the entry, its benchmark, the bounds of actions and proprio.

    averaged: they are the average of other data sets' statistics, for an environment that was not trained on.
    """

    key: str
    benchmark: Benchmark
    action: Bounds
    proprio: Bounds
    averaged: bool = False


def read_entries(folder: str | Path) -> Body:
    """Read FOLDER/dataset_statistics.json: entries by key.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, or no entry.
    """
    file = Path(folder) / STATISTICS_FILE
    try:
        entries = read_json(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} is missing: without it actions cannot be un-normalised") from None
    if not entries:
        raise ValueError(f"{file} has no entry: fetch the checkpoint again")
    return entries


def statistics_for(entries: Body, environment: str, file: Path) -> Statistics:
    """Choose what a checkpoint un-normalises with in `environment` from its entries (spec 6.4).

    The joint entry where there is one, else that of the environment's own data set or suite, else the average of all
    entries (the checkpoint was not trained on it). `file` is named in errors.

    Raises:
        ValueError: as parse_statistics, or entries that have no average.
    """
    if not entries or any(name.endswith(COMBINED_SUFFIX) for name in entries):
        return parse_statistics(entries, None, file)
    suite = environment.partition("/")[0]
    for name in (dataset_name(environment), suite, f"{suite}_no_noops"):
        if name in entries:
            return parse_statistics(entries, name, file)
    every = [parse_statistics(entries, name, file) for name in sorted(entries)]
    return Statistics(
        f"average of {', '.join(each.key for each in every)}",
        every[0].benchmark,
        _average(file, [each.action for each in every]),
        _average(file, [each.proprio for each in every]),
        averaged=True,
    )


def parse_statistics(entries: Body, key: str | None = None, file: Path = Path(STATISTICS_FILE)) -> Statistics:
    """Read one entry of a dataset_statistics.json; `file` is named in errors.

    Without a key the one joint entry ("..._combined") is taken; statistics of single data sets never stand in for it
    (spec P14). An entry without action mask gets its benchmark's (spec 6.6). An entry of a single data set also says
    what never changes in it; a joint one does not (spec 3.4, 3.6).

    Raises:
        ValueError: no such key, a key of no benchmark, or an entry that lacks something.
    """
    if key is None:
        combined = [name for name in entries if name.endswith(COMBINED_SUFFIX)]
        if len(combined) != 1:
            raise ValueError(f"{file} has no single joint entry (*{COMBINED_SUFFIX}); name one of {sorted(entries)}")
        key = combined[0]
    if key not in entries:
        raise ValueError(f"{file} has no entry {key!r}, only {sorted(entries)}")
    where = f"{file}, entry {key!r}"
    benchmark = _benchmark(key, where)
    proprio = _bounds(entries[key], "proprio", where)
    action = _bounds(entries[key], "action", where, benchmark.action_mask)
    if not key.endswith(COMBINED_SUFFIX):
        action, proprio = (
            dataclasses.replace(bounds, constant=_constant(entries[key][part], len(bounds.q01)))
            for part, bounds in (("action", action), ("proprio", proprio))
        )
    return Statistics(key, benchmark, action, proprio)


def _benchmark(key: str, where: str) -> Benchmark:
    if not key.endswith(COMBINED_SUFFIX):
        return benchmark_of(key)
    name = key.removesuffix(COMBINED_SUFFIX)
    if name not in benchmarks():
        raise ValueError(f"{where} belongs to no benchmark; there are {', '.join(benchmarks())}")
    return benchmarks()[name]


def _average(file: Path, bounds: list[Bounds]) -> Bounds:
    """Average element by element; constant is what never changed in any of them."""
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


def _constant(entry: Mapping[str, Any], width: int) -> np.ndarray | None:
    low, high = (np.array(entry.get(name, ()), np.float64) for name in ("min", "max"))
    return low == high if low.shape == high.shape == (width,) else None


def _bounds(body: Mapping[str, Any], part: str, where: str, default_mask: Sequence[bool] | None = None) -> Bounds:
    try:
        entry = body[part]
        q01, q99 = (np.array(entry[name], np.float64) for name in ("q01", "q99"))
        mask = np.array(entry.get("mask", default_mask or [True] * len(q01)), bool)
    except KeyError as error:
        raise ValueError(f"{where}: {part} statistics lack {error}. Statistics need q01 and q99.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{where}: {part} statistics are not lists of numbers ({error})") from error
    if q01.ndim != 1 or q01.shape != q99.shape or q01.shape != mask.shape:
        raise ValueError(f"{where}: {part} has q01 {q01.shape}, q99 {q99.shape} and mask {mask.shape}, not one width")
    if not (np.isfinite(q01).all() and np.isfinite(q99).all() and (q01 <= q99).all()):
        raise ValueError(f"{where}: {part} needs finite q01 <= q99, not {q01.tolist()} and {q99.tolist()}")
    return Bounds(q01, q99, mask)
