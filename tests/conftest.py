"""What holds for the whole suite: threads, compiled bytecode, which files go together and which first, fixtures."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

import apptainer_image
import muvla  # noqa: F401  before torch, whose kernels it chooses
from browser import chromium
from dry_runs import copy_workflow
from slurm_cluster import cluster

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The processes of `pytest -n` and those that tests start share the cores, and threads that wait should not spin.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
# Without compiled bytecode every process parses torch and transformers again: 20 seconds instead of 5.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The same examples in every run, so that the suite says the same twice, and as long as it takes on a loaded machine;
# `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("suite")

# A process of `pytest -n` gets whole files, and these files together: one Slurm at a time can run on a
# machine, Apptainer and its image are made once, and so are the same dry runs.
TOGETHER = {
    **dict.fromkeys(("test_slurm", "test_apptainer", "test_registry"), "slurm"),
    **dict.fromkeys(("test_workflow", "test_commands", "test_traces_workflow", "test_docs"), "dry_runs"),
}
# Files of more than half a minute, the longest first, so that no process is left with one at the end.
LONGEST_FIRST = (
    *("test_slurm", "test_apptainer", "test_registry", "test_libero", "test_mikasa", "test_workflow", "test_commands"),
    *("test_traces_workflow", "test_docs", "test_evaluate", "test_paper_processes", "test_ctrl_c", "test_collect"),
    *("test_bridge", "test_served"),
    *("test_train", "test_golden_policy", "test_libero_evaluation", "test_released_layout", "test_trace"),
    *("test_cpu", "test_hub", "test_libero_scene", "test_paper_scale", "test_dvc", "test_light_scene"),
    *("test_site_browser", "test_start", "test_surroundings", "test_golden", "test_cost"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of long files to the front; within a file nothing moves."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(Path(item.path).stem, len(order)))


class TogetherScheduling(LoadFileScheduling):
    """Like --dist loadfile, but some files make one unit. (xdist 3.8's groups are lost on pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.partition("::")[0]).stem
        return TOGETHER.get(name, name)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherScheduling:
    return TogetherScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_forced_onto_the_disk() -> Iterator[None]:
    """Thousands of made-up records need not outlive the machine; commands in processes of their own do as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a dry run reads, where nothing was made yet. Tests leave it as it is."""
    return copy_workflow(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a small, untrained policy with memory. Tests leave it as it is."""
    from made_up import write_checkpoint  # with torch, which few files need

    return write_checkpoint(tmp_path_factory.mktemp("policy") / "m64_k2")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm that answers; the test is skipped where none can be had."""
    with cluster(tmp_path_factory.mktemp("slurm")):
        yield


@pytest.fixture(scope="session")
def apptainer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `apptainer` is found; it is installed for the tests where the shared tools are."""
    return apptainer_image.found_or_installed(tmp_path_factory)


@pytest.fixture(scope="session")
def image(apptainer: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that holds this machine's own programs."""
    return apptainer_image.built(apptainer, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One Chromium for a file of tests; they open pages of their own in it."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of an episode viewer of made-up traces, as the address of a file."""
    from made_up_viewer import make_viewer  # the figures' libraries, for few tests

    return make_viewer(tmp_path_factory.mktemp("site")).as_uri()
