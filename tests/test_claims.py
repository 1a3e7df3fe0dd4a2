"""The paper's claims, decided from the records alone: each verdict both ways, and what was not run is said."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from muvla.records.file import RecordsError
from muvla.report.claims.document import COLUMNS, claims
from muvla.report.published import chance, read_published
from muvla.report.runner import Contents
from synthetic_records import EFFECT, RULES, TABLE_MIKASA, lines_of, marks, provenance, save, write_cell


@pytest.fixture(autouse=True)
def hundreds_of_files_are_not_forced_onto_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


GROUPS = read_published(TABLE_MIKASA).environments
CUE_TASKS = ("ShellGamePush", "RememberColor5", "RememberShapeAndColor3x3")
HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not hold", "cannot tell"


def outcomes(successes: int, episodes: int = 50) -> list[bool]:
    return [episode < successes for episode in range(episodes)]


def made(records: Path, **effect: Any) -> Contents:
    given = dataclasses.replace(EFFECT, **effect)
    return claims(records=marks(records), published=TABLE_MIKASA, effect=given, statistics=RULES)


def judged(records: Path, **effect: Any) -> dict[str, dict[str, str]]:
    """The lines of the csv by claim."""
    output = records.parent / "out"
    save(made(records, **effect), output)
    lines = lines_of(output.with_name("out.csv"))
    assert tuple(lines[0]) == COLUMNS
    assert len({line["claim"] for line in lines}) == len(lines)
    return {line["claim"]: line for line in lines}


def verdicts(records: Path, **effect: Any) -> dict[str, str]:
    return {claim: line["verdict"] for claim, line in judged(records, **effect).items()}


def write_group(records: Path, variant: str, group: str, successes: int, episodes: int = 50) -> None:
    for environment in GROUPS[group]:
        write_cell(records, variant, environment, outcomes(successes, episodes))


TRAINING = "Memory raises success on the training tasks"
NEEDED = "Memory helps on every training task that needs it"
MATCHED = "Memory carries over to held-out tasks of the same memory structure"
NOVEL = "Where the memory structure is new, memory changes nothing"
ORACLE = "Seeing the first observation at every step bounds memory on cue tasks"
TBPTT = "TBPTT with K=2 does better than EMA"
K1 = "Gradients through two steps do better than through one"
GUARD = "The guard mask does better than the full mask, with EMA"
LIBERO = "On LIBERO memory costs nothing"


def test_the_claims_on_the_tables_hold(tmp_path: Path) -> None:
    records = tmp_path / "records"
    of_variant = {"m64_k2": 40, "oft_episodic": 10, "oft_first_obs": 45, "m64_ema": 25, "m64_k1": 12, "m64_ema_full": 9}
    for variant, successes in of_variant.items():
        write_group(records, variant, "training", successes)
    for variant, successes in (("m64_k2", 20), ("oft_episodic", 5)):
        write_group(records, variant, "matched", successes)
        write_group(records, variant, "novel", 3)
        write_cell(records, variant, "libero_object/0", outcomes(45))
    found = judged(records)
    for claim in (TRAINING, NEEDED, MATCHED, NOVEL, ORACLE, TBPTT, K1, GUARD, LIBERO):
        assert found[claim]["verdict"] == HOLDS, claim
    assert "average of 5 of 5 environments: 0.80 (" in found[TRAINING]["evidence"]
    assert (
        found[TRAINING]["paper"]
        == "abstract, 0.42 to 0.84; the average printed is 0.84 for K=2 (Ours) and 0.48 for OpenVLA-OFT†"
    )
    assert (
        "RememberColor5: 0.80 (40/50; 0.67 to 0.89) against 0.20 (10/50; 0.11 to 0.33), +0.60 ("
        in (found[NEEDED]["evidence"])
    )
    assert "InterceptMedium" not in found[NEEDED]["evidence"]


def test_the_claims_on_the_tables_do_not_hold(tmp_path: Path) -> None:
    records = tmp_path / "records"
    of_variant = {"m64_k2": 10, "oft_episodic": 30, "oft_first_obs": 2, "m64_ema": 25, "m64_k1": 30, "m64_ema_full": 40}
    for variant, successes in of_variant.items():
        write_group(records, variant, "training", successes)
    for variant, successes in (("m64_k2", 5), ("oft_episodic", 20)):
        write_group(records, variant, "matched", successes)
        write_group(records, variant, "novel", 2 * successes)
        write_cell(records, variant, "libero_object/0", outcomes(successes))
    found = verdicts(records)
    for claim in (TRAINING, NEEDED, MATCHED, NOVEL, ORACLE, TBPTT, K1, GUARD, LIBERO):
        assert found[claim] == DOES_NOT, claim


def test_what_the_records_cannot_tell_and_what_was_not_run(tmp_path: Path) -> None:
    records = tmp_path / "records"
    for variant, successes in (("m64_k2", 50), ("oft_episodic", 0)):
        write_cell(records, variant, "RememberColor5", outcomes(successes))
        write_cell(records, variant, "libero_object/0", outcomes(20, 20))  # the same in all 20, which is too few
    found = judged(records)
    assert {line["verdict"] for line in found.values()} == {CANNOT_TELL}
    # one of five environments decides nothing, however clear it is
    assert "average of 1 of 5 environments: 1.00 (" in found[TRAINING]["evidence"]
    assert "RememberColor5: 1.00 (50/50" in found[NEEDED]["evidence"]
    assert found[TBPTT]["evidence"] == (
        "not measured: name m64_k2 and m64_ema (`variants`) and Training tasks (in-distribution) (`environments`) in "
        "config/config.yaml, then `snakemake results/claims.md`"
    )
    text = str(made(records)[".md"])
    assert "Verdict: **cannot tell**; not measured: name" in text
    assert "MINI RESULTS" in text


def test_a_policy_picked_afterwards_pays_for_every_candidate(tmp_path: Path) -> None:
    records = tmp_path / "records"
    for environment in GROUPS["training"]:
        for variant in ("m64_k2", "m64_k8", "m1_k8"):
            write_cell(records, variant, environment, outcomes(30))
        write_cell(records, "oft_episodic", environment, outcomes(24))
    # 6 of 50 pairs in each of three tasks, all for memory: p = 0.03
    assert verdicts(records)[NEEDED] == HOLDS
    assert verdicts(records, picked=True)[NEEDED] == CANNOT_TELL
    assert verdicts(records, picked=True)[TRAINING] == HOLDS  # 30 pairs
    assert "m64_k2 was named after its results were seen" in str(made(records, picked=True)[".md"])


def test_seeds_that_point_both_ways_decide_nothing(tmp_path: Path) -> None:
    for folder, successes in (("records", 48), ("seed1", 40), ("seed2", 8)):
        write_group(tmp_path / "all" / folder, "m64_k2", "training", successes)
        write_group(tmp_path / "all" / folder, "oft_episodic", "training", 10)
    found = judged(tmp_path / "all")
    assert (found[TRAINING]["verdict"], found[NEEDED]["verdict"]) == (CANNOT_TELL, CANNOT_TELL)
    assert "0.64 (96/150, 3 seeds, which disagree; " in found[NEEDED]["evidence"]
    # the first seed alone would have decided
    assert verdicts(tmp_path / "all" / "records")[TRAINING] == HOLDS


def test_targets_are_met_by_the_rates_themselves(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k2", "RememberColor3", outcomes(36))
    write_cell(records, "oft_episodic", "RememberColor3", outcomes(20))
    targets = [
        {"environment": "RememberColor3", "memory_at_least": 0.70, "baseline_at_most": 0.30, "gain_at_least": 0.30},
        {"environment": "TakeItBack", "baseline_at_least": 0.60},
    ]
    found = {claim: line for claim, line in judged(records, targets=targets).items() if claim.startswith("Target")}
    assert {claim: line["verdict"] for claim, line in found.items()} == {
        "Target: RememberColor3, m64_k2 at least 0.70": HOLDS,
        "Target: RememberColor3, oft_episodic at most 0.30": DOES_NOT,
        "Target: RememberColor3, m64_k2 minus oft_episodic at least 0.30": HOLDS,
        "Target: TakeItBack, oft_episodic at least 0.60": CANNOT_TELL,
    }
    assert {line["paper"] for line in found.values()} == {"none: a target of this reproduction"}
    text = str(made(records, targets=targets)[".md"])
    assert "| RememberColor3, m64_k2 at least 0.70 | 0.72 (36/50; 0.58 to 0.83) | met |" in text
    assert "| TakeItBack, oft_episodic at least 0.60 | not measured | not measured |" in text


SIMULATOR = provenance()["settings"]["simulator"]
NOISE = "Noise drops success on every cell with a non-trivial baseline"
ZEROED = "With its memory zeroed a policy falls back to chance on cue tasks"
FROZEN = "Keeping the first memory for the whole episode drops success"
GAP = "The gap between memory and no memory is largest at chunk 1"


def write_carriers(folder: Path, of_carrier: dict[str, tuple[int, int, int]], unseen: tuple[int, int, int]) -> None:
    """Cells of RememberColor5: table's, phases of 3 and of 100 steps; with noise, and with an unseen colour."""
    for (variant, (table, short, long)), recoloured in zip(of_carrier.items(), unseen, strict=True):
        write_cell(folder, variant, "RememberColor5", outcomes(table))
        for length, successes in ((3, short), (100, long)):
            simulator = {**SIMULATOR, "phases": length}
            write_cell(
                folder, variant, "RememberColor5", outcomes(successes), control=f"p{length}", simulator=simulator
            )
        simulator = {**SIMULATOR, "unseen_colours": {"Pink": [255, 192, 203]}}
        write_cell(folder, variant, "RememberColor5", outcomes(recoloured), control="u", simulator=simulator)
        write_cell(folder, variant, "RememberColor5", outcomes(table - 14), control="n", memory="noise")


def test_the_claims_on_delays_and_colours_are_judged_both_ways(tmp_path: Path) -> None:
    # EMA falls to nothing, K=8 does not move, K=2 falls too but from higher and less far
    write_carriers(
        tmp_path / "one", {"m64_k2": (45, 45, 30), "m64_k8": (15, 15, 15), "m64_ema": (40, 40, 0)}, (40, 10, 10)
    )
    one = verdicts(tmp_path / "one")
    # K=8, 15 of 50, is left out: no better than chance, 1/5
    assert one[NOISE] == HOLDS
    assert one["K=2 dominates in distribution"] == CANNOT_TELL  # 45 against EMA's 40: p = 0.06
    assert one["K=2 dominates with unseen colours"] == HOLDS
    assert one["K=2 degrades fastest with the length of the phases"] == DOES_NOT
    assert one["K=8 is flat over the length of the phases"] == HOLDS  # not one of 50 episodes changes
    assert one["K=8 is low"] == one["EMA collapses with the length of the phases"] == HOLDS
    write_carriers(
        tmp_path / "two", {"m64_k2": (45, 45, 0), "m64_k8": (48, 50, 20), "m64_ema": (20, 20, 15)}, (10, 40, 40)
    )
    two = verdicts(tmp_path / "two")
    assert two["K=2 degrades fastest with the length of the phases"] == HOLDS
    assert two["K=8 is flat over the length of the phases"] == DOES_NOT
    assert two["K=2 dominates with unseen colours"] == DOES_NOT
    assert two["K=8 is low"] == CANNOT_TELL  # 45 against 50: p = 0.06
    assert two["EMA collapses with the length of the phases"] == CANNOT_TELL
    assert two[GAP] == CANNOT_TELL
    assert "not measured" in judged(tmp_path / "two")[GAP]["evidence"]


@pytest.mark.parametrize(("zeroed", "noise", "verdict"), [(8, 5, HOLDS), (25, 30, DOES_NOT), (40, 45, DOES_NOT)])
def test_interventions_are_judged_both_ways(tmp_path: Path, zeroed: int, noise: int, verdict: str) -> None:
    """Zeros that leave 25 of 50 lower success, but not to chance."""
    folder, equal = tmp_path / "records", 400 if noise == 45 else 50
    write_cell(folder, "m64_k2", "RememberColor5", outcomes(45 * equal // 50, equal))
    for memory, successes in (("zero", zeroed), ("noise", noise), ("freeze_first", noise)):
        write_cell(
            folder,
            "m64_k2",
            "RememberColor5",
            outcomes(successes * equal // 50, equal),
            memory=memory,
            control=memory,
        )
    found = verdicts(folder)
    assert found[ZEROED] == verdict
    # noise that changes nothing is no drop
    assert found[NOISE] == found[FROZEN] == (DOES_NOT if noise == 45 else HOLDS)


def test_the_gap_at_chunk_one_is_judged_episode_by_episode(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write_cell(folder, "m64_k8", "RememberColor3", outcomes(18, 20))
    write_cell(folder, "m64_k8", "RememberColor3", outcomes(2, 20), memory="zero", control="a")
    longer = {"mode": "open_loop", "open_loop_steps": 4}
    write_cell(folder, "m64_k8", "RememberColor3", outcomes(11, 20), control="b", **longer)
    write_cell(folder, "m64_k8", "RememberColor3", outcomes(11, 20), control="z", memory="zero", **longer)
    assert verdicts(folder)[GAP] == HOLDS
    text = str(made(folder)[".md"])
    assert "| m64_k8, RememberColor3, 1 against 4 | 18/20 − 2/20 | 11/20 − 11/20 | +0.80 (" in text
    assert "| 3.1e-05 |" in text


def test_two_runs_are_the_same_bytes_and_wrong_records_are_named(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k2", "RememberColor5", outcomes(9))
    assert made(records) == made(records)
    write_cell(records, "m64_k2", "RememberColor5", outcomes(9), memory="zero", control="a")
    write_cell(records, "m64_k2", "RememberColor5", outcomes(9), memory="zero", control="b")
    with pytest.raises(RecordsError, match=r"RememberColor5\.a\.jsonl and .*RememberColor5\.b\.jsonl"):
        made(records)


def test_chance_is_one_over_the_objects() -> None:
    expected = {"RememberColor9": 9, "RememberShape3": 3, "RememberShapeAndColor5x3": 15, "ShellGamePush": 3}
    assert {name: chance(name) for name in expected} == {name: 1 / n for name, n in expected.items()}
    assert chance("InterceptSlow") is chance("RotateStrictPos") is None
