"""The joined blocks against the plain ones: same read-out, same gradients, whatever the rows and the mask."""

import dataclasses

import pytest
import torch
from torch import Tensor

import tiny
from muvla.model.architecture import MemorySettings
from muvla.model.lean import joined, run
from muvla.model.llama import Arrangement, Llama
from muvla.model.lora import LoraSettings, add_adapters
from muvla.model.window import Window

SIZES = dataclasses.replace(tiny.ARCHITECTURE, layers=3)


def read(llama: Llama, where: Arrangement, x: Tensor, *, lean: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """What is read, with the first tokens before the last layer, and the gradients of a weighted sum of it."""
    llama.zero_grad()
    x = x.clone().requires_grad_()
    layers = joined(llama) if lean else None
    before: list[Tensor] = []
    read_out = run(llama, layers, x, where, before) if layers else llama(x, where, before)
    found = torch.cat([read_out, before[0][:, :3]], dim=1)
    (found * torch.linspace(-1, 1, found.numel()).view_as(found)).sum().backward()
    gradients = {name: p.grad.clone() for name, p in llama.named_parameters() if p.grad is not None}
    context = (
        where.layout.context if where.aligned else where.layout.length
    )  # placeholders are constants: nobody asks for theirs
    return found.detach(), gradients | {"input": x.grad[:, :context]}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("lengths", [[4, 4], [5, 2]])
@pytest.mark.parametrize("mode", ["custom", "full"])
def test_joined_blocks_give_the_same_numbers_and_gradients(mode: str, lengths: list[int], last: bool) -> None:
    cell = tiny.cell(MemorySettings(num_mem_tokens=3, attention_mask_mode=mode))
    cell.padded_context = last
    llama = Llama(SIZES)
    for parameter in llama.parameters():
        torch.nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.3)
    data, slots = tiny.batch(1, 2), len(lengths)
    with torch.no_grad():
        given = cell.prepare(cell.see(data.images[0])[None], data.proprio, [tiny.prompt(lengths)])[0]
        x = torch.cat([given.before, cell.memory.start(slots), given.after], dim=1)
        x = given.where.ordered(x)
    plain, lean = (read(llama, given.where, x, lean=on) for on in (False, True))
    torch.testing.assert_close(lean[0], plain[0], atol=2e-5, rtol=1e-4)
    assert set(lean[1]) == set(plain[1])
    for name, gradient in plain[1].items():
        worst = (lean[1][name] - gradient).abs().max() / gradient.abs().max()
        assert worst < 1e-4, (name, worst)


def test_a_window_takes_them_where_they_pay_and_only_there() -> None:
    cell = tiny.cell(MemorySettings(num_mem_tokens=3, tbptt_length=2))
    assert joined(cell.language_model) is not None
    window, data, memory = Window(cell), tiny.batch(2, 2), cell.memory.start(2)
    lean = window(data, memory)
    add_adapters(cell, LoraSettings(rank=2))  # they begin as zeros
    assert joined(cell.language_model) is None
    plain = window(data, memory)
    torch.testing.assert_close(lean.errors, plain.errors, atol=1e-5, rtol=0)
    assert joined(tiny.cell(MemorySettings()).bfloat16().language_model) is None
