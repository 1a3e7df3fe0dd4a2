"""The frames and instructions of the mini base (train/composed/grounding.py)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from made_up import INSTRUCTION, write_demonstrations
from muvla.data.statistics import parse_statistics
from muvla.data.text import Tokenizer, naming
from muvla.model.architecture import MemorySettings
from muvla.model.auxiliary import Weights
from muvla.model.window import Window
from muvla.train.composed.batches import Batcher
from muvla.train.composed.frames import load_frames
from muvla.train.composed.grounding import GroundingSource, hinted
from muvla.train.composed.scale import GroundingStage, Share
from muvla.train.composed.scenes import Contents

BOUNDS = {"q01": [-1.0] * 7, "q99": [1.0] * 7}
COLOURS = ("red", "lime", "blue")


@pytest.fixture(scope="module")
def batcher(tmp_path_factory: pytest.TempPathFactory) -> Batcher:
    folder = tmp_path_factory.mktemp("data")
    names = ["RememberColor3", "RememberColor5"]  # noise of the same structure
    for name in names:
        write_demonstrations(folder, name)
    frames = load_frames(folder, names, image_size=16, chunk=8, held_out=1)
    statistics = parse_statistics({"mikasa_combined": {"action": BOUNDS, "proprio": BOUNDS}})
    return Batcher(frames, Contents.of(frames, side=2, cameras=2), statistics, Tokenizer.mini())


def source(batcher: Batcher, seed: int = 0, opening_until: float = 0.0) -> GroundingSource:
    shares = [Share("RememberColor3", 3.0), Share("RememberColor5", 1.0)]
    stage = GroundingStage(shares=shares, opening=["RememberColor5"], opening_until=opening_until)
    return GroundingSource(batcher, stage, batch=24, seed=seed)


def test_a_sentence_names_the_object_with_the_verb_of_the_task() -> None:
    assert naming(INSTRUCTION, "red cube") == "touch the red cube."
    pushed = naming("Observe which cup hides the ball, wait, then push that cup forward.", "left cup")
    assert pushed == "push the left cup."


def test_words_stand_where_memory_tokens_will(batcher: Batcher) -> None:
    tokenizer, row = batcher.tokenizer, batcher.frames.rows[0]
    red, cube = tokenizer.word_id("red"), tokenizer.word_id("cube")
    bos, *task = tokenizer.encode(INSTRUCTION)
    assert hinted(batcher, row, 0, 1) == [bos, red, cube, *task]  # never half a name
    assert hinted(batcher, row, 0, 3) == [bos, red, cube, red, *task]
    assert hinted(batcher, row, 0, 0) == tokenizer.encode("touch the red cube.")


def test_every_object_of_a_scene_is_asked_for_and_answered_for_itself(batcher: Batcher) -> None:
    words = {batcher.tokenizer.word_id(colour): target for target, colour in enumerate(COLOURS)}
    drawn = source(batcher)
    complete = 0
    for _ in range(8):
        window = drawn.next_window(0.0)
        assert window.picture is not None
        assert window.images is not None
        assert window.aids is not None
        assert window.is_first.shape == (1, 24)
        asked = Counter(window.picture[0].tolist())
        assert len(asked) == len(window.images) < 24  # objects of one scene share its pictures
        complete += sum(count == 3 for count in asked.values())
        assert set(window.aids.words[0, :, 0].tolist()) <= set(words)
        for place, said in enumerate(window.prompts[0].ids.tolist()):
            named = [words[token] for token in said if token in words]
            if named:  # else it is a cue, under the task's own prompt
                assert named[0] == words[int(window.aids.words[0, place, 0])]
    assert complete > 8


def test_sequences_are_drawn_by_their_shares_and_not_from_held_out_episodes(batcher: Batcher) -> None:
    drawn = source(batcher)
    taken: list[int] = []
    draw = drawn._drawn

    def watched(number: int):
        taken.append(number)
        return draw(number)

    drawn._drawn = watched  # type: ignore[method-assign]
    assert {drawn.next_window(0.0).is_first.shape[1] for _ in range(30)} == {24}
    rows = [batcher.frames.rows[number] for number in taken]
    assert not any(row.held_out for row in rows)
    assert np.mean([row.environment == "RememberColor3" for row in rows]) == pytest.approx(0.75, abs=0.05)


def test_a_restored_source_goes_on_exactly(batcher: Batcher) -> None:
    one, other = source(batcher, 3), source(batcher, 4)
    one.next_window(0.0)
    other.restore(one.state())
    first, second = one.next_window(0.0), other.next_window(0.0)
    assert first.actions.equal(second.actions)
    assert first.prompts[0].ids.equal(second.prompts[0].ids)


def test_what_is_only_looked_at_is_named_and_pointed_at_but_not_acted_on(tmp_path: Path, batcher: Batcher) -> None:
    for name in ("RememberColor3", "RememberColor5"):
        write_demonstrations(tmp_path, name)
    frames = load_frames(tmp_path, ["RememberColor3"], ["RememberColor5"], image_size=16, chunk=8, held_out=1)
    looking = replace(batcher, frames=frames, contents=Contents.of(frames, side=2, cameras=2))
    window = source(looking).next_window(0.0)
    assert window.acted is not None
    assert window.aids is not None
    assert 0 < (~window.acted).sum() < window.acted.numel()
    assert (window.aids.words[~window.acted] >= 0).all()
    trained = Window(tiny.cell(MemorySettings()), Weights(naming=0.1, pointing=0.1))
    nothing = trained.cell.memory.start(24)
    whole = trained(window, nothing)
    wrong = window.actions.clone()
    wrong[~window.acted] += 1.0
    assert trained(replace(window, actions=wrong), nothing).loss == whole.loss
    wrong[window.acted] += 1.0
    assert trained(replace(window, actions=wrong), nothing).loss != whole.loss


def test_the_opening_shows_its_environments_alone(batcher: Batcher) -> None:
    # pictures of both environments are the same noise: make each frame's tell its number
    frames = batcher.frames
    numbered = np.zeros_like(frames.images)
    numbered[:, 0, 0, 0, 0], numbered[:, 0, 0, 0, 1] = np.divmod(np.arange(len(numbered)), 256)
    told_apart = replace(batcher, frames=replace(frames, images=numbered))

    def shown(progress: float) -> set[str]:
        window = source(told_apart, opening_until=0.2).next_window(progress)
        assert window.images is not None
        numbers = [256 * int(high) + int(low) for high, low in window.images[:, 0, 0, 0, :2].tolist()]
        rows = [next(row for row in frames.rows if row.start <= n < row.start + row.length) for n in numbers]
        return {row.environment for row in rows}

    assert shown(0.19) == {"RememberColor5"}
    assert shown(0.2) == {"RememberColor3", "RememberColor5"}
