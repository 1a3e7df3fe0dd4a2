"""What a call checks before its first job: marks of finished evaluations, and jobs of an earlier call in the queue."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dry_runs import call, copy_workflow, counted
from muvla.jobs import marks, slurm
from muvla.records.episode import RecordsError
from muvla.records.mark import write_mark
from muvla.records.provenance_file import provenance_path
from synthetic_records import write_cell

CELL = "results/records/released/m64_k2/RememberColor3"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_workflow(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def records(clone: Path):
    """The records of a cell in the clone, with the mark that they are complete."""
    path = write_cell(clone / "results/records/released", "m64_k2", "RememberColor3", [True, False])
    write_mark(path)
    yield path
    shutil.rmtree(clone / "results")


def measured(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake where tables are made of what is evaluated here."""
    return call(clone, *arguments, "--config", "records=measured")


def planned(clone: Path, target: str) -> dict[str, int]:
    return counted(measured(clone, "--dry-run", target))


def test_a_mark_with_its_records_stays(clone: Path, records: Path) -> None:
    assert not [rule for rule in planned(clone, f"{CELL}.done") if "evaluate" in rule]
    assert records.with_suffix(".done").is_file()


def test_deleted_records_are_evaluated_again(clone: Path, records: Path) -> None:
    records.unlink()
    mark = records.with_suffix(".done")
    looked = measured(clone, "--dry-run", f"{CELL}.done")
    assert looked.returncode == 0, looked.stderr
    assert f"would be removed: {CELL}.done" in looked.stderr
    assert f"{CELL}.jsonl, which is gone" in looked.stderr
    assert mark.is_file(), "a dry run removes nothing"
    assert "removed" not in measured(clone, "--unlock").stderr
    assert mark.is_file()
    started = measured(clone, "results/audit.md")
    assert started.returncode == 0, started.stderr
    assert f"removed: {CELL}.done" in started.stderr
    assert sum("evaluate_table" in rule for rule in planned(clone, f"{CELL}.done")) == 1


def test_edited_records_stop_what_needs_them_and_both_ways_out_are_named(clone: Path, records: Path) -> None:
    records.write_text(records.read_text().replace("Red", "Blue"))
    looked = measured(clone, "--dry-run", "results/table_mikasa.tex")
    assert looked.returncode == 0, looked.stderr
    stopped = measured(clone, "results/comparisons.md", "results/table_mikasa.tex")
    for told in (looked.stderr, stopped.stderr):
        assert f"{CELL}.jsonl was changed after its evaluation" in told
        assert "restore it" in told
        assert "delete both and evaluate again" in told
        assert "Traceback" not in told
    assert stopped.returncode == 1
    assert "Finished job" not in stopped.stderr, "nothing runs before"
    assert records.with_suffix(".done").is_file(), "nothing is removed from under the user's hands"


def test_a_deleted_provenance_is_noticed(clone: Path, records: Path) -> None:
    provenance_path(records).unlink()
    result = measured(clone, "--dry-run", "results/table_mikasa.tex")
    assert "its settings are unknown; restore it, or delete RememberColor3.jsonl" in result.stdout + result.stderr
    assert records.with_suffix(".done").is_file()


def test_edited_records_are_no_matter_of_other_targets(clone: Path, records: Path) -> None:
    records.write_text(records.read_text().replace("Red", "Blue"))
    audit = measured(clone, "results/audit.md")
    assert audit.returncode == 0, audit.stderr
    assert f"{CELL}.jsonl was changed after its evaluation" in audit.stderr
    unlocked = measured(clone, "--unlock")
    assert unlocked.returncode == 0, unlocked.stderr
    assert "was changed" not in unlocked.stderr


def test_an_empty_mark_of_an_earlier_version_is_made_anew(clone: Path, records: Path) -> None:
    mark = records.with_suffix(".done")
    mark.write_text("")
    stale, edited = marks.faults([str(mark)])
    assert (list(stale), edited) == ([str(mark)], {})
    assert marks.remove(stale, dry_run=True)
    assert mark.is_file()
    assert marks.remove(stale, dry_run=False)
    assert sum("evaluate_table" in rule for rule in planned(clone, f"{CELL}.done")) == 1
    assert records.is_file()


def test_records_that_were_edited_are_told(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", [True, False, True])
    mark = write_mark(path)
    assert marks.faults([str(mark)]) == ({}, {})
    path.write_text("{}\n")
    stale, edited = marks.faults([str(mark)])
    assert (stale, list(edited)) == ({}, [str(mark)])
    marks.require_unedited(edited, {"results/audit.md"})
    with pytest.raises(RecordsError, match="was changed"):
        marks.require_unedited(edited, {str(mark)})


def queue(folder: Path, place: Path) -> str:
    """A folder with a `squeue` that lists a job of ours, submitted from `place`, until `scancel` was called.

    Beside it stand an interactive job from there and a job of a Snakemake in another folder.
    """
    folder.mkdir()
    listed = f"7|rule_evaluate_wildcards_x|{place}\n8|interactive|{place}\n9|rule_evaluate|{folder}"
    cancelled = folder / "cancelled"
    for name, body in {
        "squeue": f"[ -e {cancelled} ] || printf '%s\\n' '{listed}'",
        "scancel": f'echo "$@" >{cancelled}',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_jobs_of_a_killed_call_are_named_and_the_start_refused(clone: Path, tmp_path: Path) -> None:
    programs = queue(tmp_path / "queue", clone)
    refused = call(clone, "results/audit.md", path=programs)
    assert refused.returncode == 1
    assert "jobs of an earlier call from this folder: 7." in refused.stderr
    assert "wait until they have ended" in refused.stderr
    assert "--config orphaned_jobs=cancel" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "queue" / "cancelled").exists()
    assert not (clone / "results/audit.md").exists()
    assert call(clone, "results/audit.md", "--dry-run", path=programs).returncode == 0, "looking is free"

    asked = call(clone, "results/audit.md", "--config", "orphaned_jobs=cancel", path=programs)
    assert asked.returncode == 0, asked.stderr
    assert "Cancelled what an earlier call left in the queue: 7" in asked.stderr
    assert (tmp_path / "queue" / "cancelled").read_text() == "7\n"
    assert (clone / "results/audit.md").is_file()


def test_without_slurm_nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    slurm.require_no_orphans(tmp_path)
    assert slurm.cancel_orphans(tmp_path) == []
