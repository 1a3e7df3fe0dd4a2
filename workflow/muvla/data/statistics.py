"""Statistics of the training data, and the normalisation made from them (spec 1.9, 3.4).

Letters: D width of an action or of proprio.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from muvla.benchmark.benchmark import standardise_libero_gripper
from muvla.data.rlds.dataset import RldsDataset
from muvla.files import write_json

STATISTICS_FILE = "dataset_statistics.json"
COMBINED_SUFFIX = "_combined"
BENCHMARKS = {7: "mikasa", 8: "libero"}  # by proprio width (spec 12.4)
LIBERO_ACTION_MASK = [True] * 6 + [False]  # the gripper stays in [0, 1] (spec 3.4); in 3.6 MIKASA's, too
EPSILON = 1e-8

Body = dict[str, Any]


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
    """What a checkpoint was trained with: the key it stands under, and the bounds of actions and proprio."""

    key: str
    action: Bounds
    proprio: Bounds


def compute_statistics(datasets: Sequence[RldsDataset]) -> Body:
    """Joint statistics over all frames of all data sets, in the order of their names (spec 3.4).

    Returns:
        {"action": {mean, std, min, max, q01, q99}, "proprio": {...}, "num_transitions", "num_trajectories"};
        std is the population's, quantiles are interpolated linearly. LIBERO's gripper is standardised first.

    Raises:
        ValueError: no data set, one twice, or data sets of both benchmarks.
        CorruptRecord: a damaged record.
    """
    benchmark = _benchmark(datasets)
    actions, proprio = [], []
    for dataset in sorted(datasets, key=lambda item: item.name):
        for index in range(len(dataset)):
            motion = dataset.motion(index)
            proprio.append(motion[0])
            actions.append(standardise_libero_gripper(motion[1]) if benchmark == "libero" else motion[1])
    return {
        "action": _describe(np.concatenate(actions)),
        "proprio": _describe(np.concatenate(proprio)),
        "num_transitions": sum(map(len, actions)),
        "num_trajectories": len(actions),
    }


def cached_statistics(datasets: Sequence[RldsDataset], directory: str | Path) -> Body:
    """compute_statistics, remembered in DIRECTORY/mikasa_statistics_<h>.json (or libero_...).

    h are 16 digits of a SHA-256 over names and contents, so re-collected data never meets old numbers (the
    release keys by the names alone). An unreadable cache file is replaced.
    """
    contents = ",".join(sorted(dataset.fingerprint for dataset in datasets))
    key = hashlib.sha256(contents.encode()).hexdigest()[:16]
    file = Path(directory) / f"{_benchmark(datasets)}_statistics_{key}.json"
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        _bounds(body, "action", str(file))
        _bounds(body, "proprio", str(file))
    except (FileNotFoundError, ValueError):
        body = compute_statistics(datasets)
        write_json(file, body)
    return body


def statistics_entry(body: Body) -> Body:
    """The content of dataset_statistics.json: {"mikasa_combined": body}; LIBERO's gets its action mask."""
    benchmark = BENCHMARKS[len(body["proprio"]["q01"])]
    if benchmark == "libero":
        body = {**body, "action": {**body["action"], "mask": LIBERO_ACTION_MASK}}
    return {benchmark + COMBINED_SUFFIX: body}


def write_statistics(directory: str | Path, body: Body) -> Path:
    """Write DIRECTORY/dataset_statistics.json."""
    file = Path(directory) / STATISTICS_FILE
    write_json(file, statistics_entry(body))
    return file


def read_statistics(path: str | Path, key: str | None = None) -> Statistics:
    """Statistics of a checkpoint folder (or of the file itself).

    Without a key the one joint entry ("..._combined") is taken; statistics of single environments never stand
    in for it (spec P14). A LIBERO entry without action mask gets the usual one (spec 6.6).

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such key, or an entry that lacks something.
    """
    file = Path(path) / STATISTICS_FILE if Path(path).is_dir() else Path(path)
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} is missing: without it actions cannot be un-normalised") from None
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}). Fetch the checkpoint again.") from error
    return parse_statistics(entries if isinstance(entries, dict) else {}, key, file)


def parse_statistics(entries: Body, key: str | None = None, file: Path = Path(STATISTICS_FILE)) -> Statistics:
    """`read_statistics` of content already read; `file` is named in errors.

    An entry of a single data set also says what never changes in it; a joint one does not (spec 3.4, 3.6).
    """
    if key is None:
        combined = [name for name in entries if name.endswith(COMBINED_SUFFIX)]
        if len(combined) != 1:
            raise ValueError(f"{file} has no single joint entry (*{COMBINED_SUFFIX}); name one of {sorted(entries)}")
        key = combined[0]
    if key not in entries:
        raise ValueError(f"{file} has no entry {key!r}, only {sorted(entries)}")
    where = f"{file}, entry {key!r}"
    proprio = _bounds(entries[key], "proprio", where)
    default_mask = LIBERO_ACTION_MASK if BENCHMARKS.get(len(proprio.q01)) == "libero" else None
    action = _bounds(entries[key], "action", where, default_mask)
    if not key.endswith(COMBINED_SUFFIX):
        action, proprio = (
            dataclasses.replace(bounds, constant=_constant(entries[key][part], len(bounds.q01)))
            for part, bounds in (("action", action), ("proprio", proprio))
        )
    return Statistics(key, action, proprio)


def _benchmark(datasets: Sequence[RldsDataset]) -> str:
    names = [dataset.name for dataset in datasets]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"statistics need at least one data set and each only once, not {names}")
    widths = {dataset.name: dataset.proprio_width for dataset in datasets}
    if len(set(widths.values())) > 1 or set(widths.values()) - set(BENCHMARKS):
        raise ValueError(f"statistics need data sets of one benchmark (proprio width 7 or 8), not {widths}")
    return BENCHMARKS[datasets[0].proprio_width]


def _describe(values: np.ndarray) -> dict[str, list[float]]:
    described = {
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "q01": np.quantile(values, 0.01, axis=0),
        "q99": np.quantile(values, 0.99, axis=0),
    }
    return {name: row.astype(np.float32).tolist() for name, row in described.items()}


def _constant(entry: Mapping[str, Any], width: int) -> np.ndarray | None:
    low, high = (np.array(entry.get(name, ()), np.float64) for name in ("min", "max"))
    return low == high if low.shape == high.shape == (width,) else None


def _bounds(body: Mapping[str, Any], part: str, where: str, default_mask: list[bool] | None = None) -> Bounds:
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
