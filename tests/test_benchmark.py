"""The records of the benchmarks: one way to ask which one a name belongs to, and nothing else to extend (spec 3, 6)."""

import dataclasses
import sys
from types import ModuleType

import numpy as np
import pytest

import muvla.benchmark
from muvla.benchmark.benchmark import Environment, benchmark_of, benchmarks, environment_named
from muvla.benchmark.libero import LIBERO
from muvla.benchmark.mikasa import MIKASA
from muvla.data.episode import Episode, dataset_name, environment_name
from muvla.data.rlds.dataset import RldsDataset, write_dataset
from muvla.data.statistics import parse_statistics
from muvla.sim.contract import spaces
from muvla.sim.simulator import make_simulator, preflight


@pytest.mark.parametrize(
    ("name", "title", "nearest"),
    [
        ("RememberColour3", None, "RememberColor3"),
        ("libero_spatial/10", None, "libero_spatial/1"),
        ("libero_goal/x", None, "libero_goal/9"),
        ("libero_90/89", "LIBERO", None),
        ("libero_object_no_noops", "LIBERO", None),
        ("remember_color_3_vla_v0", "MIKASA-Robo", None),
        ("RotateStrictPosNeg", "MIKASA-Robo", None),
    ],
)
def test_every_room_gives_the_same_answer_for_a_name(name, title, nearest):
    """Two functions called is_libero once disagreed about libero_spatial/10 and libero_nowhere."""
    if title:
        assert benchmark_of(name).title == title
        return
    with pytest.raises(ValueError, match=f"unknown environment {name!r}: did you mean .*{nearest}") as refused:
        benchmark_of(name)
    for ask in (environment_named, dataset_name, make_simulator, lambda each: preflight(each, {})):
        with pytest.raises(ValueError, match="unknown environment") as other:
            ask(name)
        assert str(other.value) == str(refused.value)


def test_numbers_of_the_paper():
    assert [len(each.environments) for each in (MIKASA, LIBERO)] == [23, 130]
    assert environment_named("RotateStrictPos").max_steps == 90
    assert environment_named("libero_10/0").max_steps == 520
    assert (MIKASA.proprio_width, MIKASA.picture_size, LIBERO.proprio_width, LIBERO.picture_size) == (7, 128, 8, 256)
    observation, action = spaces(LIBERO, 8)
    assert observation["image"].shape == (2, 256, 256, 3)
    assert action.shape == (8, 7)


def test_names_of_data_sets_go_both_ways():
    for benchmark in benchmarks().values():
        for name, environment in benchmark.environments.items():
            assert dataset_name(name) == environment.dataset
            assert environment_name(environment.dataset) == name
            assert benchmark_of(environment.dataset) is benchmark


@pytest.fixture
def third(monkeypatch):
    """A benchmark that shares the width of LIBERO's robot state and nothing else, registered as a file would be."""
    meta = dataclasses.replace(
        MIKASA,
        name="meta",
        title="Meta-World",
        example="push-v2",
        environments={"push-v2": Environment("push-v2", "push", 100, "meta_push")},
        datasets="meta_[a-z]+",
        proprio_width=8,
        proprio_key="observation",
        command=lambda actions: -actions,
        standardise=lambda actions: actions + 1,
    )
    module, simulator = ModuleType("muvla.benchmark.meta"), ModuleType("muvla.sim.meta.simulator")
    module.META, simulator.make = meta, lambda environment, **options: (environment, options)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "muvla.sim.meta", ModuleType("muvla.sim.meta"))
    monkeypatch.setitem(sys.modules, simulator.__name__, simulator)
    listed = muvla.benchmark.benchmark.pkgutil.iter_modules(muvla.benchmark.__path__)
    names = [*listed, dataclasses.make_dataclass("Module", ["name"])("meta")]
    monkeypatch.setattr(muvla.benchmark.benchmark.pkgutil, "iter_modules", lambda path: names)
    benchmarks.cache_clear()
    yield meta
    monkeypatch.undo()
    benchmarks.cache_clear()


def test_a_third_benchmark_is_one_record_and_one_simulator(third, tmp_path):
    assert benchmark_of("push-v2") is third
    assert make_simulator("push-v2", render=False) == ("push-v2", {"render": False})
    episode = Episode(
        environment="push-v2",
        instruction="Push.",
        images=np.zeros((3, 2, 4, 4, 3), np.uint8),
        proprio=np.zeros((3, 8), np.float32),
        actions=np.zeros((3, 7), np.float32),
        file_path="0",
    )
    read = RldsDataset(write_dataset(tmp_path, dataset_name("push-v2"), [episode]))
    assert (read.environment, read.benchmark) == ("push-v2", third)
    assert '"observation"' in (read.directory / "features.json").read_text()
    np.testing.assert_array_equal(read[0].proprio, episode.proprio)
    bounds = {"q01": [-1.0] * 7, "q99": [1.0] * 7}
    wide = {"q01": [-1.0] * 8, "q99": [1.0] * 8}
    statistics = parse_statistics({"meta_combined": {"action": bounds, "proprio": wide}})
    assert statistics.benchmark is third, "not LIBERO, whose robot state is as wide"
    assert statistics.action.mask.all()
    with pytest.raises(ValueError, match="1 of Meta-World, spelt like push-v2"):
        benchmark_of("push-v3x")
