"""Record files: whole lines only, resumed where they stopped, never mixed with records of other settings."""

import json
import os
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muvla.records.file import (
    InvalidRecord,
    RecordFile,
    RecordsError,
    RecordsMismatch,
    provenance_path,
    read_cell,
)
from synthetic_records import BASE_SEED, provenance, record, write_cell

GIVEN = provenance()
SETTINGS = GIVEN["settings"]


def write(path: Path, outcomes: list[bool | None]) -> bytes:
    with RecordFile(path, GIVEN) as file:
        for episode, success in enumerate(outcomes):
            file.append(record(SETTINGS, episode, success))
    return path.read_bytes()


@settings(max_examples=60)
@given(outcomes=st.lists(st.booleans(), min_size=1, max_size=5), data=st.data())
def test_a_file_cut_anywhere_is_resumed_to_the_same_bytes(outcomes: list[bool], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "RememberColor3.jsonl"
        whole = write(path, list(outcomes))
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        left = whole[:cut].count(b"\n")
        cell = read_cell(path)
        assert (cell.episodes, cell.cut_line) == (left, cut > 0 and whole[cut - 1 : cut] != b"\n")
        with RecordFile(path, GIVEN) as file:
            assert file.done() == {BASE_SEED + episode for episode in range(left)}
            for episode in range(left, len(outcomes)):
                file.append(record(SETTINGS, episode, outcomes[episode]))
        assert path.read_bytes() == whole
        assert read_cell(path).outcomes == {BASE_SEED + i: success for i, success in enumerate(outcomes)}


def test_a_line_without_its_newline_is_cut_off_and_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    whole = write(path, [True, False])
    path.write_bytes(whole[:-1])
    with RecordFile(path, GIVEN) as file:
        assert file.done() == {BASE_SEED}
    assert "the last line was incomplete" in capsys.readouterr().err
    assert path.read_bytes() == whole[: whole.index(b"\n") + 1]


@pytest.mark.parametrize("damage", [b"\x00\xff\n", b"{}\n", b"[1]\n", b'{"seed": 1\n', b"\n"])
def test_a_corrupt_line_is_an_error_that_names_file_and_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    lines = write(path, [True, False, True]).splitlines(keepends=True)
    damaged = b"".join([lines[0], damage, *lines[2:]])
    path.write_bytes(damaged)
    for attempt in (lambda: read_cell(path), lambda: RecordFile(path, GIVEN)):
        with pytest.raises(RecordsError, match=r"RememberColor3.jsonl, line 2: "):
            attempt()
    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"checkpoint_sha256": "f" * 64}, "checkpoint_sha256"),
        ({"base_seed": 7}, "base_seed"),
        (
            {"simulator": {"mani_skill": "3.0.2", "camera_mesh_sha256": "cd" * 32, "mug": ""}},
            "simulator.mani_skill",
        ),
        (
            {"simulator": {"mani_skill": "3.0.1", "camera_mesh_sha256": "cd" * 32}},
            "simulator.camera_mesh_sha256",
        ),
        ({"something_new": 1}, "something_new"),
    ],
)
def test_records_of_other_settings_are_refused(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    before = write(path, [True]) + b'{"half'
    path.write_bytes(before)
    beside = provenance_path(path).read_bytes()
    with pytest.raises(RecordsMismatch, match=told) as caught:
        RecordFile(path, provenance(**changed))
    assert "To go on: move the file and its provenance away" in str(caught.value)
    assert (path.read_bytes(), provenance_path(path).read_bytes()) == (before, beside)


def test_more_episodes_or_another_commit_are_another_run_with_the_same_settings(tmp_path: Path) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    write(path, [True])
    for _ in range(2):
        with RecordFile(path, provenance(episodes=9)) as file:
            assert file.done() == {BASE_SEED}
    cell = read_cell(path)
    assert (cell.requested, [run["episodes"] for run in cell.runs]) == (9, [4, 9])


def test_provenance_that_is_missing_or_incomplete_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    given = provenance()
    del given["settings"]["width"], given["run"]["episodes"]
    with pytest.raises(RecordsError, match=r"lacks settings.width, run.episodes"):
        RecordFile(path, given)
    write(path, [True])
    provenance_path(path).write_text('{"settings": {}, "runs": []}')
    with pytest.raises(RecordsError, match=r"RememberColor3.provenance.json lacks scale"):
        read_cell(path)
    provenance_path(path).write_text(json.dumps({"question": GIVEN["settings"], "runs": [GIVEN["run"]]}))
    with pytest.raises(RecordsError, match="was written by an earlier version of muvla; move .* evaluate again"):
        read_cell(path)
    provenance_path(path).unlink()
    with pytest.raises(RecordsError, match="so its settings are unknown"):
        RecordFile(path, GIVEN)


def test_a_seed_with_an_outcome_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    whole = write(path, [True])
    with RecordFile(path, GIVEN) as file, pytest.raises(RecordsError, match="has an outcome already"):
        file.append(record(SETTINGS, 0, False))
    path.write_bytes(whole * 2)
    with pytest.raises(RecordsError, match=rf"line 2: seed {BASE_SEED} again"):
        read_cell(path)


def test_an_error_is_neither_success_nor_failure_and_may_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    write(path, [True, None, False])
    cell = read_cell(path)
    assert (cell.episodes, cell.successes, cell.errors) == (2, 1, 1)
    with RecordFile(path, GIVEN) as file:
        assert BASE_SEED + 1 not in file.done()
        file.append(record(SETTINGS, 1, True))
    cell = read_cell(path)
    assert (cell.episodes, cell.successes, cell.errors) == (3, 2, 0)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"forwards": 9}, r"forwards \(9\) != steps \(10\)"),
        ({"memory_updates": 9}, r"memory_updates \(9\) != forwards \(10\)"),
        ({"success": 1}, "success is 1"),
        ({"success": None}, "success is None"),
        ({"steps": 10.0}, "steps is 10.0"),
        ({"steps": True}, "steps is True"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"error": "boom"}, "an error is not a result"),
        ({"error": ""}, "error is ''"),
        ({"mode": "closed"}, "mode is 'closed'"),
        ({"memory": "zero"}, "memory is 'zero' where the provenance says 'active'"),
        ({"variant": "m64_k1"}, "variant is 'm64_k1'"),
        ({"episode": 3}, "is not base_seed"),
        ({"note": {1, 2}}, "cannot be written as JSON"),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused_and_nothing_is_written(
    tmp_path: Path, fields: dict[str, object], told: str
) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    with RecordFile(path, GIVEN) as file, pytest.raises(InvalidRecord, match=told):
        file.append({**record(SETTINGS, 0, True), **fields})
    assert path.read_bytes() == b""


def test_a_record_without_a_field_is_refused(tmp_path: Path) -> None:
    short = record(SETTINGS, 0, True)
    del short["goal"]
    with RecordFile(tmp_path / "a.jsonl", GIVEN) as file, pytest.raises(InvalidRecord, match="lacks goal"):
        file.append(short)


def test_a_policy_without_memory_may_not_update_one(tmp_path: Path) -> None:
    given = provenance("oft_episodic", mode="open_loop")
    with RecordFile(tmp_path / "a.jsonl", given) as file:
        file.append(record(given["settings"], 0, True))
        with pytest.raises(InvalidRecord, match="without memory"):
            file.append(record(given["settings"], 1, True, memory_updates=2))


def test_a_full_disk_leaves_whole_lines_and_the_episode_can_be_written_later(tmp_path: Path) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    whole = write(path, [True])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RecordFile(path, GIVEN) as file:
        # The kernel takes 20 bytes of the line and refuses the rest, as a disk does that fills up.
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, hard))
        try:
            with pytest.raises(OSError, match="free some space and run again") as caught:
                file.append(record(SETTINGS, 1, False))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert str(path) in str(caught.value)
        assert path.read_bytes() == whole
        file.append(record(SETTINGS, 1, False))
    assert read_cell(path).outcomes == {BASE_SEED: True, BASE_SEED + 1: False}


def test_ctrl_c_while_writing_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    whole = write(path, [True])

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    with RecordFile(path, GIVEN) as file:
        monkeypatch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            file.append(record(SETTINGS, 1, False))
        assert path.read_bytes() == whole
        assert file.done() == {BASE_SEED}


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "RememberColor3.jsonl"
    with RecordFile(path, GIVEN), pytest.raises(RecordsError, match="being written by another process"):
        RecordFile(path, GIVEN)
    RecordFile(path, GIVEN).close()


def test_a_line_is_the_record_and_nothing_else(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "m64_k2", "RememberColor3", [True])
    assert json.loads(path.read_text("utf-8")) == record(SETTINGS, 0, True)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "RememberColor3.jsonl",
        "RememberColor3.provenance.json",
    ]
