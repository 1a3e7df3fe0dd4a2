"""Floating-point operations of one frame of a flow-matching policy's training, counted as in model/work.py.

S tokens of the prompt, C chunk, D width of the language model, W of the expert.
"""

from __future__ import annotations

from muvla.model.architecture import Architecture
from muvla.model.flow.cell import DIGITS
from muvla.model.flow.expert import FlowSettings
from muvla.model.work import PROMPT, Product, Work, attention, projector


def prompt_length(sizes: Architecture, prompt: int = PROMPT) -> int:
    """S: BOS, vision, the digits of the state, and the instruction."""
    return 1 + sizes.cameras * sizes.patches + DIGITS * sizes.proprio_dim + prompt


def flow_work(sizes: Architecture, flow: FlowSettings, *, draws: int, prompt: int = PROMPT) -> Work:
    """Return the work of training on one frame, on features of the towers that were computed before.

    draws: noises and times that the frame is shown with.
    """
    seen, width = prompt_length(sizes, prompt), sizes.width
    found = Work()
    for number, (width_in, width_out) in enumerate(projector(sizes)):
        found += Product(sizes.cameras * sizes.patches, width_in, width_out, input_gradient=number > 0).work
    for last in [False] * (sizes.layers - 1) + [True]:
        rows = 1 if last else seen  # of the last layer only the last TEXT token is read, beside keys and values
        found += attention([(rows, seen)], width)
        for count in (rows, seen, seen, rows):  # query, key, value, output
            found += Product(count, width, width).work
        for width_in, width_out in ((width, sizes.mlp_hidden),) * 2 + ((sizes.mlp_hidden, width),):
            found += Product(rows, width_in, width_out).work
    once = _expert(sizes, flow, seen)
    return found + Work(draws * once.forward, draws * once.backward)


def _expert(sizes: Architecture, flow: FlowSettings, seen: int) -> Work:
    """The expert at one time, on one chunk of noisy actions."""
    chunk, inner, width = sizes.chunk, sizes.width, flow.width
    found = Product(chunk, sizes.action_dim, width, input_gradient=False).work
    found += Product(1, width, width, input_gradient=False).work + Product(1, width, width).work  # the time
    for _ in range(sizes.layers):
        found += attention([(chunk, chunk + seen)], inner)
        for width_in, width_out in ((width, inner),) * 3 + ((inner, width),):
            found += Product(chunk, width_in, width_out).work
        for width_in, width_out in ((width, flow.mlp_hidden),) * 2 + ((flow.mlp_hidden, width),):
            found += Product(chunk, width_in, width_out).work
        found += Product(1, width, 3 * width).work + Product(1, width, 3 * width).work  # both norms
    return found + Product(1, width, 3 * width).work + Product(chunk, width, sizes.action_dim).work
