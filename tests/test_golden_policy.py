"""Whole forwards of the original's tiny checkpoint: Policy.act from its pictures to its commands, and gradients.

Tolerances as in test_golden.py; 1e-4 relative for gradients; 0.05 and 0.15 for bfloat16.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from muvla.checkpoint import StoredPolicy, load
from muvla.evaluate.policy import Policy
from muvla.model.prompt import Prompt
from muvla.model.window import Window, WindowBatch
from released import SHARED, needs_whole_checkpoint, write_released
from test_golden import CLOSE, rounded_to_bfloat16, tensor

pytestmark = needs_whole_checkpoint
Arrays = Mapping[str, np.ndarray]
WIDE = ("custom_m8", "full_m8", "off")


def acting(folder: Path, data: Arrays, slots: int, precision: str = "float32") -> Policy:
    """The policy, whose instruction "row i" is the original's prompt i: that of its tokenizer, which is not there."""
    policy = Policy(folder, slots=slots, precision=precision)
    if precision == "float32":
        rounded_to_bfloat16(policy.cell.vision_backbone)
    lengths = prompt_of(data).lengths.tolist()
    rows = {f"row {i}": data["input_ids"][i, : length + 1].tolist() for i, length in enumerate(lengths)}
    policy.tokenizer.encode = rows.__getitem__  # type: ignore[method-assign]
    return policy


def prompt_of(data: Arrays) -> Prompt:
    """What stands before the actions, whose labels are not -100."""
    lengths = tensor((data["labels"] == -100) & data["attention_mask"]).sum(1) - 1
    return Prompt(tensor(data["input_ids"])[:, : int(lengths.max()) + 1], lengths)


def act(policy: Policy, images: np.ndarray, proprio: np.ndarray, first: np.ndarray) -> np.ndarray:
    """proprio as the original gives it, normalised; a policy gets it as the simulator measures it."""
    raw = policy.statistics.proprio.unnormalise(proprio)
    rows = range(len(images))
    return policy.act(images, raw, [f"row {i}" for i in rows], first, np.ones(len(images), bool))


def commands(actions: np.ndarray) -> np.ndarray:
    return np.clip(actions, -1, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        *((file, name) for file in ("a_single_b1", "a_equal_b3") for name in (*WIDE, "custom_m1", "full_m1")),
        *(("a_unequal_b3", name) for name in WIDE),
    ],
)
def test_one_forward_from_pictures_to_commands(tmp_path: Path, file: str, name: str) -> None:
    """Of unequal prompts, deliberately each row as if alone: the release's context is wrong for shorter rows (B3)."""
    mode, tokens = (name.split("_m")[0], int(name.split("_m")[1])) if name != "off" else ("full", 0)
    end = "__rowalone" if file == "a_unequal_b3" else ""
    with np.load(SHARED / f"{file}.npz") as data:
        folder = write_released(tmp_path / name, tokens=tokens, center_crop=False, attention_mask_mode=mode)
        slots = len(data["proprio"])
        policy = acting(folder, data, slots)
        if tokens:
            policy.memory = tensor(data[f"memory_in__m{tokens}"]).clone()
        sent = act(policy, data["images_u8"], data["proprio"], np.zeros(slots, bool))
        np.testing.assert_allclose(sent, commands(data[f"action__{name}{end}"]), rtol=0, atol=1e-5)
        if tokens:
            torch.testing.assert_close(policy.memory, tensor(data[f"memory_out__{name}{end}"]), **CLOSE)


@pytest.mark.parametrize("update", ["tbptt", "ema"])
@pytest.mark.parametrize("mode", ["custom", "full"])
def test_an_episode_with_a_reset_in_the_middle(tmp_path: Path, update: str, mode: str) -> None:
    folder = write_released(tmp_path / "policy", center_crop=False, memory_update=update, attention_mask_mode=mode)
    tag = f"{update}_{mode}_m8"
    with np.load(SHARED / "b_rollout.npz") as data:
        policy = acting(folder, data, 2)
        for t in range(6):
            sent = act(policy, data["images_u8"][t], data["proprio"][t], data["is_first"][t])
            np.testing.assert_allclose(sent, commands(data[f"action__{tag}"][t]), rtol=0, atol=1e-5)
            torch.testing.assert_close(policy.memory, tensor(data[f"memory_next__{tag}"][t]), **CLOSE)
        assert policy.forwards.tolist() == [6, 3]


def test_pictures_of_another_size_are_resized_and_cropped_as_the_original_does(tmp_path: Path) -> None:
    """From 128 pixels on: the same commands as from the original's own pixels, but for its rounding of single ones."""
    policy = Policy(write_released(tmp_path / "policy"), slots=1)
    with np.load(SHARED / "p_preprocess.npz") as data:
        images = np.stack([data["raw_128"], data["raw_128noise"]])[None]
        pixels = tensor(np.stack([data["pixel_values_128"], data["pixel_values_128noise"]]))
    first = np.array([True])
    proprio = np.zeros((1, 7))
    sent = policy.act(images, proprio, ["touch the cube"], first, first)
    ours = policy.cell.vision_backbone
    with torch.no_grad():
        found, expected = ours.features(tensor(images))[0], ours(pixels)
    assert (found - expected).abs().mean() < 0.002 * expected.abs().mean()
    ours.pixels = lambda pictures: pixels[None]  # type: ignore[method-assign, assignment]
    np.testing.assert_allclose(sent, policy.act(images, proprio, ["touch the cube"], first, first), rtol=0, atol=1e-3)


def test_bfloat16_stays_within_the_originals_own_rounding(tmp_path: Path) -> None:
    with np.load(SHARED / "a_single_b1.npz") as data:
        for mode in ("custom", "full"):
            folder = write_released(tmp_path / mode, center_crop=False, attention_mask_mode=mode)
            policy = acting(folder, data, 1, "bfloat16")
            assert {value.dtype for value in policy.cell.state_dict().values()} == {torch.bfloat16}
            policy.memory = tensor(data["memory_in__m8"]).bfloat16()
            sent = act(policy, data["images_u8"], data["proprio"], np.zeros(1, bool))
            expected = policy.statistics.action.unnormalise(data[f"action_norm__{mode}_m8__bf16"])
            np.testing.assert_allclose(sent, commands(expected), rtol=0, atol=0.05)
            stored = tensor(data[f"memory_out__{mode}_m8__bf16"])
            torch.testing.assert_close(policy.memory.float(), stored, atol=0.15, rtol=0)


def test_the_releases_padded_context_can_be_matched() -> None:
    cell = load(SHARED / "ckpt")
    cell.padded_context = True
    cell.vision_backbone.preprocessing = dataclasses.replace(cell.vision_backbone.preprocessing, center_crop=False)
    rounded_to_bfloat16(cell.vision_backbone)
    with np.load(SHARED / "a_unequal_b3.npz") as data, torch.no_grad():
        vision = cell.see(tensor(data["images_u8"]))
        output = cell.step(vision, tensor(data["proprio"]), prompt_of(data), tensor(data["memory_in__m8"]))
        torch.testing.assert_close(output.actions, tensor(data["action_norm__custom_m8"]), **CLOSE)
        torch.testing.assert_close(output.memory, tensor(data["memory_out__custom_m8"]), **CLOSE)


def trained(**memory: str | int) -> Window:
    """All tensors with gradients, as in the original's run."""
    stored = StoredPolicy(SHARED / "ckpt")
    stored.memory = dataclasses.replace(stored.memory, **memory)  # type: ignore[arg-type]
    cell = load(stored)
    cell.vision_backbone.preprocessing = dataclasses.replace(stored.preprocessing, center_crop=False)
    rounded_to_bfloat16(cell.vision_backbone)
    return Window(cell.requires_grad_())


def require_gradients(window: Window, data: Arrays, key: str) -> None:
    for parameter, stored in (
        (window.cell.memory.initial_memory, "initial_memory"),
        (window.cell.action_head.model.fc2.weight, "head_fc2_weight"),
        (window.cell.proprio_projector.fc1.weight, "proprio_fc1_weight"),
    ):
        expected = data[f"grad_{stored}__{key}"]
        assert parameter.grad is not None
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-4, atol=1e-4 * scale)


def window_of(data: Arrays, steps: slice, is_first: str = "is_first") -> WindowBatch:
    first = tensor(data[is_first])[steps]
    return WindowBatch(
        images=tensor(data["images_u8"])[steps],
        proprio=tensor(data["proprio"])[steps],
        actions=tensor(data["target"])[steps],
        is_first=first,
        prompts=[prompt_of(data)] * len(first),
    )


@pytest.mark.parametrize("key", ["tbpttK3_custom", "tbpttK3_full", "tbpttK3_custom_midepisode"])
def test_gradients_of_a_window(key: str) -> None:
    window = trained(tbptt_length=3, attention_mask_mode="full" if "full" in key else "custom")
    with np.load(SHARED / "c_gradients.npz") as data:
        middle = key.endswith("midepisode")
        before = tensor(data["memory_before_window__midepisode"]) if middle else window.cell.memory.start(2)
        output = window(window_of(data, slice(3), "is_first__midepisode" if middle else "is_first"), before)
        output.loss.backward()
        losses = output.errors.mean(dim=(1, 2, 3)).double().numpy()
        np.testing.assert_allclose(losses, data[f"loss_per_step__{key}"], rtol=1e-4)
        require_gradients(window, data, key)
        norm = window.cell.projector.fc1.weight.grad.norm().item()
        assert norm == pytest.approx(float(data[f"grad_projector_fc1_weight_norm__{key}"]), rel=1e-4)
        torch.testing.assert_close(output.memory, tensor(data[f"memory_after__{key}"]), **CLOSE)


@pytest.mark.parametrize("rule", ["tbpttK1", "ema"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_of_single_steps(rule: str, checkpointing: bool) -> None:
    """K=1 and EMA: one backward a step, nothing flows between steps; recomputed activations change no number."""
    window = trained(tbptt_length=1, memory_update="ema" if rule == "ema" else "tbptt")
    window.train()
    window.cell.checkpoint_activations(checkpointing)
    with np.load(SHARED / "c_gradients.npz") as data:
        memory = window.cell.memory.start(2)
        for t in range(3):
            window.zero_grad()
            output = window(window_of(data, slice(t, t + 1)), memory)
            output.loss.backward()
            memory = output.memory
            require_gradients(window, data, f"{rule}_custom_step{t}")
        torch.testing.assert_close(memory, tensor(data[f"memory_after__{rule}_custom"]), **CLOSE)
