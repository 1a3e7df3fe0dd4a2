"""The runner of the report's rules: outputs whole or not at all, one sentence for the user, everything in the log."""

import inspect
import re
from pathlib import Path

import pytest

from dry_runs import call
from muvla.files import ROOT
from muvla.report import runner
from synthetic_records import CONFIG, PUBLISHED, TABLE_MIKASA, cells, write_cell
from working_copy import working_copy

ENDS = (".tex", ".html", ".csv")


def run_table(records: Path, output: Path) -> int:
    given = {"published": TABLE_MIKASA, "environments": TABLE_MIKASA, "statistics": CONFIG["statistics"]}
    outputs = [output.with_name(f"{output.name}{end}") for end in ENDS]
    return runner.run("table", {**given, "records": cells(records)}, outputs, output.with_name("log"))


def test_what_is_said_goes_to_the_terminal_and_to_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True, False])
    assert run_table(tmp_path / "records", tmp_path / "table") == 0
    told = capsys.readouterr().out
    assert told == (tmp_path / "log").read_text("utf-8")
    assert "0.50 .09-.91 2" in told
    assert all((tmp_path / f"table{end}").stat().st_size for end in ENDS)


def test_what_the_user_must_mend_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cell(tmp_path / "records", "m64_k2", "RememberColor3", [True], memory="zero")
    assert run_table(tmp_path / "records", tmp_path / "table") == 1
    told = capsys.readouterr().err
    assert told == (tmp_path / "log").read_text("utf-8")
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert not list(tmp_path.glob("table*"))


def test_a_fault_of_ours_passes_and_its_traceback_is_in_the_log(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'layer'"):
        runner.run("figure_attention", {"layer": 3}, [], tmp_path / "log")
    assert "Traceback" in (tmp_path / "log").read_text("utf-8")


def test_outputs_and_contents_must_be_the_same(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="made"):
        runner.write({".tex": "", ".csv": ""}, [tmp_path / "table.tex"])
    with pytest.raises(KeyError, match="made"):
        runner.write({".tex": ""}, [tmp_path / "table.tex", tmp_path / "table.csv"])
    assert not list(tmp_path.iterdir())


def test_every_rule_with_the_script_has_its_function() -> None:
    text = "".join(path.read_text("utf-8") for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    rules = re.split(r"^\s*rule (\w+):\n", text, flags=re.MULTILINE)
    scripted = {name for name, body in zip(rules[1::2], rules[2::2], strict=True) if "scripts/report.py" in body}
    assert scripted == runner.MODULES.keys()
    for rule in runner.MODULES:
        parameters = inspect.signature(runner.function_of(rule)).parameters.values()
        assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}, rule


@pytest.mark.slow
def test_snakemake_runs_the_script(tmp_path: Path) -> None:
    """The audit, which needs nothing but the printed tables; then the same with a table that cannot be read."""
    copy = working_copy(tmp_path)
    make = ("--cores", "1", "results/audit.md")
    done = call(copy, *make)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (copy / "results").glob("audit.*")} == {f"audit{end}" for end in (".md", *ENDS)}
    assert "printed averages" in (copy / "results" / "logs" / "audit.log").read_text("utf-8")
    table = copy / PUBLISHED.relative_to(ROOT) / "table_libero.csv"
    table.write_text(table.read_text("utf-8").replace("78.3", "n/a"), "utf-8")
    done = call(copy, *make)
    assert done.returncode == 1
    assert "line 2: the value 'n/a' is not a number" in done.stdout + done.stderr
    assert "Traceback" not in (copy / "results" / "logs" / "audit.log").read_text("utf-8")
