"""Slot 0's last whole episode (spec 4.8): norms and changes of its memory and its film strip, across windows."""

import dataclasses
import io
import json

import numpy as np
import pytest
import torch

import tiny
from muvla.model.architecture import MemorySettings
from muvla.model.window import Window, WindowBatch
from muvla.train.episode_watch import EpisodeWatch
from muvla.train.metrics import Metrics

CPU = torch.device("cpu")


def episodes(lengths: list[int], steps: int = 2) -> tuple[np.ndarray, list[WindowBatch]]:
    """Pictures (T, 1, 2, 16, 16, 3) of one slot and the windows that show them; the last episode stays open."""
    total = -(-(sum(lengths) + 1) // steps) * steps
    begins = np.isin(np.arange(total), np.cumsum([0, *lengths]))
    images = np.random.default_rng(0).integers(0, 256, (total, 1, 2, 16, 16, 3), dtype=np.uint8)
    pictures = torch.from_numpy(images)
    empty = tiny.batch(steps, 1)
    return images, [
        dataclasses.replace(
            empty, images=pictures[at : at + steps], is_first=torch.from_numpy(begins[at : at + steps, None])
        )
        for at in range(0, total, steps)
    ]


@pytest.mark.parametrize("update", ["tbptt", "ema"])
def test_norms_and_changes_are_those_of_what_each_step_read_out(update: str) -> None:
    settings = MemorySettings(num_mem_tokens=3, memory_update=update, tbptt_length=2)
    window = Window(tiny.cell(settings))
    images, windows = episodes([3, 5])
    watch, memory, read_out = EpisodeWatch(), window.cell.memory.start(1), []
    for number, batch in enumerate(windows):
        output = window(batch, memory, measure_memory=True)
        watch.see(batch, output.read_out)
        read_out += [each[0].detach() for each in output.memory_out]
        memory = output.memory
        if number == 1:  # the second episode has begun at step 3
            first = watch.take()
            assert first is not None
            assert first.norms.shape == (3, 3)
            assert watch.take() is None  # each is told once
        saved = io.BytesIO()
        torch.save(watch.state(), saved)  # a run may go on from anywhere
        saved.seek(0)
        watch = EpisodeWatch()
        watch.restore(torch.load(saved, weights_only=True), CPU)
    second = watch.take()
    assert second is not None
    states = torch.stack(read_out)[3:8]  # (T, m, D)
    torch.testing.assert_close(second.norms, states.norm(dim=-1))
    cosine = torch.nn.functional.cosine_similarity(states[1:], states[:-1], dim=-1)
    torch.testing.assert_close(second.distances, 1 - cosine)
    assert second.distances.max() > 1e-3
    assert second.shown == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(second.pictures, images[3:8, 0, 0])  # the third-person camera's, as they were


def test_a_long_episode_has_curves_but_no_pictures_and_a_half_one_nothing(tmp_path) -> None:
    watch, found = EpisodeWatch(), []
    _, windows = episodes([101, 45])
    for batch in windows:
        watch.see(batch, torch.randn(2, 3, 16))
        found += [episode for episode in [watch.take()] if episode]
    assert [len(episode.norms) for episode in found] == [101, 45]
    assert (found[0].shown, len(found[1].shown), found[1].shown[-1]) == ([], 20, 44)
    metrics = Metrics(tmp_path / "m.jsonl", tensorboard=tmp_path / "board")
    for number, episode in enumerate(found):
        metrics.episode(number, episode)
    metrics.close()
    long, short = map(json.loads, (tmp_path / "m.jsonl").read_text().splitlines())
    assert long["episode_rollout"] == "skipped"
    assert short["episode_rollout"] == found[1].shown
    assert np.shape(short["episode_cosine_distance"]) == (44, 3)
    late = EpisodeWatch()  # joins in the middle
    late.see(windows[1], torch.randn(2, 3, 16))
    late.see(windows[0], torch.randn(2, 3, 16))
    assert late.take() is None
