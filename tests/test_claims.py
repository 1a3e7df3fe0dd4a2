"""The paper's claims, decided from the records alone: each verdict both ways, and what was not run is said."""

from pathlib import Path

import pytest

from judged_claims import CANNOT_TELL, DOES_NOT, HOLDS, judged, made, outcomes, verdicts
from muvla.records.file import RecordsError
from muvla.report.published import chance, read_published
from synthetic_records import TABLE_MIKASA, write_cell

GROUPS = read_published(TABLE_MIKASA).environments


def write_group(records: Path, variant: str, group: str, successes: int, episodes: int = 50) -> None:
    for environment in GROUPS[group]:
        write_cell(records, variant, environment, outcomes(successes, episodes))


def write_tables(
    records: Path,
    training: dict[str, int],
    *,
    matched: tuple[int, int],
    novel: tuple[int, int],
    libero: tuple[int, int],
) -> None:
    """Write successes of 50: of each variant in the training tasks, and elsewhere of m64_k2 and of oft_episodic."""
    for variant, successes in training.items():
        write_group(records, variant, "training", successes)
    for place, variant in enumerate(("m64_k2", "oft_episodic")):
        write_group(records, variant, "matched", matched[place])
        write_group(records, variant, "novel", novel[place])
        write_cell(records, variant, "libero_object/0", outcomes(libero[place]))


TRAINING = "Memory raises success on the training tasks"
REPLANNED = f"{TRAINING} where both re-plan at every step"
NEEDED = "Memory helps on every training task that needs it"
MATCHED = "Memory carries over to held-out tasks of the same memory structure"
NOVEL = "Where the memory structure is new, memory changes nothing"
ORACLE = "Seeing the first observation at every step bounds memory on cue tasks"
TBPTT = "TBPTT with K=2 does better than EMA"
K1 = "Gradients through two steps do better than through one"
GUARD = "The guard mask does better than the full mask, with EMA"
LIBERO = "On LIBERO memory costs nothing"
REPLANNING = "On LIBERO re-planning at every step costs nothing, without memory"
BOTH = "On LIBERO memory costs nothing where both re-plan at every step"


def test_the_claims_on_the_tables_hold(tmp_path: Path) -> None:
    records = tmp_path / "records"
    of_variant = {"m64_k2": 40, "oft_episodic": 10, "oft_first_obs": 45, "m64_ema": 25, "m64_k1": 12, "m64_ema_full": 9}
    write_tables(records, of_variant, matched=(20, 5), novel=(3, 3), libero=(45, 45))
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
    assert "p = 1, the same within ±0.1 (TOST, −0.0" in found[LIBERO]["evidence"]
    assert "TOST" not in found[TRAINING]["evidence"]  # where the first is to be greater nothing is to be the same


def test_the_claims_on_the_tables_do_not_hold(tmp_path: Path) -> None:
    records = tmp_path / "records"
    of_variant = {"m64_k2": 10, "oft_episodic": 30, "oft_first_obs": 2, "m64_ema": 25, "m64_k1": 30, "m64_ema_full": 40}
    write_tables(records, of_variant, matched=(5, 20), novel=(10, 40), libero=(5, 20))
    found = verdicts(records)
    for claim in (TRAINING, NEEDED, MATCHED, NOVEL, ORACLE, TBPTT, K1, GUARD, LIBERO):
        assert found[claim] == DOES_NOT, claim


@pytest.mark.parametrize(("replanned", "verdict"), [(10, HOLDS), (35, DOES_NOT)])
def test_in_the_training_tasks_memory_and_replanning_are_told_apart(
    tmp_path: Path, replanned: int, verdict: str
) -> None:
    records = tmp_path / "records"
    write_group(records, "m64_k2", "training", 30)
    write_group(records, "oft_episodic", "training", 5)
    assert "oft_episodic with mode=receding under controls" in judged(records)[REPLANNED]["evidence"]
    for environment in GROUPS["training"]:
        write_cell(records, "oft_episodic", environment, outcomes(replanned), mode="receding", control="receding")
    found = verdicts(records)
    assert (found[TRAINING], found[REPLANNED]) == (HOLDS, verdict)


def test_on_libero_memory_and_replanning_are_told_apart(tmp_path: Path) -> None:
    records = tmp_path / "records"
    write_cell(records, "m64_k8", "libero_object/0", outcomes(20))
    write_cell(records, "oft_episodic", "libero_object/0", outcomes(40))
    not_apart = judged(records)
    assert not_apart[LIBERO]["verdict"] == DOES_NOT
    assert "oft_episodic with mode=receding under controls" in not_apart[BOTH]["evidence"]
    write_cell(records, "oft_episodic", "libero_object/0", outcomes(20), mode="receding", control="receding")
    found = judged(records)
    assert (found[LIBERO]["verdict"], found[REPLANNING]["verdict"], found[BOTH]["verdict"]) == (
        DOES_NOT,
        DOES_NOT,
        HOLDS,
    )
    assert "average of 1 tasks: 0.40 (0.26 to 0.54) against 0.80 (" in found[REPLANNING]["evidence"]


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
    assert found[LIBERO]["evidence"].endswith("), which takes about 39 pairs where there are 20")
    assert found[TBPTT]["evidence"] == (
        "not measured: there are no records of m64_k2 and m64_ema (`variants`) in Training tasks (in-distribution) "
        "(`environments`). Where config/config.yaml names them, "
        "`snakemake results/claims.md --config records=measured` makes them"
    )
    text = str(made(records)[".md"])
    assert "Verdict: **cannot tell**; not measured: there are no records" in text
    assert "MINI RESULTS" in text


def test_a_verdict_says_where_it_is_of_one_training_seed(tmp_path: Path) -> None:
    records = tmp_path / "records"
    for environment in GROUPS["training"]:
        for folder in (records, records / "seed1"):
            write_cell(folder, "m64_ema", environment, outcomes(40))
        write_cell(records, "m64_ema_full", environment, outcomes(20))
    output = made(records)
    assert f"| {GUARD} | holds, one training seed |" in str(output[".md"])
    assert "Verdict: **holds**, one training seed." in str(output[".md"])
    assert judged(records)[GUARD]["evidence"].startswith("one training seed; average of 5 of 5 environments: 0.80 (")
    for environment in GROUPS["training"]:
        write_cell(records / "seed1", "m64_ema_full", environment, outcomes(20))
    output = made(records)
    assert f"| {GUARD} | holds |" in str(output[".md"])
    assert judged(records)[GUARD]["evidence"].startswith("average of 5 of 5 environments: 0.80 (")


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
