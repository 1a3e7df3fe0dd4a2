"""What is measured on held-out episodes (train/composed/held_out.py), with a policy that answers rightly or wrongly."""

import pytest
import torch

import tiny
from made_up import write_demonstrations
from muvla.data.statistics import parse_statistics
from muvla.data.text import Tokenizer
from muvla.model.architecture import MemorySettings
from muvla.model.cell import StepOutput
from muvla.model.window import Window, WindowBatch
from muvla.train.composed import held_out
from muvla.train.composed.batches import Batcher
from muvla.train.composed.frames import load_frames
from muvla.train.composed.scenes import Contents

BOUNDS = {"q01": [-1.0] * 7, "q99": [1.0] * 7}
MEMORY = MemorySettings(num_mem_tokens=3, tbptt_length=2)


@pytest.fixture(scope="module")
def batcher(tmp_path_factory: pytest.TempPathFactory) -> Batcher:
    folder = write_demonstrations(tmp_path_factory.mktemp("data"), episodes=12)
    frames = load_frames(folder, ["RememberColor3"], image_size=16, chunk=8, held_out=2)
    statistics = parse_statistics({"mikasa_combined": {"action": BOUNDS, "proprio": BOUNDS}})
    return Batcher(frames, Contents.of(frames, side=2, cameras=2), statistics, Tokenizer.mini())


def answering(shift: int):
    """A step that gives every third row's label to the row `shift` places before: objects come three by three."""

    def step(window: Window, batch: WindowBatch, memory: torch.Tensor, *, patches: bool = False) -> StepOutput:
        actions = (
            batch.actions[0].unflatten(0, (-1, 3)) if len(batch.actions[0]) % 3 == 0 else batch.actions[0][:, None]
        )
        text = torch.zeros(len(memory), tiny.ARCHITECTURE.width)
        return StepOutput(actions.roll(shift, dims=1).flatten(0, 1), memory, text)

    return step


@pytest.mark.parametrize(("shift", "nearest"), [(0, 1.0), (1, 0.0)])
def test_right_answers_have_no_error_and_those_for_other_objects_are_counted_as_theirs(
    batcher: Batcher, monkeypatch: pytest.MonkeyPatch, shift: int, nearest: float
) -> None:
    window = Window(tiny.cell(MEMORY))
    monkeypatch.setattr(Window, "step", answering(shift))
    asked = held_out.asked_in_words(window, batcher)
    carried = held_out.carried_over(window, batcher)
    assert asked["held_out_RememberColor3_nearest"] == nearest
    assert (asked["held_out_RememberColor3_xy"] < 1e-5) == (shift == 0)
    assert asked["held_out_RememberColor3_median"] > 0.1
    gaps = {name.rpartition("nearest")[2]: value for name, value in carried.items()}
    assert gaps == {"_after_1_0": nearest, "_after_3_3": nearest, "_after_5_5": nearest}


def test_a_policy_without_memory_is_measured_after_one_gap(batcher: Batcher) -> None:
    assert list(held_out.carried_over(Window(tiny.cell(MemorySettings())), batcher)) == [
        "held_out_RememberColor3_nearest_after_1_0"
    ]


def test_memory_goes_through_cue_and_gap_to_the_choice(batcher: Batcher, monkeypatch: pytest.MonkeyPatch) -> None:
    phases: list[str] = []
    steps = Batcher.steps

    def watched(self: Batcher, drawn, fade: float = 1.0):
        (now,) = drawn
        row, step = self.frames.rows[now[0].row], now[0]
        t = step.frame - row.start
        phases.append("cue" if t < row.cue else "empty" if t < row.choice else "choice")
        assert [each.is_first for each in now] == [len(phases) == 1] * len(now)
        return steps(self, drawn, fade)

    monkeypatch.setattr(Batcher, "steps", watched)
    monkeypatch.setattr(held_out, "GAPS", ((2, 3),))
    held_out.carried_over(Window(tiny.cell(MEMORY)), batcher)
    assert phases == ["cue"] * 2 + ["empty"] * 3 + ["choice"]
