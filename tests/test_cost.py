"""The plan in GPU-hours: it counts the matrix, and the guide shows what the program says."""

import subprocess
import sys
from pathlib import Path

import pytest

from muvla.jobs import cost

REPOSITORY = Path(__file__).resolve().parents[1]


def test_guide_shows_what_the_program_says() -> None:
    command = [sys.executable, "-m", "muvla.jobs.cost"]
    environment = {"PYTHONPATH": str(REPOSITORY / "workflow")}
    told = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.strip() in (REPOSITORY / "docs" / "scaling.md").read_text("utf-8")


def test_work_by_hand() -> None:
    """One frame, without checkpointing: 4 x (6.48e9 x 670 + 0.70e9 x 517) operations."""
    assert cost.operations(cost.Assumptions(), checkpointed=False) == pytest.approx(1.8814e13, rel=1e-3)


def test_training_grows_with_the_window_and_evaluation_with_the_queries() -> None:
    assumed = cost.Assumptions()
    assert cost.training_hours(assumed, 8) == pytest.approx(4 * cost.training_hours(assumed, 2))
    assert cost.training_hours(assumed, 2) == pytest.approx(
        3 * cost.training_hours(assumed, 1)
    )  # and the second forward

    def hours(episodes: int, every: int) -> float:
        return cost.evaluation_hours(assumed, episodes=episodes, steps=25, step=0.05, every=every)

    start = assumed.start / 3600
    assert hours(200, 1) - start == pytest.approx(2 * (hours(100, 1) - start))
    assert hours(100, 8) < hours(100, 1)
