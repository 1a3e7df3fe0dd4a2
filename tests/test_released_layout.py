"""A tiny checkpoint in the released layout acts in the real simulator, through the same command as every other."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from muvla.evaluate.policy import Policy
from released import needs_whole_checkpoint, write_released

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = needs_whole_checkpoint


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released(tmp_path_factory.mktemp("released") / "mu-vla-tiny")


@pytest.mark.slow
def test_it_evaluates_end_to_end_in_the_simulator(released: Path, tmp_path: Path) -> None:
    output = tmp_path / "records.jsonl"
    settings = ["name=m64_k2", "label=paper", "environment=RememberColor3", "episodes=1", "slots=1"]
    command = [sys.executable, "-m", "muvla.evaluate", f"checkpoint={released}", f"output={output}", *settings]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(output.read_text().splitlines()[-1])
    assert record["error"] is None
    assert record["mode"] == "receding"
    assert record["forwards"] == record["memory_updates"] == record["steps"] > 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_batch_of_slots_acts_as_each_slot_alone(released: Path, precision: str) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 2, 128, 128, 3), dtype=np.uint8)  # (T, N, cameras, ...)
    proprio = rng.normal(size=(2, 3, 7)) * 0.2
    instructions = ["Observe the cube's color.", "Observe the cube's color, wait, then touch.", "touch"]
    together = Policy(released, slots=3, precision=precision)
    alone = [Policy(released, slots=1, precision=precision) for _ in range(3)]
    for t in range(2):
        first = np.array([t == 0] * 3)
        batch = together.act(images[t], proprio[t], instructions, first, np.ones(3, bool))
        for slot, policy in enumerate(alone):
            one = slice(slot, slot + 1)
            single = policy.act(images[t, one], proprio[t, one], instructions[one], first[one], np.ones(1, bool))
            np.testing.assert_allclose(batch[one], single, atol=1e-5 if precision == "float32" else 0.05)
    assert np.abs(batch).max() <= 1
