"""Everything that lies in a checkpoint folder is read once, by one reader."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from made_up import MEMORY, write_checkpoint
from muvla import checkpoint
from muvla.checkpoint import CheckpointError, StoredPolicy
from muvla.data.images import Preprocessing
from muvla.evaluate.policy import Policy
from muvla.model.architecture import MemorySettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "policy")


def test_it_tells_what_is_in_the_folder(folder: Path) -> None:
    stored = StoredPolicy(folder)
    assert stored.memory == MEMORY
    assert stored.step == 1
    assert stored.preprocessing == Preprocessing()
    assert stored.normalisation().key == stored.normalisation("RememberColor3").key == "mikasa_combined"
    assert stored.tokenizer.encode("touch the cube")[0] == 1
    assert [path.name for path in stored.copied] == ["tokenizer.json"]
    assert stored.provenance is None
    (folder / "provenance.json").write_text('{"command": "muvla.train"}')
    assert StoredPolicy(folder).provenance == {"command": "muvla.train"}
    (folder / "action_head--1_checkpoint.pt").rename(folder / "action_head--latest_checkpoint.pt")
    assert StoredPolicy(folder).step is None


def test_every_file_is_opened_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is made of it: a cell that acts, one that is trained, its files for the next checkpoint."""
    opened: list[str] = []
    read, unpickle = Path.read_text, torch.load

    def count_text(self: Path, *args, **kwargs) -> str:
        opened.append(self.name)
        return read(self, *args, **kwargs)

    def count_tensors(file: Path, **kwargs) -> dict:
        opened.append(file.name)
        return unpickle(file, **kwargs)

    monkeypatch.setattr(Path, "read_text", count_text)
    monkeypatch.setattr(torch, "load", count_tensors)
    stored = StoredPolicy(folder)
    for _ in range(2):
        checkpoint.load(stored)
        checkpoint.load_to_train(stored, MEMORY, cameras=2, proprio_dim=7)
        assert stored.normalisation("RememberColor3").key == "mikasa_combined"
        assert stored.step == 1
    assert len(opened) == len(set(opened))
    assert "config.json" in opened


def test_pictures_are_treated_as_the_folder_says(folder: Path) -> None:
    """Its own means, and a crop exactly where it was trained with crops; in training the reader crops."""
    file = folder / "preprocessor_config.json"
    content = json.loads(file.read_text())
    content["tvf_normalize_params"][0]["mean"] = [0.1, 0.2, 0.3]
    del content["center_crop"]  # as released
    images, proprio, yes = np.zeros((1, 2, 32, 32, 3), np.uint8), np.zeros((1, 7)), np.array([True])
    images[..., :12, :, :] = 255
    before = Policy(folder, slots=1).act(images, proprio, ["touch the cube"], yes, yes)
    file.write_text(json.dumps(content))
    stored = StoredPolicy(folder)
    assert stored.preprocessing.center_crop
    assert stored.preprocessing.normalisation.means[0] == (0.1, 0.2, 0.3)
    assert checkpoint.load(stored).vision_backbone.preprocessing == stored.preprocessing
    trained = checkpoint.load_to_train(stored, MEMORY, cameras=2, proprio_dim=7).vision_backbone.preprocessing
    assert trained == Preprocessing(stored.preprocessing.normalisation, center_crop=False)
    assert not np.array_equal(Policy(folder, slots=1).act(images, proprio, ["touch the cube"], yes, yes), before)


def test_what_is_no_checkpoint_folder_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere is not a checkpoint folder: there is no such folder"):
        StoredPolicy(tmp_path / "nowhere")
    (folder / "preprocessor_config.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json must hold a JSON object, not a list"):
        checkpoint.load(folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json cannot be read"):
        checkpoint.load(folder)
    config = json.loads((folder / "config.json").read_text())
    config["towers"][0]["window"] = 7
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json describes towers of another kind: .*window"):
        checkpoint.load(folder)


def test_a_plain_base_has_neither_step_nor_memory(tmp_path: Path) -> None:
    base = write_checkpoint(tmp_path / "base", MemorySettings())
    for name in ("action_head", "proprio_projector", "dataset_statistics"):
        next(base.glob(f"{name}*")).unlink()
    stored = StoredPolicy(base)
    assert (stored.step, stored.memory.num_mem_tokens, stored.architecture.proprio_dim) == (None, 0, 7)
    assert set(stored.components.values()) == {None}
    with pytest.raises(FileNotFoundError, match=r"dataset_statistics\.json is missing"):
        stored.normalisation()
