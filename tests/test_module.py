"""The workflow as a module of another one (module muvla: snakefile: ...), and Snakemake's own report of it."""

from pathlib import Path

import pytest

from dry_runs import call
from working_copy import REPOSITORY

SNAKEFILE = f"""
module muvla:
    snakefile:
        "{REPOSITORY}/workflow/Snakefile"


use rule * from muvla as muvla_*


rule conclusion:
    default_target: True
    input:
        "results/audit.md",
    output:
        "conclusion.txt",
    shell:
        "head -1 {{input}} > {{output}}"
"""


@pytest.fixture
def another(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def test_another_workflow_uses_its_rules(another: Path) -> None:
    done = call(another, "--cores", "1", "conclusion.txt")
    assert done.returncode == 0, done.stderr
    assert (another / "conclusion.txt").read_text() == (another / "results/audit.md").read_text().splitlines()[0] + "\n"
    planned = call(another, "--cores", "1", "--dry-run", "results/table_mikasa.tex")
    assert planned.returncode == 0, planned.stderr
    assert "muvla_evaluate_sample_1" in planned.stdout + planned.stderr


def test_its_report_names_what_was_made(another: Path) -> None:
    assert call(another, "--cores", "1", "conclusion.txt").returncode == 0
    done = call(another, "--report", "report.html", "conclusion.txt")
    assert done.returncode == 0, done.stderr
    page = (another / "report.html").read_text("utf-8")
    assert "muvla_audit" in page
    assert "audit.html" in page
