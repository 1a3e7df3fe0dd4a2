"""Streams of recorded episodes and of shuffled frames: order, shares, positions (spec 3.3, 3.6)."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muvla.train.recorded.streams import EpisodeStreams, FrameStreams, Shot

LENGTHS = [[3, 5, 4, 2, 6, 3, 4], [2, 8, 3, 3], [5]]


def shots(streams: EpisodeStreams | FrameStreams, steps: int) -> list[list[Shot]]:
    return [streams.next_step() for _ in range(steps)]


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 7), min_size=1, max_size=9), min_size=1, max_size=3), st.integers(1, 6),
       st.integers(0, 99))  # fmt: skip
def test_every_slot_walks_whole_episodes_in_order(lengths, slots, seed) -> None:
    streams = EpisodeStreams(lengths, slots=slots, first=0, total=slots, seed=seed)
    drawn = shots(streams, 40)
    for slot in range(slots):
        previous = None
        for number, step in enumerate(drawn):
            shot = step[slot]
            assert (shot.stream, shot.number) == (slot, number)
            assert shot.is_first == (shot.frame == 0)
            if previous is not None and previous.frame < lengths[previous.dataset][previous.episode] - 1:
                assert (shot.dataset, shot.episode, shot.frame) == (
                    previous.dataset, previous.episode, previous.frame + 1,
                )  # fmt: skip
            else:
                assert shot.is_first
            previous = shot


@pytest.mark.parametrize("kind", [EpisodeStreams, FrameStreams])
def test_two_processes_draw_what_one_with_all_streams_draws(kind) -> None:
    whole = shots(kind(LENGTHS, slots=4, first=0, total=4, seed=5), 60)
    parts = [shots(kind(LENGTHS, slots=2, first=first, total=4, seed=5), 60) for first in (0, 2)]
    assert whole == [left + right for left, right in zip(*parts, strict=True)]


def test_within_a_pass_no_two_streams_get_the_same_episode() -> None:
    """30 episodes of one data set for 4 streams: of the first 7 episodes of each stream no two are the same."""
    streams = EpisodeStreams([[2] * 30], slots=4, first=0, total=4, seed=0)
    drawn = [shot.episode for step in shots(streams, 14) for shot in step if shot.is_first]
    assert len(drawn) == len(set(drawn)) == 28


def test_environments_are_drawn_uniformly_per_episode_and_passes_differ() -> None:
    streams = EpisodeStreams([[1] * 50, [1] * 10], slots=2, first=0, total=2, seed=1)
    drawn = [shot for step in shots(streams, 1500) for shot in step]
    assert Counter(shot.dataset for shot in drawn)[0] == pytest.approx(1500, abs=120)
    mine = [shot.episode for shot in drawn if shot.dataset == 0 and shot.stream == 0]
    passes = [mine[:25], mine[25:50], mine[50:75]]
    assert all(len(set(one)) == 25 for one in passes)
    assert passes[0] != passes[1] != passes[2]


@pytest.mark.parametrize("kind", [EpisodeStreams, FrameStreams])
def test_a_saved_position_goes_on_exactly_and_seeds_differ(kind) -> None:
    streams = kind(LENGTHS, slots=3, first=0, total=3, seed=2)
    shots(streams, 23)
    position = streams.state()
    rest = shots(streams, 30)
    other = kind(LENGTHS, slots=3, first=0, total=3, seed=2)
    other.restore(position)
    assert shots(other, 30) == rest
    assert shots(kind(LENGTHS, slots=3, first=0, total=3, seed=3), 30) != shots(
        kind(LENGTHS, slots=3, first=0, total=3, seed=2), 30
    )
    with pytest.raises(ValueError, match="3 streams, here are 2"):
        kind(LENGTHS, slots=2, first=0, total=2, seed=2).restore(position)


def test_shuffled_frames_are_each_drawn_once_a_pass() -> None:
    frames = sum(map(sum, LENGTHS))
    streams = FrameStreams(LENGTHS, slots=4, first=0, total=4, seed=0)
    drawn = [(s.dataset, s.episode, s.frame) for step in shots(streams, frames) for s in step]
    for begin in range(0, 4 * frames, frames):
        assert len(set(drawn[begin : begin + frames])) == frames
    assert drawn[:frames] != drawn[frames : 2 * frames]
    order = np.array([frame for _, _, frame in drawn[:frames]])
    assert (np.diff(order) == 1).mean() < 0.5


def test_the_release_drops_the_tail_of_every_episode() -> None:
    streams = FrameStreams([[3, 9, 8], [7]], slots=1, first=0, total=1, seed=0, drop_last=7)
    drawn = {(s.dataset, s.episode, s.frame) for step in shots(streams, 9) for s in step}
    assert drawn == {(0, 1, 0), (0, 1, 1), (0, 2, 0)}
    with pytest.raises(ValueError, match="no frame is left"):
        FrameStreams([[7, 3]], slots=1, first=0, total=1, seed=0, drop_last=7)
    with pytest.raises(ValueError, match="at least one episode"):
        EpisodeStreams([[3], []], slots=1, first=0, total=1, seed=0)
