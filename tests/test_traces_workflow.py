"""Which episodes are traced, and what the workflow would run for their pictures."""

import copy
from pathlib import Path

from snakemake.utils import update_config

from dry_runs import CONFIG, PAPER, SMOKE, planned
from muvla.benchmark.benchmark import benchmark_of
from muvla.jobs import batches, matrix, traces, trainings

MINI = ["attention/m64_k2/RememberColor5.gif", "memory_dynamics/m64_k8/libero_object/0.png"]


EVERY_POLICY = {**CONFIG, "checkpoints": "trained"}  # not only those that come along


def changed(*changes: dict) -> dict:
    both = copy.deepcopy(CONFIG)
    for change in changes:
        update_config(both, change)
    return both


def test_the_first_episodes_of_the_evaluation_are_traced_whether_they_succeed_or_not() -> None:
    found = traces.wanted(EVERY_POLICY)
    assert found["oft_episodic", "RememberColor5"] == found["m64_k8", "ShellGamePush"] == 3
    assert traces.seeds(CONFIG, "RememberColor5", 3) == range(4242424242, 4242424245)
    assert traces.seeds(CONFIG, "libero_object/0", 2) == range(2), "its stored initial states"
    assert set(traces.wanted(changed(SMOKE)).values()) == {1}


def test_figures_show_the_first_variant_of_each_entry() -> None:
    entry = {"variant": ["m64_k8", "oft_episodic"], "environment": ["TakeItBack", "libero_goal/1"], "episodes": 2}
    assert traces.drawn(changed({"traces": [entry]})) == [("m64_k8", "TakeItBack"), ("m64_k8", "libero_goal/1")]


def test_a_process_traces_several_policies_but_one_task_of_libero() -> None:
    found = batches.trace_batches(EVERY_POLICY)
    assert sorted(cell[:2] for batch in found for cell in batch.cells) == sorted(traces.wanted(EVERY_POLICY))
    sizes = {benchmark_of(batch.cells[0].environment).name: len(batch.cells) for batch in found}
    assert sizes == {"mikasa": 7, "libero": 1}
    paper = batches.trace_batches(changed(PAPER, {"scale": "paper"}))
    assert all(len({cell.variant for cell in batch.cells}) == 1 for batch in paper), "15 GB are loaded once"


def test_the_paper_traces_what_was_trained_or_released() -> None:
    paper = changed(PAPER, {"scale": "paper"})
    trained = traces.wanted(paper)
    assert ("m64_k2", "RememberColor5") in trained
    assert {task.partition("/")[0] for _, task in trained if "/" in task} == set(trainings.suites(paper))
    del paper["hub"]["checkpoints"]["libero_m64_k8"]
    released = traces.wanted({**paper, "checkpoints": "released"})
    assert {place for place in trained if place not in released} == {
        (variant, place) for variant, place in trained if "/" in place or variant == "oft_episodic"
    }
    missing = traces.missing({**paper, "checkpoints": "released"})
    assert {
        (variant, place) for variant, places in missing.items() for place in places
    } == trained.keys() - released.keys()
    assert not traces.missing(paper)


def test_variants_with_memory_are_told_from_those_without() -> None:
    assert matrix.has_memory("m1_k8")
    assert matrix.has_memory("m64_ema")
    assert not matrix.has_memory("oft_episodic")


def test_pictures_and_viewer_take_their_traces_and_train_nothing(clone: Path) -> None:
    jobs = planned(clone, *(f"results/figures/{name}" for name in MINI))
    assert {"pull", "figure_attention", "figure_memory_dynamics"} < jobs.keys()
    assert jobs["total"] == 5, "two processes that trace"
    jobs = planned(clone, "results/site/index.html")
    assert {"pull", "site", "site_viewer", *(batch.name for batch in batches.trace_batches(CONFIG))} < jobs.keys()
    assert not {"collect", "base", "train"} & jobs.keys(), "the page comes with its viewer, and neither trains"
