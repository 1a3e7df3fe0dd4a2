"""Results in vla-eval's format: valid for its own types, readable by its own summary, with what it has no place for."""

import json
from pathlib import Path
from typing import Any

import pytest
from typeguard import check_type
from vla_eval.results.collector import BenchmarkResult, EpisodeResult, ResultCollector, TaskResult
from vla_eval.results.export import print_export_summary

from muvla.report.leaderboard import STANDARD_FIVE, leaderboard
from synthetic_records import RULES, cells, write_cell


def made(records: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(leaderboard(records=cells(records), statistics=RULES)[".json"])
    return found


def part(kind: type, found: dict[str, Any], **replaced: Any) -> dict[str, Any]:
    """The keys of `found` that vla-eval's type names; aggregates such as mean_success come on top."""
    return {key: value for key, value in found.items() if key in kind.__annotations__} | replaced


def test_vla_eval_reads_it_and_counts_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(STANDARD_FIVE):
        write_cell(tmp_path, "m64_k8", name, [True] * (10 + number) + [False] * (10 - number))
    write_cell(tmp_path, "act", "RememberColor3", [True, False], server={"title": "ACT"})
    ours, other = made(tmp_path)
    assert other["muvla"]["policy"] == "ACT"
    for one in (ours, other):
        tasks = [
            part(TaskResult, task, episodes=[part(EpisodeResult, episode) for episode in task["episodes"]])
            for task in one["tasks"]
        ]
        check_type(part(BenchmarkResult, one, tasks=tasks), BenchmarkResult)
    capsys.readouterr()
    print_export_summary([ours])
    told = capsys.readouterr().out
    assert "RememberColor9-VLA-v0" in told
    assert "70.0% (14/20)" in told
    assert "Overall" in told
    assert ours["mean_success"] == pytest.approx(0.6)
    assert ours["seed"] == 4242424242
    collector = ResultCollector(ours["benchmark"], metric_keys=ours["metric_keys"])
    for task in ours["tasks"]:
        for episode in task["episodes"]:
            collector.record(task["task"], episode)
    assert collector.get_benchmark_result()["tasks"] == ours["tasks"]
    beside = ours["muvla"]
    assert beside["interval"][0] < 0.6 < beside["interval"][1]
    assert beside["environments"]["RememberColor3"]["interval"] == pytest.approx([0.3866, 0.7812], abs=1e-4)
    assert (beside["missing"], "partial" in ours) == ([], False)
    assert beside["fewer_episodes_than_100"] == list(STANDARD_FIVE)


def test_a_policy_without_all_five_is_partial_and_errors_are_no_failures(tmp_path: Path) -> None:
    write_cell(tmp_path, "oft", "RememberColor3", [True, False, None, False])
    (found,) = made(tmp_path)
    assert found["partial"]
    assert found["muvla"]["missing"] == [name for name in STANDARD_FIVE if name != "RememberColor3"]
    (task,) = found["tasks"]
    assert (task["num_episodes"], found["mean_success"]) == (3, pytest.approx(0.3333))
    assert found["muvla"]["environments"]["RememberColor3"]["errors"] == 1
