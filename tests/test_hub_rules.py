"""The Hub's rules as a lab uses them: fetched once, pinned, handed to DVC, pulled by the lab's other machines."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub_server import Hub, serving
from working_copy import working_copy

MODEL = "mu-vla/mu-vla-openvla-oft-mikasa-robo-5-tasks-m64-k2-tbptt"
DATASET = "mikasa-robo/mikasa-robo-vla-rlds"
SNAKEMAKE = ("snakemake", "--config", "scale=paper", "checkpoints=released", "--")
TARGETS = ("hub/models/m64_k2.json", "hub/datasets/mikasa/remember_color_5_vla_v0.json")
WEIGHTS = bytes(range(256)) * 4000


def run(folder: Path, endpoint: str, *command: str) -> str:
    """Run a program of the environment in `folder`, which must succeed; return what it said."""
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | own | {"PATH": path}
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return result.stdout + result.stderr


@pytest.mark.slow
def test_fetched_once_and_pulled_elsewhere(tmp_path: Path) -> None:
    hub = Hub()
    hub.files = {
        f"models/{MODEL}": {"config.json": b"{}", "model.safetensors": WEIGHTS},
        f"datasets/{DATASET}": {
            "remember_color_5_vla_v0/1.0.0/a.tfrecord": WEIGHTS[1:],
            "take_it_back_vla_v0/1.0.0/a.tfrecord": WEIGHTS[2:],
        },
    }
    first, second = working_copy(tmp_path / "first"), working_copy(tmp_path / "second")
    with serving(hub):
        with pytest.raises(AssertionError, match=f"python -m muvla.hub pin {MODEL}"):
            run(first, hub.endpoint, *SNAKEMAKE, TARGETS[0])
        run(first, hub.endpoint, "python", "-m", "muvla.hub", "pin", MODEL)
        run(first, hub.endpoint, "python", "-m", "muvla.hub", "pin", "--dataset", DATASET)
        run(first, hub.endpoint, *SNAKEMAKE, *TARGETS)
        assert json.loads((first / TARGETS[0]).read_text())["revision"] == hub.commit
        assert not (first / "hub/datasets/mikasa/take_it_back_vla_v0").exists(), "only what was asked for"
        for folder in (first, second):
            run(folder, hub.endpoint, "dvc", "remote", "add", "--local", "--default", "lab", str(tmp_path / "lab"))
        run(first, hub.endpoint, "dvc", "push")

        # What the lab commits: the pins, the marks and DVC's files. The other machine then needs no Hub.
        listed = ["git", "ls-files", "-o", "--exclude-standard", "hub"]
        committed = subprocess.run(listed, cwd=first, capture_output=True, text=True, check=True).stdout.split()
        assert {*TARGETS, "hub/models/m64_k2.dvc", "hub/models/.gitignore"} < set(committed)
        for name in [*committed, "config/paper.yaml"]:
            (second / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(first / name, second / name)
        hub.requests = 0
        run(second, hub.endpoint, "dvc", "pull", "hub/models/m64_k2.dvc")
        said = run(second, hub.endpoint, *SNAKEMAKE, *TARGETS)
    assert "Nothing to be done" in said
    assert hub.requests == 0
    assert (second / "hub/models/m64_k2/model.safetensors").read_bytes() == WEIGHTS
    assert not (second / "hub/models/m64_k2/.cache").exists(), "the download's own notes are not handed to DVC"
