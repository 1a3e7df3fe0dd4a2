"""One batched policy for 1, 4 and 16 slots against the same slots one at a time:  python benchmarks/inference.py

The policy is a checkpoint folder (default: the bundled m64_k2); observations are random pictures, every slot has its
own memory. Both ways must give the same actions. CPU time of one thread; ratios hold within one run.
"""

from __future__ import annotations

import argparse
import statistics
import time

import muvla  # noqa: F401  before torch, whose kernels it chooses

# isort: split
import numpy as np
import torch

from muvla.evaluate.policy import Policy

INSTRUCTION = "Observe the cube's color, wait, then touch the cube of the same color."


def observations(slots: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """images (T, N, 2, 128, 128, 3) uint8, proprio (T, N, 7)."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (steps, slots, 2, 128, 128, 3), dtype=np.uint8)
    return images, rng.normal(size=(steps, slots, 7)) * 0.2


def run(policies: list[Policy], images: np.ndarray, proprio: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Actions (T, N, C, A) and seconds of each step after the first; each policy has its share of the slots."""
    share = images.shape[1] // len(policies)
    actions, taken = [], []
    for t in range(len(images)):
        began = time.process_time()
        answers = []
        for number, policy in enumerate(policies):
            mine = slice(number * share, (number + 1) * share)
            first = np.full(share, t == 0)
            answers.append(
                policy.act(images[t, mine], proprio[t, mine], [INSTRUCTION] * share, first, np.ones(share, bool))
            )
        if t:  # the first one warms up
            taken.append(time.process_time() - began)
        actions.append(np.concatenate(answers))
    return np.stack(actions), taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="checkpoints/mini/m64_k2")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| slots | one at a time, ms a step | batched, ms a step | ratio | largest difference of an action |")
    print("|---|---|---|---|---|")
    for slots in options.slots:
        images, proprio = observations(slots, options.steps)
        single, alone = run([Policy(options.checkpoint, slots=1) for _ in range(slots)], images, proprio)
        batched, together = run([Policy(options.checkpoint, slots=slots)], images, proprio)
        difference = float(np.abs(single - batched).max())
        if difference > 1e-3:
            raise SystemExit(f"error: {slots} slots: actions differ by {difference}")
        one, many = (1000 * statistics.median(times) for times in (alone, together))
        print(f"| {slots} | {one:.1f} | {many:.1f} | {one / many:.2f} | {difference:.1e} |", flush=True)


if __name__ == "__main__":
    main()
