"""What rules ask a cluster for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from muvla.jobs.resources import Needs

PROFILE = Path(__file__).resolve().parents[1] / "slurm"
SITE = {"gpu_partition": None, "gpu_model": None}


def needs(scale: str, **site: str) -> Needs:
    return Needs({"scale": scale, "site": {**SITE, **site}})  # type: ignore[typeddict-item]


@pytest.mark.parametrize(("scale", "first"), [("mini", 6000), ("smoke", 6000), ("paper", 64000)])
def test_a_job_that_failed_gets_more(scale: str, first: int) -> None:
    memory = needs(scale).growing(6000, paper=64000)
    assert [memory(None, attempt=attempt) for attempt in (1, 2, 3)] == [first, 2 * first, 3 * first]


def test_one_number_serves_both_scales() -> None:
    assert needs("paper").growing(10)(None, attempt=1) == 10


def test_a_site_that_names_nothing_asks_for_nothing() -> None:
    assert needs("paper").gpu(8) == {"gpu": 8}


def test_the_site_file_decides_where_and_on_what() -> None:
    site = {"gpu_partition": "a", "gpu_model": "h100"}
    assert needs("paper", **site).gpu(8) == {"slurm_partition": "a", "gpu": 8, "gpu_model": "h100"}


def test_mini_runs_where_there_is_no_gpu() -> None:
    assert needs("mini", gpu_partition="a").gpu(1) == {}


@pytest.mark.parametrize(("attempt", "memory", "minutes"), [(1, 2000, 30), (3, 6000, 90)])
def test_what_a_rule_leaves_to_the_profile_grows_too(attempt: int, memory: int, minutes: int, tmp_path: Path) -> None:
    """A rule that names no resources, under the profile `slurm` as it is shipped."""
    (tmp_path / "Snakefile").write_text('rule plain:\n    output: "made"\n    shell: "touch {output}"\n')
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--dry-run", "--profile", str(PROFILE), "--attempt", str(attempt)]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True).stdout
    (resources,) = re.findall(r"resources: (.*)", shown)
    assert {f"mem_mb={memory}", f"runtime={minutes}"} <= set(resources.split(", "))
