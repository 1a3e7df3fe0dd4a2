"""Folders in the released layout: what is written is read back, what does not fit is refused (spec 4.6, 12)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from made_up import MEMORY, write_checkpoint
from muvla import checkpoint
from muvla.checkpoint import CheckpointError
from muvla.checkpoint import __main__ as command
from muvla.model.architecture import MemorySettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "policy")


def test_round_trip_in_bf16(folder: Path) -> None:
    original, loaded = tiny.cell(MEMORY), checkpoint.load(folder)
    assert loaded.settings == MEMORY
    assert loaded.architecture == original.architecture
    for name, value in original.state_dict().items():
        kept = value if name.startswith("proprio_projector") else value.to(torch.bfloat16).float()
        assert torch.equal(loaded.state_dict()[name], kept), name


def test_a_loaded_policy_computes_what_the_saved_one_did(folder: Path) -> None:
    original, loaded = tiny.cell(MEMORY), checkpoint.load(folder)
    original.load_state_dict(loaded.state_dict())
    data = tiny.batch(1, 2)
    with torch.no_grad():
        outputs = [
            policy.step(policy.see(data.images[0]), data.proprio[0], data.prompts[0], policy.memory.start(2))
            for policy in (original, loaded)
        ]
    assert torch.equal(outputs[0].actions, outputs[1].actions)
    assert torch.equal(outputs[0].memory, outputs[1].memory)


def test_the_layout_is_the_released_one(folder: Path) -> None:
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    prefixes = {name.split(".")[0] for name in index}
    assert prefixes == {"vision_backbone", "projector", "language_model"}
    assert "language_model.lm_head.weight" in index
    assert "language_model.model.layers.0.self_attn.q_proj.weight" in index
    head = torch.load(folder / "action_head--1_checkpoint.pt", weights_only=True)
    assert all(name.startswith("module.model.") for name in head)
    memory = torch.load(folder / "memory_module--1_checkpoint.pt", weights_only=True)
    assert {name: (tuple(v.shape), v.dtype) for name, v in memory.items()} == {
        "initial_memory": ((3, 16), torch.bfloat16)
    }
    assert set(json.loads((folder / "memory_meta.json").read_text())) == {
        "num_mem_tokens", "memory_update", "ema_alpha", "tbptt_length", "attention_mask_mode",
    }  # fmt: skip


def test_same_policy_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert checkpoint.sha256(folder) == checkpoint.sha256(write_checkpoint(tmp_path / "policy2" / "policy"))


def test_a_memoryless_policy_has_no_memory_files(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "plain", MemorySettings())
    assert not list(folder.glob("memory*"))
    assert checkpoint.load(folder).settings.num_mem_tokens == 0


def spoil_meta(folder: Path) -> None:
    meta = json.loads((folder / "memory_meta.json").read_text())
    (folder / "memory_meta.json").write_text(json.dumps(meta | {"num_mem_tokens": 5}))


def spoil_shape(folder: Path) -> None:
    shard = next(folder.glob("model-*.safetensors"))
    tensors = load_file(shard)
    tensors["projector.fc1.weight"] = torch.zeros(2, 2, dtype=torch.bfloat16)
    save_file(tensors, shard)


def spoil_extra(folder: Path) -> None:
    shard, index = next(folder.glob("model-*.safetensors")), folder / "model.safetensors.index.json"
    save_file(load_file(shard) | {"projector.fc4.weight": torch.zeros(1)}, shard)
    content = json.loads(index.read_text())
    content["weight_map"]["projector.fc4.weight"] = shard.name
    index.write_text(json.dumps(content))


def spoil_truncated(folder: Path) -> None:
    shard = next(folder.glob("model-*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:1000])


def spoil_code(folder: Path) -> None:
    torch.save({"initial_memory": Path("/tmp")}, folder / "memory_module--1_checkpoint.pt")  # a pickled object


def spoil_proprio(folder: Path) -> None:
    file = folder / "proprio_projector--1_checkpoint.pt"
    torch.save(torch.load(file, weights_only=True) | {"module.fc1.weight": torch.zeros(16, 9)}, file)


def spoil_head(folder: Path) -> None:
    file = folder / "action_head--1_checkpoint.pt"
    tensors = torch.load(file, weights_only=True)
    tensors.pop("module.model.fc2.bias")
    torch.save(tensors, file)


def spoil_meta_key(folder: Path) -> None:
    meta = json.loads((folder / "memory_meta.json").read_text())
    (folder / "memory_meta.json").write_text(json.dumps(meta | {"write_scale": 5.8}))


def spoil_twice(folder: Path) -> None:
    file = folder / "action_head--1_checkpoint.pt"
    (folder / "action_head--2_checkpoint.pt").write_bytes(file.read_bytes())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_meta, r"memory_meta.json says num_mem_tokens 5.*memory_module--1_checkpoint.pt has shape \(3, 16\)"),
        (spoil_shape, r"model-00001-of-00001.safetensors: projector.fc1.weight has shape \(2, 2\)"),
        (spoil_extra, r"model-00001-of-00001.safetensors has tensors of another.*projector.fc4.weight"),
        (spoil_truncated, "model-00001-of-00001.safetensors cannot be read"),
        (spoil_code, "memory_module--1_checkpoint.pt cannot be read as tensors only"),
        (spoil_twice, "several action_head files"),
        (spoil_proprio, r"proprio_projector--1_checkpoint.pt: module.fc1.weight reads 9 numbers.*LIBERO has 8"),
        (spoil_head, r"lacks 1 tensors, first model.fc2.bias in action_head--\*_checkpoint.pt"),
        (spoil_meta_key, r"memory_meta.json does not describe a memory.*write_scale"),
        (lambda f: (f / "memory_meta.json").unlink(), "no memory_meta.json"),
        (lambda f: (f / "memory_module--1_checkpoint.pt").unlink(), "announces memory"),
        (lambda f: (f / "proprio_projector--1_checkpoint.pt").unlink(), "no proprio_projector"),
        (lambda f: (f / "config.json").unlink(), "not a checkpoint folder"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(folder: Path, spoil, said: str) -> None:
    spoil(folder)
    with pytest.raises(CheckpointError, match=said):
        checkpoint.load(folder)


def test_a_failed_save_leaves_the_old_folder(folder: Path) -> None:
    before = checkpoint.sha256(folder)

    def broken(_: Path) -> dict:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        checkpoint.save(tiny.cell(MEMORY, seed=9), folder, step=1, files={}, provenance=broken)
    assert checkpoint.sha256(folder) == before


def test_inspect_says_what_is_inside_and_what_is_missing(folder: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["checkpoint", "inspect", str(folder)])
    command.main()
    said = capsys.readouterr().out
    for words in ("memory_module", "num_mem_tokens=3", "MIKASA", "mikasa_combined", "use             complete"):
        assert words in said
    before = checkpoint.sha256(folder)
    (folder / "dataset_statistics.json").rename(folder.parent / "taken_away.json")
    with pytest.raises(SystemExit, match=r"dataset_statistics.json is missing"):
        command.main()
    (folder.parent / "taken_away.json").rename(folder / "dataset_statistics.json")
    assert checkpoint.sha256(folder) == before  # nothing was written
    (folder / "action_head--1_checkpoint.pt").unlink()
    (folder / "memory_meta.json").unlink()
    (folder / "memory_module--1_checkpoint.pt").unlink()
    command.main()
    assert "a base to train from" in capsys.readouterr().out
