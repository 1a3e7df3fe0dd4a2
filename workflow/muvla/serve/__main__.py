"""`python -m muvla.serve checkpoint=DIR port=8000`: answer observations with a policy, by vla-eval's protocol.

Every client's session has a memory of its own, which starts anew with each episode; what sessions ask at the same time
is computed in one batch. vla-eval's harness connects to it as to its own servers; so does `python -m muvla.evaluate
policy=ws://HOST:PORT`. GET /health answers when the policy is loaded. Ctrl-C or SIGTERM ends it.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass

import torch

from muvla.evaluate.policy import Policy
from muvla.options import command, option


@dataclass
class ServeSettings:
    """Options of `python -m muvla.serve`."""

    checkpoint: str = option("checkpoints/mini/m64_k2", "The checkpoint folder.")
    host: str = option("127.0.0.1", "Address to listen at; 0.0.0.0: every one, also for other machines.")
    port: int = option(8000, "Port to listen at.", at_least=1, at_most=65535)
    slots: int = option(8, "Episodes at once: sessions that a batch can hold; a further one is refused.", at_least=1)
    environment: str | None = option(
        None, "Only for a checkpoint that was normalised by each data set's own statistics: whose to use."
    )
    precision: str = option("float32", "Number format of the policy.", choices=("float32", "bfloat16"))
    device: str = option("cpu", "Where the policy computes.", choices=("cpu", "cuda"))
    threads: int = option(1, "CPU threads for linear algebra.", at_least=1)


def run(settings: ServeSettings) -> None:
    """Load the policy and serve it until the process is told to end.

    Raises what Policy raises, and OSError where the port is taken.
    """
    from vla_eval.model_servers.serve import serve

    from muvla.serve.server import PolicyServer

    torch.set_num_threads(settings.threads)
    policy = Policy(
        settings.checkpoint,
        slots=settings.slots,
        precision=settings.precision,
        device=settings.device,
        environment=settings.environment,
    )
    server = PolicyServer(policy)
    print(f"{settings.checkpoint} at ws://{settings.host}:{settings.port}, {settings.slots} sessions", file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(server, settings.host, settings.port)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


if __name__ == "__main__":
    command(ServeSettings, run, __doc__)
