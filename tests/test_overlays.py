"""Pictures of a traced episode: a patch lights its own pixels, phases stand where they were, wrong files are named."""

import dataclasses
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_up_trace import PHASES, made_up_trace, write_made_up
from muvla.records.trace import Trace
from muvla.report.traces import animation, memory_dynamics
from muvla.report.traces.attention import (
    caption,
    figure_attention,
    mean_attention,
    overlay,
    tiles,
)
from muvla.report.traces.memory_dynamics import figure_memory_dynamics
from synthetic_records import save


def changed(trace: Trace, step: int) -> np.ndarray:
    """(C, Q, H, W) bool: which pixels the attention of each kind of queries changed on each camera."""
    found = tiles(trace, mean_attention(trace), step)
    return np.stack([[(tile != rows[0]).any(axis=-1) for tile in rows[1:]] for rows in found])


def test_attention_to_one_patch_lights_that_patch_of_that_camera_and_nothing_else() -> None:
    trace = made_up_trace()
    trace.attention[3, :, 0, 1, 4 * 1 + 2] = 0.01  # memory to the wrist camera: second row, third column
    lit = np.zeros((2, 2, 32, 32), bool)
    lit[1, 0, 8:16, 16:24] = True
    np.testing.assert_array_equal(changed(trace, 3), lit)
    assert not changed(trace, 2).any()


def test_patches_cover_only_the_centre_that_the_policy_saw() -> None:
    picture = np.full((100, 100, 3), 90, np.uint8)
    corners = np.zeros(16)
    corners[[0, 15]] = 1
    lit = np.zeros((100, 100), bool)
    lit[10:30, 10:30] = lit[70:90, 70:90] = True  # view 0.8: patches of 20 pixels from pixel 10 on
    np.testing.assert_array_equal((overlay(picture, corners, 0.8) != picture).any(axis=-1), lit)


def test_more_attention_is_brighter_and_kinds_of_queries_are_scaled_alone() -> None:
    trace = made_up_trace()
    trace.attention[0, :, 0, 0, :2] = [0.4, 0.1]
    trace.attention[0, :, 1, 0, :2] = [0.04, 0.01]
    (seen, memory, actions), _ = tiles(trace, mean_attention(trace), 0)
    np.testing.assert_array_equal(memory, actions)
    brightness = memory.astype(int).sum(axis=-1)
    assert brightness[4, 4] > brightness[4, 12]
    assert (memory[4, 12] != seen[4, 12]).any()


def test_the_attention_shown_is_the_mean_over_layers_and_says_so() -> None:
    trace = made_up_trace()
    trace.attention[0, 1] = 0.5
    assert mean_attention(trace)[0].min() == mean_attention(trace)[0].max() == 0.25
    assert "all layers and heads" in caption(trace)


def test_the_third_camera_is_the_episodes_first_picture() -> None:
    trace = made_up_trace(memory=False, cameras=3)
    found = tiles(trace, mean_attention(trace), 4)
    np.testing.assert_array_equal(found[2][0], trace.frames[0, 0])
    np.testing.assert_array_equal(found[1][0], trace.frames[4, 1])


def test_all_pictures_twice_are_the_same_bytes(tmp_path: Path) -> None:
    trace = made_up_trace()
    trace.attention[..., 5] = 0.1
    file = write_made_up(tmp_path / "trace.npz", trace)
    for name in ("one", "two"):
        for draw in (figure_attention, figure_memory_dynamics):
            save(draw(trace=file), tmp_path / name / draw.__name__)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert [name.rpartition(".")[2] for name in names] == ["gif", "pdf", "png", "pdf", "png"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        if name.endswith("png"):
            assert Image.open(tmp_path / "one" / name).width == 1000
    assert Image.open(tmp_path / "one" / "figure_attention.gif").n_frames == len(PHASES)


def test_an_animation_that_would_be_too_large_leaves_steps_out_but_not_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = made_up_trace()
    draw, heads = partial(tiles, trace, mean_attention(trace)), [f"step {n}" for n in range(6)]
    whole = animation.animation(draw, heads, ["a", "b", "c"])
    monkeypatch.setattr(animation, "LIMIT", len(whole))
    fewer = animation.animation(draw, heads, ["a", "b", "c"])
    assert len(fewer) < len(whole) < 2_000_000
    frames = [Image.open(io.BytesIO(content)) for content in (whole, fewer)]
    assert [frame.n_frames for frame in frames] == [6, 3]
    for frame in frames:
        frame.seek(frame.n_frames - 1)
    np.testing.assert_array_equal(*(np.asarray(frame.convert("RGB")) for frame in frames))


def test_phases_and_curves_stand_at_their_steps() -> None:
    trace = made_up_trace()
    spans = [("cue", -0.5, 1.5), ("empty", 1.5, 2.5), ("act", 2.5, 5.5)]
    assert memory_dynamics.phase_spans(trace) == spans
    norms, distances, *_ = memory_dynamics.memory_dynamics(trace).axes
    assert trace.norms is not None
    assert trace.distances is not None
    np.testing.assert_array_equal(norms.lines[0].get_xydata().T, [range(6), trace.norms[:, 0]])
    mean = trace.distances.mean(axis=1)
    np.testing.assert_array_equal(distances.lines[4].get_xydata().T, [range(1, 6), mean])
    assert norms.get_xlim() == distances.get_xlim() == (-0.5, 5.5)
    chunks = dataclasses.replace(trace, steps=8 * np.arange(6))
    assert memory_dynamics.phase_spans(chunks)[0] == ("cue", -4, 12)


def test_without_memory_only_the_actions_attend(tmp_path: Path) -> None:
    file = write_made_up(tmp_path / "trace.npz", made_up_trace(memory=False))
    assert set(figure_attention(trace=file)) == {".png", ".pdf", ".gif"}
    with pytest.raises(ValueError, match="has no memory"):
        figure_memory_dynamics(trace=file)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    trace = made_up_trace()
    (tmp_path / "text.npz").write_text("not a zip")
    np.savez(tmp_path / "film.npz", frames=trace.frames)
    write_made_up(tmp_path / "short.npz", dataclasses.replace(trace, phases=trace.phases[:2]))
    write_made_up(tmp_path / "grid.npz", dataclasses.replace(trace, attention=trace.attention[..., :15]))
    for name, told in (
        ("text", "no traced episode"),
        ("film", "no traced episode"),
        ("short", "2 rows of phases for 6 frames"),
        ("grid", "15 patches of a camera are no square"),
        ("absent", "No such file"),
    ):
        for draw in (figure_attention, figure_memory_dynamics):
            with pytest.raises((ValueError, FileNotFoundError), match=told) as caught:
                draw(trace=tmp_path / f"{name}.npz")
            assert f"{name}.npz" in str(caught.value)
