"""torch's products where the arithmetic is held: numpy's bytes, the right numbers, and gradients through them."""

import numpy as np
import pytest
import torch

from muvla import cpu, model  # noqa: F401  the model takes over torch's products
from muvla.products import flushed

held_here = pytest.mark.skipif(cpu.state() != "AVX2", reason="the arithmetic is not held here")
RNG = np.random.default_rng(0)


def drawn(*shape):
    return RNG.normal(size=shape).astype(np.float32)


@held_here
def test_products_are_numpys_to_the_bit():
    a, b, bias = drawn(5, 70, 33), drawn(5, 33, 20), drawn(20)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    assert torch.equal(torch.bmm(x, y), torch.from_numpy(a @ b))
    assert torch.equal(x[0] @ y[0], torch.from_numpy(a[0] @ b[0]))
    linear = torch.nn.functional.linear(x[0], y[0].T, torch.from_numpy(bias))
    assert torch.equal(linear, torch.from_numpy(a[0] @ b[0] + bias))


@held_here
def test_numbers_below_the_smallest_normal_one_are_zero_only_while_a_policy_computes():
    x, y = torch.full((8, 8), 1e-30), torch.full((8, 8), 1e-10)
    with flushed():
        with flushed():
            assert torch.equal(x @ y, torch.zeros(8, 8))
        assert torch.equal(x @ y, torch.zeros(8, 8))
    assert (x @ y).min() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_products_of_every_type_have_the_right_values_and_gradients(dtype):
    a, b, c = (torch.from_numpy(drawn(*shape)).double() for shape in ((4, 30, 17), (4, 17, 9), (4, 30, 9)))

    def everything(a, b, c):
        return (
            a @ b,
            a[0] @ b[0],
            torch.addmm(c[0], a[0], b[0], beta=0.5, alpha=2),
            torch.baddbmm(c, a, b.mT.contiguous().mT, beta=0.5, alpha=2),
            torch.baddbmm(torch.full_like(c, torch.nan), a, b, beta=0),
            torch.nn.functional.linear(a, b[0].T, c[0, 0]),
            a[:, :1].expand(-1, 30, -1) @ b,
        )

    wanted = (torch.einsum("nij,njk->nik", a, b), 0.5 * c + 2 * torch.einsum("nij,njk->nik", a, b))
    inputs = [each.to(dtype).requires_grad_() for each in (a, b, c)]
    found = everything(*inputs)
    close = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 0.2}[dtype]
    for got, right in zip(found, (wanted[0], wanted[0][0], wanted[1][0], wanted[1], wanted[0]), strict=False):
        torch.testing.assert_close(got.double(), right, atol=close, rtol=close)
    found[3].sum().backward()
    torch.testing.assert_close(inputs[0].grad.double(), 2 * b.sum(-1)[:, None].expand_as(a), atol=close, rtol=close)
    torch.testing.assert_close(inputs[2].grad.double(), torch.full_like(c, 0.5))
