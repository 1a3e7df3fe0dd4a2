"""Other people's policies: their entries, the jobs that follow, servers started and stopped, and the tables."""

import copy
import os
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from dry_runs import CONFIG, PAPER, dry_run
from muvla.files import ROOT
from muvla.jobs.served import servings
from muvla.records.file import RecordsError, read_cell
from muvla.records.mark import marked_records
from muvla.report.tables.table import table
from muvla.serve.policies import policy_file, read_policy
from synthetic_records import PUBLISHED, RULES, TABLE_MIKASA, cells, lines_of, save, write_cell

POLICIES = ROOT / "config" / "policies"
SERVER = Path(__file__).with_name("wire_server.py")
ENTRY: dict[str, Any] = {
    "title": "Scripted",
    "scale": "mini",
    "image": None,
    "packages": ["vla-eval", "numpy"],
    "start_timeout": 120,
    "tried": "all of it",
    "benchmarks": {
        "mikasa": {
            "rows": {},
            "chunk": 1,
            "weights": {"repository": "none", "revision": "r1"},
            "command": f"python {SERVER} --address 127.0.0.1:{{port}}",
        }
    },
}


def test_every_entry_is_valid_and_its_rows_are_printed() -> None:
    paths = sorted(POLICIES.glob("*.yaml"))
    assert {"pi05", "pi0", "pi0_fast", "openvla", "openvla_oft", "cogact"} <= {path.stem for path in paths}
    for path in paths:
        for served in read_policy(path)["benchmarks"].values():
            for name, row in served["rows"].items():
                lines = lines_of(PUBLISHED / f"{name}.csv")
                assert row in {line["column" if name == "table_mikasa" else "row"] for line in lines}, path


def test_a_wrong_entry_says_what_is_wrong(tmp_path: Path) -> None:
    wrong = copy.deepcopy(ENTRY)
    wrong["benchmarks"]["mikasa"] |= {"command": "serve", "address": "ws://here:1", "chunk": 0}
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(ValueError, match=r"benchmarks\.mikasa\.chunk: 0 is less than") as error:
        read_policy(tmp_path / "wrong.yaml")
    assert "benchmarks.mikasa.command: 'serve' does not match" in str(error.value)
    assert "benchmarks.mikasa: " in str(error.value)
    with pytest.raises(ValueError, match="there is no config/policies/pi06.yaml; there are cogact, "):
        policy_file(POLICIES, "pi06")


def test_a_policy_is_evaluated_where_its_entry_says_how_it_is_served() -> None:
    config: Any = CONFIG | PAPER | {"scale": "paper", "policies": ["pi05", "openvla"]}
    pi05, *suites = servings(config, POLICIES)
    assert (pi05.name, len(pi05.cells)) == ("evaluate_served_pi05_mikasa", 23)
    assert [one.benchmark for one in suites] == ["libero_spatial", "libero_object", "libero_goal", "libero_10"]
    assert all(len(one.cells) == 10 and one.on_libero for one in suites)


def test_a_column_is_not_ours_and_another_s_at_once(clone: Path) -> None:
    result = dry_run(clone, "--config", "policies=[m64_k8]")
    assert result.returncode == 1
    assert "policies and variants: m64_k8 is in both" in result.stdout + result.stderr


def written(folder: Path, **changed: Any) -> Path:
    path = folder / "config" / "policies" / "scripted.yaml"
    path.parent.mkdir(parents=True)
    entry = copy.deepcopy(ENTRY)
    entry["benchmarks"]["mikasa"] |= changed
    path.write_text(yaml.safe_dump(entry))
    return path


def beside(policy: Path, *options: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "muvla.serve.beside", f"policy={policy}", *options]
    return subprocess.Popen(words, cwd=policy.parents[2], stderr=subprocess.PIPE, text=True)


def servers(place: Path) -> list[int]:
    """Processes of a server whose command names `place`."""
    found = subprocess.run(["pgrep", "-f", f"wire_server.py.*{place}"], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def command(place: Path, *arguments: str) -> str:
    return shlex.join(["python", str(SERVER), "--address", "127.0.0.1:{port}", *arguments, f"--script={place}"])


@pytest.mark.parametrize(("scale", "said"), [("mini", "AVX2"), ("paper", "free")])
def test_arithmetic_is_held_for_a_server_of_the_mini_scale_only(tmp_path: Path, scale: str, said: str) -> None:
    telling = "import os, sys; sys.exit('it is ' + os.environ.get('ONEDNN_MAX_CPU_ISA', 'free'))"
    policy = written(tmp_path, command=shlex.join(["python", "-c", telling]) + " {port}")
    policy.write_text(policy.read_text().replace("scale: mini", f"scale: {scale}"))
    _, told = beside(policy, "--", "name=scripted").communicate(timeout=300)
    assert f"it is {said}" in told
    assert "the server of Scripted ended with exit code 1" in told


def test_damaged_weights_are_an_error_before_anything_starts(tmp_path: Path) -> None:
    """LeRobot warns of a file that it cannot read, and goes on with random weights."""
    weights = tmp_path / "weights"
    weights.mkdir()
    save_file({"layer": np.ones((4, 4), np.float32)}, weights / "model.safetensors")
    os.truncate(weights / "model.safetensors", 100)
    telling = shlex.join(["python", "-c", "import sys; sys.exit('it started')"]) + " {port}"
    policy = written(tmp_path, command=telling, weights={"repository": "weights", "revision": None})
    process = beside(policy, "--", "name=scripted")
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "weights/model.safetensors cannot be read" in told
    assert "it started" not in told


@pytest.mark.slow
def test_a_server_runs_beside_its_evaluations_and_no_longer(tmp_path: Path) -> None:
    policy = written(tmp_path, command=command(tmp_path), chunk=4)
    options = ["name=scripted", "episodes=1", "slots=1", "mark=true"]
    first, second = (
        [*options, f"environment={name}", f"output={tmp_path}/records/scripted/{name}.jsonl"]
        for name in ("RememberColor3", "TakeItBack")
    )
    process = beside(policy, "--", *first, "--", *second)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert servers(tmp_path) == []
    for name, steps in (("RememberColor3", 25), ("TakeItBack", 60)):
        records = marked_records(tmp_path / "records" / "scripted" / f"{name}.done")
        cell = read_cell(records)
        assert (cell.records[0]["steps"], cell.records[0]["forwards"]) == (steps, -(-steps // 4))
        assert cell.records[0]["mode"] == "open_loop"
        server, run = cell.settings["server"], cell.runs[0]["server"]
        assert server["model_server"] == "ScriptedServer"
        assert server["packages"] == {name: version(name) for name in ENTRY["packages"]}
        assert cell.settings["checkpoint_sha256"] == "none@r1"
        assert (run["image_digest"], cell.runs[0]["checkpoint_source"]) == ("none", "served")
        assert run["command"].startswith(f"python {SERVER} --address 127.0.0.1:")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("python -c 'import sys; sys.exit({port} and 7)'", "ended with exit code 7 before it answered"),
        ("nonexistent_program {port}", "No such file or directory"),
    ],
)
def test_a_server_that_does_not_start_is_an_error(tmp_path: Path, words: str, said: str) -> None:
    process = beside(written(tmp_path, command=words), "--", "name=scripted", f"output={tmp_path}/r.jsonl")
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "r.jsonl").exists()


@pytest.mark.slow
def test_a_server_ends_with_the_evaluation_that_is_cancelled(tmp_path: Path) -> None:
    policy = written(tmp_path, command=command(tmp_path))
    process = beside(policy, "--", "name=scripted", "episodes=50", "slots=1", f"output={tmp_path}/scripted.jsonl")
    for _ in range(600):
        if (tmp_path / "scripted.jsonl").exists() and (tmp_path / "scripted.jsonl").read_text():
            break
        time.sleep(0.2)
    assert servers(tmp_path)
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=90)
    assert process.returncode == 128 + signal.SIGTERM
    assert servers(tmp_path) == []


SERVED = {"scale": "paper", "num_mem_tokens": 0, "width": 0}


def server(title: str, **rows: str) -> dict[str, Any]:
    return {"model_server": "Server", "title": title, "rows": rows}


def test_a_column_that_came_over_the_wire_stands_beside_the_papers(tmp_path: Path) -> None:
    records = tmp_path / "records"
    pi05 = server("π0.5", table_mikasa="π0.5")
    write_cell(records, "pi05", "RememberColor3", [True] * 60 + [False] * 40, mode="open_loop", server=pi05, **SERVED)
    write_cell(records, "act", "TakeItBack", [True, False], server=server("ACT"), **SERVED)
    published = PUBLISHED / "table_mikasa.csv"
    made = table(records=cells(records), published=published, environments=TABLE_MIKASA, statistics=RULES)
    save(made, tmp_path / "table")
    found = {(line["variant"], line["row"]): line for line in lines_of(tmp_path / "table.csv")}
    assert (found["pi05", "RememberColor3"]["mean"], found["pi05", "RememberColor3"]["episodes"]) == ("0.6000", "100")
    assert found["pi05", "RememberColor3"]["printed"]
    assert (found["act", "TakeItBack"]["column"], found["act", "TakeItBack"]["printed"]) == ("ACT", "")
    assert found["act", "RememberColor3"]["verdict"] == "not run"
    assert "paper, served" in str(made[".html"])


def test_rows_of_other_people_s_policies_are_filled_where_they_were_served(tmp_path: Path) -> None:
    records = tmp_path / "records"
    for suite, digest in (("libero_goal", "a"), ("libero_10", "b")):  # a checkpoint a suite
        given = {"server": server("OpenVLA", table_libero="OpenVLA"), "checkpoint_sha256": digest, **SERVED}
        for task in range(10):
            write_cell(records, "openvla", f"{suite}/{task}", [True, False], **given)
    write_cell(records, "act", "libero_goal/0", [True], server=server("ACT"), **SERVED)
    published = PUBLISHED / "table_libero.csv"
    made = table(records=cells(records), published=published, environments=TABLE_MIKASA, statistics=RULES)
    save(made, tmp_path / "table")
    found = {(line["row"], line["column"]): line for line in lines_of(tmp_path / "table.csv")}
    for column in ("Goal", "Long-10"):
        assert (found["OpenVLA", column]["mean"], found["OpenVLA", column]["episodes"]) == ("50.000", "20")
        assert found["OpenVLA", column]["printed"]
    assert found["ACT", "Goal"]["group"] == "Not in the paper's table"
    assert found["CogACT", "Goal"]["mean"] == ""


def test_a_policy_of_ours_still_needs_a_known_name(tmp_path: Path) -> None:
    write_cell(tmp_path, "act", "TakeItBack", [True])
    with pytest.raises(RecordsError, match="unknown variant 'act'"):
        table(records=cells(tmp_path), published=TABLE_MIKASA, environments=TABLE_MIKASA, statistics=RULES)
