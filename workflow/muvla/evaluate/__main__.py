"""`python -m muvla.evaluate checkpoint=DIR environment=RememberColor3`: run episodes of a policy in the simulator.

The protocol is the paper's (spec 6.4, 6.6): episode i is reset with seed + i and ends at the first success or at the
environment's limit. Each episode is written as one JSON line when it ends. An interrupted run continues when the same
command is given again; a file of records made with other settings is refused. An exception is recorded as an error, not
as a failed episode.

`... OPTIONS -- OPTIONS -- OPTIONS` runs one evaluation after the other in the same process, which pays for the start of
torch and the simulator once, and loads a policy once as long as it is the same. Each goes on when another one fails.

With policy=ws://HOST:PORT instead of checkpoint=DIR a policy of anybody's acts, behind vla-eval's protocol
(docs/bridge.md): the same seeds, limits and records.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from muvla.benchmark.benchmark import benchmark_of
from muvla.evaluate.acting import Acting
from muvla.evaluate.episodes import run
from muvla.evaluate.in_turn import run_in_turn
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.evaluate.settings import (
    actions_per_step,
    inference_mode,
    provenance_of,
    require_benchmark,
    settled,
    start_up,
)
from muvla.options import SEPARATOR, command, separated
from muvla.provenance import now
from muvla.records.file import RecordFile
from muvla.records.frames import FrameRecorder
from muvla.records.mark import write_mark
from muvla.sim.contract import SimulatorError
from muvla.sim.vector import Simulators, make_vector

if TYPE_CHECKING:
    from muvla.evaluate.remote.policy import RemotePolicy


def main() -> None:
    if SEPARATOR in sys.argv[1:]:
        run_in_turn(EvaluateSettings, threaded, list(separated(sys.argv[1:])), "evaluations")
    else:
        command(EvaluateSettings, threaded, __doc__, SimulatorError)


def threaded(settings: EvaluateSettings, like: Policy | None = None) -> Policy | None:
    """Evaluate in a process of its own: the number of threads is set first."""
    torch.set_num_threads(settings.threads)
    return evaluate(settings, like)


def evaluate(settings: EvaluateSettings, like: Policy | None = None) -> Policy | None:
    """Run the episodes that the record file does not hold yet; return the policy; of one behind a socket, `like`.

    like: as Policy's.
    Raises ValueError for a mode or memory that the policy does not have, RecordsMismatch for records of other settings,
    ServerError and ConventionMismatch as RemotePolicy does, or what the simulator says when it cannot start.
    """
    settings = settled(settings, "results/records", ".jsonl", settings.episodes)
    if settings.policy is None:
        policy = loaded(settings, like)
        write_records(settings, policy)
        return policy
    with contextlib.closing(connected(settings)) as remote:
        write_records(settings, remote)
    return like


def loaded(settings: EvaluateSettings, like: Policy | None) -> Policy:
    """Load the checkpoint, or take its weights from `like`."""
    return Policy(
        settings.checkpoint,
        slots=settings.slots,
        memory=settings.memory,
        seed=settings.base_seed,
        precision=settings.precision,
        device=settings.device,
        environment=settings.environment,
        like=like,
    )


def connected(settings: EvaluateSettings) -> RemotePolicy:
    """Connect to the server of the policy, one session for every slot."""
    from muvla.evaluate.remote.policy import RemotePolicy  # vla-eval and its network libraries

    assert settings.policy is not None
    policy = RemotePolicy(
        settings.policy,
        settings.environment,
        slots=settings.slots,
        timeout=settings.timeout,
        server_chunk=settings.server_chunk,
    )
    if unchecked := policy.wanted.unchecked:
        print(f"warning: the server declares no format of {', '.join(unchecked)}: not checked", file=sys.stderr)
    return policy


def write_records(settings: EvaluateSettings, policy: Acting) -> None:
    """Run the missing episodes of settled settings and write their records."""
    require_benchmark(settings, policy)
    mode = inference_mode(settings.mode, policy)
    start = partial(
        make_vector,
        settings.environment,
        settings.slots,
        actions_per_step=actions_per_step(settings, policy, mode),
        **benchmark_of(settings.environment).select_options(vars(settings)),
    )
    checked = start_up(settings)
    with contextlib.closing(start()) as simulators:
        provenance = provenance_of(settings, policy, mode, simulators.call("provenance")[0] | checked)
        with RecordFile(settings.path, provenance) as records:
            _write_missing(policy, simulators, start, records, settings, mode)
            records.finish(now())
    if settings.mark:
        write_mark(settings.path)


def _write_missing(
    policy: Acting,
    simulators: Simulators,
    start: Callable[[], Simulators],
    records: RecordFile,
    settings: EvaluateSettings,
    mode: str,
) -> None:
    """Write the missing records. When a simulator fails, run the episodes it interrupts once more in new ones."""
    recorder = FrameRecorder(Path(settings.frames)) if settings.frames else None
    failures: Counter[int | None] = Counter()
    missing = _missing(records, settings)
    bar = tqdm(
        total=settings.episodes,
        initial=settings.episodes - len(missing),
        unit="episode",
        desc=f"{settings.variant} {settings.environment}",
    )
    with bar:
        while missing:
            lost: list[int | None] = []
            try:
                for record in run(policy, simulators, missing, settings, mode, recorder):
                    records.append(record)
                    if record["error"] is None:
                        bar.update()
                    else:
                        lost.append(record["seed"])
            except SimulatorError as error:
                failures.update(lost or [None])
                if max(failures.values()) > 1:
                    raise
                print(f"{error} The episodes it interrupted are run once more.", file=sys.stderr)
                simulators.close()
                simulators = start()
            missing = _missing(records, settings)
        simulators.close()


def _missing(records: RecordFile, settings: EvaluateSettings) -> list[int]:
    done = records.done()
    return [episode for episode in range(settings.episodes) if settings.base_seed + episode not in done]


if __name__ == "__main__":
    main()
