"""From nothing to the table in the real simulator, interrupted and typed again; all targets stand in test_slurm."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
SMOKE = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text("utf-8"))
OUTPUTS = ("table_mikasa.tex", "effect.md", "figures/memory_effect.png", "probes/cue_swap.json")
MINUTE = 60


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("workflow", "config", "profiles", "paper"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", tmp_path)
    return tmp_path


def start(clone: Path) -> subprocess.Popen[bytes]:
    """The command in a process group of its own, which hears Ctrl-C even where this test runs in the background."""
    targets = [f"results/smoke/{output}" for output in OUTPUTS]
    command = [str(Path(sys.executable).with_name("snakemake")), *targets, "--configfile", "config/smoke.yaml"]
    with (clone / "told").open("ab") as told:
        return subprocess.Popen(
            command, cwd=clone, stdin=subprocess.DEVNULL, stdout=told, stderr=told, process_group=0,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip


def wait_for_a_record(clone: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the first evaluated episode stands in a file."""
    for _ in range(12 * MINUTE):
        if any(path.stat().st_size for path in clone.glob("results/smoke/records/*/*/*.jsonl")):
            return
        assert process.poll() is None, (clone / "told").read_text("utf-8")[-3000:]
        time.sleep(1)
    raise AssertionError("no episode was evaluated within twelve minutes")


@pytest.mark.slow
@pytest.mark.timeout(30 * MINUTE)
def test_from_nothing_to_the_table_with_ctrl_c_in_between(clone: Path) -> None:
    process = start(clone)
    try:
        wait_for_a_record(clone, process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(2 * MINUTE) != 0
        policies = {path: path.stat().st_mtime_ns for path in clone.glob("results/smoke/checkpoints/*/provenance.json")}
        records = {path: path.read_bytes() for path in clone.glob("results/smoke/records/*/*/*.jsonl")}
        assert policies
        assert any(records.values())
        process = start(clone)
        assert process.wait(12 * MINUTE) == 0, (clone / "told").read_text("utf-8")[-3000:]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert all(path.stat().st_mtime_ns == before for path, before in policies.items())  # nothing was trained again
    for path, before in records.items():  # nor evaluated again
        assert path.read_bytes().startswith(before)
        assert len({json.loads(line)["seed"] for line in path.read_text("utf-8").splitlines()}) == SMOKE["episodes"]
    table = pd.read_csv(clone / "results/smoke/table_mikasa.csv").dropna(subset=["episodes"])
    cells = table[table["environment"].isin(SMOKE["environments"])]
    assert set(cells[cells["episodes"] > 0]["variant"]) == set(SMOKE["variants"])
    for output in OUTPUTS:
        assert (clone / "results/smoke" / output).stat().st_size
