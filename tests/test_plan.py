"""plan=true: every variant at the paper's size, from configuration alone (spec 1.2, 4.2, 4.4)."""

import re
from pathlib import Path

import pytest

from muvla.jobs import cost
from muvla.options import CONFIG, SettingsError, read
from muvla.train import __main__ as training
from muvla.train.settings import TrainSettings
from paper_scale import configured, write_paper

VARIANTS = sorted(p.stem for p in (CONFIG / "variant").glob("*.yaml") if p.stem not in ("base", "pi05"))
BASE, HEAD, PROPRIO = 7_541_237_184, 151_117_831, 16_814_080
ADAPTERS = 79_953_920 + 107_264 + 1_019_904 + 12_582_912 * 23 // 24 + 15_399_936 * 26 // 27  # no last blocks
MEMORY = {"oft": 0, "oft_episodic": 0, "oft_first_obs": 0, "m1_k8": 1}  # the others have 64 tokens
WINDOW = {"m1_k8": 8, "m64_k8": 8, "m64_k2": 2, "rc5_only": 2}  # the others have 1 step
FIVE = "ShellGamePush, InterceptMedium, RememberColor5, TakeItBack, RememberShapeAndColor3x3"


def said(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    training.train(read(TrainSettings, ["scale=paper", "base=/nowhere", *options, "plan=true"]))
    return capsys.readouterr().out


def number(text: str, words: str) -> float:
    found = re.search(rf"^ *{words} +([0-9,.]+)", text, re.MULTILINE)
    assert found is not None, f"{words} in\n{text}"
    return float(found[1].replace(",", ""))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_plan_of_every_variant_at_seven_billion(variant: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, f"variant={variant}")
    memory, window = 4096 * MEMORY.get(variant, 64), WINDOW.get(variant, 1)
    assert f"environments            {'RememberColor5' if variant == 'rc5_only' else FIVE}\n" in text
    assert number(text, "parameters trained") == ADAPTERS + HEAD + PROPRIO + memory
    assert number(text, "memory") == memory
    assert number(text, "parameters frozen") == BASE
    assert number(text, "frames per update") == 8 * 4 * window
    assert number(text, "updates") == 150_000
    assert number(text, "frames") == 150_000 * 32 * window
    folder = 2 * (BASE + HEAD + memory) + 4 * (PROPRIO + ADAPTERS)  # bytes: merged weights, and adapters beside them
    assert number(text, "checkpoint") == pytest.approx(folder / 1e9, abs=1e-3)
    estimated = [line.split("  ")[0].strip() for line in text.splitlines() if "(estimate" in line]
    assert {"memory of a process", "computation"} <= set(estimated)
    assumed = cost.Assumptions()
    seconds = 3600 * cost.training(assumed, ["scale=paper", f"variant={variant}"]).hours
    assert number(text, "computation") == pytest.approx(seconds * assumed.peak * assumed.utilisation / 1e18, abs=0.05)
    assert all(name not in estimated for name in ("updates", "frames", "checkpoint", "frozen weights"))
    assert 16 < number(text, "memory of a process") < 80  # one card of the paper's (spec 2.5)


def test_a_budget_in_frames_divides_the_updates_by_K(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "variant=m64_k8", "budget=frames")
    assert (number(text, "updates"), number(text, "frames")) == (37_500, 9_600_000)


def test_the_plan_follows_benchmark_and_match_release(capsys: pytest.CaptureFixture[str]) -> None:
    suites = "[libero_spatial_no_noops,libero_object_no_noops,libero_goal_no_noops,libero_10_no_noops]"
    text = said(capsys, "variant=m64_k8", f"environments={suites}", "match_release=true")
    assert number(text, "proprio_projector") == 16_818_176
    idle = 110_828_288 - ADAPTERS  # the release's, where no action depends on them: there, but frozen
    assert number(text, "adapters that never run") == idle
    assert number(text, "parameters frozen") == BASE + idle


def test_the_plan_takes_the_sizes_of_a_base_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_paper(tmp_path)
    training.train(configured(root, "m64_k2", "nothing", "plan=true"))
    text = capsys.readouterr().out
    assert f"of {root / 'base'}" in text
    assert number(text, "memory") == 64 * 16
    assert not (root / "nothing").exists()


def test_the_plan_of_the_flow_at_the_mini_scale_and_where_the_paper_scale_finds_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    training.train(read(TrainSettings, ["variant=pi05", "plan=true"]))
    text = capsys.readouterr().out
    parts = [number(text, part) for part in ("expert", "language_model", "projector")]
    assert number(text, "parameters trained") == sum(parts)
    plain = ["variant=oft", "plan=true"]
    training.train(read(TrainSettings, plain))
    other = capsys.readouterr().out
    for words in ("frames per update", "updates", "frames", "parameters frozen"):
        assert number(text, words) == number(other, words)
    assert number(text, "parameters trained") < 1.25 * number(other, "parameters trained")
    with pytest.raises(SettingsError, match="scale paper does not train: there it is LeRobot's own"):
        read(TrainSettings, ["variant=pi05", "scale=paper"])
