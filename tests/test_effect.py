"""Verdicts on memory's effect: met, missed and not measured, from the records alone."""

from pathlib import Path

import pytest

from muvla.records.file import RecordsError
from muvla.report.effect.verdicts import effect
from muvla.report.published import chance
from synthetic_records import RULES, TARGETS, marks, provenance, write_cell

TRUE, FALSE = [True], [False]


def effect_text(records: Path, memory: str, baseline: str = "oft_episodic", *, picked: bool = False) -> str:
    policies = {"memory": memory, "baseline": baseline, "picked": picked}
    decided = {"statistics": RULES, "targets": TARGETS}
    text = effect(records=marks(records), environment="RememberColor3", **policies, **decided)[".md"]
    assert isinstance(text, str)
    return text


def test_the_effect_is_judged_from_the_records(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k2", "RememberColor3", TRUE * 42 + FALSE * 8)
    write_cell(records, "oft_episodic", "RememberColor3", FALSE * 33 + TRUE * 17)
    write_cell(records, "m64_ema", "RememberColor3", [True, None, False])
    write_cell(records, "m64_k2", "RememberColor3", TRUE * 16 + FALSE * 34, memory="zero", control="zero")
    replanned = TRUE * 20 + FALSE * 30
    write_cell(records, "oft_episodic", "RememberColor3", replanned, mode="receding", control="receding")
    # Longer delays are no zeroed memory.
    longer = {**provenance()["settings"]["simulator"], "phases": 5}
    write_cell(records, "m64_k2", "RememberColor3", TRUE * 50, memory="zero", control="delayed", simulator=longer)
    text = effect_text(records, "m64_k2")
    assert text.count("**met**") == 8
    assert "**missed**" not in text
    assert "**not measured**" not in text
    # 42 first against 17 last of 50: 33 pairs only with memory, 8 only without.
    assert "50 pairs, only memory 33, only the other 8, p = 0.00011." in text
    assert "0.84 (42 of 50; 0.71 to 0.92)" in text
    assert "| m64_ema | 8 | receding | 0.50 (1 of 2; 0.09 to 0.91) | 1 |" in text


def test_a_missed_effect_and_an_unmeasured_control_are_said(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write_cell(folder, "m64_k2", "RememberColor3", TRUE * 20 + FALSE * 20)
    write_cell(folder, "m1_k8", "RememberColor3", TRUE * 24 + FALSE * 16)
    write_cell(folder, "oft_episodic", "RememberColor3", TRUE * 19 + FALSE * 21)
    text = effect_text(folder, "m1_k8", picked=True)
    assert "picked from m1_k8, m64_k2" in text
    assert "**missed**: At least 50 episodes in each that was run" in text
    assert "**missed**: Success with memory at least 0.70: 0.60" in text
    assert "**missed**: Success without memory, open loop, at most 0.45: 0.47 (19 of 40" in text
    # 5 discordant pairs all in favour of memory: 2 / 2**5, twice for the two variants it was picked from.
    assert "p = 0.12 (multiplied by the 2 variants it was picked from)" in text
    assert text.count("**not measured**") == 4
    # named before the results were seen
    assert "multiplied" not in effect_text(folder, "m1_k8")


def test_an_effect_without_its_records_is_an_error(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k2", "RememberColor3", TRUE)
    write_cell(records, "oft_episodic", "RememberColor3", TRUE)
    write_cell(records, "oft_episodic", "RememberColor3", TRUE, mode="receding", control="receding")
    for policies, told in (
        (["m64_k8"], r"no episodes of m64_k8 on RememberColor3.*\(snakemake .*records/m64_k8/RememberColor3\.done\)"),
        (["m64_k2", "oft"], "no episodes of oft on RememberColor3 in open loop"),
        (["oft_episodic"], "cannot be the memory variant: its policy has 0 memory tokens"),
    ):
        with pytest.raises(RecordsError, match=told):
            effect_text(records, *policies)


def test_chance_is_one_over_the_objects() -> None:
    expected = {"RememberColor9": 9, "RememberShape3": 3, "RememberShapeAndColor5x3": 15, "ShellGamePush": 3}
    assert {name: chance(name) for name in expected} == {name: 1 / n for name, n in expected.items()}
    assert chance("InterceptSlow") is chance("RotateStrictPos") is None
