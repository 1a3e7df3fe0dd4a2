"""The plan in GPU-hours: it counts the matrix, and the guide shows what the program says."""

import shutil
import sys
from pathlib import Path

import pytest

from muvla.files import ROOT
from muvla.jobs import configuration, cost


def test_the_guide_shows_what_the_program_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Path(shutil.copy(ROOT / "docs" / "scaling.md", tmp_path))
    before = guide.read_text("utf-8")
    monkeypatch.setattr(sys, "argv", ["cost", "--write", str(guide)])
    assert cost.main() == 0
    assert guide.read_text("utf-8") == before


def test_checkpointing_and_window_count_as_configured() -> None:
    """The forward pass is done again where activations are checkpointed, whatever K is."""
    plain = "scale.memory_training.gradient_checkpointing=false"

    def hours(*options: str) -> float:
        return cost.training(cost.Assumptions(), ["scale=paper", *options]).hours

    for variant in ("variant=oft_episodic", "variant=m64_k2"):
        with_it, without = hours(variant), hours(variant, plain)
        assert with_it / without == pytest.approx(3 / 2, rel=0.01)  # of two passes: frozen weights have no gradients
    assert hours("variant=m64_k8") == pytest.approx(4 * hours("variant=m64_k2"))


def test_evaluation_grows_with_episodes_and_queries() -> None:
    assumed = cost.Assumptions()

    def hours(episodes: int, every: int) -> float:
        return cost.evaluation_hours(assumed, episodes=episodes, steps=25, step=0.05, every=every)

    start = assumed.start / 3600
    assert hours(200, 1) - start == pytest.approx(2 * (hours(100, 1) - start))
    assert hours(100, 8) < hours(100, 1)


def test_every_traced_episode_counts_at_its_simulators_pace() -> None:
    matrix = configuration.matrix_of("paper")

    def traced(place: str, episodes: int, **assumed: float) -> float:
        traces = [{"variant": "m64_k8", "environment": place, "episodes": episodes}]
        return cost.evaluations({**matrix, "traces": traces}, cost.Assumptions(**assumed))[-1].hours

    start = cost.Assumptions().start / 3600
    for place, own, other in (
        ("RememberColor5", "mikasa_step", "libero_step"),
        ("libero_goal/0", "libero_step", "mikasa_step"),
    ):
        once = traced(place, 1)
        assert traced(place, 30) - start == pytest.approx(30 * (once - start))
        assert traced(place, 1, **{own: 1.0}) > once
        assert traced(place, 1, **{other: 1.0}) == once


def test_the_matrix_is_validated_as_the_workflow_validates_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    matrix = configuration.matrix_of("paper")
    assert (matrix["scale"], len(matrix["training_seeds"])) == ("paper", 3)
    assert matrix["libero"]["reset_rule"] == "episode", "of config/config.yaml, which config/paper.yaml leaves as it is"
    shutil.copytree(ROOT / "config", tmp_path / "config")
    with (tmp_path / "config" / "paper.yaml").open("a", encoding="utf-8") as file:
        file.write("\nepisods: 3\n")
    monkeypatch.setattr(configuration, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="did you mean 'episodes'"):
        configuration.matrix_of("paper")
