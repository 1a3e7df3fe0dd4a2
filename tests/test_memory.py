"""How memory is carried, reset and trained (spec 2, 12.10)."""

import dataclasses

import pytest
import torch

from muvla.model.architecture import MemorySettings
from muvla.model.auxiliary import Weights
from muvla.model.window import Window, WindowBatch
from tiny import aids, batch, cell

TBPTT = MemorySettings(num_mem_tokens=3, tbptt_length=4)


def gradients(window: Window, data, memory) -> tuple[float, dict[str, torch.Tensor]]:
    window.zero_grad()
    output = window(data, memory)
    output.loss.backward()
    return output.loss.item(), {name: p.grad.clone() for name, p in window.named_parameters() if p.grad is not None}


def halved(whole: WindowBatch) -> list[WindowBatch]:
    """A window of four steps as two of two."""
    names = ("images", "proprio", "actions", "is_first")
    return [
        dataclasses.replace(whole, **{name: getattr(whole, name)[part] for name in names}, prompts=whole.prompts[part])
        for part in (slice(0, 2), slice(2, 4))
    ]


def test_k_1_is_ema_with_alpha_1() -> None:
    one = Window(cell(dataclasses.replace(TBPTT, tbptt_length=1)))
    ema = Window(cell(dataclasses.replace(TBPTT, memory_update="ema", ema_alpha=1.0)))
    memories = [one.cell.memory.start(2), ema.cell.memory.start(2)]
    for seed in range(3):
        data = batch(1, 2, seed)
        losses, grads = zip(*(gradients(w, data, m) for w, m in zip((one, ema), memories, strict=True)), strict=True)
        assert losses[0] == losses[1]
        for name, gradient in grads[0].items():
            assert torch.equal(gradient, grads[1][name]), name
        memories = [w(data, m).memory for w, m in zip((one, ema), memories, strict=True)]
        assert torch.equal(*memories)


def test_ema_blends_what_was_with_what_is_read() -> None:
    memory = cell(dataclasses.replace(TBPTT, memory_update="ema", ema_alpha=0.25)).memory
    before, read = torch.ones(1, 3, 16), torch.full((1, 3, 16), 5.0, requires_grad=True)
    blended = memory.update(before, read)
    assert torch.equal(blended, torch.full((1, 3, 16), 2.0))
    assert not blended.requires_grad


def test_the_gradient_reaches_the_initial_memory_through_k_steps_and_stops_at_a_reset() -> None:
    window = Window(cell(TBPTT))
    data = batch(4, 2)

    def gradient_of_last_loss(is_first: torch.Tensor) -> torch.Tensor:
        """d(loss of step 3, slot 1) / d(memory that slot 1 starts the window with)."""
        start = window.cell.memory.start(2).detach().clone().requires_grad_()
        memory = start
        for k in range(4):
            # the window's own loop, with a start that can be differentiated
            memory_in = window.cell.memory.reset(memory, is_first[k])
            vision = window.cell.see(data.images[k])
            output = window.cell.step(vision, data.proprio[k], data.prompts[k], memory_in)
            memory = window.cell.memory.update(memory_in, output.memory)
        output.actions[1].abs().mean().backward()
        return start.grad

    never = torch.zeros(4, 2, dtype=torch.bool)
    through = gradient_of_last_loss(never)
    assert through[1].abs().max() > 0
    assert through[0].abs().max() == 0  # another slot's memory has no part in it
    reset = never.clone()
    reset[2, 1] = True
    assert gradient_of_last_loss(reset).abs().max() == 0


def test_the_initial_memory_gets_a_gradient_where_an_episode_starts() -> None:
    window = Window(cell(TBPTT))
    memory = window.cell.memory.start(2).detach() + 1.0
    _, started = gradients(window, batch(4, 2), memory)
    assert started["cell.memory.initial_memory"].abs().max() > 0
    data = batch(4, 2)
    running = dataclasses.replace(data, is_first=torch.zeros_like(data.is_first))
    _, carried = gradients(window, running, memory)
    assert carried["cell.memory.initial_memory"].abs().max() == 0  # zero, not missing (spec 2.2)


def test_a_window_gives_its_memory_to_the_next_one_without_history() -> None:
    window = Window(cell(TBPTT))
    whole = batch(4, 2)
    both = window(whole, window.cell.memory.start(2))
    halves = halved(whole)
    first = window(halves[0], window.cell.memory.start(2))
    second = window(halves[1], first.memory)
    assert not first.memory.requires_grad
    # Two steps and four are not embedded in one product: they round differently.
    assert torch.allclose(second.memory, both.memory, atol=1e-5)
    assert torch.allclose(torch.cat([first.errors, second.errors]), both.errors, atol=1e-5)


def test_a_horizon_cuts_the_gradient_within_a_window() -> None:
    """It is that of shorter windows, one after another; the numbers of the forward pass stay."""
    window = Window(cell(TBPTT))
    whole = batch(4, 2)
    halves = halved(whole)
    start = window.cell.memory.start(2)
    loss, through = gradients(window, whole, start)
    cut_loss, cut = gradients(window, dataclasses.replace(whole, horizon=2), start)
    _, first = gradients(window, halves[0], start)
    _, second = gradients(window, halves[1], window(halves[0], start).memory)
    assert loss == cut_loss
    name = "cell.memory.initial_memory"
    assert not torch.allclose(cut[name], through[name], rtol=1e-2)
    for name, gradient in cut.items():
        torch.testing.assert_close(gradient, (first[name] + second[name]) / 2, rtol=1e-3, atol=1e-5)


def test_naming_adds_to_the_loss_only_where_there_is_a_word() -> None:
    data = batch(2, 2)
    window = Window(cell(TBPTT), Weights(naming=0.5))
    memory = window.cell.memory.start(2)
    plain = window(data, memory)
    assert torch.equal(plain.loss, plain.action_loss)
    named = window(dataclasses.replace(data, aids=aids([[[-100], [7]], [[9], [-100]]])), memory)
    assert named.loss.item() == pytest.approx(named.action_loss.item() + 0.5 * named.auxiliary["naming"].item())
    assert named.auxiliary["naming"] > 0
    assert torch.equal(named.action_loss, plain.action_loss)


def test_rehearsed_steps_read_the_words_and_pass_on_what_they_read() -> None:
    data = batch(2, 2)
    window = Window(cell(TBPTT))
    words = [[[7, 9], [5, -100]]] * 2
    read: list[torch.Tensor] = []
    run = window.cell.run

    def watched(given, memory, *more):
        read.append(memory)
        return run(given, memory, *more)

    window.cell.run = watched  # type: ignore[method-assign]
    window(dataclasses.replace(data, aids=aids(words, [[False, False], [True, False]])), window.cell.memory.start(2))
    table = window.cell.language_model.embed_tokens.weight
    assert torch.equal(read[1][0], table[[7, 9, 7][: TBPTT.num_mem_tokens]])  # the name's words in turn
    window(dataclasses.replace(data, aids=aids(words)), window.cell.memory.start(2))
    assert torch.equal(read[1][1], read[3][1])  # another slot's step reads what was carried
    assert not torch.equal(read[1][0], read[3][0])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"memory_update": "lstm"}, "memory_update"),
        ({"attention_mask_mode": "causal"}, "attention_mask_mode"),
        ({"ema_alpha": 1.5}, "ema_alpha"),
        ({"tbptt_length": 0}, "tbptt_length"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MemorySettings(num_mem_tokens=1, **wrong)
