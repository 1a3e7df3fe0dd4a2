"""Statistics of training data, as a checkpoint stores them: joint, or of every data set by itself (spec 3.4, 3.6)."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from muvla.benchmark.benchmark import Benchmark
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.statistics import COMBINED_SUFFIX, Body, parse_statistics
from muvla.files import write_json

ALL_BUT_THE_GRIPPER = [True] * 6 + [False]


def compute_statistics(datasets: Sequence[RldsDataset]) -> Body:
    """Compute joint statistics over all frames of all data sets, in the order of their names (spec 3.4).

    Returns:
        {"action": {mean, std, min, max, q01, q99}, "proprio": {...}, "num_transitions", "num_trajectories"};
        std is the population's, quantiles are interpolated linearly. Actions are standardised first.

    Raises:
        ValueError: no data set, one twice, or data sets of several benchmarks.
        CorruptRecord: a damaged record.
    """
    benchmark = common_benchmark(datasets)
    actions, proprio = [], []
    for dataset in sorted(datasets, key=lambda item: item.name):
        for index in range(len(dataset)):
            states, stored = dataset.motion(index)
            proprio.append(states)
            actions.append(benchmark.standardise(stored))
    return {
        "action": _describe(np.concatenate(actions)),
        "proprio": _describe(np.concatenate(proprio)),
        "num_transitions": sum(map(len, actions)),
        "num_trajectories": len(actions),
    }


def cached_statistics(datasets: Sequence[RldsDataset], directory: str | Path) -> Body:
    """Compute statistics, or read them from DIRECTORY/<benchmark>_statistics_<h>.json.

    h are 16 digits of a SHA-256 over names and contents, so re-collected data never meets old numbers (the release
    keys by the names alone). An unreadable cache file is replaced; where DIRECTORY cannot be written none is kept.
    Raises as compute_statistics.
    """
    contents = ",".join(sorted(dataset.fingerprint for dataset in datasets))
    key = hashlib.sha256(contents.encode()).hexdigest()[:16]
    benchmark = common_benchmark(datasets)
    file = Path(directory) / f"{benchmark.name}_statistics_{key}.json"
    try:
        body: Body = json.loads(file.read_text(encoding="utf-8"))
        parse_statistics(joint_entry(body, benchmark), file=file)
    except (OSError, ValueError, TypeError, KeyError):
        body = compute_statistics(datasets)
        with contextlib.suppress(OSError):  # data that only others may write
            write_json(file, body)
    return body


def joint_entry(body: Body, benchmark: Benchmark) -> Body:
    """Return the content of dataset_statistics.json: {"mikasa_combined": body}, with the benchmark's action mask."""
    if benchmark.action_mask is not None:
        body = {**body, "action": {**body["action"], "mask": list(benchmark.action_mask)}}
    return {benchmark.name + COMBINED_SUFFIX: body}


def separate_entries(bodies: Mapping[str, Body]) -> Body:
    """Return the content of dataset_statistics.json with an entry for each data set's name.

    So the release's frame-shuffled loader takes them: the gripper is not normalised, in any benchmark (spec 3.6).
    """
    return {name: {**body, "action": {**body["action"], "mask": ALL_BUT_THE_GRIPPER}} for name, body in bodies.items()}


def common_benchmark(datasets: Sequence[RldsDataset]) -> Benchmark:
    """Return the benchmark of all data sets. Raises ValueError for none, one twice, or several benchmarks."""
    names = [dataset.name for dataset in datasets]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"training needs at least one data set and each only once, not {names}")
    titles = {dataset.name: dataset.benchmark.title for dataset in datasets}
    if len(set(titles.values())) > 1:
        raise ValueError(f"training needs data sets of one benchmark, not {titles}")
    return datasets[0].benchmark


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
