"""Files beside the records of a data set, of ragged arrays flattened: one item per episode.

A file of its own leaves the records' features as published, so that other readers can use them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np

T = TypeVar("T")


def load_sidecar(file: Path, episodes: int, items: Callable[[dict[str, np.ndarray]], list[T]]) -> list[T]:
    """Read the items that `items` makes of the file's arrays.

    Raises:
        ValueError: the file is damaged or belongs to another number of episodes.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            found = items({name: stored[name] for name in stored.files})
        if len(found) != episodes:
            raise ValueError(f"it holds {len(found)} episodes, the records {episodes}")
        return found
    except (ValueError, KeyError, IndexError, OSError, EOFError, BadZipFile) as error:
        raise ValueError(f"{file} cannot be used: {error}. Collect this data set again.") from error
