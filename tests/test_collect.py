"""Collecting demonstrations for real: what is written, that an interrupted run goes on, and bad options."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from muvla.collect.__main__ import CollectSettings, plan_of
from muvla.collect.collection import collect
from muvla.collect.demonstration import Demonstration, part_file, part_succeeded, save_part
from muvla.data.rlds.dataset import RldsDataset
from muvla.options import read

ROOT = Path(__file__).resolve().parents[1]
NAME = "remember_color_3_vla_v0"
EPISODES = 4


def start(output, *options):
    command = [sys.executable, "-m", "muvla.collect", "environment=RememberColor3", f"episodes={EPISODES}"]
    return subprocess.Popen(
        [*command, f"output={output}", *options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that run in a shell's background inherit a deafness to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def finish(process):
    _, errors = process.communicate(timeout=800)
    return process.returncode, errors


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A set made without interruption, by one simulator."""
    output = tmp_path_factory.mktemp("whole")
    collect(plan(), output, 1)
    return output


def test_the_set_reads_back_with_what_a_learner_needs(collected):
    data = RldsDataset(collected / NAME)
    assert len(data) == len(data.counterfactuals) == EPISODES
    for index, other in enumerate(data.counterfactuals):
        episode = data[index]
        waits = other.cue_steps + other.empty_steps
        assert episode.images.shape[1:] == (2, 128, 128, 3)
        assert episode.proprio.shape == (len(episode), 7)
        np.testing.assert_array_equal(episode.actions[:waits], np.tile([0, 0, 0, 0, 0, 0, 1], (waits, 1)))
        assert np.abs(episode.actions[waits]).max() == 1  # at once, and clean: noise never is
        np.testing.assert_allclose(other.plans_to[:, other.target, 0], episode.actions, atol=1e-6)
        assert other.success
        assert other.names == ("red cube", "lime cube", "blue cube")
        # The tool is carried off after the success, and comes to rest again.
        away = np.abs(episode.actions[:, :3]).max(axis=1)
        assert max(away[-7:-4]) > max(away[-1], 0.1)
        # The clean label does not explain the motion: noise was executed.
        steps = np.diff(episode.proprio[waits : waits + 4, :3], axis=0)
        assert np.abs(steps).max() > 0.005


def test_the_scene_says_what_is_where_in_the_pictures(collected):
    data = RldsDataset(collected / NAME)
    channel = {"red cube": 0, "lime cube": 1, "blue cube": 2}
    for index, other in enumerate(data.counterfactuals):
        scene, images, choice = data.scenes[index], data[index].images, other.cue_steps + other.empty_steps
        assert scene.names == other.names == tuple(channel)
        shown = [[other.target]] * other.cue_steps + [[]] * other.empty_steps + [[0, 1, 2]] * (len(scene) - choice)
        assert [np.flatnonzero(each).tolist() for each in scene.visible] == shown
        np.testing.assert_array_equal(scene.positions[choice], other.positions)
        seen = scene.projected()
        for t in (0, choice):  # before the arm hides anything
            for camera in range(2):
                for thing in np.flatnonzero(scene.visible[t]):
                    column, row = (seen[t, camera, thing, :2] * 128).astype(int)
                    if 0 <= column < 128 and 0 <= row < 128:
                        assert images[t, camera, row, column].argmax() == channel[scene.names[thing]]


def test_the_report_says_how_the_set_was_made(collected):
    report = json.loads((collected / NAME / "collection.json").read_text())
    assert report["succeeded"] == EPISODES
    assert report["attempted"] == EPISODES + len(report["failed_seeds"])
    assert report["success_rate"] == EPISODES / report["attempted"]
    assert report["seeds"][1] - report["seeds"][0] + 1 == report["attempted"]
    assert report["seeds"][1] < 4242424242
    assert report["config"]["manner"]["noise"] > 0
    assert len(report["versions"]["camera_mesh_sha256"]) == 64
    assert not list(collected.glob(".*"))  # no parts are left


def test_an_interrupted_run_goes_on_and_gives_the_same_bytes(collected, tmp_path):
    process = start(tmp_path, "processes=2")
    parts = tmp_path / f".{NAME}.parts"
    while process.poll() is None and not list(parts.glob("seed-*.npz")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal: to every process
    code, errors = finish(process)
    assert code == 1, errors
    assert "the same command continues" in errors
    assert "Traceback" not in errors
    kept = {file: file.stat().st_mtime_ns for file in parts.glob("seed-*.npz")}
    assert kept
    assert not (tmp_path / NAME).exists()
    newest = max(kept)
    newest.write_bytes(newest.read_bytes()[:1000])  # a damaged part is made again
    collect(plan(), tmp_path, 1)
    whole = {file.name: file.read_bytes() for file in (collected / NAME / "1.0.0").iterdir()}
    resumed = {file.name: file.read_bytes() for file in (tmp_path / NAME / "1.0.0").iterdir()}
    assert resumed == whole
    assert (tmp_path / NAME / "collection.json").read_bytes() == (collected / NAME / "collection.json").read_bytes()


def plan(**changes):
    given = {"episodes": EPISODES, **changes}
    return plan_of(read(CollectSettings, [f"{name}={value}" for name, value in given.items()]))


def test_a_finished_set_is_left_alone(collected):
    before = (collected / NAME / "collection.json").stat().st_mtime_ns
    assert collect(plan(), collected, 1) == collected / NAME / "1.0.0"
    assert (collected / NAME / "collection.json").stat().st_mtime_ns == before


def test_a_set_made_with_other_options_is_not_mixed_with(collected):
    with pytest.raises(ValueError, match="was made with episodes 4 instead of 5"):
        collect(plan(episodes=5), collected, 1)


def test_parts_made_with_other_options_are_not_mixed_with(tmp_path):
    parts = tmp_path / f".{NAME}.parts"
    parts.mkdir()
    stored = json.loads(json.dumps(asdict(plan(noise=0.1))))
    (parts / "config.json").write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="was made with manner"):
        collect(plan(), tmp_path, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": "RememberColour3"}, "unknown environment"),
        ({"environment": "libero_goal/0"}, "no scripted expert"),
        ({"episodes": 0}, "episodes is 0"),
        ({"noise": -1}, "noise is -1"),
        ({"noise": "much"}, "noise is much: it must be a number of at least 0"),
        ({"first_seed": 2**31 - 1}, "first_seed is"),
        ({"environment": "libero_object/0", "standin_mug": True}, "libero_object/0 has no standin_mug"),
        ({"light_mesh": "flase"}, "light_mesh is flase: it must be true or false"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        plan(**changes)


def test_environments_do_not_share_seeds():
    assert plan(environment="RememberColor5").first_seed - plan().first_seed >= 10_000_000


def test_a_full_disk_leaves_no_half_part(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        save_part(tmp_path, Demonstration(7, False))
    assert not list(tmp_path.iterdir())
    assert part_succeeded(tmp_path, 7) is None


def test_failed_seeds_are_remembered(tmp_path):
    save_part(tmp_path, Demonstration(7, False))
    assert part_file(tmp_path, 7).name == "seed-0000000007.npz"
    assert part_succeeded(tmp_path, 7) is False
