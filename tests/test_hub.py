"""Downloads from the Hub: pinned, resumed, verified; against a local server that speaks its API."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hub_server import COMMIT, Hub, serving

REPOSITORY = Path(__file__).resolve().parents[1]
MODEL = "mu-vla/tiny"
PINNED = f"{MODEL}@{COMMIT}"
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
    return [sys.executable, "-m", "muvla.hub", *(arguments or ("fetch", PINNED, "hub/tiny", "--mark", "hub/tiny.json"))]


def environment(hub: Hub, folder: Path, *, offline: bool = False) -> dict[str, str]:
    """Nothing of this machine's Hub settings."""
    own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": str(int(offline))}
    return {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | own


def run(hub: Hub, folder: Path, *arguments: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(hub, folder, offline=offline),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence of a refusal."""
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


def test_files_and_mark(hub: Hub, tmp_path: Path) -> None:
    result = run(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "hub/tiny/model.safetensors").read_bytes() == WEIGHTS
    mark = json.loads((tmp_path / "hub/tiny.json").read_text())
    assert mark["repository"] == f"models/{MODEL}"
    assert mark["revision"] == hub.commit
    assert sorted(mark["files"]) == ["config.json", "model.safetensors"]
    assert mark["files"]["model.safetensors"]["size"] == len(WEIGHTS)


@pytest.mark.parametrize("source", [MODEL, f"{MODEL}@main", f"{MODEL}@{COMMIT[:12]}"])
def test_without_a_pin_nothing_is_asked(hub: Hub, tmp_path: Path, source: str) -> None:
    line = refused(run(hub, tmp_path, "fetch", source, "hub/tiny"))
    assert f"python -m muvla.hub pin {MODEL}" in line
    assert hub.requests == 0


def test_pin_writes_the_current_revision_and_keeps_the_rest(hub: Hub, tmp_path: Path) -> None:
    config = tmp_path / "config" / "paper.yaml"
    config.parent.mkdir()
    other = "  # a comment\n  other: {repository: lab/other, revision: null}\n"
    config.write_text(f"hub:\n{other}  base: {{repository: {MODEL}, revision: null}}\n")
    result = run(hub, tmp_path, "pin", MODEL)
    assert result.returncode == 0, result.stderr
    assert hub.commit in result.stdout
    assert other in config.read_text()
    assert yaml.safe_load(config.read_text())["hub"]["base"] == {"repository": MODEL, "revision": hub.commit}
    hub.commit = "f" * 40
    assert "set it back to null" in refused(run(hub, tmp_path, "pin", MODEL))
    assert "f" * 40 not in config.read_text()


def test_every_repository_of_the_paper_scale_can_be_pinned(hub: Hub, tmp_path: Path) -> None:
    text = (REPOSITORY / "config" / "paper.yaml").read_text()
    listed = yaml.safe_load(text)["hub"]
    models = [listed["base"], *listed["checkpoints"].values()]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "paper.yaml").write_text(text)
    for repository in (*models, listed["mikasa"], listed["libero"]):
        assert repository["revision"] is None
    name = models[-1]["repository"]
    hub.files[f"models/{name}"] = {}
    assert run(hub, tmp_path, "pin", name).returncode == 0
    again = yaml.safe_load((tmp_path / "config" / "paper.yaml").read_text())["hub"]
    assert [one["revision"] for one in again["checkpoints"].values()].count(hub.commit) == 1


def test_broken_transfer_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    del hub.files[f"models/{MODEL}"]["config.json"]
    hub.break_after = [PIECE + 1000, PIECE + 1000]
    result = run(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "hub/tiny/model.safetensors").read_bytes() == WEIGHTS
    assert [first for _, first, _ in hub.sent] == [0, PIECE, 2 * PIECE]


def test_killed_download_keeps_the_finished_files(hub: Hub, tmp_path: Path) -> None:
    hub.hold, hub.hang = threading.Event(), "model.safetensors"
    running = subprocess.Popen(command(), cwd=tmp_path, env=environment(hub, tmp_path), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (tmp_path / "hub/tiny/config.json").is_file() or len(hub.sent) < 2:
        assert time.monotonic() < deadline, "nothing arrived"
        time.sleep(0.1)
    running.kill()
    running.wait()
    hub.hold.set()
    hub.hang = ""
    assert not (tmp_path / "hub/tiny.json").exists()
    assert not (tmp_path / "hub/tiny/model.safetensors").exists()
    hub.sent = []
    assert run(hub, tmp_path).returncode == 0
    assert [name for name, *_ in hub.sent] == ["model.safetensors"]
    assert (tmp_path / "hub/tiny/model.safetensors").read_bytes() == WEIGHTS


def test_second_call_asks_nothing(hub: Hub, tmp_path: Path) -> None:
    run(hub, tmp_path)
    before = (tmp_path / "hub/tiny.json").read_text()
    hub.requests = 0
    assert run(hub, tmp_path).returncode == 0
    assert hub.requests == 0
    assert (tmp_path / "hub/tiny.json").read_text() == before


@pytest.mark.parametrize("aged", [False, True])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_damaged_on_disk_is_downloaded_again(hub: Hub, tmp_path: Path, name: str, aged: bool) -> None:
    run(hub, tmp_path)
    path = tmp_path / "hub/tiny" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    if aged:  # as bits rot: the time of the last change does not show it
        os.utime(path, (1e9, 1e9))
    result = run(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert path.read_bytes() == whole


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_that_arrives_damaged_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.garble = {name}
    assert f"{name}: not what the Hub announced" in refused(run(hub, tmp_path))
    assert not (tmp_path / "hub/tiny" / name).exists()
    assert not (tmp_path / "hub/tiny.json").exists()
    hub.garble = set()
    assert run(hub, tmp_path).returncode == 0


def test_only_the_environments_asked_for(hub: Hub, tmp_path: Path) -> None:
    for part, number in (("remember_color_5_vla_v0", 2), ("take_it_back_vla_v0", 1)):
        options = ("--dataset", "--only", part, "--mark", f"hub/rlds/{part}.json")
        result = run(hub, tmp_path, "fetch", f"lab/rlds@{COMMIT}", "hub/rlds", *options)
        assert result.returncode == 0, result.stderr
        assert len(json.loads((tmp_path / f"hub/rlds/{part}.json").read_text())["files"]) == number
        assert (tmp_path / "hub/rlds/take_it_back_vla_v0").exists() == part.startswith("take")


@pytest.mark.slow  # huggingface_hub tries five times, for 23 seconds
def test_unreachable_says_what_to_do(hub: Hub, tmp_path: Path) -> None:
    hub.endpoint = "http://127.0.0.1:9"  # nobody listens
    line = refused(run(hub, tmp_path))
    assert "127.0.0.1:9 cannot be reached" in line
    assert "dvc pull" in line


def test_offline_with_half_of_the_files_is_refused(hub: Hub, tmp_path: Path) -> None:
    run(hub, tmp_path)
    (tmp_path / "hub/tiny/model.safetensors").unlink()
    hub.requests = 0
    assert "cannot be reached" in refused(run(hub, tmp_path, offline=True))
    assert hub.requests == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((f"mu-vla/none@{COMMIT}", "hub/none"), "has no models/mu-vla/none"),
        ((f"{MODEL}@{'f' * 40}", "hub/none"), "has no revision ffffffff"),
        (("--dataset", f"lab/rlds@{COMMIT}", "hub/rlds", "--only", "remember_colour_5"), "no file below 'remember_col"),
    ],
)
def test_wrong_name_is_said(hub: Hub, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(run(hub, tmp_path, "fetch", *arguments))
