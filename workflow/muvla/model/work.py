"""Floating-point operations of one frame, counted from the sizes of a policy: one model of the work for all estimates.

A multiplication and an addition are two operations. Counted are matrix products, attention's own among them; norms,
activations, soft-max and the optimiser are left out, as torch.utils.flop_counter leaves them out. In backward a product
costs as much again for the gradient of its input and once more for that of its weights, where each is needed.
S tokens of a sequence, V vision tokens, T tokens of a tower, m memory tokens, C chunk, A action dimensions, r rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from muvla.model.architecture import Architecture, Tower

PROMPT = 32  # tokens of an instruction, for estimates


@dataclass(frozen=True)
class Work:
    """Operations of the forward pass, of the backward pass, and of the forward that is repeated in backward."""

    forward: int = 0
    backward: int = 0
    repeated: int = 0

    @property
    def total(self) -> int:
        return self.forward + self.backward + self.repeated

    def __add__(self, other: Work) -> Work:
        return Work(self.forward + other.forward, self.backward + other.backward, self.repeated + other.repeated)


@dataclass(frozen=True)
class Product:
    """`rows` vectors of `width_in` through a matrix to `width_out`; which gradients backward computes."""

    rows: int
    width_in: int
    width_out: int
    input_gradient: bool = True
    weight_gradient: bool = True

    @property
    def work(self) -> Work:
        once = 2 * self.rows * self.width_in * self.width_out
        return Work(once, once * (self.input_gradient + self.weight_gradient))


def training_work(
    sizes: Architecture, memory_tokens: int, *, prompt: int = PROMPT, rank: int | None, checkpointed: bool = False
) -> Work:
    """Return the work of training on one frame.

    rank: of the adapters on a frozen backbone whose towers run in training (paper); None: language model and projector
    are trained themselves, on features of the towers that were computed before (mini). checkpointed: the transformer
    blocks of language model and towers run forward again in backward.
    """
    vision = sizes.cameras * sizes.patches
    found = Work()
    if rank is not None:
        for tower in sizes.towers:
            blocks = _repeated(_tower_blocks(tower, rank), checkpointed)
            for part in (_patches(tower, rank), blocks):
                found += Work(*(sizes.cameras * number for number in (part.forward, part.backward, part.repeated)))
    for number, (width_in, width_out) in enumerate(projector(sizes)):
        # without towers in training nothing before the projector needs a gradient
        found += _adapted(vision, width_in, width_out, rank, input_gradient=rank is not None or number > 0)
    found += _repeated(_language_blocks(sizes, memory_tokens, prompt, rank), checkpointed)
    for product in _own_products(sizes):
        found += product.work
    return found


def sequence_length(sizes: Architecture, memory_tokens: int, prompt: int = PROMPT) -> int:
    """S: BOS, vision, proprio, memory, prompt, action placeholders and STOP (model/layout.py)."""
    return 1 + sizes.cameras * sizes.patches + 1 + memory_tokens + prompt + sizes.action_tokens + 1


def _repeated(work: Work, checkpointed: bool) -> Work:
    return Work(work.forward, work.backward, work.forward) if checkpointed else work


def _adapted(rows: int, width_in: int, width_out: int, rank: int | None, *, input_gradient: bool = True) -> Work:
    """A linear layer that is trained itself (no rank), or frozen beside an adapter of that rank."""
    work = Product(rows, width_in, width_out, input_gradient, weight_gradient=rank is None).work
    if rank is not None:
        work += Product(rows, width_in, rank, input_gradient).work + Product(rows, rank, width_out).work
    return work


def attention(seen: Sequence[tuple[int, int]], width: int) -> Work:
    """Queries with keys, and weights with values, over all heads; both operands of both products get gradients.

    seen: blocks of so many queries that see so many keys.
    """
    once = sum(4 * queries * keys * width for queries, keys in seen)
    return Work(once, 2 * once)


def _language_blocks(sizes: Architecture, memory: int, prompt: int, rank: int | None) -> Work:
    """All blocks of the language model under the custom mask (model/llama.py).

    The last one computes only what is read. Where a small model is trained whole, placeholders are one token until
    their positions tell them apart in the second block (model/lean.py).
    """
    tokens, actions = sequence_length(sizes, memory, prompt), sizes.action_tokens
    context, last = tokens - actions - 1, memory + actions
    plain = (tokens, tokens, tokens, ((context, context), (actions + 1, tokens)))  # queries, keys, the rest, seen
    found = [plain] * (sizes.layers - 1)
    if rank is None and sizes.layers > 2:
        folded = tokens - actions + 1
        found[0] = (folded, folded, folded, ((context, context), (2, folded)))
        found[1] = (folded, folded, *plain[2:])
    found.append((last, tokens, last, ((memory + 1, context), (actions - 1, tokens))))
    work = Work()
    for queries, keys, rows, seen in found:
        work += attention(seen, sizes.width)
        for count in (queries, keys, keys, rows):  # query, key, value, output
            work += _adapted(count, sizes.width, sizes.width, rank)
        for width_in, width_out in ((sizes.width, sizes.mlp_hidden),) * 2 + ((sizes.mlp_hidden, sizes.width),):
            work += _adapted(rows, width_in, width_out, rank)
    return work


def _tower_blocks(tower: Tower, rank: int) -> Work:
    """All blocks but the last, which never runs, on one picture."""
    tokens = tower.patches + int(tower.class_token) + tower.reg_tokens
    block = attention([(tokens, tokens)], tower.width)
    for width_in, width_out in (
        (tower.width, 3 * tower.width),  # query, key, value
        (tower.width, tower.width),
        (tower.width, tower.mlp_hidden),
        (tower.mlp_hidden, tower.width),
    ):
        block += _adapted(tokens, width_in, width_out, rank)
    return Work(*((tower.depth - 1) * number for number in (block.forward, block.backward, block.repeated)))


def _patches(tower: Tower, rank: int) -> Work:
    """The convolution from pixels, which need no gradient, to patches."""
    return _adapted(tower.patches, 3 * tower.patch_size**2, tower.width, rank, input_gradient=False)


def projector(sizes: Architecture) -> tuple[tuple[int, int], ...]:
    return (
        (sizes.vision_width, 4 * sizes.vision_width),
        (4 * sizes.vision_width, sizes.width),
        (sizes.width, sizes.width),
    )


def _own_products(sizes: Architecture) -> Iterator[Product]:
    """Proprio projector and action head: trained themselves at every scale."""
    yield Product(1, sizes.proprio_dim, sizes.width, input_gradient=False)
    yield Product(1, sizes.width, sizes.width)
    yield Product(sizes.chunk, sizes.action_dim * sizes.width, sizes.width)
    yield Product(sizes.chunk, sizes.width, sizes.width)
    yield Product(sizes.chunk, sizes.width, sizes.width)
    yield Product(sizes.chunk, sizes.width, sizes.action_dim)
