"""The cue-swap probe on made-up demonstrations: what it must and must not see (spec 14)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from made_up import write_checkpoint, write_demonstrations
from muvla import cue_swap as probe
from muvla.model.architecture import MemorySettings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demonstrations(tmp_path_factory.mktemp("data"))


def swapped(checkpoint: Path, data: Path) -> dict:
    with initialize_config_dir(probe.CONFIG, version_base=None):
        return probe.cue_swap(compose("probe", [f"checkpoint={checkpoint}", f"data={data}", "threads=1"]))


def test_a_swapped_cue_changes_what_a_policy_with_memory_does(data: Path, tmp_path: Path) -> None:
    result = swapped(write_checkpoint(tmp_path / "memory"), data)
    assert result["pairs"] == 18
    assert result["swap_change"] > 0
    assert 0 <= result["follows_swap"] <= 1
    assert result["y_error"] > 0


def test_a_swapped_cue_changes_nothing_without_memory(data: Path, tmp_path: Path) -> None:
    assert swapped(write_checkpoint(tmp_path / "plain", MemorySettings()), data)["swap_change"] == 0.0


def test_the_command_writes_its_result_and_names_the_probes(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "cue_swap.json"
    arguments = [f"checkpoint={write_checkpoint(tmp_path / 'memory')}", f"data={data}", f"output={output}", "threads=1"]
    command = [sys.executable, "-m", "muvla.cue_swap"]
    run = subprocess.run([*command, "cue_swap", *arguments], capture_output=True, text=True, check=True)
    assert "swap_change" in run.stdout
    assert json.loads(output.read_text())["environment"] == "RememberColor3"
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "cue_swap" in refused.stderr
