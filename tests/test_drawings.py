"""The drawings of the method say what the code does: layout, mask, gradients."""

from pathlib import Path

import numpy as np
import pytest
import torch

from made_up_trace import made_up_trace, write_made_up
from muvla.model.architecture import OPENVLA_7B, MemorySettings
from muvla.model.layout import TokenLayout
from muvla.report.drawing import scalable_pictures
from muvla.report.drawings.architecture import NEEDED, WIDE, draw_architecture, places
from muvla.report.drawings.masks import draw_masks, seen
from muvla.report.drawings.method import draw_method, taught
from muvla.report.drawings.sequence import Sequence, groups
from muvla.report.traces.cosine_rollout import figure_cosine_rollout


def sequence(memory: int = 64, text: int = 20) -> Sequence:
    """The paper's policy."""
    layout = TokenLayout.of(OPENVLA_7B, memory, torch.tensor([text]))
    return Sequence(OPENVLA_7B, MemorySettings(memory), layout, groups(OPENVLA_7B, layout))


def test_groups_are_the_papers() -> None:
    found = [(group.short, group.count) for group in sequence().groups]
    vision = [("CAM 0", 256), ("CAM 1", 256)]
    assert found == [("BOS", 1), *vision, ("PROPRIO", 1), ("MEM", 64), ("TEXT", 20), ("ACTION", 56), ("STOP", 1)]
    assert "MEM" not in {group.short for group in sequence(memory=0).groups}


@pytest.mark.parametrize("memory", [64, 8, 0])
def test_words_of_small_groups_have_room(memory: int) -> None:
    shown = sequence(memory=memory)
    found = dict(zip((group.short for group in shown.groups), places(shown), strict=True))
    assert all(
        right - left > width - 1e-9 for name, width in NEEDED.items() if name in found for left, right in [found[name]]
    )
    assert found["STOP"][1] == pytest.approx(WIDE)


def test_the_guard_hides_the_action_side_from_the_context() -> None:
    shown = sequence()
    names = [group.short for group in shown.groups]
    guard, full = seen(shown, "custom"), seen(shown, "full")
    hidden = {(names[row], names[column]) for row, column in zip(*np.nonzero(~guard), strict=True)}
    assert hidden == {(row, column) for row in names[:-2] for column in ("ACTION", "STOP")}
    assert full.all()


@pytest.mark.parametrize(
    ("settings", "reach"),
    [
        (MemorySettings(4, tbptt_length=8), lambda i, j: i <= j),
        (MemorySettings(4, tbptt_length=2), lambda i, j: i <= j and i // 2 == j // 2),
        (MemorySettings(4, "ema"), lambda i, j: i == j),
    ],
    ids=["k8", "k2", "ema"],
)
def test_gradients_flow_as_autograd_says(settings: MemorySettings, reach: object) -> None:
    found = taught(settings)
    expected = [[reach(i, j) for j in range(8)] for i in range(8)]  # type: ignore[operator]
    assert found.tolist() == expected


def test_drawings_are_the_same_twice_and_say_what_they_show(tmp_path: Path) -> None:
    ways = [("m64_k2", MemorySettings(4, tbptt_length=2))]
    trace = write_made_up(tmp_path / "trace.npz", made_up_trace())
    for draw in (
        lambda: scalable_pictures(lambda: draw_architecture(sequence(), "t", "w"), "a title", "a & b"),
        lambda: scalable_pictures(lambda: draw_masks(sequence(), "t", "w"), "a title", "a & b"),
        lambda: scalable_pictures(lambda: draw_method(ways, "t", "w"), "a title", "a & b"),
        lambda: figure_cosine_rollout(trace=trace),
    ):
        made = draw()
        assert made == draw()
        assert set(made) == {".svg", ".png", ".pdf"}
        assert b"<dc:description>" in bytes(made[".svg"])


def test_a_memory_that_cannot_change_has_no_curve(tmp_path: Path) -> None:
    trace = write_made_up(tmp_path / "trace.npz", made_up_trace(memory=False))
    with pytest.raises(ValueError, match="m64_k8 has no memory that changes"):
        figure_cosine_rollout(trace=trace)
