"""The attention mask (spec 1.6), built here and passed to stock transformers as an additive 4-D mask.

A row with context `c c` and action side `a a`, in mode "custom" (x may look, . may not):

        c c a a              context never sees the action side, so what memory keeps cannot depend on
      c x x . .              how the placeholders are computed; the action side sees everything.
      c x x . .
      a x x x x              In mode "full" every cell is x. PAD is never looked at. Nothing is causal.
      a x x x x
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaModel

from muvla.model.layout import TokenLayout


def allowed(layout: TokenLayout, mode: str, *, padded_context: bool = False) -> Tensor:
    """Say which query may look at which key: (B, S, S) bool.

    `padded_context=True` reproduces the release, which takes every row's context length from the padded
    length, so that shorter rows leak their first action placeholders into the context (spec 9.1 B3).
    """
    position = torch.arange(layout.length, device=layout.text_lengths.device)
    key_is_token = position[None] < layout.row_lengths[:, None]  # (B, S)
    if mode == "full":
        return key_is_token[:, None, :].expand(-1, layout.length, -1)
    if mode != "custom":
        raise ValueError(f"attention mask mode is {mode!r}: choose 'custom' or 'full'")
    context_lengths = layout.context_lengths
    if padded_context:
        context_lengths = context_lengths.max().expand_as(context_lengths)
    in_context = position[None] < context_lengths[:, None]  # (B, S)
    return key_is_token[:, None, :] & (in_context[:, None, :] | ~in_context[:, :, None])


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a mask (B, S, S) bool into (B, 1, S, S) `dtype`: 0 where allowed, the most negative number where not."""
    blocked = torch.finfo(dtype).min
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, blocked)[:, None]


@functools.cache
def require_mask_honoured(attention: str = "sdpa") -> None:
    """Refuse to run unless the installed transformers hands a 4-D mask to the softmax unchanged.

    Other builds invert it or lay a causal mask over it without a word, and the policy silently loses its
    memory (spec 1.7). A two-layer Llama with random weights shows it in milliseconds: context outputs must not
    move when an action slot does, and the first context token must see the last one.

    Raises:
        RuntimeError: the mask is not honoured; names the installed version.
    """
    import transformers

    config = LlamaConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        vocab_size=8,
        attn_implementation=attention,
    )
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):  # callers build big models on "meta"
        torch.manual_seed(0)
        llama = LlamaModel(config).eval()
        layout = TokenLayout(vision=2, memory=1, actions=3, text_lengths=torch.tensor([2]))
        x = torch.randn(1, layout.length, 16)
        return _require_honoured(llama, layout, x, attention, transformers.__version__)


def _require_honoured(llama: LlamaModel, layout: TokenLayout, x: Tensor, attention: str, version: str) -> None:
    mask = additive(allowed(layout, "custom"), x.dtype)
    context = int(layout.context_lengths[0])

    def run(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return llama(inputs_embeds=inputs, attention_mask=mask, use_cache=False).last_hidden_state

    def with_changed(position: int) -> Tensor:
        changed = x.clone()
        changed[:, position] += 1.0
        return run(changed)

    reference = run(x)
    guarded = torch.equal(with_changed(context + 1)[:, :context], reference[:, :context])
    seen = not torch.allclose(with_changed(context - 1)[:, 0], reference[:, 0])
    if not (guarded and seen):
        raise RuntimeError(
            f"transformers {version} ({attention}) does not use a 4-D attention mask as it is "
            f"(action side hidden from context: {guarded}, no causal mask: {seen}). Install the version pinned in "
            "containers/requirements.lock."
        )
