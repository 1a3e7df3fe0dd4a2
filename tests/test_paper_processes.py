"""Training as at paper scale, small, in processes of its own: killed and resumed, and two that train together."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import forked
from muvla import checkpoint
from paper_scale import arguments, lines, trained, write_paper

ENVIRONMENT = os.environ | {"PYTHONWARNINGS": "ignore"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_paper(tmp_path_factory.mktemp("paper"))


@pytest.mark.slow
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(root: Path) -> None:
    """SIGKILL three times, at moments that follow the metrics but not their lines; background readers included."""
    more = ["scale.wide_memory=3", "scale.memory_training.updates=12", "scale.memory_training.workers=1",
            "scale.memory_training.checkpoint_every=5", "scale.memory_training.accumulate=2",
            "scale.memory_training.metrics.episode_every=4"]  # fmt: skip
    whole = trained(root, "m64_k2", "whole/v", *more)
    output = root / "killed/v"
    given, log = arguments(root, "m64_k2", "killed/v", *more), root / "killed.log"
    metrics = Path(f"{output}.metrics.jsonl")
    rng = np.random.default_rng(0)
    for after in (1, 4, 9):
        process = forked.start("muvla.train", given, log)
        try:
            while process.is_alive() and (not metrics.is_file() or metrics.read_text().count("\n") < after):
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.1))
        finally:
            if process.is_alive():
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
        assert not (output / "provenance.json").exists(), "it ended before it was killed"
    code, said = forked.run("muvla.train", given, log)
    assert code == 0, said
    for end in ("", "--5_chkpt", "--10_chkpt", "/lora_adapter", "--5_chkpt/lora_adapter"):
        assert checkpoint.sha256(f"{output}{end}") == checkpoint.sha256(f"{whole}{end}"), end
    assert lines(output) == lines(whole)
    assert not Path(f"{output}.state.pt").exists()


@pytest.mark.slow
def test_two_processes_train_what_one_with_twice_the_slots_trains(root: Path) -> None:
    """Everything that is trained, head and initial memory included: the release's were each rank's own (B1, B2)."""
    common = ["scale.wide_memory=3", "scale.memory_training.updates=5", "scale.memory_training.save_every=4"]
    states = []
    for name, slots in (("one", 4), ("two", 2)):
        kept = root / f"{name}.state.pt"
        given = [str(kept), *arguments(root, "m64_k2", f"{name}/v", f"scale.memory_training.slots={slots}", *common)]
        if name == "one":
            code, said = forked.run("keep_state", given, root / "one.log")
            assert code == 0, said
        else:
            done = subprocess.run([*torchrun(), *given], env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr[-3000:]
        states.append(torch.load(kept, weights_only=True))
    one, two = states
    assert one["update"] == two["update"] == 4
    assert one["streams"] == two["streams"]
    torch.testing.assert_close(two["memory"], one["memory"], atol=1e-4, rtol=0)
    assert (
        set(one["window"]) == set(two["window"]) > {"cell.memory.initial_memory", "cell.action_head.model.fc2.weight"}
    )
    for name, value in one["window"].items():
        torch.testing.assert_close(two["window"][name], value, atol=2e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}")
    # what two processes saved goes on in one
    resumed = root / "resumed"
    resumed.mkdir()
    (resumed / "v.state.pt").write_bytes((root / "two.state.pt").read_bytes())
    trained(root, "m64_k2", "resumed/v", "scale.memory_training.slots=4", *common)
    assert [line["update"] for line in lines(resumed / "v")] == [5]


def torchrun() -> list[str]:
    """keep_state.py in two processes, which meet at a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    return [*launcher, f"--master-port={port}", str(Path(__file__).with_name("keep_state.py"))]
