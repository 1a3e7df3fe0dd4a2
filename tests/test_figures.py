"""The picture of memory's effect: the same bytes from the same records, a strip only from sound frames."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from PIL import Image

from muvla.records.file import RecordsError
from muvla.records.frames import KeyFrames, key_steps, read_key_frames
from muvla.report.effect.cells import memory_effect
from muvla.report.effect.figure import draw_effect, figure_effect
from muvla.report.grid import read_grid
from muvla.report.statistics.rules import Effect
from synthetic_records import EFFECT, RULES, marks, save, write_cell

LABELS = ["cue", "cue", "empty", "act", "act", "act", "act", "act", "act", "act", "act", "act"]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    write_cell(folder, "m64_k2", "RememberColor3", [True] * 8 + [False] * 2)
    write_cell(folder, "oft_episodic", "RememberColor3", [True] * 3 + [False] * 7)
    write_cell(folder, "m64_k2", "RememberColor3", [True] * 3 + [False] * 7, memory="zero", control="zero")
    return folder


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    images = np.zeros((len(LABELS), 16, 16, 3), np.uint8)
    images[..., 0] = 20 * np.arange(len(LABELS))[:, None, None]
    np.savez(tmp_path / "frames.npz", frames=images, labels=np.array(LABELS))
    return tmp_path / "frames.npz"


def draw(records: Path, frames: Path, output: Path, effect: Effect = EFFECT) -> None:
    contents = figure_effect(records=marks(records), frames=frames, effect=effect, statistics=RULES)
    save(contents, output / "memory_effect")


def test_two_runs_are_byte_identical_and_one_thousand_pixels_wide(records: Path, frames: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw(records, frames, tmp_path / name)
    for kind in ("png", "pdf"):
        first, second = ((tmp_path / name / f"memory_effect.{kind}").read_bytes() for name in ("one", "two"))
        assert first == second
    picture = Image.open(tmp_path / "one" / "memory_effect.png")
    assert picture.width == 1000
    assert "Software" not in picture.info


def test_the_key_frames_are_shown_and_the_records_move_the_bars(records: Path, frames: Path, tmp_path: Path) -> None:
    draw(records, frames, tmp_path / "few")
    few = Image.open(tmp_path / "few" / "memory_effect.png").convert("RGB")
    colours = {colour for _, colour in few.getcolors(1 << 20)}
    shown = key_steps(LABELS, 8)
    assert {step for step in range(1, len(LABELS)) if (20 * step, 0, 0) in colours} == set(shown) - {0}
    write_cell(records, "oft_episodic", "RememberColor3", [True] * 9 + [False], mode="receding", control="receding")
    draw(records, frames, tmp_path / "more")
    more = Image.open(tmp_path / "more" / "memory_effect.png").convert("RGB")
    counts = [{c: n for n, c in picture.getcolors(1 << 20)}.get((230, 159, 0), 0) for picture in (few, more)]
    assert counts[0] == 0
    assert counts[1] > 5000


STILL = KeyFrames(np.zeros((1, 16, 16, 3), np.uint8), ["cue"], [0])


def bars_of(records: Path, effect: Effect = EFFECT) -> Axes:
    grid = read_grid(marks(records), RULES)
    found = {environment: memory_effect(grid, environment, effect) for environment in effect.environments}
    return draw_effect(found, effect, STILL, 0.95).axes[0]


def heights(axes: Axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]


def test_bars_are_as_high_as_the_rates(records: Path) -> None:
    axes = bars_of(records)
    assert heights(axes) == pytest.approx([0.8, 0.3, 0.3])
    texts = {text.get_text() for text in axes.texts}
    assert {"8/10", "3/10", "0.80", "chance\n1/3"} <= texts
    assert "not run" not in texts  # roles that no environment has need no place
    titles = " ".join(text.get_text() for text in axes.figure.texts)
    assert "m64_k2 against oft_episodic (mini)" in titles
    assert "A dot" not in titles


def test_five_tasks_of_several_seeds_show_each_seed_and_what_is_missing(tmp_path: Path) -> None:
    tasks = ("RememberColor5", "ShellGamePush", "RememberShapeAndColor3x3", "InterceptMedium", "TakeItBack")
    for seed, successes in (("records", 6), ("seed1/records", 7), ("seed2/records", 8)):
        for task in tasks:
            write_cell(tmp_path / seed, "m64_k2", task, [True] * successes + [False] * (10 - successes))
            write_cell(tmp_path / seed, "oft_episodic", task, [True, *[False] * 9])
    write_cell(tmp_path / "records", "oft_first_obs", "RememberColor5", [True] * 10)
    axes = bars_of(tmp_path, dataclasses.replace(EFFECT, environments=tasks))
    assert len(heights(axes)) == 2 * 5 + 1
    assert heights(axes)[:3] == pytest.approx([0.7, 0.1, 1.0])
    dots = [one.get_offsets() for one in axes.collections if len(one.get_offsets()) == 3]
    assert len(dots) == 2 * 5
    assert sorted(dots[0][:, 1]) == pytest.approx([0.6, 0.7, 0.8])
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("not run") == 4
    assert [texts.count(f"chance\n1/{n}") for n in (3, 5, 9)] == [1, 1, 1]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(tasks)
    assert "A dot is a training seed" in " ".join(text.get_text() for text in axes.figure.texts)


def test_policies_in_the_wrong_role_are_named(records: Path) -> None:
    for role, variant, told in (
        ("memory", "oft_episodic", "cannot be the variant with memory: its policy has 0 memory tokens"),
        ("baseline", "m64_k2", "cannot be the baseline without memory: its policy has 8 memory tokens"),
    ):
        with pytest.raises(RecordsError, match=told):
            bars_of(records, dataclasses.replace(EFFECT, **{role: variant}))


@given(
    st.lists(st.sampled_from(["cue", "empty", "act"]), min_size=1, max_size=40).map(sorted),
    st.integers(4, 10),
)
def test_the_key_frames_are_the_start_of_every_phase_and_the_end(labels: list[str], limit: int) -> None:
    chosen = key_steps(labels, limit)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(limit, len(labels))
    assert {0, len(labels) - 1, *(labels.index(label) for label in labels)} <= set(chosen)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"frames": np.zeros((2, 4, 4, 3), np.uint8)}, "labels"),
        ({"frames": np.zeros((2, 4, 4, 3), np.uint8), "labels": np.array(["cue"])}, "1 labels for 2 frames"),
        (
            {"frames": np.zeros((2, 4, 4, 3)), "labels": np.array(["cue", "act"])},
            "expected .T, H, W, 3. uint8",
        ),
        (
            {"frames": np.zeros((1, 4, 4, 3), np.uint8), "labels": np.array(["cue"], object)},
            "allow_pickle=False",
        ),
    ],
)
def test_unsound_frames_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], told: str) -> None:
    np.savez(tmp_path / "frames.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=told):
        read_key_frames(tmp_path / "frames.npz")


def test_what_is_missing_is_named(records: Path, frames: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"not a zip")
    with pytest.raises(ValueError, match=r"broken.npz is not an .npz with the arrays frames"):
        draw(records, tmp_path / "broken.npz", tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"absent.npz"):
        draw(records, tmp_path / "absent.npz", tmp_path / "out")
