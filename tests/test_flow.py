"""The flow-matching policy: who sees whom, the flow's direction, what it learns, and its files (train/flow)."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tiny
from made_up import INSTRUCTION, write_flow_checkpoint
from muvla import checkpoint
from muvla.checkpoint.__main__ import inspect
from muvla.checkpoint.flow import digit_ids, load_flow
from muvla.checkpoint.tensors import CheckpointError
from muvla.data.text import Tokenizer
from muvla.evaluate.policy import Policy
from muvla.files import write_json
from muvla.model.architecture import MemorySettings
from muvla.model.flow.cell import FlowCell
from muvla.model.flow.expert import FlowSettings
from muvla.model.flow.window import FlowWindow, drawn_times
from muvla.model.llama import rotated
from muvla.model.prompt import Prompt
from muvla.train.flow.start import flow_from
from muvla.train.optimiser import Optimiser
from muvla.train.scale import OptimiserSettings

SIZES = tiny.ARCHITECTURE
DIGITS = digit_ids(Tokenizer.mini())


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> FlowCell:
    return write_flow_checkpoint(tmp_path_factory.mktemp("policy") / "pi05")


def observation(rows: int, lengths: list[int]) -> tuple[Tensor, Tensor, Prompt]:
    generator = torch.Generator().manual_seed(3)
    vision = torch.randn(rows, SIZES.cameras * SIZES.patches, SIZES.width, generator=generator)
    return vision, torch.rand(rows, 7, generator=generator) * 2 - 1, tiny.prompt(lengths)


def openly(cell: FlowCell, vision: Tensor, proprio: Tensor, ids: Tensor, actions: Tensor, time: Tensor) -> Tensor:
    """The velocity (C, A) of one row by one masked attention over prompt and actions together."""
    llama, expert, heads = cell.language_model, cell.expert, SIZES.heads
    words = llama.embed_tokens(torch.cat([ids[:1], cell.state(proprio[None])[0], ids[1:]]))
    x = torch.cat([words[:1], vision, words[1:]])  # (S, D)
    prompt, chunk = len(x), len(actions)
    sees = torch.ones(prompt + chunk, prompt + chunk, dtype=torch.bool)
    sees[:prompt, prompt:] = False
    half = SIZES.width // heads // 2
    angles = torch.arange(prompt + chunk)[:, None] / SIZES.rope_theta ** (torch.arange(half) / half)
    cos, sin = (torch.cat([part, part], dim=-1)[None] for part in (angles.cos(), angles.sin()))
    code = torch.cat([f(2 * torch.pi * time / (4e-3 * 1000 ** torch.linspace(0, 1, cell.flow.width // 2)))
                      for f in (torch.sin, torch.cos)])  # fmt: skip
    condition = F.silu(expert.time_out(F.silu(expert.time_in(code[None]))))
    y = expert.action_in(actions)[None]
    for layer, own in zip(llama.layers, expert.layers, strict=True):
        norm, (steered, gate) = layer.input_layernorm(x), own.attention_norm(y, condition)
        attend = layer.self_attn
        theirs = [part(norm) for part in (attend.q_proj, attend.k_proj, attend.v_proj)]
        ours = [part(steered)[0] for part in (own.q_proj, own.k_proj, own.v_proj)]
        for number in (0, 1):  # from pairs side by side to halves
            ours[number] = ours[number].unflatten(-1, (heads, half, 2)).transpose(-1, -2).flatten(1)
        q, k, v = (
            torch.cat(both).unflatten(-1, (heads, -1)).transpose(0, 1) for both in zip(theirs, ours, strict=True)
        )
        q, k = (rotated(part[None], cos, sin)[0] for part in (q, k))
        scores = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~sees, -torch.inf)
        z = (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)
        x = x + attend.o_proj(z[:prompt])
        x = x + layer.mlp(layer.post_attention_layernorm(x))
        y = y + gate * own.o_proj(z[prompt:])
        steered, gate = own.mlp_norm(y, condition)
        y = y + gate * own.mlp(steered)
    return expert.action_out(expert.norm(y, condition)[0])[0]


@torch.no_grad()
def test_actions_see_the_prompt_and_each_other_and_the_prompt_sees_no_action(cell: FlowCell) -> None:
    """Rows of different lengths, each against one open attention over its own tokens: padding is not seen either."""
    lengths = [5, 9, 7]
    vision, proprio, prompt = observation(3, lengths)
    actions, time = torch.randn(3, SIZES.chunk, 7), torch.tensor([0.1, 0.6, 0.95])
    found = cell.expert(actions, time, cell.read(vision, proprio, prompt).prefix)
    for row, length in enumerate(lengths):
        ids = prompt.ids[row, : length + 1]
        expected = openly(cell, vision[row], proprio[row], ids, actions[row], time[row])
        torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-5)


def test_the_state_is_read_as_the_digits_of_its_bins(cell: FlowCell) -> None:
    state = cell.state(torch.tensor([[-1.0, 0.0, 1.0, -3.0, 0.5]]))
    assert state.tolist() == [[DIGITS[int(digit)] for digit in "000128255000192"]]


@torch.no_grad()
def test_denoising_follows_a_known_flow_to_its_end(cell: FlowCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Along straight lines Euler's method is exact: from any noise to the one action there is."""
    target = torch.rand(2, SIZES.chunk, 7)
    vision, proprio, prompt = observation(2, [5, 5])
    monkeypatch.setattr(cell.expert, "forward", lambda actions, time, prefix: (actions - target) / time[:, None, None])
    actions = cell.step(vision, proprio, prompt, torch.randn_like(target)).actions
    torch.testing.assert_close(actions, target)


def test_times_are_of_the_beta_distribution_that_shows_more_noise() -> None:
    torch.manual_seed(0)
    times = drawn_times(200_000)
    for quantile in (0.1, 0.5, 0.9):
        share = ((times.quantile(quantile).item() - 0.001) / 0.999) ** 1.5  # the distribution function of Beta(1.5, 1)
        assert share == pytest.approx(quantile, abs=0.01)
    assert 0.001 <= times.min() < times.max() <= 1


def test_it_learns_both_of_two_answers_where_a_regression_learns_their_mean() -> None:
    cell = flow_from(tiny.cell(MemorySettings()), FlowSettings(width=16, mlp_hidden=32), DIGITS, cameras=2)
    cell.vision_backbone.requires_grad_(False)
    window = FlowWindow(cell, draws=8)
    optimiser = Optimiser(window, OptimiserSettings(name="muon", lr=1e-2, muon_lr=0.03, warmup=10), updates=200)
    batch = tiny.batch(1, 8)
    features = torch.randn(8, SIZES.cameras * SIZES.patches, SIZES.vision_width)[:1].expand(8, -1, -1)
    side = torch.tensor([-0.8, 0.8]).repeat(4)[None, :, None, None]
    batch = dataclasses.replace(
        batch,
        images=None,
        features=features[None],
        proprio=batch.proprio[:, :1].expand(1, 8, -1),
        actions=side.expand(1, 8, SIZES.chunk, 7),
    )
    losses = []
    for _ in range(200):
        output = window(batch, cell.memory.start(8))
        optimiser.step(output.loss)
        losses.append(output.loss.item())
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])
    noise = torch.randn(64, SIZES.chunk, 7)
    with torch.no_grad():
        vision = window.vision(batch)[:1].expand(64, -1, -1)
        prompt = tiny.prompt([5] * 64)
        actions = cell.step(vision, batch.proprio[0, :1].expand(64, -1), prompt, noise).actions.mean((1, 2))
    assert (actions.abs() > 0.4).float().mean() > 0.75  # a regression's is 0
    assert 0.15 < (actions > 0).float().mean() < 0.85


def test_a_window_of_several_steps_is_refused(cell: FlowCell) -> None:
    with pytest.raises(ValueError, match="2 steps"):
        FlowWindow(cell)(tiny.batch(2, 3), torch.empty(3, 0, SIZES.width))


@torch.no_grad()
def test_a_folder_says_what_it_is_and_gives_the_same_policy(tmp_path: Path) -> None:
    cell = write_flow_checkpoint(tmp_path / "pi05")
    stored = checkpoint.StoredPolicy(tmp_path / "pi05")
    assert (stored.step, stored.memory) == (7, MemorySettings())
    loaded = checkpoint.load_any(stored)
    assert isinstance(loaded, FlowCell)
    for name, value in cell.state_dict().items():
        assert loaded.state_dict()[name].equal(value.bfloat16().float())
    described = "\n".join(inspect(tmp_path / "pi05"))
    assert "actions         denoised by an expert" in described
    assert "use             complete" in described
    with pytest.raises(CheckpointError, match="flow-matching policy"):
        checkpoint.load(stored)
    with pytest.raises(CheckpointError, match="float32"):
        checkpoint.load_any(stored, dtype=torch.bfloat16)


def test_a_damaged_folder_is_refused_by_name(tmp_path: Path) -> None:
    write_flow_checkpoint(tmp_path / "pi05")
    config = checkpoint.StoredPolicy(tmp_path / "pi05").config
    write_json(tmp_path / "pi05/config.json", config | {"flow": {"width": 8}})
    with pytest.raises(CheckpointError, match=r"config\.json: flow must hold whole numbers for width, mlp_hidden"):
        load_flow(checkpoint.StoredPolicy(tmp_path / "pi05"))
    write_json(tmp_path / "pi05/config.json", config | {"flow": config["flow"] | {"width": 16}})
    with pytest.raises(CheckpointError, match=r"model-00001.*expert.* has shape"):
        load_flow(checkpoint.StoredPolicy(tmp_path / "pi05"))


def test_a_diverged_policy_is_not_written(cell: FlowCell, tmp_path: Path) -> None:
    broken = copy.deepcopy(cell)
    with torch.no_grad():
        broken.expert.action_out.bias[0] = torch.nan
    with pytest.raises(CheckpointError, match=r"expert\.action_out\.bias holds NaN or infinity"):
        checkpoint.save(broken, tmp_path / "pi05", step=1, files={})
    assert list(tmp_path.iterdir()) == []


def test_noise_follows_the_seed_of_the_episode_and_nothing_else(tmp_path: Path) -> None:
    """The same episode in any slot, beside any others, gives the same bytes; another seed and the next chunk do not."""
    write_flow_checkpoint(tmp_path / "pi05")
    rng = np.random.default_rng(0)
    image, proprio = rng.integers(0, 256, (1, 2, 16, 16, 3), dtype=np.uint8), rng.uniform(-1, 1, (1, 7))

    def act(seeds: list[int], chunks: int = 1) -> np.ndarray:
        acting, slots = Policy(tmp_path / "pi05", slots=len(seeds)), len(seeds)
        for slot, seed in enumerate(seeds):
            acting.begin_episode(slot, seed)
        found = np.empty(0)
        for number in range(chunks):
            first, yes = np.full(slots, number == 0), np.ones(slots, bool)
            views = image.repeat(slots, 0), proprio.repeat(slots, 0).astype(np.float32)
            found = acting.act(*views, [INSTRUCTION] * slots, first, yes)
        return found

    alone, beside = act([11])[0], act([10, 11, 12])
    assert alone.tobytes() == beside[1].tobytes()
    assert not np.array_equal(alone, beside[0])
    assert not np.array_equal(alone, act([11], chunks=2)[0])
