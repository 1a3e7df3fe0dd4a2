"""What rules ask a cluster for."""

import re
from pathlib import Path
from typing import Any

import pytest

from muvla.jobs.resources import Needs

RULES = Path(__file__).resolve().parents[1] / "workflow" / "rules"
SITE = {"account": None, "cpu_partition": None, "gpu_partition": None, "gpu_model": None}


def needs(scale: str, **site: str) -> Needs:
    return Needs({"scale": scale, "site": {**SITE, **site}})


@pytest.mark.parametrize(("scale", "first"), [("mini", 6000), ("smoke", 6000), ("paper", 64000)])
def test_a_job_that_failed_gets_more(scale: str, first: int) -> None:
    memory = needs(scale).growing(6000, paper=64000)
    assert [memory(None, attempt=attempt) for attempt in (1, 2, 3)] == [first, 2 * first, 3 * first]


def test_one_number_serves_both_scales() -> None:
    assert needs("paper").growing(10)(None, attempt=1) == 10


def test_a_site_that_names_nothing_asks_for_nothing() -> None:
    assert needs("paper").cpu() == {}
    assert needs("paper").gpu(8) == {"gpu": 8}


def test_the_site_file_decides_where_and_on_what() -> None:
    site: dict[str, Any] = {"account": "lab", "cpu_partition": "short", "gpu_partition": "a", "gpu_model": "h100"}
    assert needs("paper", **site).cpu() == {"slurm_account": "lab", "slurm_partition": "short"}
    assert needs("paper", **site).gpu(8) == {
        "slurm_account": "lab",
        "slurm_partition": "a",
        "gpu": 8,
        "gpu_model": "h100",
    }


def test_mini_runs_where_there_is_no_gpu() -> None:
    assert needs("mini", gpu_partition="a", cpu_partition="short").gpu(1) == {"slurm_partition": "short"}


def test_every_rule_says_what_it_needs() -> None:
    """Account and partition come from the site file; memory and time grow with the attempt."""
    rules = [
        (file.name, rule)
        for file in sorted(RULES.glob("*.smk"))
        for rule in re.split(r"^(?=rule )", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
    ]
    assert len(rules) > 20
    for file, rule in rules:
        for asked in (r"\*\*needs\.(cpu|gpu)\(", r"mem_mb=needs\.growing\(", r"runtime=needs\.growing\(", r"threads: "):
            assert re.search(asked, rule), f"{file}, {rule.splitlines()[0]} lacks {asked}"
