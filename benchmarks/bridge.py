"""What the wire costs: a policy in process beside the same policy behind its server:  python benchmarks/bridge.py

Random pictures of MIKASA-Robo's size; server and client in this process, over the loopback device. CPU time of one
step, interleaved; the ratio holds within one run. Both ways must give the same actions.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import closing

import muvla  # noqa: F401  before torch, whose kernels it chooses

# isort: split
import numpy as np
import torch
from vla_eval.api import serve_background

from muvla.evaluate.policy import Policy
from muvla.evaluate.remote.policy import RemotePolicy
from muvla.serve.server import PolicyServer

INSTRUCTION = "Observe the cube's color, wait, then touch the cube of the same color."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="checkpoints/mini/m64_k2")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng, yes = np.random.default_rng(0), np.array([True])
    here = Policy(options.checkpoint, slots=1)
    taken: tuple[list[float], list[float]] = ([], [])
    with serve_background(PolicyServer(Policy(options.checkpoint, slots=1))) as server:
        wire = RemotePolicy(server.url, "RememberColor3", slots=1, timeout=60)
        with closing(wire):
            for step in range(options.steps):
                images = rng.integers(0, 256, (1, 2, 128, 128, 3), dtype=np.uint8)
                proprio = rng.normal(size=(1, 7)).astype(np.float32) * 0.2
                answers = []
                for policy, times in zip((here, wire), taken, strict=True):
                    began = time.process_time()
                    answers.append(policy.act(images, proprio, [INSTRUCTION], np.array([not step]), yes)[0, 0])
                    times.append(time.process_time() - began)
                if not np.array_equal(*answers):
                    raise SystemExit(f"step {step}: the two ways differ by {np.abs(answers[0] - answers[1]).max()}")
    first, second = (1000 * statistics.median(times[1:]) for times in taken)
    print(f"in process {first:.1f} ms a step, over the wire {second:.1f} ms; ratio {second / first:.2f}; same actions")


if __name__ == "__main__":
    main()
