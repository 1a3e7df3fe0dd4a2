"""The sidecar counterfactuals.npz of a data set: one Counterfactual per episode, arrays flattened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from muvla.data.episode import Counterfactual
from muvla.data.rlds.sidecar import load_sidecar

COUNTERFACTUALS = "counterfactuals.npz"


def save_counterfactuals(file: Path, items: Sequence[Counterfactual]) -> None:
    """Write all counterfactuals of a data set, in the order of its episodes."""
    np.savez_compressed(
        file,
        seed=np.array([item.seed for item in items], np.int64),
        success=np.array([item.success for item in items], bool),
        cue_steps=np.array([item.cue_steps for item in items], np.int32),
        empty_steps=np.array([item.empty_steps for item in items], np.int32),
        target=np.array([item.target for item in items], np.int32),
        objects=np.array([len(item.positions) for item in items], np.int32),
        frames=np.array([len(item.plans_to) for item in items], np.int32),
        names=np.array([name for item in items for name in item.names], np.str_),
        positions=np.concatenate([item.positions for item in items]).astype(np.float32),
        chunk=np.array(items[0].plans_to.shape[2], np.int32),
        plans_to=np.concatenate([item.plans_to.reshape(-1, 7) for item in items]).astype(np.float32),
    )


def load_counterfactuals(file: Path, episodes: int) -> list[Counterfactual]:
    """Read all counterfactuals of a data set.

    Raises:
        ValueError: the file is damaged or belongs to another number of episodes.
    """
    return load_sidecar(file, episodes, _counterfactuals)


def _counterfactuals(arrays: dict[str, np.ndarray]) -> list[Counterfactual]:
    objects = arrays["objects"].astype(np.int64)
    chunk = int(arrays["chunk"])
    # Episode e owns rows first[e]:first[e+1] of the per-object arrays, and its frames * objects * C rows of plans.
    first = np.concatenate([[0], np.cumsum(objects)])
    first_action = np.concatenate([[0], np.cumsum(objects * arrays["frames"] * chunk)])
    if first[-1] != len(arrays["positions"]) or first_action[-1] != len(arrays["plans_to"]):
        raise ValueError("its lengths do not add up")
    return [
        Counterfactual(
            seed=int(arrays["seed"][e]),
            success=bool(arrays["success"][e]),
            cue_steps=int(arrays["cue_steps"][e]),
            empty_steps=int(arrays["empty_steps"][e]),
            target=int(arrays["target"][e]),
            names=tuple(arrays["names"][first[e] : first[e + 1]].tolist()),
            positions=arrays["positions"][first[e] : first[e + 1]],
            plans_to=arrays["plans_to"][first_action[e] : first_action[e + 1]].reshape(-1, objects[e], chunk, 7),
        )
        for e in range(len(objects))
    ]
