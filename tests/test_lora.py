"""Adapters: which layers, how many parameters, and what they add up to (spec 1.2, 4.4)."""

import dataclasses
from pathlib import Path

import pytest
import torch

import tiny
from made_up import write_checkpoint
from muvla import checkpoint
from muvla.checkpoint.adapters import merged_tensors
from muvla.model.architecture import OPENVLA_7B, MemorySettings
from muvla.model.cell import Cell
from muvla.model.lora import LoraSettings, adapter_parameters, add_adapters

MEMORY = MemorySettings(num_mem_tokens=3, tbptt_length=2)


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def seven_billion() -> Cell:
    with torch.device("meta"):
        return Cell(dataclasses.replace(OPENVLA_7B, lm_head=True), MemorySettings(num_mem_tokens=64, tbptt_length=2))


def test_the_paper_s_model_is_built_without_its_memory_and_has_the_paper_s_sizes(seven_billion: Cell) -> None:
    assert all(parameter.is_meta for parameter in seven_billion.parameters())
    assert count(seven_billion.proprio_projector) == 16_814_080
    assert count(seven_billion.action_head) == 151_117_831
    assert count(seven_billion.memory) == 262_144
    d = 4096  # Llama-2-7B: embeddings and head, and 32 layers of four square and three wide maps and two norms
    assert count(seven_billion.language_model) == 32_064 * d + 32 * (4 * d * d + 3 * d * 11_008 + 2 * d) + d
    assert count(seven_billion.lm_head) == 32_064 * d
    assert count(seven_billion.projector) == 2176 * 8704 + 8704 + 8704 * d + d + d * d + d
    with torch.device("meta"):
        libero = Cell(dataclasses.replace(OPENVLA_7B, proprio_dim=8), MemorySettings())
    assert count(libero.proprio_projector) == 16_818_176


def test_adapters_by_group(seven_billion: Cell) -> None:
    """The release's, every row of spec 4.4; then ours, without those that never reach an action."""
    base = count(seven_billion)
    add_adapters(seven_billion, LoraSettings(unused=True))
    assert adapter_parameters(seven_billion) == {
        "language model": 79_953_920,
        "lm_head": 1_157_120,
        "patch embeddings": 51_584 + 55_680,
        "SigLIP attention pool": 607_232,
        "DINOv2": 12_582_912,
        "SigLIP": 15_399_936,
        "projector": 1_019_904,
    }
    assert sum(adapter_parameters(seven_billion).values()) == 110_828_288 == count(seven_billion) - base
    last_blocks = 12_582_912 // 24 + 15_399_936 // 27
    reached = 110_828_288 - 1_157_120 - 607_232 - last_blocks
    trained = sum(parameter.numel() for parameter in seven_billion.parameters() if parameter.requires_grad)
    assert trained == reached + 151_117_831 + 16_814_080 + 262_144
    with torch.device("meta"):
        lean = Cell(OPENVLA_7B, MemorySettings(num_mem_tokens=64))
    add_adapters(lean, LoraSettings())
    assert sum(adapter_parameters(lean).values()) == reached


def test_a_fresh_adapter_changes_nothing_and_a_trained_one_merges_exactly() -> None:
    cell = tiny.cell(MEMORY)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    data = tiny.batch(1, 2)

    def act(policy: Cell) -> torch.Tensor:
        with torch.no_grad():
            vision = policy.see(data.images[0])
            return policy.step(vision, data.proprio[0], data.prompts[0], policy.memory.start(2)).actions

    plain = act(cell)
    add_adapters(cell, LoraSettings(rank=4, alpha=2))
    torch.testing.assert_close(act(cell), plain, atol=0, rtol=0)
    trained = {name for name, parameter in cell.named_parameters() if parameter.requires_grad}
    assert {"memory.initial_memory", "action_head.model.fc1.weight", "proprio_projector.fc1.bias"} < trained
    assert all(name.startswith(("memory", "action_head", "proprio_projector")) or "lora_" in name for name in trained)
    assert not any("featurizer.blocks.1." in name for name in trained)  # the last block never runs
    window_parameters = [parameter for name, parameter in cell.named_parameters() if "lora_B" in name]
    with torch.no_grad():
        for parameter in window_parameters:
            parameter.normal_(0, 0.1)
    adapted = act(cell)
    assert (adapted - plain).abs().max() > 1e-3
    merged = {name: make() for name, make in merged_tensors(cell).items()}
    assert set(merged) == set(before)
    again = tiny.cell(MEMORY)
    again.load_state_dict(merged)
    torch.testing.assert_close(act(again), adapted, atol=1e-5, rtol=0)
    torch.testing.assert_close(act(cell), adapted, atol=0, rtol=0)  # merging left the cell as it was


def test_every_trained_tensor_gets_a_gradient() -> None:
    from muvla.model.window import Window

    cell = tiny.cell(MEMORY)
    add_adapters(cell, LoraSettings(rank=4, alpha=2))
    window = Window(cell)
    window(tiny.batch(2, 2), cell.memory.start(2)).loss.backward()
    without = [name for name, p in cell.named_parameters() if p.requires_grad and p.grad is None]
    assert not without


def test_a_base_without_head_or_memory_gets_new_ones_and_is_saved_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muvla.checkpoint.write.SHARD_BYTES", 9000)
    base = write_checkpoint(tmp_path / "base", MemorySettings())
    for name in ("action_head", "proprio_projector"):
        next(base.glob(f"{name}*")).unlink()
    torch.manual_seed(3)
    cell = checkpoint.load_to_train(base, MEMORY, cameras=2, proprio_dim=8, dtype=torch.bfloat16)
    assert cell.proprio_projector.fc1.weight.shape[1] == 8
    assert {p.dtype for p in cell.language_model.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in cell.action_head.parameters()} == {torch.float32}
    assert cell.memory.initial_memory.shape == (3, 16)
    add_adapters(cell, LoraSettings(rank=2, alpha=2))
    policy = checkpoint.StoredPolicy(base)
    checkpoint.save(
        cell,
        tmp_path / "trained",
        step=7,
        files={"preprocessor_config.json": policy.preprocessor},
        config=policy.config | {"norm_stats": {"kept": 1}},
        copies=policy.copied,
    )
    assert len(list((tmp_path / "trained").glob("model-*-of-*.safetensors"))) > 2
    assert (tmp_path / "trained/tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    assert checkpoint.StoredPolicy(tmp_path / "trained").config["norm_stats"] == {"kept": 1}
    loaded = checkpoint.load(tmp_path / "trained")
    assert loaded.settings == MEMORY
    for name, make in merged_tensors(cell).items():
        if name != "lm_head.weight":
            rounded = make() if name.startswith("proprio") else make().to(torch.bfloat16)
            torch.testing.assert_close(loaded.state_dict()[name], rounded.float(), atol=0, rtol=0)
    stored = checkpoint.load_to_train(tmp_path / "trained", MEMORY, cameras=2, proprio_dim=8)
    assert torch.equal(stored.lm_head.weight, cell.lm_head.weight.float())  # the base's, not ours
    with pytest.raises(checkpoint.CheckpointError, match="num_mem_tokens 64"):
        checkpoint.load_to_train(tmp_path / "trained", MemorySettings(64), cameras=2, proprio_dim=8)


def test_the_adapters_beside_merged_weights_are_read_by_peft(tmp_path: Path) -> None:
    """Put on the base under the released model's names, they add up to what was merged, before it was rounded."""
    from peft import PeftModel
    from torch import nn

    base = write_checkpoint(tmp_path / "base", MEMORY)
    cell, plain = (checkpoint.load_to_train(base, MEMORY, cameras=2, proprio_dim=7) for _ in range(2))
    add_adapters(cell, LoraSettings(rank=2, alpha=1))
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1)
    checkpoint.save(cell, tmp_path / "trained", step=7, files={}, base=str(base))
    released = nn.Module()  # as the release nests them
    released.vision_backbone, released.projector = plain.vision_backbone, plain.projector
    released.language_model = nn.Module()
    released.language_model.model, released.language_model.lm_head = plain.language_model, plain.lm_head
    adapted = PeftModel.from_pretrained(released, tmp_path / "trained/lora_adapter")
    settings = adapted.peft_config["default"]
    assert (settings.r, settings.lora_alpha, settings.base_model_name_or_path) == (2, 1, str(base))
    adapted.merge_and_unload()
    merged = {name: make() for name, make in merged_tensors(cell).items()}
    changed = 0
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(value, merged[name], atol=1e-6, rtol=0, msg=name)
        changed += name.endswith("q_proj.weight")
    assert changed == 2
    assert not (base / "lora_adapter").exists()


def test_mapped_shards_are_never_written(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "policy")
    before = checkpoint.sha256(folder)
    cell = checkpoint.load(folder, dtype=torch.bfloat16)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(1)
    assert checkpoint.sha256(folder) == before
