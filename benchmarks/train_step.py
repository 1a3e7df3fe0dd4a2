"""One window step, ours against a plain loop shaped like the release:  python benchmarks/train_step.py

Both train the mini architecture (all tensors) on the same window of B=4 slots and K steps. The plain loop
runs the towers once a step, makes logits of the whole sequence with a cross-entropy that the L1 loss does not use, and
keeps a key-value cache, as the release does, in transformers' Llama under a (B, 1, S, S) mask; ours is the window. How
much the logits weigh depends on the vocabulary: 32064 words are the release's, but beside a language model this small
they weigh far more than beside 7 billion; 256 words, the mini scale's own, show what the window itself saves. Losses
and gradients are shown equal first.
Peak memory is the growth of the resident set over policy and data, each in a process of its own. One thread, CPU time,
in turns; ratios hold within one run.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import multiprocessing
import statistics
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import muvla  # noqa: F401  before torch, whose kernels it chooses

# isort: split
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaModel
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from muvla.model.architecture import Architecture, MemorySettings, Tower
from muvla.model.cell import Cell
from muvla.model.mask import allowed
from muvla.model.prompt import Prompt
from muvla.model.window import Window, WindowBatch

SLOTS, TEXT, TOKENS = 4, 28, 8
STOCK: weakref.WeakKeyDictionary[Window, LlamaModel] = weakref.WeakKeyDictionary()
TOWER = Tower(image_size=64, patch_size=16, width=64, depth=3, heads=4, mlp_hidden=128)
SIZES = Architecture(
    towers=(TOWER, TOWER), cameras=2, width=128, layers=4, heads=4, mlp_hidden=256, vocab_size=32064, proprio_dim=7,
    pad_id=0, lm_head=True,
)  # fmt: skip


def window_of(steps: int, words: int) -> tuple[Window, WindowBatch, Tensor]:
    """A seeded policy with 8 memory tokens and a vocabulary of `words`, its batch, and the memory before the window."""
    torch.manual_seed(0)
    settings = MemorySettings(num_mem_tokens=TOKENS, tbptt_length=steps)
    cell = Cell(dataclasses.replace(SIZES, vocab_size=words), settings)
    first = torch.zeros(steps, SLOTS, dtype=torch.bool)
    first[0, 0] = True
    prompt = Prompt(torch.randint(3, words, (SLOTS, TEXT + 1)), torch.full((SLOTS,), TEXT))
    batch = WindowBatch(
        images=torch.randint(256, (steps, SLOTS, 2, TOWER.image_size, TOWER.image_size, 3), dtype=torch.uint8),
        proprio=torch.randn(steps, SLOTS, 7),
        actions=torch.rand(steps, SLOTS, 8, 7) * 2 - 1,
        is_first=first,
        prompts=[prompt] * steps,
    )
    return Window(cell), batch, torch.randn(SLOTS, TOKENS, SIZES.width) * 0.02


def plain(window: Window, batch: WindowBatch, memory: Tensor) -> Tensor:
    """The release's shape of the same computation: its mean loss, to be differentiated."""
    cell, losses, llama = window.cell, [], stock(window)
    assert batch.images is not None
    for k in range(len(batch.is_first)):
        memory_in = cell.memory.reset(memory, batch.is_first[k])
        given = cell.prepare(cell.see(batch.images[k])[None], batch.proprio[k : k + 1], batch.prompts[k : k + 1])[0]
        layout = given.where.layout
        embeddings = torch.cat([given.before, memory_in, given.after], dim=1)
        blocked = ~allowed(layout, "custom")[:, None]
        hidden = llama(
            inputs_embeds=embeddings,
            attention_mask=torch.zeros_like(blocked, dtype=embeddings.dtype).masked_fill(
                blocked, torch.finfo(embeddings.dtype).min
            ),
            position_ids=torch.arange(layout.length, device=embeddings.device)[None],
            use_cache=True,
        ).last_hidden_state
        logits = cell.lm_head(hidden).float()
        labels = torch.full(logits.shape[:2], -100, device=logits.device)
        labels[:, -57:] = logits.shape[-1] - 200
        F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        rows = torch.arange(len(hidden), device=hidden.device)[:, None]
        actions = cell.action_head(hidden[rows, layout.read_out()])
        losses.append((actions - batch.actions[k]).abs().mean())
        memory = cell.memory.update(memory_in, hidden[:, layout.memory_slice])
    return torch.stack(losses).sum() / len(losses)


def stock(window: Window) -> LlamaModel:
    """transformers' own language model, made of the window's very layers, adapters and all."""
    if window not in STOCK:
        ours, sizes = window.cell.language_model, window.cell.architecture
        config = LlamaConfig(
            hidden_size=sizes.width, intermediate_size=sizes.mlp_hidden, num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads, vocab_size=sizes.vocab_size, pad_token_id=sizes.pad_id,
            rms_norm_eps=sizes.rms_norm_eps, rope_theta=sizes.rope_theta, attn_implementation="sdpa",
        )  # fmt: skip
        with torch.device("meta"):
            llama = LlamaModel(config)
        llama.rotary_emb = LlamaRotaryEmbedding(config).to(window.cell.device)
        for name, module in list(llama.named_modules()):
            if isinstance(module, nn.Linear | nn.Embedding):
                llama.set_submodule(name, ours.get_submodule(name))
            elif isinstance(getattr(module, "weight", None), nn.Parameter):
                module.weight = ours.get_submodule(name).weight
        if ours.checkpointing:
            llama.gradient_checkpointing_enable()
        STOCK[window] = llama.train()
    return STOCK[window]


def ours(window: Window, batch: WindowBatch, memory: Tensor) -> Tensor:
    return window(batch, memory).loss


def gradients(
    step: Callable[[Window, WindowBatch, Tensor], Tensor], steps: int, words: int
) -> tuple[float, dict[str, Tensor]]:
    window, batch, memory = window_of(steps, words)
    loss = step(window, batch, memory)
    loss.backward()
    return loss.item(), {name: p.grad for name, p in window.named_parameters() if p.grad is not None}


def require_equal(steps: int, words: int) -> tuple[float, float]:
    """(loss difference, largest gradient difference relative to its tensor's largest). Raises when they differ."""
    (loss, grads), (other, others) = gradients(ours, steps, words), gradients(plain, steps, words)
    worst = max(((grads[n] - others[n]).abs().max() / (others[n].abs().max() + 1e-12)).item() for n in grads)
    if set(grads) != set(others) or abs(loss - other) > 1e-6 or worst > 1e-3:
        raise SystemExit(f"error: K={steps}: losses {loss} and {other}, gradients differ by {worst}")
    return abs(loss - other), worst


def seconds(steps: int, words: int, repeats: int) -> tuple[list[float], list[float]]:
    """Times of both, in turns, so that whatever else the machine does falls on both."""
    window, batch, memory = window_of(steps, words)
    optimiser = torch.optim.AdamW(window.parameters(), lr=1e-4, fused=True)
    taken: dict[str, list[float]] = {"ours": [], "plain": []}
    for repeat in range(repeats + 1):
        for name, step in (("ours", ours), ("plain", plain)):
            began = time.process_time()
            optimiser.zero_grad()
            step(window, batch, memory).backward()
            optimiser.step()
            if repeat:  # the first one warms up
                taken[name].append(time.process_time() - began)
    return taken["ours"], taken["plain"]


def peak(name: str, steps: int, words: int, answer: multiprocessing.Queue[float]) -> None:
    window, batch, memory = window_of(steps, words)
    ctypes.CDLL(None).malloc_trim(0)  # give back what earlier steps left free, else it would hide what this one needs
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest mark so far
    (ours if name == "ours" else plain)(window, batch, memory).backward()
    answer.put((resident("VmHWM") - before) / 1024)


def resident(mark: str) -> int:
    """KiB of this process: VmRSS now, VmHWM at most since the mark was forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(mark)).split()[1])


def peak_mib(name: str, steps: int, words: int) -> float:
    context = multiprocessing.get_context("fork")  # one thread, so a fork is safe
    answer: multiprocessing.Queue[float] = context.Queue()
    process = context.Process(target=peak, args=(name, steps, words, answer))
    process.start()
    found = answer.get()
    process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--words", type=int, nargs="+", default=[32064, 256])
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 8])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| words | K | plain ms | ours ms | plain / ours | plain MiB | ours MiB | loss differs | gradients differ |")
    print("|---|---|---|---|---|---|---|---|---|")
    for words in options.words:
        for steps in options.steps:
            loss, worst = require_equal(steps, words)
            mine, other = (1000 * statistics.median(times) for times in seconds(steps, words, options.repeats))
            memory = [peak_mib(name, steps, words) for name in ("plain", "ours")]
            print(
                f"| {words} | {steps} | {other:.0f} | {mine:.0f} | {other / mine:.2f} | {memory[0]:.0f} "
                f"| {memory[1]:.0f} | {loss:.1e} | {worst:.1e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
