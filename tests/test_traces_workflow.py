"""Which episodes are traced, and what the workflow would run for their pictures."""

import copy
from pathlib import Path

from snakemake.utils import update_config

from dry_runs import CONFIG, PAPER, SMOKE, planned
from muvla.jobs import matrix, trainings

MINI = ["attention/m64_k8/RememberColor3.gif", "memory_dynamics/m64_k2/libero_object/0.png"]


def changed(*changes: dict) -> dict:
    both = copy.deepcopy(CONFIG)
    for change in changes:
        update_config(both, change)
    return both


def test_as_many_episodes_are_tried_as_are_evaluated_and_the_smoke_run_takes_the_first() -> None:
    assert matrix.traces(CONFIG) == {("m64_k8", "RememberColor3"): 50, ("m64_k2", "libero_object/0"): 20}
    assert matrix.traces(changed(SMOKE)) == {("m64_k8", "RememberColor3"): 1}


def test_the_paper_traces_what_was_trained_or_released() -> None:
    paper = changed(PAPER, {"scale": "paper"})
    trained = matrix.traces(paper)
    assert len(trained) == len(PAPER["traces"])
    assert trained["m64_k2", "RememberColor5"] == 100
    assert {task.partition("/")[0] for _, task in trained if "/" in task} == set(trainings.suites(paper))
    del paper["hub"]["checkpoints"]["libero_m64_k8"]
    released = matrix.traces({**paper, "checkpoints": "released"})
    assert set(trained) - set(released) == {(variant, task) for variant, task in trained if "/" in task}


def test_variants_with_memory_are_told_from_those_without() -> None:
    assert matrix.has_memory("m1_k8")
    assert matrix.has_memory("m64_ema")
    assert not matrix.has_memory("oft_episodic")


def test_pictures_take_a_trace_each_and_train_nothing(clone: Path) -> None:
    jobs = planned(clone, *(f"results/figures/{name}" for name in MINI))
    assert jobs == {"pull": 1, "trace": 2, "figure_attention": 1, "figure_memory_dynamics": 1, "total": 5}
