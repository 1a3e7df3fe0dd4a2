"""`snakemake --profile slurm all` on a real Slurm: everything from nothing, tiny, while jobs and Snakemake die.

Takes a few minutes. Skipped where no Slurm answers and none can be started (root and the shared tools are needed).
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from everything import check_everything
from muvla.jobs.slurm import cancel_orphans, find_orphans
from muvla.report import runner
from slurm_cluster import SlurmJob, jobs, kill, process, wait_for
from working_copy import REPOSITORY, working_copy

ARGUMENTS = (
    *("--profile", "slurm", "all", "--configfile", "config/smoke.yaml", "one_task.yaml"),
    # The first look at jobs comes soon, and the others too (prompt_snakemake.py).
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--set-threads", "collect=1"),  # a second simulator would act an episode that nobody needs
    # An evaluation gets one minute, then sixteen: a job that runs out of time is to be seen within a test. It and a
    # training get less memory than they would, so that more of them run at once.
    *("--set-resources", "train:mem_mb=5000*attempt"),
    *(f"evaluate_table_{number}:{need}" for number in (1, 2) for need in ("runtime=attempt**4", "mem_mb=3000*attempt")),
)
# Of the smoke run's tasks one of each benchmark: more would show nothing of Slurm. A batch is then one cell.
ONE_TASK = """
training_environments: [RememberColor5]
environments: [RememberColor5]
effect: {environments: [RememberColor5]}
episodes: 2
episodes_trained: 2
libero: {demonstrations: 1}
"""
VARIANTS = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text("utf-8"))["variants"]
PATIENCE = 1200.0  # seconds for any one step


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """The files of the repository, as they are now."""
    folder = working_copy(tmp_path / "clone")
    (folder / "one_task.yaml").write_text(ONE_TASK)
    yield folder
    for running in started:
        running.kill()
    cancel_orphans(folder)


started: list[subprocess.Popen[bytes]] = []


def snakemake(clone: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).with_name("prompt_snakemake.py")), *arguments]
    with open(clone / "snakemake.log", "ab") as log:
        started.append(subprocess.Popen(command, cwd=clone, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
    return started[-1]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_nothing_is_lost_and_nothing_done_twice(slurm: None, clone: Path) -> None:
    results = clone / "results" / "smoke"
    collected = results / "data" / "remember_color_5_vla_v0" / "collection.json"

    # Snakemake is killed in the middle of the base's training and of LIBERO's collection, and started again.
    first = snakemake(clone, *ARGUMENTS)
    libero = ("muvla.collect", "environment=libero_object/0")
    kill(wait_for("LIBERO's collection", lambda: process(clone, *libero), PATIENCE), signal.SIGSTOP)
    base = ("muvla.train", "variant=base", "scale=smoke")
    training = wait_for("the training of the base", lambda: process(clone, *base), PATIENCE)
    kill(training, signal.SIGSTOP)  # it is not to end before somebody asks for its end
    wait_for("the end of the other jobs", lambda: len(find_orphans(clone)) == 2, PATIENCE)
    first.kill()
    first.wait()
    (orphan,) = [job.number for job in jobs(clone) if job.rule == "base"]  # LIBERO's has a wildcard in its name
    assert orphan in find_orphans(clone)
    assert len(find_orphans(clone)) == 2
    assert os.path.exists(f"/proc/{training}"), "Slurm's job lives on without Snakemake"
    collected_at = collected.stat().st_mtime_ns
    assert snakemake(clone, "--unlock").wait() == 0
    told = (clone / "snakemake.log").read_text
    assert snakemake(clone, *ARGUMENTS).wait(timeout=PATIENCE) == 1, "no second job beside the orphan"
    assert re.search(rf"jobs of an earlier call from this folder: (\d+, )*{orphan}\b", told())
    assert orphan in find_orphans(clone)
    second = snakemake(clone, *ARGUMENTS, "--config", "orphaned_jobs=cancel")

    seen: dict[str, SlurmJob] = {}

    def look() -> list[SlurmJob]:
        """All jobs so far as they were last seen: Slurm forgets old ones."""
        seen.update((job.number, job) for job in jobs(clone))
        return list(seen.values())

    # The evaluation that begins first is killed, the other one hangs until its time is over.
    def evaluating(variants: list[str]) -> tuple[str, int] | None:
        words = ("muvla.evaluate", "mode=auto", "memory=active", "mark=true")  # those of the table, not the figure's
        found = ((variant, process(clone, *words, f"name={variant}")) for variant in variants)
        return next(((variant, number) for variant, number in found if number), None)

    unfortunate, killed = wait_for("an evaluation", lambda: evaluating(VARIANTS), PATIENCE)
    kill(killed)
    others = [variant for variant in VARIANTS if variant != unfortunate]

    def running_or_timed_out() -> tuple[str, int] | None:
        timed_out = any(job.state == "TIMEOUT" for job in look())
        return ("", -1) if timed_out else evaluating(others)

    _, hanging = wait_for("the other evaluation", running_or_timed_out, PATIENCE)
    if hanging > 0:  # on a slow machine the minute may be over before it has begun
        kill(hanging, signal.SIGSTOP)
    wait_for("the end", lambda: look() and second.poll() is not None, PATIENCE, every=3)
    assert second.returncode == 0, told()[-3000:]

    check_everything(results)

    # Nothing was lost: every episode has its outcome. Nothing was done twice: exactly one.
    cells = sorted((results / "records" / "trained").rglob("*.jsonl"))
    assert len(cells) == 4
    for cell in cells:
        assert [record["episode"] for record in lines(cell)] == [0, 1], cell
        assert not any(record["error"] for record in lines(cell))
    assert collected.stat().st_mtime_ns == collected_at, "what was finished before the kill was not made again"

    # Slurm's own records: what failed, and how often each rule ran to its end.
    ended = Counter((job.rule, job.state) for job in look())
    assert not {rule.split("_wildcards")[0] for rule, _ in ended} & runner.MODULES.keys(), "reports are made here"
    assert ended["base", "CANCELLED"] == 1, ended
    assert ended["base", "COMPLETED"] == 1
    assert ended["collect_wildcards_remember_color_5_vla_v0", "COMPLETED"] == 1
    ended = Counter((job.rule.split("_wildcards")[0], job.state) for job in look())
    assert ended["train", "COMPLETED"] == 3
    assert ended["evaluate_effect_1", "COMPLETED"] == ended["evaluate_effect_2", "COMPLETED"] == 1
    assert ended["evaluate_libero_table_1", "COMPLETED"] == 1
    unlucky = [job for job in look() if job.rule.startswith("evaluate_table")]
    states = Counter(job.state for job in unlucky)
    assert states["FAILED"] >= 1, unlucky
    assert states["TIMEOUT"] >= 1, unlucky
    assert states["COMPLETED"] == 2, unlucky
    # The jobs that went on got more time and memory than those that ended early.
    early = [job for job in unlucky if job.state in ("FAILED", "TIMEOUT")]
    late = [job for job in unlucky if job.state == "COMPLETED"]
    for of in (lambda job: job.limit, lambda job: job.memory):
        assert sum(of(job) > min(map(of, early)) for job in late) >= 2
    assert re.search(rf"Cancelled what an earlier call left in the queue: (\d+, )*{orphan}\b", told())


@pytest.mark.timeout(300)
def test_only_the_folders_own_jobs_are_cancelled(slurm: None, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    submit = ["sbatch", "--parsable", "-t", "2", "--output=/dev/null", "--wrap=sleep 90"]

    def submitted(folder: Path, comment: str) -> str:
        command = [*submit, f"--comment={comment}", "-D", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    leftover = submitted(ours, "rule_evaluate_wildcards_x")
    others = [submitted(ours, "interactive"), submitted(theirs, "rule_evaluate")]
    try:
        assert cancel_orphans(ours) == [leftover]
        assert find_orphans(ours) == []
        assert find_orphans(theirs) == [others[1]]
    finally:
        subprocess.run(["scancel", *others], check=False)
