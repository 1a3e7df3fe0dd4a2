"""What holds for the whole suite: threads, compiled bytecode, and which files come first."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import muvla  # noqa: F401  before torch, whose kernels it chooses

# The processes of `pytest -n` and those that tests start share the cores, and threads that wait should not spin.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
# Without compiled bytecode every process parses torch and transformers again: 20 seconds instead of 5.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The same examples in every run, so that the suite says the same twice, and as long as it takes on a loaded machine;
# `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("suite")

# Files of more than half a minute, the longest first, so that no process is left with one at the end. test_apptainer.py
# waits for the Slurm of test_slurm.py and comes when that has ended.
LONGEST_FIRST = (
    *("test_slurm", "test_libero", "test_mikasa", "test_evaluate", "test_paper_processes", "test_ctrl_c"),
    *("test_collect", "test_apptainer", "test_train", "test_golden", "test_libero_evaluation", "test_released_layout"),
    *("test_trace", "test_workflow", "test_paper_scale"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of long files to the front; within a file nothing moves."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(Path(item.path).stem, len(order)))
