"""benchmarks/gpu.py with a policy of a few thousand parameters on the CPU, and what muvla.jobs.cost makes of it."""

import dataclasses
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import tiny
from muvla.files import ROOT, Json
from muvla.jobs import configuration, cost

SIZES = dataclasses.replace(tiny.ARCHITECTURE, vocab_size=256)
CPU = torch.device("cpu")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import gpu

    monkeypatch.setattr(gpu, "SLOTS", (1, 2))
    monkeypatch.setattr(gpu, "MEMORY", dataclasses.replace(gpu.MEMORY, num_mem_tokens=3))
    yield gpu
    for name in ("gpu", "blank", "train_step"):
        sys.modules.pop(name, None)


def test_every_part_is_measured_and_the_plan_uses_it(gpu: ModuleType, tmp_path: Path) -> None:
    few = ["variant.memory.num_mem_tokens=3", "scale.memory_training.lora={rank: 4, alpha: 2, dropout: 0.0}"]
    found = gpu.measured(SIZES, CPU, few, repeats=1, minutes=9)
    assert found["skipped"] == []
    assert all(ms > 0 for ms in found["acting_ms"].values())
    two, eight = (found["updates"][variant] for variant in ("m64_k2", "m64_k8"))
    assert (two["frames"], eight["frames"]) == (8, 32)
    assert eight["operations"] == 4 * two["operations"]
    assert found["release_shaped"]["m64_k8"]["ms"] > found["release_shaped"]["m64_k2"]["ms"]
    (tmp_path / "gpu.json").write_text(json.dumps(found))
    used = cost.Assumptions.read(tmp_path / "gpu.json")
    assert used.query == found["acting_ms"]["1"] / 1000
    seconds = (two["ms"] + eight["ms"]) / 1000
    assert used.peak * used.utilisation == pytest.approx(5 * two["operations"] / seconds)


def test_what_does_not_fit_into_the_time_is_named(gpu: ModuleType) -> None:
    found = gpu.measured(SIZES, CPU, [], repeats=1, minutes=-1)
    assert found["updates"] == {"m64_k2": None, "m64_k8": None}
    assert "updates, m64_k8: out of time" in found["skipped"]
    assert len(found["skipped"]) == 6


def test_what_does_not_fit_into_memory_is_named(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> float:
        raise torch.OutOfMemoryError

    for name in ("acting", "updates", "release_shaped"):
        monkeypatch.setattr(gpu, name, full)
    assert gpu.measured(SIZES, CPU, [], repeats=1, minutes=9)["skipped"][0] == "acting, 1 slots: out of memory"


def measurement() -> Json:
    """What the benchmark writes of a card that does 4e14 operations a second and ran out of memory at K=8."""
    update = {"ms": 2000.0, "operations": 8 * 10**14}
    return {
        "card": "H100",
        "date": "2026-12-01",
        "updates": {"m64_k2": update, "m64_k8": None},
        "acting_ms": {"1": 40.0, "8": 90.0, "32": None},
    }


def test_the_plan_says_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = configuration.matrix_of("paper")
    libero = {**matrix["libero"], "variants": [], "tasks": []}
    small = {**matrix, "variants": ["m64_k2"], "libero": libero, "controls": [], "traces": [], "training_seeds": [0]}
    monkeypatch.setattr(cost, "MEASURED", tmp_path / "gpu.json")
    assumed = cost.plan(small)
    assert "Measured" not in cost.summary(assumed, 1)
    cost.MEASURED.write_text(json.dumps(measurement()))
    used = cost.plan(small)
    assert used[0].hours == pytest.approx(assumed[0].hours * 989e12 * 0.35 / 4e14)
    assert used[1].hours < assumed[1].hours, "a query takes 40 ms instead of 80"
    told = cost.summary(used, 1)
    assert "Measured on one H100 on 2026-12-01 (benchmarks/gpu.json): the operations a second of a training" in told


def test_a_damaged_measurement_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    for content in (
        "{}",
        "[]",
        "{",
        json.dumps({**measurement(), "updates": {"m64_k2": {"ms": 0.0, "operations": 1}}}),
    ):
        file.write_text(content)
        with pytest.raises(ValueError, match="not what benchmarks/gpu.py writes"):
            cost.Assumptions.read(file)
