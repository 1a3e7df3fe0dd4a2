"""`python -m muvla.evaluate checkpoint=DIR environment=RememberColor3`: run episodes of a policy in the simulator.

The protocol is the paper's (spec 6.4, 6.6): episode i is reset with seed + i and ends at the first success or at the
environment's limit. Each episode is written as one JSON line when it ends. An interrupted run continues when the same
command is given again; a file of records made with other settings is refused. An exception is recorded as an error, not
as a failed episode.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from muvla.benchmark.benchmark import benchmark_of
from muvla.evaluate.episodes import run
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
from muvla.options import command
from muvla.records.file import RecordFile
from muvla.records.frames import FrameRecorder
from muvla.records.mark import write_mark
from muvla.sim.contract import SimulatorError
from muvla.sim.vector import DeadSimulator, SimulatorVector, make_vector


def main() -> None:
    command(EvaluateSettings, threaded, __doc__, SimulatorError)


def threaded(settings: EvaluateSettings) -> None:
    """Evaluate in a process of its own: the number of threads is set first."""
    torch.set_num_threads(settings.threads)
    evaluate(settings)


def evaluate(settings: EvaluateSettings) -> None:
    """Run the episodes that the record file does not hold yet.

    Raises ValueError for a mode or memory that the policy does not have, RecordsMismatch for records of other settings,
    or what the simulator says when it cannot start.
    """
    settings = settled(settings, "results/records", ".jsonl", settings.episodes)
    policy = Policy(
        settings.checkpoint,
        slots=settings.slots,
        memory=settings.memory,
        seed=settings.base_seed,
        precision=settings.precision,
        device=settings.device,
        environment=settings.environment,
    )
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
    if settings.mark:
        write_mark(settings.path)


def _write_missing(
    policy: Policy,
    simulators: SimulatorVector,
    start: Callable[[], SimulatorVector],
    records: RecordFile,
    settings: EvaluateSettings,
    mode: str,
) -> None:
    """Write the missing records. When a simulator dies, run the episodes it interrupts once more in new processes."""
    recorder = FrameRecorder(Path(settings.frames)) if settings.frames else None
    deaths: Counter[int | None] = Counter()
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
            except DeadSimulator as error:
                deaths.update(lost or [None])
                if max(deaths.values()) > 1:
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
