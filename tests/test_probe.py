"""The cue-swap probe on made-up demonstrations: what it must and must not see (spec 14)."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from made_up import write_checkpoint, write_demonstrations
from muvla import cue_swap as probe
from muvla.model.architecture import MemorySettings
from muvla.options import read


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demonstrations(tmp_path_factory.mktemp("data"))


def swapped(checkpoint: Path, data: Path) -> dict:
    return probe.cue_swap(read(probe.CueSwapSettings, [f"checkpoint={checkpoint}", f"data={data}", "threads=1"]))


def test_a_swapped_cue_changes_what_a_policy_with_memory_does(data: Path, tmp_path: Path) -> None:
    result = swapped(write_checkpoint(tmp_path / "memory"), data)
    assert result["pairs"] == 18
    assert result["swap_change"] > 0
    assert 0 <= result["follows_swap"] <= 1
    assert result["y_error"] > 0


def test_a_swapped_cue_changes_nothing_without_memory(data: Path, tmp_path: Path) -> None:
    assert swapped(write_checkpoint(tmp_path / "plain", MemorySettings()), data)["swap_change"] == 0.0


@pytest.mark.slow
def test_the_recorded_command_gives_the_same_result_again(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "with space" / "cue_swap.json"
    arguments = [
        f"checkpoint={write_checkpoint(tmp_path / 'memory')}",
        f"data={data}",
        f"output='{output}'",
        "threads=1",
    ]
    command = [sys.executable, "-m", "muvla.cue_swap", *arguments]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "swap_change" in run.stdout
    first = json.loads(output.read_text())
    assert first["environment"] == "RememberColor3"
    assert shlex.split(first["command_line"]) == ["python", *command[1:]]
    again = json.loads(json.dumps(swapped(tmp_path / "memory", data)))  # the same options in another process
    assert again.keys() <= first.keys()
    assert again == {name: first[name] for name in again}
