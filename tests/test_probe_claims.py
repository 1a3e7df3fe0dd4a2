"""The paper's claims on the probes of the memory: each verdict both ways."""

from pathlib import Path

import pytest

from judged_claims import CANNOT_TELL, DOES_NOT, HOLDS, judged, made, outcomes, verdicts
from synthetic_records import provenance, write_cell

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


@pytest.mark.parametrize(("zeroed", "noise", "verdict"), [(8, 5, HOLDS), (25, 30, DOES_NOT), (45, 45, DOES_NOT)])
def test_interventions_are_judged_both_ways(tmp_path: Path, zeroed: int, noise: int, verdict: str) -> None:
    """Zeros that leave 25 of 50 lower success, but not to chance."""
    folder = tmp_path / "records"
    write_cell(folder, "m64_k2", "RememberColor5", outcomes(45))
    for memory, successes in (("zero", zeroed), ("noise", noise), ("freeze_first", noise)):
        write_cell(
            folder,
            "m64_k2",
            "RememberColor5",
            outcomes(successes),
            memory=memory,
            control=memory,
        )
    found = verdicts(folder)
    assert found[ZEROED] == verdict
    # noise that changes nothing is no drop
    assert found[NOISE] == found[FROZEN] == (DOES_NOT if noise == 45 else HOLDS)


def test_a_policy_no_better_than_chance_shows_nothing_of_its_memory(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write_cell(folder, "m64_k2", "RememberColor5", outcomes(12))
    write_cell(folder, "m64_k2", "RememberColor5", outcomes(0), memory="noise", control="n")
    line = judged(folder)[NOISE]
    assert line["verdict"] == CANNOT_TELL
    assert line["evidence"] == "no baseline above chance: m64_k2 in RememberColor5"
    assert f"| {NOISE} | cannot tell, no baseline above chance |" in str(made(folder)[".md"])


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
