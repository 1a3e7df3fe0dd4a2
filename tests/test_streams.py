"""What the training sees, and in which order (spec 3.3, 14)."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from made_up import write_demonstrations
from muvla.data.scene import Scene
from muvla.train.composed.frames import Row, chunks, load_frames
from muvla.train.composed.scale import CurriculumStage, MemoryAids, Share
from muvla.train.composed.streams import Streams

PAIRS = [CurriculumStage(1.0, (1, 1), (0, 0), (1, 1))]
LONG = [CurriculumStage(0.5, (1, 1), (0, 0), (1, 1)), CurriculumStage(1.0, (2, 3), (1, 2), (1, 4))]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory):
    return load_frames(
        write_demonstrations(tmp_path_factory.mktemp("data")), ["RememberColor3"], image_size=16, chunk=8, held_out=0
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


def test_only_what_comes_after_the_cue_is_rehearsed_and_less_and_less(frames) -> None:
    def shares(progress: float) -> tuple[float, float]:
        aids = MemoryAids(rehearsal=0.8, fade_until=0.5)
        streams = Streams(frames, LONG, aids=aids, slots=1, seed=0)
        steps = [step for _ in range(400) for step in streams.next_step(progress)]
        cues = [s.rehearsed for s in steps if s.frame - frames.rows[s.row].start < frames.rows[s.row].cue]
        others = [s.rehearsed for s in steps if s.frame - frames.rows[s.row].start >= frames.rows[s.row].cue]
        return float(np.mean(cues)), float(np.mean(others))

    assert shares(0.0) == (0, pytest.approx(0.8, abs=0.08))
    assert shares(0.25) == (0, pytest.approx(0.4, abs=0.08))
    assert shares(0.5)[1] == pytest.approx(0, abs=0.02)  # the first episode is drawn when training begins


def test_held_out_episodes_are_never_shown(frames) -> None:
    rows = [replace(row, held_out=number in (0, 4)) for number, row in enumerate(frames.rows)]
    streams = Streams(replace(frames, rows=rows), LONG, slots=2, seed=0)
    shown = {step.row for _ in range(300) for step in streams.next_step(1.0)}
    assert shown == set(range(len(rows))) - {0, 4}


def returning(frames, environment: str) -> list[Row]:
    """Episodes in which nothing is chosen and a target changes its colour at frame 3 of 9."""
    rows = []
    for start in (0, 9):
        visible = np.zeros((9, 2), bool)
        visible[:3, 0] = visible[3:, 1] = True
        scene = Scene(
            ("red target", "violet target"),
            np.zeros((9, 2, 3), np.float32),
            visible,
            np.zeros((9, 2, 3, 4), np.float32),
        )
        labels = np.zeros((9, 1, 8, 7), np.float32)
        rows.append(Row(environment, "back", start, 9, 0, 0, ("back",), 0, labels, scene))
    return rows


def test_the_way_back_comes_after_the_first_frame(frames) -> None:
    rows = returning(frames, "TakeItBack")
    assert rows[0].turn == 3
    stage = CurriculumStage(1.0, stretch=(3, 3))
    streams = Streams(replace(frames, rows=rows), [stage], slots=1, seed=0)
    steps = [step for _ in range(400) for step in streams.next_step(0.0)]
    begins = [number for number, step in enumerate(steps) if step.is_first]
    strides = set()
    for begin, end in pairwise(begins):
        first, *rest = (step.frame - rows[step.row].start for step in steps[begin:end])
        assert first == 0
        assert rest[0] <= 3
        strides |= set(np.diff(rest).tolist())
    assert strides == {1, 2, 3}


def test_environments_are_shown_by_their_shares(frames) -> None:
    rows = [*frames.rows, *returning(frames, "TakeItBack")]
    shares = [
        Share("RememberColor3", 3.0),
        Share("RememberColor9", 5.0),
    ]  # one that is not trained on; TakeItBack has 1
    streams = Streams(replace(frames, rows=rows), PAIRS, shares, slots=1, seed=0)
    begun = [step for _ in range(3000) for step in streams.next_step(0.0) if step.is_first]
    back = np.mean([rows[step.row].environment == "TakeItBack" for step in begun])
    assert back == pytest.approx(0.25, abs=0.04)
    with pytest.raises(ValueError, match="all 0"):
        Streams(frames, PAIRS, [Share("RememberColor3", 0.0)], slots=1, seed=0)


def test_shuffled_frames_are_all_first(frames) -> None:
    streams = Streams(frames, LONG, slots=4, seed=0, shuffled=True)
    rows = [step.row for _ in range(50) for step in streams.next_step(1.0)]
    assert len(set(rows)) == len(frames.rows)


def test_chunks_repeat_the_last_action() -> None:
    actions = np.arange(3, dtype=np.float32)[:, None]
    assert chunks(actions, 4)[..., 0].tolist() == [[0, 1, 2, 2], [1, 2, 2, 2], [2, 2, 2, 2]]


def test_missing_demonstrations_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m muvla.collect environment=RememberColor9"):
        load_frames(tmp_path, ["RememberColor9"], image_size=16, chunk=8, held_out=0)
