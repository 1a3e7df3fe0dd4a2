"""The same bytes whatever the user's environment asks of the libraries, and the golden record of them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from muvla import cpu
from muvla.golden import __main__ as golden
from muvla.golden.__main__ import ENVIRONMENTS, TRAINING, computed, difference

# One sum a library: torch's own kernels, oneDNN's, MKL's, numpy's and OpenBLAS's. Printed: a hash of each.
SUMS = """
import muvla, hashlib, numpy as np, torch
a = np.random.default_rng(0).normal(size=(72, 130)).astype(np.float32)
t = torch.from_numpy(a)
found = {
    "torch": t.softmax(-1), "onednn": torch.nn.functional.gelu(t), "mkl": t @ t.T,
    "numpy": np.concatenate([np.exp(a), np.exp(a.astype(float))]), "openblas": a @ a.T,
}
print(*(f"{name}={hashlib.sha256(np.asarray(each).tobytes()).hexdigest()[:12]}" for name, each in found.items()))
"""
LOWER = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OMP_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
}
HIGHER = {
    "ATEN_CPU_CAPABILITY": "avx512" if "avx512f" in cpu.flags() else "avx2",
    "ONEDNN_MAX_CPU_ISA": "ALL",
    "MKL_CBWR": "AVX512",
    "OPENBLAS_CORETYPE": "SkylakeX" if "avx512f" in cpu.flags() else "Zen",
    "NPY_DISABLE_CPU_FEATURES": "",
}
held_here = pytest.mark.skipif(not cpu.flags() >= cpu.NEEDED, reason="a processor without AVX2 is not held")


def sums(environment: Mapping[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in cpu.HELD}
    done = subprocess.run(
        [sys.executable, "-c", SUMS], env=clean | environment, capture_output=True, text=True, check=True, timeout=300
    )
    return dict(word.split("=") for word in done.stdout.split())


@held_here
def test_no_library_computes_other_bytes_when_the_environment_asks_for_other_kernels() -> None:
    held = sums(HIGHER)
    assert sums(LOWER) == held
    free = sums(LOWER | {cpu.VARIABLE: "native"})
    assert [name for name, value in held.items() if value == free[name]] == []


def test_commands_on_a_gpu_are_free_and_take_back_what_a_parent_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cpu.VARIABLE, raising=False)
    monkeypatch.setattr(os, "environ", {**os.environ, **cpu.HELD, "OMP_NUM_THREADS": "7"})
    assert not cpu.wants_native(["-m", "device=cpu", "scale=mini"])
    monkeypatch.setattr(sys, "argv", ["-m", "device=cuda"])
    cpu.hold()
    assert {name: os.environ[name] for name in cpu.HELD if name in os.environ} == {"OMP_NUM_THREADS": "7"}
    assert cpu.state() == "native"  # and so for the processes that this one starts
    assert cpu.wants_native([])
    os.environ[cpu.VARIABLE] = "fast"
    with pytest.raises(ValueError, match="MUVLA_CPU is 'fast': leave it out, or set it to native"):
        cpu.hold()


def test_a_processor_without_avx2_is_warned_about_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(cpu, "flags", lambda: {"sse2", "fma"})
    with pytest.warns(UserWarning, match="lacks avx2"):
        cpu.hold()
    assert os.environ == {cpu.VARIABLE: "native"}


@held_here
def test_libraries_that_came_first_are_named() -> None:
    lines = "import numpy, muvla; from muvla.provenance import circumstances; print(circumstances()['arithmetic'])"
    clean = {name: value for name, value in os.environ.items() if name not in cpu.HELD}
    done = subprocess.run([sys.executable, "-c", lines], env=clean, capture_output=True, text=True, check=True)
    assert "numpy came before muvla" in done.stderr
    assert done.stdout == "AVX2, but numpy or torch came first\n"


def test_the_first_layer_that_differs_is_named() -> None:
    known = {layer: {"sha256": layer, "numbers": [1.5, 2]} for layer in ("physics", "picture", "policy")}
    assert difference(known, known) is None
    other = {**known, "picture": {"sha256": "x", "numbers": [1.25]}, "policy": {"sha256": "x", "numbers": []}}
    assert difference(known, other) == "differs first in picture: 1.5 2 on record, 1.25 here"
    assert difference(None, known) == "is not on record"


def test_a_difference_ends_the_command_with_1_and_says_what_else_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golden, "GOLDEN", tmp_path / "golden.json")
    here = {"training": {"sha256": "a", "numbers": [0.5]}}
    monkeypatch.setattr(golden, "computed", lambda names: dict.fromkeys(names, here).items())
    assert golden.main(["--only", TRAINING, "--write"]) == 0
    assert golden.main(["--only", TRAINING]) == 0
    stored = json.loads(golden.GOLDEN.read_text())
    stored["found"][cpu.maker()][TRAINING] = {"training": {"sha256": "b", "numbers": [0.25]}}
    stored["circumstances"]["torch"] = "2.0.0"
    golden.GOLDEN.write_text(json.dumps(stored))
    capsys.readouterr()
    assert golden.main(["--only", TRAINING]) == 1
    told = capsys.readouterr().out
    assert "differs first in training: 0.25 on record, 0.5 here" in told
    assert "torch: 2.0.0 on record, 2.13.0" in told
    assert "renderer" not in told
    monkeypatch.setattr(cpu, "maker", lambda: "Nobody")
    assert golden.main(["--only", TRAINING]) == 1
    assert "There is no record of processors made by Nobody: compared with another's." in capsys.readouterr().out


def test_training_is_on_record_alike_for_every_maker() -> None:
    """Physics is not: PhysX asks the processor for approximate reciprocals."""
    stored = json.loads(golden.GOLDEN.read_text("utf-8"))["found"]
    assert len(stored) > 1
    assert len({each[TRAINING]["training"]["sha256"] for each in stored.values()}) == 1


@held_here
@pytest.mark.slow
def test_this_machine_computes_what_is_on_record() -> None:
    """One family and the training; `python -m muvla.golden` runs all nine."""
    stored = cpu.of_maker(json.loads(golden.GOLDEN.read_text("utf-8"))["found"])
    assert set(stored) == {*ENVIRONMENTS, TRAINING}
    found = dict(computed(["RememberColor9", TRAINING]))
    assert {name: difference(stored[name], found[name]) for name in found} == dict.fromkeys(found)
