"""From the simulator's state to what is in which patch (train/composed/scenes.py)."""

import numpy as np
import pytest

from made_up import CAMERA, write_demonstrations
from muvla.data.scene import Scene
from muvla.model.auxiliary import NOTHING
from muvla.train.composed.frames import Frames, Row, load_frames
from muvla.train.composed.scenes import Contents, patches_of


def scene(*places: tuple[float, float, float], visible: bool = True, camera: np.ndarray = CAMERA) -> Scene:
    positions = np.array([places], np.float32)
    names = tuple(f"colour{number} cube" for number in range(len(places)))
    return Scene(names, positions, np.full((1, len(places)), visible), camera[None, None])


def test_objects_stand_in_the_patch_of_their_centre() -> None:
    patches, offsets = patches_of(scene((-1.9, -1.9, 0), (1.25, -0.5, 0), (0, 1.99, 0)), side=4)
    assert patches[0, 0].tolist() == [0, 1 * 4 + 3, 3 * 4 + 2]  # row by row
    assert offsets[0, 0, 1].tolist() == pytest.approx([-0.5, 0.0], abs=1e-5)  # u and v within the patch


def test_what_no_picture_shows_has_no_patch() -> None:
    behind = CAMERA * np.array([[1], [1], [-1]], np.float32)
    assert patches_of(scene((2.5, 0, 0)), 4)[0].tolist() == [[[NOTHING]]]
    assert patches_of(scene((0, 0, 0), visible=False), 4)[0].tolist() == [[[NOTHING]]]
    assert patches_of(scene((0, 0, 0), camera=behind), 4)[0].tolist() == [[[NOTHING]]]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    folder = write_demonstrations(tmp_path_factory.mktemp("data"))
    return load_frames(folder, ["RememberColor3"], image_size=16, chunk=8, held_out=1)


def test_the_detector_learns_every_word_of_a_name_where_the_object_is(frames: Frames) -> None:
    contents = Contents.of(frames, side=4, cameras=2)
    assert contents.words == ["blue", "cube", "lime", "red"]
    row = frames.rows[0]
    seen = contents.seen([(0, row.start), (0, row.start + row.choice)])
    assert seen.known.all()
    assert not seen.present[0].any()  # the cue phase shows none of them
    patches, _ = patches_of(row.scene, 4)
    for thing, colour in enumerate(("red", "lime", "blue")):
        place = patches[row.choice, 0, thing]
        if place != NOTHING:
            assert seen.present[1, 0, place, contents.words.index(colour)] == 1
            assert seen.present[1, 0, place, contents.words.index("cube")] == 1
    inside = (patches[row.choice, 0] != NOTHING).sum()
    assert inside > 0
    assert seen.present[1, 0].sum(0)[[0, 2, 3]].sum() == inside


def test_a_choice_points_only_once_the_objects_are_there(frames: Frames) -> None:
    contents = Contents.of(frames, side=4, cameras=2)
    row = frames.rows[0]
    assert (contents.places(0, row.start, 1) == NOTHING).all()
    patches, _ = patches_of(row.scene, 4)
    assert contents.places(0, row.start + row.choice, 1).tolist() == patches[row.choice, :, 1].tolist()


def test_the_last_episodes_are_held_out(frames: Frames) -> None:
    assert frames.numbers(held_out=True) == [5]
    assert frames.numbers(held_out=False) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("moves", "touched"), [(None, 12), (2, 12), (7, 7)])
def test_an_episode_is_about_one_object_from_when_that_is_moved(moves: int | None, touched: int) -> None:
    """Cups slide a little as they come down, two frames into the choice."""
    positions = np.zeros((12, 2, 3), np.float32)
    if moves is not None:
        positions[moves:, 1, 0] = 0.05
    where = Scene(("left cup", "right cup"), positions, np.ones((12, 2), bool), np.zeros((12, 1, 3, 4), np.float32))
    labels = np.zeros((12, 2, 8, 7), np.float32)
    row = Row("ShellGamePush", "push", 0, 12, 1, 0, ("left cup", "right cup"), 1, labels, where)
    assert row.touched == touched
