"""Token layout and attention mask (spec 1.3, 1.4, 1.6, 1.7)."""

import pytest
import torch

from muvla.model import mask
from muvla.model.architecture import MemorySettings
from muvla.model.layout import TokenLayout
from muvla.model.mask import additive, allowed, require_mask_honoured
from tiny import ARCHITECTURE, batch, cell, prompt


def layout(lengths: list[int]) -> TokenLayout:
    return TokenLayout(vision=4, memory=2, actions=6, text_lengths=torch.tensor(lengths))


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
    where = layout([3, 1])
    assert where.read_out()[:, 0].tolist() == [10, 8]
    assert (where.read_out()[:, -1] + 2 == where.row_lengths - 1).all()  # placeholder 6 and STOP are not read


def test_every_row_has_its_own_context_unless_the_release_is_matched() -> None:
    where = layout([3, 1])
    own, released = allowed(where, "custom"), allowed(where, "custom", padded_context=True)
    assert torch.equal(own[0], released[0])
    assert not own[1, 0, 9]  # its first placeholder
    assert released[1, 0, 9]  # counted as context by the release (B3)
    assert not own[1, :, where.row_lengths[1] :].any()  # nobody looks at PAD


def test_the_additive_mask_is_zero_or_the_most_negative_number() -> None:
    see = allowed(layout([2]), "custom")
    values = additive(see, torch.float32)
    assert values.shape == (1, 1, *see.shape[1:])
    assert set(values.unique().tolist()) == {0.0, torch.finfo(torch.float32).min}
    with pytest.raises(ValueError, match="causal"):
        allowed(layout([2]), "causal")


def test_the_installed_transformers_honours_the_mask() -> None:
    require_mask_honoured("sdpa")
    require_mask_honoured("eager")


def test_a_transformers_that_ignores_the_mask_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ignoring(mask.LlamaModel):
        def forward(self, **arguments):  # type: ignore[override]
            return super().forward(**(arguments | {"attention_mask": None}))

    monkeypatch.setattr(mask, "LlamaModel", Ignoring)
    with pytest.raises(RuntimeError, match="does not use a 4-D attention mask as it is"):
        require_mask_honoured.__wrapped__("sdpa")


@pytest.mark.parametrize("mode", ["custom", "full"])
def test_context_depends_on_action_slots_only_under_the_full_mask(mode: str) -> None:
    tiny = cell(MemorySettings(num_mem_tokens=3, attention_mask_mode=mode))
    data, words = batch(1, 1), prompt([5])
    vision = tiny.see(data.images[0])
    memory = tiny.memory.start(1)
    where = TokenLayout.of(ARCHITECTURE, 3, words.lengths)
    context = int(where.context_lengths[0])

    def run(change: float) -> torch.Tensor:
        embeddings = tiny.embed(vision, data.proprio[0], words, memory, where)
        embeddings[:, context + 4] += change
        hidden = tiny.language_model(
            inputs_embeds=embeddings, attention_mask=additive(allowed(where, mode), embeddings.dtype),
            position_ids=torch.arange(where.length)[None], use_cache=False,
        ).last_hidden_state  # fmt: skip
        return hidden[:, :context]

    with torch.no_grad():
        same = torch.equal(run(0.0), run(1.0))
    assert same is (mode == "custom")


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
    where = TokenLayout.of(ARCHITECTURE, 2, words.lengths)
    with torch.no_grad():
        embeddings = tiny.embed(tiny.see(data.images[0]), data.proprio[0], words, tiny.memory.start(1), where)
    placeholders = embeddings[0, int(where.context_lengths[0]) : -1]
    assert placeholders.shape[0] == 56
    assert placeholders.abs().max() == 0
