"""What the training sees, and in which order (spec 3.3, 14)."""

from pathlib import Path

import numpy as np
import pytest

from made_up import write_demonstrations
from muvla.train.composed.frames import chunks, load_frames
from muvla.train.composed.streams import Lengths, Streams

PAIRS = [Lengths(1.0, (1, 1), (0, 0), (1, 1))]
LONG = [Lengths(0.5, (1, 1), (0, 0), (1, 1)), Lengths(1.0, (2, 3), (1, 2), (1, 4))]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory):
    return load_frames(
        write_demonstrations(tmp_path_factory.mktemp("data")), ["RememberColor3"], image_size=16, chunk=8
    )


def test_the_cue_always_shows_the_object_that_the_choice_is_labelled_with(frames) -> None:
    streams = Streams(frames, LONG, slots=3, seed=0)
    cue = [None] * 3
    for _ in range(200):
        for slot, step in enumerate(streams.next_step(1.0)):
            row = frames.rows[step.row]
            if step.is_first:
                cue[slot] = row.objects[row.target]
                assert step.frame - row.start < row.cue
            assert cue[slot] in (None, row.objects[step.target])  # a slot may begin in the middle of an episode
    assert None not in cue


def test_slots_are_not_in_step_with_one_another(frames) -> None:
    """Else a batch of one step (K=1) would hold only cues, the next only choices, while K=2 always sees pairs."""
    streams = Streams(frames, PAIRS, slots=6, seed=0)
    for _ in range(10):
        assert sorted(step.is_first for step in streams.next_step(0.0)) == [False] * 3 + [True] * 3


def test_where_the_arm_goes_says_nothing_about_the_object(frames) -> None:
    """Every frame of a choice phase is labelled with every object, not with the one the arm was recorded going to."""
    streams = Streams(frames, PAIRS, slots=1, seed=0)
    drawn: dict[int, set[int]] = {}
    for _ in range(600):
        (step,) = streams.next_step(0.0)
        if not step.is_first:
            drawn.setdefault(step.row, set()).add(step.target)
    assert all(targets == {0, 1, 2} for targets in drawn.values())


def test_the_curriculum_follows_the_progress(frames) -> None:
    def lengths(progress: float) -> list[int]:
        streams = Streams(frames, LONG, slots=1, seed=0)
        firsts = [step.is_first for (step,) in (streams.next_step(progress) for _ in range(300))]
        return np.diff(np.flatnonzero(firsts)).tolist()[1:]  # the first episode is drawn when training begins

    assert set(lengths(0.2)) == {2}
    assert min(lengths(0.8)) >= 4


def test_a_restored_stream_goes_on_exactly(frames) -> None:
    one = Streams(frames, LONG, slots=2, seed=3)
    for _ in range(7):
        one.next_step(1.0)
    state = one.state()
    rest = [one.next_step(1.0) for _ in range(20)]
    other = Streams(frames, LONG, slots=2, seed=99)
    other.restore(state)
    assert [other.next_step(1.0) for _ in range(20)] == rest


def test_shuffled_frames_are_all_first(frames) -> None:
    streams = Streams(frames, LONG, slots=4, seed=0, shuffled=True)
    rows = [step.row for _ in range(50) for step in streams.next_step(1.0)]
    assert len(set(rows)) == len(frames.rows)


def test_chunks_repeat_the_last_action() -> None:
    actions = np.arange(3, dtype=np.float32)[:, None]
    assert chunks(actions, 4)[..., 0].tolist() == [[0, 1, 2, 2], [1, 2, 2, 2], [2, 2, 2, 2]]


def test_missing_demonstrations_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m muvla.collect environment=RememberColor9"):
        load_frames(tmp_path, ["RememberColor9"], image_size=16, chunk=8)
