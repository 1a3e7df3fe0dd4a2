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
        run(first, hub.endpoint, "snakemake", *TARGETS, "--config", "scale=paper", "checkpoints=released")
        pinned = json.loads((first / "config/hub.lock.json").read_text())
        assert pinned[f"models/{MODEL}"]["revision"] == hub.commit
        assert not (first / "hub/datasets/mikasa/take_it_back_vla_v0").exists(), "only what was asked for"
        for folder in (first, second):
            run(folder, hub.endpoint, "dvc", "remote", "add", "--local", "--default", "lab", str(tmp_path / "lab"))
        run(first, hub.endpoint, "dvc", "push")

        # What the lab commits: the lock and DVC's files. The other machine then needs no Hub.
        for path in [*first.glob("hub/**/*.dvc"), *first.glob("hub/**/.gitignore"), first / "config/hub.lock.json"]:
            (second / path.relative_to(first)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, second / path.relative_to(first))
        hub.sent = []
        run(second, hub.endpoint, "dvc", "pull", "hub/models/m64_k2.dvc")
    assert (second / "hub/models/m64_k2/model.safetensors").read_bytes() == WEIGHTS
    told = run(second, "http://127.0.0.1:9", "snakemake", TARGETS[0], "--config", "scale=paper", "checkpoints=released")
    assert "1 of 1 steps (100%) done" in told
    assert hub.sent == []
