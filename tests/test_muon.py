"""Our Muon against torch's, which rounds to bfloat16, and against the same rule in float64."""

import copy
import math

import torch
from torch import Tensor, nn

from muvla.train.muon import Muon

SHAPES = [(48, 32), (32, 48), (32, 32), (24, 64), (32, 48), (64, 24), (7, 5)]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SETTINGS = {"lr": 0.02, "momentum": 0.95, "nesterov": True, "weight_decay": 0.1}


def matrices() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def updated(optimiser: torch.optim.Optimizer, steps: range) -> list[Tensor]:
    """Make updates with gradients that depend on the step only; return the matrices."""
    parameters = optimiser.param_groups[0]["params"]
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        parameters[-1].grad = None if step == 0 else parameters[-1].grad  # a matrix that joins later
        optimiser.step()
    return [parameter.detach() for parameter in parameters]


def in_float64(steps: int) -> list[Tensor]:
    """The rule of torch.optim.Muon's documentation, one matrix at a time."""
    weights = [m.detach().double() for m in matrices()]
    momenta = [torch.zeros_like(w) for w in weights]
    a, b, c = COEFFICIENTS
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        for i, weight in enumerate(weights):
            gradient = torch.randn(weight.shape, generator=generator).double()
            if i == len(weights) - 1 and step == 0:
                continue
            momenta[i] = 0.95 * momenta[i] + 0.05 * gradient
            x = 0.05 * gradient + 0.95 * momenta[i]
            x = x / x.norm()
            for _ in range(5):
                gram = x @ x.T
                x = a * x + (b * gram + c * gram @ gram) @ x
            rows, columns = weight.shape
            weights[i] = weight * (1 - 0.02 * 0.1) - 0.02 * math.sqrt(max(1.0, rows / columns)) * x
    return weights


def worst(ours: list[Tensor], others: list[Tensor]) -> float:
    """The largest distance of two matrices, relative to what the updates moved."""
    moved = [(theirs - start).norm() for theirs, start in zip(others, matrices(), strict=True)]
    return max(((a - b).norm() / m).item() for a, b, m in zip(ours, others, moved, strict=True))


def test_the_update_is_that_of_torch_but_for_its_bfloat16() -> None:
    ours, theirs = (updated(kind(matrices(), **SETTINGS), range(4)) for kind in (Muon, torch.optim.Muon))
    assert 1e-4 < worst(ours, theirs) < 0.02


def test_the_update_is_the_rule_in_float64_but_for_float32() -> None:
    ours = [weight.double() for weight in updated(Muon(matrices(), **SETTINGS), range(4))]
    assert worst(ours, in_float64(4)) < 3e-5


def test_a_saved_state_goes_on_as_if_nothing_had_happened_also_one_of_torch() -> None:
    whole = updated(Muon(matrices(), **SETTINGS), range(4))
    for first, bound in ((Muon, 0.0), (torch.optim.Muon, 0.02)):
        begun = first(matrices(), **SETTINGS)
        halfway = [nn.Parameter(weight) for weight in updated(begun, range(2))]
        resumed = Muon(halfway, **SETTINGS)
        resumed.load_state_dict(copy.deepcopy(begun.state_dict()))
        assert worst(updated(resumed, range(2, 4)), whole) <= bound
