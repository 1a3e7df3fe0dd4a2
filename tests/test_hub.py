"""Downloads from the Hub: pinned, resumed, checked; against a local server that speaks its API."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_server import Hub, serving

REPOSITORY = Path(__file__).resolve().parents[1]
MODEL = "mu-vla/tiny"
PIECE = 10 * 1024**2  # bytes that huggingface_hub writes at a time
WEIGHTS = bytes(range(256)) * (9 * PIECE // 1024)  # two pieces and a quarter


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    server.files = {
        f"models/{MODEL}": {"config.json": b"{}", "model.safetensors": WEIGHTS},
        "datasets/lab/rlds": {
            "remember_color_5_vla_v0/1.0.0/features.json": b"{}",
            "remember_color_5_vla_v0/1.0.0/a.tfrecord": WEIGHTS,
            "take_it_back_vla_v0/1.0.0/a.tfrecord": WEIGHTS,
        },
    }
    with serving(server):
        yield server


def command(*arguments: str) -> list[str]:
    """The command of the rules."""
    return [sys.executable, "-m", "muvla.hub", *(arguments or (MODEL, "hub/tiny")), "--lock", "lock.json"]


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    """Nothing of this machine's Hub settings."""
    own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "home"), "PYTHONPATH": str(REPOSITORY / "workflow")}
    return {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | own


def fetch(hub: Hub, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(hub, folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_first_download_pins_revision_size_and_sha256(hub: Hub, tmp_path: Path) -> None:
    result = fetch(hub, tmp_path, MODEL, "hub/tiny", "--mark", "hub/tiny.json")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "hub/tiny/model.safetensors").read_bytes() == WEIGHTS
    entry = json.loads((tmp_path / "lock.json").read_text())[f"models/{MODEL}"]
    assert entry["revision"] == hub.commit
    assert entry["files"]["model.safetensors"]["size"] == len(WEIGHTS)
    mark = json.loads((tmp_path / "hub/tiny.json").read_text())
    assert mark["revision"] == hub.commit
    assert mark["files"] == entry["files"]


def test_broken_transfer_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.break_after = [2, PIECE + 1000, PIECE + 1000]  # the config whole, the weights in three parts
    result = fetch(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "hub/tiny/model.safetensors").read_bytes() == WEIGHTS
    starts = [first for name, first, _ in hub.sent if name == "model.safetensors"]
    assert starts == [0, PIECE, 2 * PIECE]


def test_killed_download_goes_on_in_the_next_call(hub: Hub, tmp_path: Path) -> None:
    hub.break_after, hub.hold = [2, PIECE + 1000], threading.Event()
    running = subprocess.Popen(command(), cwd=tmp_path, env=environment(hub, tmp_path), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size >= PIECE for path in tmp_path.rglob("*.part")):
        assert time.monotonic() < deadline, "nothing arrived"
        time.sleep(0.1)
    running.kill()
    running.wait()
    hub.hold.set()
    assert not (tmp_path / "lock.json").exists()
    hub.sent = []
    assert fetch(hub, tmp_path).returncode == 0
    assert [start for name, start, _ in hub.sent if name == "model.safetensors"] == [PIECE]
    assert (tmp_path / "hub/tiny/model.safetensors").read_bytes() == WEIGHTS


def test_second_call_downloads_nothing(hub: Hub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    hub.sent = []
    assert fetch(hub, tmp_path).returncode == 0
    assert hub.sent == []


def test_damaged_file_is_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    path = tmp_path / "hub/tiny/model.safetensors"
    path.write_bytes(WEIGHTS[:-1] + b"?")
    result = fetch(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert path.read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_changed_behind_the_same_revision_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    fetch(hub, tmp_path)
    before = (tmp_path / "lock.json").read_text()
    (tmp_path / "hub/tiny" / name).unlink()
    files = hub.files[f"models/{MODEL}"]
    files[name] = files[name][:-1] + b"!"
    result = fetch(hub, tmp_path)
    assert result.returncode == 1
    assert "changed behind the same revision" in result.stderr
    assert name in result.stderr
    assert not (tmp_path / "hub/tiny" / name).exists()
    assert (tmp_path / "lock.json").read_text() == before


def test_altered_bytes_are_noticed_at_the_first_download(hub: Hub, tmp_path: Path) -> None:
    hub.garble = {"model.safetensors"}
    result = fetch(hub, tmp_path)
    assert result.returncode == 1
    assert "model.safetensors: SHA-256" in result.stderr
    assert not (tmp_path / "hub/tiny/model.safetensors").exists()
    assert not (tmp_path / "lock.json").exists()


def test_only_the_environments_asked_for(hub: Hub, tmp_path: Path) -> None:
    result = fetch(hub, tmp_path, "--dataset", "lab/rlds", "hub/rlds", "--only", "remember_color_5_vla_v0")
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "hub/rlds/take_it_back_vla_v0").exists()
    again = fetch(hub, tmp_path, "--dataset", "lab/rlds", "hub/rlds", "--only", "take_it_back_vla_v0")
    assert again.returncode == 0, again.stderr
    entry = json.loads((tmp_path / "lock.json").read_text())["datasets/lab/rlds"]
    assert len(entry["files"]) == 3


def test_pinned_revision_that_is_gone_is_said(hub: Hub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    (tmp_path / "hub/tiny/config.json").unlink()
    hub.commit = "f" * 40
    result = fetch(hub, tmp_path)
    assert result.returncode == 1
    assert "has no such revision any more" in result.stderr


def test_offline_is_one_sentence_with_what_to_do(hub: Hub, tmp_path: Path) -> None:
    hub.endpoint = "http://127.0.0.1:9"  # nobody listens
    result = fetch(hub, tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert "cannot be reached" in line
    assert "dvc pull" in line


def test_offline_is_no_matter_when_everything_is_there(hub: Hub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    hub.endpoint = "http://127.0.0.1:9"
    result = fetch(hub, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("mu-vla/none", "hub/none"), "has no models/mu-vla/none"),
        (("--dataset", "lab/rlds", "hub/rlds", "--only", "remember_colour_5"), "no file below 'remember_colour_5'"),
    ],
)
def test_wrong_name_is_said(hub: Hub, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    result = fetch(hub, tmp_path, *arguments)
    assert result.returncode == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_damaged_lock_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text("{")
    result = fetch(hub, tmp_path)
    assert result.returncode == 1
    assert "lock.json is not JSON" in result.stderr
