"""`python -m muvla.collect environment=RememberColor3 episodes=200 output=DIR`: demonstrations as RLDS (spec 3.1).

Every finished seed is kept at once as a part; the set is assembled from the parts at the end, under a temporary name.
So an interrupted run loses at most the episodes under way, and the same command goes on. Same options, same bytes.
"""

import functools
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from muvla.data.episode import Counterfactual, Episode, dataset_name
from muvla.data.rlds import VERSION, write_dataset
from muvla.demonstration import Manner, demonstrate, load_part, part_succeeded, save_part
from muvla.sim.mikasa import ENVIRONMENTS, MikasaEnv, environment_named
from muvla.sim.oracles import oracle_for

SEED_END = 2**31  # evaluation seeds lie above
SEEDS_PER_ENVIRONMENT = 10_000_000
CONFIG = Path(__file__).resolve().parents[2] / "config" / "muvla"


@dataclass(frozen=True)
class Simulator:
    """Which simulator the episodes run in; fields as in config/muvla/collect.yaml."""

    backend: str
    light_mesh: bool
    standin_mug: bool


@dataclass(frozen=True)
class Collection:
    """Everything that decides what the set holds; `processes` decides only how fast."""

    environment: str
    episodes: int
    first_seed: int
    shards: int
    manner: Manner
    simulator: Simulator

    def __post_init__(self) -> None:
        oracle_for(self.environment)
        for name in ("episodes", "shards"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.first_seed >= 0 or self.first_seed + self.attempts_allowed > SEED_END:
            raise ValueError(f"first_seed is {self.first_seed}; seeds must lie within 0 and {SEED_END - 1}")

    @property
    def attempts_allowed(self) -> int:
        """Seeds to try before the expert is declared unfit."""
        return 2 * self.episodes + 20


_env: MikasaEnv | None = None  # one a worker process


def _start_worker(environment: str, simulator: Simulator) -> None:
    import torch

    # The parent alone answers Ctrl-C: a worker finishes its episode, so that it is not lost.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    global _env
    _env = MikasaEnv(environment, **asdict(simulator))


def _work(folder: Path, seed: int, manner: Manner) -> bool:
    assert _env is not None
    result = demonstrate(_env, seed, manner)
    save_part(folder, result)
    return result.success


def _versions() -> dict[str, Any]:
    assert _env is not None
    return _env.provenance()


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}). Remove it and run the same command again.") from error


def _write_json(file: Path, content: Any) -> None:
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    scratch.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    os.replace(scratch, file)


def _same_question(question: dict[str, Any], stored: dict[str, Any], where: Path, but: tuple[str, ...]) -> None:
    """Raise ValueError when `stored` was made with other options than `question`, except those named in `but`."""
    other = [key for key in question if key not in but and stored.get(key) != question[key]]
    if other:
        told = ", ".join(f"{key} {stored.get(key)} instead of {question[key]}" for key in other)
        raise ValueError(f"{where} was made with {told}. Remove it, or choose another output.")


def _run(plan: Collection, folder: Path, processes: int) -> tuple[dict[int, bool], dict[str, Any]]:
    """Try consecutive seeds until enough succeeded; (seed -> success, versions).

    A seed is begun only if those before it cannot suffice, even if all under way succeed. So the seeds tried are the
    same for any number of processes and any interruption.
    """
    results: dict[int, bool] = {}
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(plan.environment, plan.simulator),
    )
    pending: dict[Future[bool], int] = {}
    seed = plan.first_seed
    try:
        versions = pool.submit(_versions)
        with tqdm(total=plan.episodes, desc=f"collect {plan.environment}", unit="episode", smoothing=0.1) as bar:
            while (wins := sum(results.values())) < plan.episodes:
                while len(pending) < 2 * processes and wins + len(pending) < plan.episodes:
                    if seed - plan.first_seed >= plan.attempts_allowed:
                        raise ValueError(
                            f"the expert succeeded on {wins} of {len(results)} seeds of {plan.environment}, too few for "
                            f"{plan.episodes} demonstrations. Less noise may help."
                        )
                    known = part_succeeded(folder, seed)
                    if known is None:
                        pending[pool.submit(_work, folder, seed, plan.manner)] = seed
                    else:
                        results[seed] = known
                        wins += known
                        bar.update(known)
                        bar.initial += known
                    seed += 1
                for future in wait(pending, return_when=FIRST_COMPLETED).done if pending else ():
                    success = future.result()
                    results[pending.pop(future)] = success
                    bar.update(success)
                bar.set_postfix_str(f"{len(results) - sum(results.values())} failed")
        found = versions.result()
        pool.shutdown()
        return results, found
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"a simulator process died ({error}). `python -m muvla.sim.check` says whether the simulator works; if it "
            "does, memory may be short: each process takes 1.2 GB. Finished episodes are kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _episodes(plan: Collection, folder: Path, seeds: list[int], others: list[Counterfactual]) -> Iterator[Episode]:
    for seed in tqdm(seeds, desc=f"write {plan.environment}", unit="episode"):
        part = load_part(folder, plan.environment, seed)
        assert part.episode is not None
        if part.counterfactual is not None:
            others.append(part.counterfactual)
        yield part.episode


def collect(plan: Collection, output: Path, processes: int) -> Path:
    """Make the set, or finish it; returns OUTPUT/NAME/1.0.0.

    Raises ValueError for options that contradict what is there or an expert that fails too often; RuntimeError when a
    simulator cannot start or dies; OSError when the disk is full. Finished episodes are kept in every case.
    """
    if processes < 1:
        raise ValueError(f"processes is {processes}; it must be at least 1")
    name = dataset_name(plan.environment)
    target, folder = output / name / VERSION, output / f".{name}.parts"
    report = output / name / "collection.json"
    question = asdict(plan)
    done = _read_json(report)
    if done is not None and target.is_dir():
        _same_question(question, done["config"], output / name, ())
        shutil.rmtree(folder, ignore_errors=True)
        return target
    folder.mkdir(parents=True, exist_ok=True)
    stored = _read_json(folder / "config.json")
    if stored is not None:
        _same_question(question, stored, folder, ("episodes", "shards"))
    _write_json(folder / "config.json", question)
    results, versions = _run(plan, folder, processes)
    wins = [seed for seed in sorted(results) if results[seed]]
    others: list[Counterfactual] = []
    remembers = ENVIRONMENTS[plan.environment].family.startswith("Remember")
    write_dataset(
        output,
        name,
        _episodes(plan, folder, wins, others),
        shards=plan.shards,
        counterfactuals=_deferred(others) if remembers else None,
        overwrite=True,  # a finished set has its report, and was returned above
    )
    summary = {
        "attempted": len(results),
        "succeeded": len(wins),
        "success_rate": len(wins) / len(results),
        "seeds": [min(results), max(results)],
        "failed_seeds": [seed for seed in sorted(results) if not results[seed]],
        "config": question,
        "versions": versions,
    }
    _write_json(report, summary)
    shutil.rmtree(folder)
    return target


def _deferred(items: list[Counterfactual]) -> Iterator[Counterfactual]:
    """The list as it is when the writer asks, after the last episode."""
    yield from items


def plan_of(config: DictConfig) -> Collection:
    """The collection a configuration describes. Raises ValueError for values that make no sense."""
    row = environment_named(config.environment)
    first = config.first_seed
    if first is None:
        first = list(ENVIRONMENTS).index(row.name) * SEEDS_PER_ENVIRONMENT
    pick = functools.partial(OmegaConf.masked_copy, config)
    manner = pick(["noise", "rotation_noise", "quiet_distance", "hold_steps"])
    simulator = pick(["backend", "light_mesh", "standin_mug"])
    return Collection(
        row.name,
        int(config.episodes),
        int(first),
        int(config.shards),
        Manner(**{str(key): value for key, value in manner.items()}),
        Simulator(**{str(key): value for key, value in simulator.items()}),
    )


@hydra.main(config_path=str(CONFIG), config_name="collect", version_base="1.3")
def main(config: DictConfig) -> None:
    """The command; options in config/muvla/collect.yaml."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        target = collect(plan_of(config), Path(config.output), int(config.processes))
    except KeyboardInterrupt:
        raise SystemExit("interrupted: finished episodes are kept, the same command goes on") from None
    except (ValueError, RuntimeError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    print(f"demonstrations in {target}")


if __name__ == "__main__":
    main()
