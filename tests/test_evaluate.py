"""Evaluation of a random tiny policy in the real simulator: records, resuming, interventions (spec 6.4)."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up import BOUNDS, INSTRUCTION, write_checkpoint, write_flow_checkpoint
from muvla.evaluate import __main__ as evaluation
from muvla.evaluate import episodes
from muvla.evaluate.in_turn import run_in_turn
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.evaluate.settings import provenance_of, require_benchmark
from muvla.model.architecture import MemorySettings
from muvla.options import read
from muvla.records.condition import condition_of
from muvla.records.file import RecordsMismatch, read_cell
from muvla.records.mark import marked_records
from muvla.report.sample import Sample
from muvla.report.tables.entry import flags
from muvla.sim.contract import SimulatorError
from muvla.sim.mikasa.env import MikasaEnv
from synthetic_records import write_cell


def configured(checkpoint: Path, output: Path, *more: str) -> EvaluateSettings:
    return read(EvaluateSettings, [f"checkpoint={checkpoint}", f"output={output}", "threads=1", *more])


@pytest.mark.slow
def test_records_are_written_resumed_and_the_same_for_any_number_of_slots(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one/RememberColor3.jsonl", tmp_path / "two/RememberColor3.jsonl"
    frames = tmp_path / "strip.npz"

    # An exception is an error, no failed episode: the next call runs it again.
    act = Policy.act

    def failing(self: Policy, *arguments) -> np.ndarray:
        if self.forwards[0] == 2:
            raise RuntimeError("the policy broke")
        return act(self, *arguments)

    monkeypatch.setattr(Policy, "act", failing)
    with pytest.raises(RuntimeError, match="the policy broke"):
        evaluation.evaluate(configured(folder, two, "episodes=3", "slots=1"))
    (line,) = two.read_text().splitlines()
    assert json.loads(line)["success"] is None
    assert "the policy broke" in json.loads(line)["error"]
    assert read_cell(two).episodes == 0
    monkeypatch.undo()

    evaluation.evaluate(configured(folder, two, "episodes=3", "slots=2", f"frames={frames}", "mark=true"))
    assert marked_records(two.with_suffix(".done")) == two
    cell = read_cell(two)
    assert cell.runs[-1]["checkpoint_source"] == "unknown"  # nobody says it, and a folder's name does not tell
    assert (cell.episodes, cell.errors, cell.requested) == (3, 0, 3)
    assert all(r["forwards"] == r["steps"] == r["memory_updates"] > 0 for r in cell.records)
    assert cell.settings["simulator"]
    with np.load(frames) as strip:
        assert len(strip["frames"]) == cell.records[0]["steps"] + 1
        assert {"cue", "empty", "act"} >= set(strip["labels"].tolist()) >= {"cue", "act"}

    error, *lines = two.read_bytes().splitlines(keepends=True)
    assert json.loads(error)["error"]
    one.parent.mkdir()
    for path in (two, two.with_suffix(".provenance.json")):
        (one.parent / path.name).write_bytes(path.read_bytes())
    one.write_bytes(lines[0] + lines[1][:30])  # killed while it wrote the second
    evaluation.evaluate(configured(folder, one, "episodes=3", "slots=1", "checkpoint_source=released"))
    assert read_cell(one).runs[-1]["checkpoint_source"] == "released"

    def outcome(path: Path) -> list[tuple]:
        keys = ("seed", "success", "steps", "goal", "cue_steps")
        return [tuple(record[key] for key in keys) for record in read_cell(path).records]

    assert outcome(one) == outcome(two)
    assert not one.with_suffix(".done").exists()
    with pytest.raises(RecordsMismatch, match="memory"):
        evaluation.evaluate(configured(folder, one, "episodes=3", "slots=1", "memory=zero"))


@pytest.mark.slow
def test_a_flow_acts_in_the_simulator_alike_in_any_number_of_slots(tmp_path: Path) -> None:
    write_flow_checkpoint(tmp_path / "pi05")
    kept = []
    for slots in (1, 2):
        path = tmp_path / f"{slots}.jsonl"
        evaluation.evaluate(configured(tmp_path / "pi05", path, "name=pi05", "episodes=2", f"slots={slots}"))
        records = read_cell(path).records
        assert all((one["mode"], one["forwards"]) == ("open_loop", -(-one["steps"] // 8)) for one in records)
        kept.append(sorted((one["seed"], one["success"], one["steps"], one["goal"]) for one in records))
    assert kept[0] == kept[1]


def several(*evaluations: list[str]) -> None:
    run_in_turn(EvaluateSettings, evaluation.threaded, evaluations, "evaluations")


@pytest.mark.slow
def test_one_process_evaluates_many_cells_as_each_alone(folder: Path, tmp_path: Path) -> None:
    """Policies and environments change; one that is refused keeps none from being evaluated."""
    other = write_checkpoint(tmp_path / "oft", MemorySettings())
    common = ["episodes=2", "slots=1", "mark=true"]
    names = {
        "RememberColor3": [f"checkpoint={folder}", "environment=RememberColor3"],
        "RememberColor3.zero": [f"checkpoint={folder}", "environment=RememberColor3", "memory=zero"],
        "RememberColor5": [f"checkpoint={folder}", "environment=RememberColor5"],
        "TakeItBack": [f"checkpoint={other}", "environment=TakeItBack"],
    }
    words = [[*options, *common, f"output={tmp_path / name}.jsonl"] for name, options in names.items()]
    with pytest.raises(SystemExit, match="1 of 5 evaluations are not finished"):
        several(words[0], ["checkpoint=nowhere"], *words[1:])

    def lines(path: Path) -> list[dict[str, object]]:
        records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return [{key: value for key, value in record.items() if key != "seconds"} for record in records]

    for name, options in names.items():
        together, alone = tmp_path / f"{name}.jsonl", tmp_path / "alone" / f"{name}.jsonl"
        assert marked_records(together.with_suffix(".done")) == together
        evaluation.evaluate(read(EvaluateSettings, [*options, *common, f"output={alone}"]))
        assert lines(together) == lines(alone)
        assert read_cell(together).settings == read_cell(alone).settings
        (run,) = read_cell(together).runs
        again = shlex.split(run["command_line"])
        assert again[:3] == ["python", "-m", "muvla.evaluate"]
        assert read(EvaluateSettings, again[3:]).path == together


@pytest.mark.slow
def test_a_simulator_that_fails_costs_its_episode_one_retry(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step, failures = MikasaEnv.step, [1]

    def failing(self: MikasaEnv, action: np.ndarray) -> Any:
        if self.steps == 2 and failures:
            failures.pop()
            raise SimulatorError("the driver is gone.")
        return step(self, action)

    monkeypatch.setattr(MikasaEnv, "step", failing)
    records = tmp_path / "RememberColor3.jsonl"
    evaluation.evaluate(configured(folder, records, "episodes=2", "slots=1"))
    assert "The episodes it interrupted are run once more" in capsys.readouterr().err
    cell = read_cell(records)
    assert (cell.episodes, cell.errors) == (2, 0)
    assert len(records.read_text().splitlines()) == 3  # the error stays on record

    failures.extend([1, 1])
    with pytest.raises(SimulatorError, match="the driver is gone"):
        evaluation.evaluate(configured(folder, records, "episodes=3", "slots=1"))
    assert read_cell(records).errors == 1


@pytest.mark.slow
def test_open_loop_looks_once_for_the_steps_asked_for(tmp_path: Path) -> None:
    """For a whole chunk where no number is given: see test_libero_evaluation.py."""
    folder = write_checkpoint(tmp_path / "oft", MemorySettings())
    records = tmp_path / "RememberColor3.jsonl"
    evaluation.evaluate(configured(folder, records, "episodes=1", "slots=1", "name=oft", "open_loop_steps=4"))
    cell = read_cell(records)
    (record,) = cell.records
    assert record["mode"] == "open_loop"
    assert condition_of(cell.settings).steps == 4
    assert record["forwards"] == -(-record["steps"] // 4)
    assert record["memory_updates"] == 0


@pytest.mark.parametrize(
    ("instruction", "goal", "named"),
    [
        (INSTRUCTION, "Red", "touch the red cube."),
        ("Observe the object's shape and color, wait, then touch it.", "Lime t_shape", "touch the lime t_shape."),
        ("Observe which cup hides the ball, wait, then push that cup forward.", "Left cup", "push the left cup."),
        ("Intercept the rolling ball.", "", "Intercept the rolling ball."),  # nothing is chosen
    ],
)
def test_a_goal_is_asked_for_by_its_name_on_request(instruction: str, goal: str, named: str) -> None:
    slot = episodes.Slot(info={"instruction": instruction, "goal": goal})
    assert episodes._instruction(slot, False) == instruction
    assert episodes._instruction(slot, True) == named


def test_asking_by_name_is_a_condition_of_its_own(folder: Path, tmp_path: Path) -> None:
    policy = Policy(folder, slots=1)
    plain, named = (
        provenance_of(configured(folder, tmp_path / "x.jsonl", "seed=0", *more), policy, "receding", {})["settings"]
        for more in ((), ("named=true",))
    )
    assert condition_of(plain).is_standard
    assert not condition_of(named).is_standard
    assert plain["config_hash"] != named["config_hash"]


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        (["memory=lots"], ValueError, "memory is lots: it must be active or zero"),
        (["mode=backwards"], ValueError, "mode is backwards: it must be auto"),
        (["environment=RememberColor4"], ValueError, "RememberColor3"),
        (["checkpoint=nowhere"], ValueError, "nowhere is not a checkpoint folder"),
        (["mode=open_loop", "open_loop_steps=16"], ValueError, "this policy predicts 8 actions at a time"),
        (["environment=TakeItBack", "phases=20"], ValueError, "TakeItBack has no cue phase"),
        (["unseen_colours=4"], ValueError, "for RememberColor3 it must be 1 to 3"),
        (["environment=libero_10/0", "phases=3"], ValueError, "libero_10/0 has no phases"),
        (["environment=libero_10/0", "backend=gpu"], ValueError, "has no backend, which is an option of MIKASA-Robo"),
        (["environment=libero_10/0", "standin_mug=true"], ValueError, "libero_10/0 has no standin_mug"),
        (["reset_rule=release"], ValueError, "RememberColor3 has no reset_rule, which is an option of LIBERO"),
        (["strict=true"], ValueError, "RememberColor3 has no start-up check: leave strict and probe out"),
        (["mode=receding", "open_loop_steps=4"], ValueError, "open_loop_steps is 4, but the mode is receding"),
        (["open_loop_steps=4"], ValueError, "but the mode is receding"),  # what auto is for a policy with memory
    ],
)
def test_bad_input_is_refused_before_a_simulator_starts(folder: Path, tmp_path: Path, more, error, said) -> None:
    with pytest.raises(error, match=said):
        evaluation.evaluate(configured(folder, tmp_path / "r.jsonl", *more))


def test_statistics_of_other_data_sets_must_be_allowed_and_are_told(folder: Path, tmp_path: Path, capsys) -> None:
    other = shutil.copytree(folder, tmp_path / "m64_k2")
    part = {"action": BOUNDS, "proprio": BOUNDS}
    (other / "dataset_statistics.json").write_text(json.dumps({"remember_color_5_vla_v0": part}))
    said = r"m64_k2 has no statistics of RememberColor3, only the average of remember_color_5_vla_v0"
    with pytest.raises(ValueError, match=f"{said}: give other_statistics=true"):
        evaluation.evaluate(configured(other, tmp_path / "r.jsonl"))
    settings = configured(other, tmp_path / "r.jsonl", "seed=0", "other_statistics=true")
    policy = Policy(other, slots=1, environment=settings.environment)
    require_benchmark(settings, policy)
    assert "warning: " in capsys.readouterr().err
    told = provenance_of(settings, policy, "receding", {})["settings"]
    assert told["statistics"] == "average of remember_color_5_vla_v0"
    path = write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True], statistics=told["statistics"])
    assert flags([Sample((read_cell(path),))], of=1, significance=0.05) == "n"
    own = Policy(other, slots=1, environment="RememberColor5")
    assert "statistics" not in provenance_of(settings, own, "receding", {})["settings"]
