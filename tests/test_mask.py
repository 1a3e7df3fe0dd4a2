"""Token layout and attention mask (spec 1.3, 1.4, 1.6, 1.7)."""

import dataclasses
import itertools

import pytest
import torch

from muvla.model.architecture import MemorySettings
from muvla.model.layout import TokenLayout
from muvla.model.llama import Arrangement, Llama
from muvla.model.mask import allowed
from tiny import ARCHITECTURE, batch, cell, prompt


def layout(lengths: list[int], *, padding_last: bool = False) -> TokenLayout:
    return TokenLayout.padded(4, 2, 6, torch.tensor(lengths), padding_last=padding_last)


def test_the_custom_mask_is_the_table_of_the_paper() -> None:
    where = layout([3])
    assert (where.length, where.memory_slice) == (1 + 4 + 1 + 2 + 3 + 6 + 1, slice(6, 8))
    see = allowed(where, "custom")[0]
    context = 1 + 4 + 1 + 2 + 3
    assert see[:context, :context].all()
    assert not see[:context, context:].any()
    assert see[context:].all()
    assert allowed(where, "full").all()


def test_the_read_out_starts_at_the_last_text_token() -> None:
    assert layout([3, 1]).read_out().tolist() == [[10, 11, 12, 13, 14, 15], [8, 11, 12, 13, 14, 15]]
    assert layout([3, 1], padding_last=True).read_out().tolist() == [[10, 11, 12, 13, 14, 15], [8, 9, 10, 11, 12, 13]]


def test_positions_are_counted_without_padding() -> None:
    where = layout([3, 1])
    assert where.positions[0].tolist() == list(range(where.length))
    assert where.positions[1][where.is_token[1]].tolist() == list(range(where.length - 2))
    assert (~where.is_token).nonzero().tolist() == [[1, 9], [1, 10]]  # between TEXT and ACTION
    assert (~layout([3, 1], padding_last=True).is_token).nonzero().tolist() == [[1, 16], [1, 17]]


def test_every_row_has_its_own_context_unless_the_release_is_matched() -> None:
    where, released = layout([3, 1]), layout([3, 1], padding_last=True)
    first_placeholder = where.places[1, 9], released.places[1, 9]
    assert not allowed(where, "custom")[1, 0, first_placeholder[0]]
    assert allowed(released, "custom")[1, 0, first_placeholder[1]]  # counted as context by the release (B3)
    for each in (where, released):
        assert not allowed(each, "custom")[1][:, ~each.is_token[1]].any()  # nobody looks at PAD


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="causal"):
        allowed(layout([2]), "causal")


def test_the_blocks_are_transformers_llama_under_that_mask() -> None:
    """The architecture is stock Llama: same parameters, same numbers, with padded rows and without."""
    from transformers import LlamaConfig, LlamaModel  # three seconds, for one test

    llama = LlamaModel(
        LlamaConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2, vocab_size=20,
            pad_token_id=0, attn_implementation="eager",
        )
    )  # fmt: skip
    ours = Llama(dataclasses.replace(ARCHITECTURE, width=32, mlp_hidden=48, layers=3, vocab_size=20, pad_id=0))
    for parameter in llama.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    ours.load_state_dict(llama.state_dict())
    for lengths, mode, last in itertools.product(([3, 3], [3, 1]), ("custom", "full"), (False, True)):
        where = Arrangement(layout(lengths, padding_last=last), mode, 16, 10000.0)
        x = torch.randn(2, where.layout.length, 32)
        mask = torch.zeros(allowed(where.layout, mode).shape).masked_fill(~allowed(where.layout, mode), -1e30)
        with torch.no_grad():
            theirs = llama(
                inputs_embeds=x, attention_mask=mask[:, None], position_ids=where.layout.positions, use_cache=False
            ).last_hidden_state
            torch.testing.assert_close(ours(x, where), where.take(theirs), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", ["custom", "full"])
def test_context_depends_on_action_slots_only_under_the_full_mask(mode: str) -> None:
    tiny = cell(MemorySettings(num_mem_tokens=3, attention_mask_mode=mode))
    data, words = batch(1, 1), prompt([5])
    given = tiny.prepare(tiny.see(data.images[0])[None], data.proprio, [words])[0]
    changed = given.after.clone()
    changed[:, 5 + 4] += 1.0

    with torch.no_grad():
        first, second = (
            tiny.run(dataclasses.replace(given, after=after), tiny.memory.start(1)) for after in (given.after, changed)
        )
    for read, alike in ((first[1], second[1]), (first[0][:, 0], second[0][:, 0])):  # memory, last TEXT token
        assert torch.equal(read, alike) is (mode == "custom")
    assert not torch.equal(first[0], second[0])


@pytest.mark.parametrize("mode", ["custom", "full"])
def test_a_padded_row_answers_as_if_it_were_alone(mode: str) -> None:
    tiny = cell(MemorySettings(num_mem_tokens=3, attention_mask_mode=mode))
    data, words = batch(1, 3), prompt([7, 4, 2])
    with torch.no_grad():
        vision = tiny.see(data.images[0])
        together = tiny.step(vision, data.proprio[0], words, tiny.memory.start(3))
        for row in range(3):
            one = slice(row, row + 1)
            n = int(words.lengths[row])
            alone_words = type(words)(words.ids[one, : n + 1], words.lengths[one])
            alone = tiny.step(vision[one], data.proprio[0, one], alone_words, tiny.memory.start(1))
            assert torch.allclose(alone.actions, together.actions[one], atol=1e-5)
            assert torch.allclose(alone.memory, together.memory[one], atol=1e-5)


def test_no_action_enters_the_network() -> None:
    tiny = cell(MemorySettings(num_mem_tokens=2))
    data, words = batch(1, 1), prompt([3])
    with torch.no_grad():
        given = tiny.prepare(tiny.see(data.images[0])[None], data.proprio, [words])[0]
    placeholders = given.after[0, 3:-1]
    assert placeholders.shape[0] == 56
    assert placeholders.abs().max() == 0
