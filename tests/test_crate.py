"""The crate is accepted by others' tools, and travels as one file with its records."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from muvla.files import write_json
from muvla.provenance import describe_run
from muvla.records.file import provenance_path, read_cell
from muvla.records.mark import marked_cells
from muvla.report.lineage.archive import archive
from muvla.report.runner import write
from test_lineage import make, results, told_sha256  # noqa: F401  results is a fixture
from validators import needs_validators, validator
from working_copy import REPOSITORY

OFFLINE = str(REPOSITORY / "tests" / "offline_validator.py")


@pytest.fixture
def crate(results: Path) -> Path:  # noqa: F811
    """A crate with two evaluations, one that says when it ended, and a probe."""
    path = provenance_path(results / "records" / "trained" / "m64_k2" / "RememberColor3.jsonl")
    told = json.loads(path.read_text())
    told["runs"][-1]["ended"] = "2026-11-23T10:05:00+00:00"
    path.write_text(json.dumps(told))
    made = describe_run(command="muvla.cue_swap", config={"checkpoint": "results/checkpoints/m64_k2"})
    probe = results / "probes" / "cue_swap.json"
    write_json(probe, {"y_error": 0.067, "checkpoint_sha256": told_sha256(results, "m64_k2"), **made})
    make(results, probe)
    return results


def test_every_action_has_its_program_and_the_times_that_were_recorded(crate: Path) -> None:
    actions = ROCrate(crate).get_by_type("CreateAction")
    found = {action["name"]: action for action in actions}
    evaluation, probe = found["evaluation of m64_k2 RememberColor3"], found["muvla.cue_swap of m64_k2"]
    assert (evaluation["startTime"], evaluation["endTime"]) == (
        "2026-11-23T10:00:00+00:00",
        "2026-11-23T10:05:00+00:00",
    )
    assert evaluation["instrument"]["name"] == "muvla.evaluate"
    assert probe["startTime"] <= probe["endTime"]
    assert "endTime" not in found["evaluation of oft RememberColor3"], "nobody recorded it"
    assert all(action["instrument"] for action in actions)


@needs_validators
def test_a_validator_accepts_the_profile(crate: Path) -> None:
    command = [
        validator("python"),
        OFFLINE,
        "--disable-color",
        "validate",
        "-p",
        "workflow-run-crate",
        "--no-paging",
        "-nc",
    ]
    done = subprocess.run([*command, str(crate)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    metadata = crate / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"instrumental"'))
    done = subprocess.run([*command, str(crate)], capture_output=True, text=True)
    assert done.returncode == 1, "the validator looks"


@needs_validators
def test_runcrate_reports_inputs_and_outputs(crate: Path) -> None:
    said = subprocess.run(
        [validator("runcrate"), "report", str(crate)], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("action: #run\n  instrument: workflow/Snakefile")
    assert "    mini <- #parameter-scale" in said
    assert "started: 2026-11-23T10:00:00+00:00\n  ended: 2026-11-23T10:05:00+00:00" in said


@needs_validators
def test_croissant_is_valid_and_loads_the_episodes(crate: Path, tmp_path: Path) -> None:
    packed = archive(metadata=crate / "ro-crate-metadata.json")
    write(packed, [tmp_path / name for name in packed])
    described = tmp_path / "croissant.json"
    done = subprocess.run([validator("mlcroissant"), "validate", "--jsonld", described], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr
    code = "import sys, mlcroissant as m; names = 'variant', 'seed', 'success'; print(sorted(tuple(r[f'episodes/{n}'] "
    code += "for n in names) for r in m.Dataset(sys.argv[1]).records('episodes')))"
    said = subprocess.run(
        [validator("python"), "-c", code, described], capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-3000:]
    cells = [read_cell(path) for path in crate.rglob("*.jsonl")]
    expected = sorted((c.settings["variant"].encode(), s, done) for c in cells for s, done in c.outcomes.items())
    assert said.stdout.strip() == str(expected)


def test_it_is_zipped_with_its_records_and_read_elsewhere(crate: Path, tmp_path: Path) -> None:
    packed = archive(metadata=crate / "ro-crate-metadata.json")
    write(packed, [tmp_path / name for name in packed])
    assert packed == archive(metadata=crate / "ro-crate-metadata.json")
    before = {cell.path.name: cell.successes for cell in map(read_cell, crate.rglob("*.jsonl"))}
    shutil.rmtree(crate)
    elsewhere = tmp_path / "another" / "machine"
    zipfile.ZipFile(tmp_path / "ro-crate.zip").extractall(elsewhere)
    marks = sorted(elsewhere.rglob("*.done"))
    assert {cell.path.name: cell.successes for cell in marked_cells(marks)} == before
    assert len(marks) == 2
    there = ROCrate(elsewhere)
    assert all((elsewhere / entity.id).is_file() for entity in there.data_entities)
    assert there.mainEntity.id == "workflow/Snakefile"
