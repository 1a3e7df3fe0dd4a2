"""Evaluation in LIBERO: a tiny policy in the released layout, a simulator that dies, questions that make no sense."""

import dataclasses
import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import tiny
from made_up import write_checkpoint
from muvla import checkpoint
from muvla.checkpoint.config_files import preprocessor
from muvla.data.text import Tokenizer
from muvla.evaluate import __main__ as evaluation
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.model.architecture import MemorySettings
from muvla.model.cell import Cell
from muvla.options import read
from muvla.records.file import read_cell

UNIT = {"q01": [-1.0] * 7, "q99": [1.0] * 7}
PROPRIO = {"q01": [-2.0] * 8, "q99": [2.0] * 8}


def write_libero_checkpoint(folder: Path, settings: MemorySettings) -> Path:
    """A random tiny policy in the layout of the released LIBERO one: proprio of eight numbers, gripper not scaled."""
    cell = Cell(dataclasses.replace(tiny.ARCHITECTURE, proprio_dim=8), settings)
    entry = {"action": {**UNIT, "mask": [True] * 6 + [False]}, "proprio": PROPRIO}
    files = {
        "dataset_statistics.json": {"libero_combined": entry},
        "preprocessor_config.json": preprocessor(cell.architecture),
        "tokenizer.json": Tokenizer.mini().as_json(),
    }
    checkpoint.save(cell, folder, step=150000, files=files)
    return folder


def configured(folder: Path, output: Path, *more: str) -> EvaluateSettings:
    options = [f"checkpoint={folder}", f"output={output}", "environment=libero_object/0", "slots=1", *more]
    return read(EvaluateSettings, options)


@pytest.fixture
def probed(tmp_path: Path) -> Path:
    """A probe that has nothing to say, so that the test need not wait for a real one."""
    file = tmp_path / "probe.json"
    file.write_text(json.dumps({"libero_object": {"warnings": []}}))
    return file


def test_gripper_and_cameras(tmp_path: Path) -> None:
    policy = Policy(write_libero_checkpoint(tmp_path / "m64_k2", tiny_memory()), slots=1)
    images, proprio = np.zeros((1, 2, 32, 32, 3), np.uint8), np.zeros((1, 8), np.float32)
    commands = policy.act(images, proprio, ["pick up the milk"], np.array([True]), np.array([True]))
    assert set(np.abs(commands[..., 6]).ravel().tolist()) <= {0.0, 1.0}
    for wrong in (images[:, :1], images[..., 0], images.astype(np.float32)):
        with pytest.raises(ValueError, match="expects 2 cameras, image and wrist_image"):
            policy.act(wrong, proprio, ["pick up the milk"], np.array([True]), np.array([True]))
    with pytest.raises(ValueError, match="right benchmark"):
        policy.act(images, proprio[:, :7], ["pick up the milk"], np.array([True]), np.array([True]))


def tiny_memory() -> MemorySettings:
    return MemorySettings(num_mem_tokens=3, tbptt_length=8)


def test_questions_that_make_no_sense(tmp_path: Path, probed: Path) -> None:
    libero = write_libero_checkpoint(tmp_path / "m64_k2", tiny_memory())
    records = tmp_path / "0.jsonl"
    for more, told in (
        (["seed=40", "episodes=11"], "initial states 40 to 50 of libero_object/0; there are 0 to 49"),
        (["environment=libero_object/10"], "unknown environment .libero_object/10."),
        (["environment=RememberColor3"], "a policy for LIBERO .* belongs to MIKASA-Robo"),
        (["reset_rule=once"], "reset_rule is once: it must be episode or release"),
    ):
        with pytest.raises(ValueError, match=told):
            evaluation.evaluate(configured(libero, records, "episodes=1", f"probe={probed}", *more))
    mikasa = write_checkpoint(tmp_path / "mikasa")
    with pytest.raises(ValueError, match="a policy for MIKASA-Robo .* belongs to LIBERO"):
        evaluation.evaluate(configured(mikasa, records, "episodes=1", f"probe={probed}"))


@pytest.mark.slow
def test_a_simulator_that_dies_costs_one_retry_and_is_recorded(
    tmp_path: Path, probed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    probed.write_text(json.dumps({"libero_object": {"warnings": ["the physics of libero_object differs"]}}))
    oft = write_libero_checkpoint(tmp_path / "oft_episodic", MemorySettings())
    records = tmp_path / "libero_object" / "0.jsonl"
    with pytest.raises(ValueError, match="strict=true, and the start-up check warns: the physics"):
        evaluation.evaluate(configured(oft, records, "episodes=1", f"probe={probed}", "strict=true"))

    killed, act = [], Policy.act

    def deadly(self: Policy, *arguments) -> np.ndarray:
        if self.forwards[0] == 2 and not killed:
            killed.extend(child.pid for child in multiprocessing.active_children())
            for child in killed:
                os.kill(child, signal.SIGKILL)
        return act(self, *arguments)

    monkeypatch.setattr(Policy, "act", deadly)
    evaluation.evaluate(configured(oft, records, "episodes=1", f"probe={probed}", "name=oft_episodic"))
    assert "run once more" in capsys.readouterr().err
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert len(killed) == 1
    assert [line["seed"] for line in lines] == [0, 0]
    assert "died" in lines[0]["error"]
    cell = read_cell(records)
    assert (cell.episodes, cell.errors) == (1, 0)
    assert cell.settings["environment"] == "libero_object/0"
    assert cell.settings["simulator"]["probe"]["warnings"] == ["the physics of libero_object differs"]
    (record,) = cell.records
    assert record["steps"] == 280 or record["success"]
    assert record["mode"] == "open_loop"
    assert record["forwards"] == -(-record["steps"] // 8)  # a look for every chunk
    assert record["memory_updates"] == 0
