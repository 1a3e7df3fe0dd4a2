"""What a call checks before its first job: marks of finished evaluations, and jobs of an earlier call in the queue."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from muvla.jobs import marks, slurm
from muvla.records.episode import RecordsError
from muvla.records.mark import write_mark
from muvla.records.provenance_file import provenance_path
from synthetic_records import write_cell
from test_workflow import clone, dry_run, planned  # noqa: F401 (clone is a fixture)

CELL = "results/records/released/m64_k8/RememberColor3"


@pytest.fixture
def records(clone: Path):  # noqa: F811
    """The records of a cell in the clone, with the mark that they are complete."""
    path = write_cell(clone / "results/records/released", "m64_k8", "RememberColor3", [True, False])
    write_mark(path)
    yield path
    for file in path.parent.iterdir():
        file.unlink()


def test_a_mark_with_its_records_stays(clone: Path, records: Path) -> None:  # noqa: F811
    assert "evaluate" not in planned(clone, f"{CELL}.done")
    assert records.with_suffix(".done").is_file()


def test_deleted_records_are_evaluated_again(clone: Path, records: Path) -> None:  # noqa: F811
    records.unlink()
    result = dry_run(clone, f"{CELL}.done")
    assert result.returncode == 0, result.stderr
    assert f"removed {CELL}.done" in result.stderr
    assert f"{CELL}.jsonl, which is gone" in result.stderr
    assert not records.with_suffix(".done").exists()
    assert planned(clone, f"{CELL}.done")["evaluate"] == 1


def test_edited_records_stop_the_call_and_both_ways_out_are_named(clone: Path, records: Path) -> None:  # noqa: F811
    records.write_text(records.read_text().replace("1", "2"))
    result = dry_run(clone, "results/table_mikasa.tex")
    told = result.stdout + result.stderr
    assert result.returncode == 1
    assert f"{CELL}.jsonl was changed after its evaluation" in told
    assert "restore it" in told
    assert "delete both and evaluate again" in told
    assert "Traceback" not in told
    assert records.with_suffix(".done").is_file(), "nothing is removed from under the user's hands"


def test_a_deleted_provenance_is_noticed(clone: Path, records: Path) -> None:  # noqa: F811
    provenance_path(records).unlink()
    result = dry_run(clone, "results/table_mikasa.tex")
    assert "its settings are unknown; restore it, or delete RememberColor3.jsonl" in result.stdout + result.stderr
    assert records.with_suffix(".done").is_file()


def test_an_empty_mark_of_an_earlier_version_is_made_anew(clone: Path, records: Path) -> None:  # noqa: F811
    records.with_suffix(".done").write_text("")
    assert planned(clone, f"{CELL}.done")["evaluate"] == 1
    assert records.is_file()


def test_another_programs_records_get_a_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_cell(tmp_path, "pi05", "RememberColor3", [True, False, True])
    assert marks.main([str(path), "5"]) == 1
    assert "2 of 5 episodes have no outcome" in capsys.readouterr().err
    assert not path.with_suffix(".done").exists()
    assert marks.main([str(path), "3"]) == 0
    assert json.loads(path.with_suffix(".done").read_text())["episodes"] == 3
    assert marks.main([str(tmp_path / "absent.jsonl"), "3"]) == 1
    assert marks.main([str(path)]) == 2
    assert marks.remove_stale([str(path.with_suffix(".done"))]) == []
    path.write_text("{}\n")
    with pytest.raises(RecordsError, match="was changed"):
        marks.remove_stale([str(path.with_suffix(".done"))])


def queue(folder: Path, place: Path) -> dict[str, str]:
    """An environment with a `squeue` that lists a job of ours, submitted from `place`, until `scancel` was called.

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
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def call(clone: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:  # noqa: F811
    command = [str(Path(sys.executable).with_name("snakemake")), "results/audit.md", *arguments]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_jobs_of_a_killed_call_are_named_and_the_start_refused(clone: Path, tmp_path: Path) -> None:  # noqa: F811
    environment = queue(tmp_path / "queue", clone)
    refused = call(clone, environment)
    assert refused.returncode == 1
    assert "jobs of an earlier call from this folder: 7." in refused.stderr
    assert "wait until they have ended" in refused.stderr
    assert "--config orphaned_jobs=cancel" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "queue" / "cancelled").exists()
    assert not (clone / "results/audit.md").exists()
    assert call(clone, environment, "--dry-run").returncode == 0, "looking is free"

    asked = call(clone, environment, "--config", "orphaned_jobs=cancel")
    assert asked.returncode == 0, asked.stderr
    assert "Cancelled what an earlier call left in the queue: 7" in asked.stderr
    assert (tmp_path / "queue" / "cancelled").read_text() == "7\n"
    assert (clone / "results/audit.md").is_file()


def test_without_slurm_nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    slurm.require_no_orphans(tmp_path)
    assert slurm.cancel_orphans(tmp_path) == []
