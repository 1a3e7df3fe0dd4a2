"""Runs the scripted expert on consecutive seeds in parallel until enough episodes succeed."""

import multiprocessing
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from muvla.benchmark.benchmark import benchmark_of
from muvla.collect.demonstration import Manner, demonstrate, part_succeeded, save_part
from muvla.sim.contract import Options, Provenance, Simulator, SimulatorError
from muvla.sim.interrupts import end_with_parent, ignore_sigint_in_children
from muvla.sim.simulator import make_simulator, preflight


@dataclass(frozen=True)
class SimulatorSettings:
    """How the simulators are made; fields as in CollectSettings, each for the benchmarks that have it."""

    backend: str
    light_mesh: bool
    standin_mug: bool

    def options(self, environment: str) -> Options:
        """Return the options of the environment's simulator.

        The seed places LIBERO's objects, so demonstrations share no initial state with the evaluation.
        """
        return benchmark_of(environment).select_options(asdict(self) | {"placement": "sampled"})


_env: Simulator | None = None  # one per worker process


def _start_worker(environment: str, simulator: SimulatorSettings) -> None:
    import torch

    end_with_parent()
    torch.set_num_threads(1)
    global _env
    _env = make_simulator(environment, **simulator.options(environment))


def _work(folder: Path, seed: int, manner: Manner) -> bool:
    assert _env is not None
    result = demonstrate(_env, seed, manner)
    save_part(folder, result)
    return result.success


def _versions() -> Provenance:
    assert _env is not None
    return _env.provenance()


def attempt(
    environment: str,
    folder: Path,
    *,
    wanted: int,
    seeds: range,
    manner: Manner,
    simulator: SimulatorSettings,
    processes: int,
) -> tuple[dict[int, bool], Provenance]:
    """Try `seeds` in order until `wanted` succeeded, and keep each result in `folder`; skip those that are there.

    A seed is started only when those before it cannot suffice, even if all under way succeed. So the seeds tried are
    the same for any number of processes and any interruption.

    Returns ({seed: success}, versions).
    Raises ValueError when the seeds run out, what sim.simulator.preflight raises, SimulatorError when a simulator dies.
    """
    preflight(environment, simulator.options(environment))
    results: dict[int, bool] = {}
    pending: dict[Future[bool], int] = {}
    upcoming = iter(seeds)
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(environment, simulator),
    )
    try:
        # A worker finishes its episode, so that it is not lost. A pool starts one for a task that finds none idle, and
        # none is while they load: all of them start here.
        with ignore_sigint_in_children():
            versions, *_ = [pool.submit(_versions) for _ in range(min(processes, wanted))]
        with tqdm(total=wanted, desc=f"collect {environment}", unit="episode", smoothing=0.1) as bar:
            while (wins := sum(results.values())) < wanted:
                while len(pending) < 2 * processes and wins + len(pending) < wanted:
                    seed = next(upcoming, None)
                    if seed is None:
                        if pending:
                            break
                        raise ValueError(
                            f"the expert succeeded on {wins} of {len(results)} seeds of {environment}, too few for "
                            f"{wanted} demonstrations. Less noise may help."
                        )
                    known = part_succeeded(folder, seed)
                    if known is None:
                        pending[pool.submit(_work, folder, seed, manner)] = seed
                    else:
                        results[seed] = known
                        wins += known
                        bar.update(known)
                        bar.initial += known  # so that the time left is estimated from this run alone
                for future in wait(pending, return_when=FIRST_COMPLETED).done if pending else ():
                    success = future.result()
                    results[pending.pop(future)] = success
                    bar.update(success)
                bar.set_postfix_str(f"{len(results) - sum(results.values())} failed")
        return results, versions.result()
    except BrokenProcessPool as error:
        raise SimulatorError(
            f"a simulator process died ({error}). `{benchmark_of(environment).check}` says whether the simulator "
            "works; if it does, memory may be short: each process takes 1 to 2 GB. Finished episodes are kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
