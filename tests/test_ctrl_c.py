"""Ctrl-C in the middle of the evaluation, then the same command again: nothing that was finished is made anew."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import slurm_cluster
from everything import check_everything
from working_copy import REPOSITORY, working_copy

SMOKE = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text("utf-8"))
MINUTE = 60


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return working_copy(tmp_path / "clone")


def start(clone: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Snakemake in a process group of its own, which hears Ctrl-C even where this test runs in the background."""
    command = [str(Path(sys.executable).with_name("snakemake")), *arguments]
    with (clone / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=clone,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def interrupted_and_repeated(clone: Path, results: Path, policies: str, *arguments: str) -> list[Path]:
    """Check what two calls leave, the first of them interrupted at the first evaluated episode; return the records."""

    seen: set[Path] = set()

    def record_or_end() -> bool:
        # A line that is being written when Ctrl-C comes is taken back: one that was there a look ago is on the disk.
        written = {path for path in results.glob("records/*/*/*.jsonl") if path.stat().st_size}
        on_disk = bool(written & seen)
        seen.update(written)
        return on_disk or process.poll() is not None

    log = clone / "snakemake.log"
    process = start(clone, *arguments)
    try:
        slurm_cluster.wait_for("the first episode", record_or_end, 12 * MINUTE)
        assert process.poll() is None, log.read_text("utf-8")[-3000:]
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(2 * MINUTE) != 0
        made = {path: path.stat().st_mtime_ns for path in clone.glob(policies)}
        records = {path: path.read_bytes() for path in results.glob("records/*/*/*.jsonl")}
        assert made
        assert any(records.values())
        process = start(clone, *arguments)
        assert process.wait(12 * MINUTE) == 0, log.read_text("utf-8")[-3000:]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    for path, before in records.items():
        assert path.read_bytes().startswith(before)
    return sorted(results.glob("records/*/*/*.jsonl"))


def seeds(records: Path) -> list[int]:
    return [json.loads(line)["seed"] for line in records.read_text("utf-8").splitlines()]


@pytest.mark.slow
def test_an_evaluation_of_a_bundled_policy_goes_on(clone: Path) -> None:
    target = "results/records/released/m64_k2/RememberColor3.done"
    policies = "checkpoints/mini/**/*.safetensors"
    (cell,) = interrupted_and_repeated(
        clone,
        clone / "results",
        policies,
        target,
        *("--config", "records=measured", "episodes=6", "variants=[m64_k2]", "environments=[RememberColor3]"),
        "effect={environments: [RememberColor3], memory: m64_k2}",
    )
    assert len(set(seeds(cell))) == len(seeds(cell)) == 6
    assert (clone / target).is_file()


@pytest.mark.slow
@pytest.mark.timeout(30 * MINUTE)
def test_everything_from_nothing(clone: Path) -> None:
    """Where no Slurm can be had: test_slurm.py does the same with worse interruptions."""
    if slurm_cluster.lacking() is None:
        pytest.skip("test_slurm.py makes everything from nothing")
    results = clone / "results" / "smoke"
    policies = "results/smoke/checkpoints/*/provenance.json"
    cells = interrupted_and_repeated(clone, results, policies, "all", "--configfile", "config/smoke.yaml")
    assert len(cells) == len(SMOKE["variants"]) * len(SMOKE["environments"]) + len(SMOKE["controls"])
    assert all(len(set(seeds(cell))) == SMOKE["episodes"] for cell in cells)
    check_everything(results)
