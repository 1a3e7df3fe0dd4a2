"""Options of the commands: typos at any depth, values that cannot be, documentation, defaults that follow."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from made_up import write_checkpoint
from muvla import options, trace
from muvla.checkpoint import StoredPolicy
from muvla.collect import __main__ as collection
from muvla.collect.__main__ import CollectSettings
from muvla.collect.experts import __main__ as experts
from muvla.cue_swap import CueSwapSettings
from muvla.evaluate import __main__ as evaluation
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.settings import settled, source_of
from muvla.options import CONFIG, SettingsError, read
from muvla.options_text import all_options, documentation
from muvla.sim.libero.assets import AlteredAssets
from muvla.sim.libero.package import NoOpenGL
from muvla.sim.mikasa import check
from muvla.sim.mikasa.cup import MissingMug
from muvla.sim.mikasa.vulkan import NoPhysics, NoVulkan
from muvla.sim.vector import DeadSimulator
from muvla.trace import TraceSettings
from muvla.train.settings import TrainSettings

COMMANDS = (TrainSettings, EvaluateSettings, TraceSettings, CueSwapSettings, CollectSettings)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (EvaluateSettings, "episods=3", "there is no option 'episods'; did you mean 'episodes'?"),
        (EvaluateSettings, "episodes=-3", "episodes is -3: it must be an integer of at least 1"),
        (EvaluateSettings, "episodes=1.5", "episodes is 1.5: it must be an integer of at least 1"),
        (EvaluateSettings, "episodes=null", "episodes is null: it must be an integer of at least 1"),
        (EvaluateSettings, "open_loop_steps=0", "open_loop_steps is 0: it must be an integer of at least 1, or null"),
        (EvaluateSettings, "threads=0", "threads is 0: it must be an integer of at least 1"),
        (EvaluateSettings, "slots=0", "slots is 0: it must be an integer of at least 1"),
        (EvaluateSettings, "memory=none", "memory is none: it must be active or zero or noise or freeze_first"),
        (EvaluateSettings, "checkpoint_source=mine", "checkpoint_source is mine: it must be trained or bundled or rel"),
        (EvaluateSettings, "light_mesh=flase", "light_mesh is flase: it must be true or false"),
        (EvaluateSettings, "environment=[a]", "environment is of another kind: it must be text"),
        (EvaluateSettings, "+episodes=3", "'+episodes=3' is not an option"),
        (EvaluateSettings, "episodes", "'episodes' cannot be read: write option=value"),
        (TraceSettings, "epsodes=2", "did you mean 'episodes'?"),
        (CollectSettings, "noize=1", "did you mean 'noise'?"),
        (CollectSettings, "shards=0", "shards is 0: it must be an integer of at least 1"),
        (CueSwapSettings, "cues=3", "did you mean 'cue'?"),
        (TrainSettings, "variant=m64_k3", "variant is 'm64_k3': did you mean 'm64_k"),
        (
            TrainSettings,
            "scale=papr",
            "scale is 'papr': did you mean 'paper'? There are: libero, libero_smoke",
        ),
        (TrainSettings, "updates=3", "did you mean 'scale.memory_training.updates'?"),
        (
            TrainSettings,
            "scale.memory_training.optimiser.learning_rate=1",
            "there is no option 'scale.memory",
        ),
        (TrainSettings, "scale.memory_training.optimiser.lrr=1", "lrr'; did you mean 'lr'?"),
        (TrainSettings, "scale.memory_training.metrics={evry: 1}", "metrics.evry'; did you mean 'every'?"),
        (
            TrainSettings,
            "scale.memory_training.optimiser.lr=nan",
            "optimiser.lr is nan: it must be",
        ),
        (TrainSettings, "scale.memory_training.chunk=16", "no option 'scale.memory_training.chunk'"),  # of paper only
        (TrainSettings, "scale.memory_training.slots=4", "has slots=4 and frames_per_update=72: give one"),
        (TrainSettings, "scale.architecture.towers.1.widht=3", "did you mean 'width'?"),
        (
            TrainSettings,
            "variant.memory.ema_alpha=2",
            "ema_alpha is 2.0: it must be a number from 0 to 1",
        ),
        (TrainSettings, "environments=[]", "environments is []: it must be a list of words"),
        (TrainSettings, "device=cuda", "has device=cuda, but scale mini trains on the CPU"),
        (TrainSettings, "match_release=true", "has match_release=true, but scale mini follows no release"),
        (TrainSettings, "seed=-1", "seed is -1: it must be an integer from 0 to"),
    ],
)
def test_mistakes_get_one_sentence(kind: type, given: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(kind, [given])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("place", "given"),
    [
        (experts, ["RememberColor3", "--seeds", "0"]),
        (experts, ["RememberColor3", "--first", "-1"]),
        (check, ["--frames", "1.5"]),
    ],
)
def test_numbers_of_the_other_commands_have_a_range(
    place: ModuleType, given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *given])
    with pytest.raises(SystemExit) as ended:
        place.main()
    assert ended.value.code == 2
    assert f"{given[-1]} is not a whole number of at least" in capsys.readouterr().err


def test_a_typo_in_a_file_is_found_at_its_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    monkeypatch.setattr(options, "CONFIG", tmp_path / "config")
    monkeypatch.setattr(options, "ROOT", tmp_path)
    for file, old, new, message in (
        (
            "scale/mini.yaml",
            "until: 0.45",
            "untill: 0.45",
            "config/scale/mini.yaml: there is no option 'untill'; did you mean 'until'?",
        ),
        (
            "variant/m64_k2.yaml",
            "tbptt_length: 2",
            "tbptt_length: two",
            "tbptt_length is two: it must be an integer",
        ),
        ("variant/m64_k2.yaml", "ema_alpha", "ema_alhpa", "did you mean 'ema_alpha'?"),
    ):
        path = tmp_path / "config" / file
        whole = path.read_text("utf-8")
        path.write_text(whole.replace(old, new), "utf-8")
        with pytest.raises(SettingsError) as raised:
            read(TrainSettings)
        assert message in str(raised.value)
        path.write_text(whole, "utf-8")


def test_every_scale_and_variant_is_complete() -> None:
    for group in ("scale", "variant"):
        for path in (CONFIG / group).glob("*.yaml"):
            settings = read(TrainSettings, [f"{group}={path.stem}"])
            assert getattr(settings, group).name == path.stem


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_option_is_documented(kind: type) -> None:
    text = documentation(kind, "What it does.")
    for each in all_options(kind):
        assert each.field.metadata["doc"].endswith(".")
        assert f"\n  {each.path}" in text
    assert text.startswith("What it does.")


def test_name_and_output_follow_checkpoint_and_environment() -> None:
    given = ["checkpoint=elsewhere/m64_k8", "environment=RememberColor5"]
    settings = settled(read(EvaluateSettings, given), "results/records", ".jsonl", 50)
    assert (settings.variant, settings.output) == ("m64_k8", "results/records/m64_k8/RememberColor5.jsonl")
    settings = settled(read(EvaluateSettings, [*given, "name=64", "seed=5"]), "results/records", ".jsonl", 50)
    assert (settings.variant, settings.output, settings.seed) == ("64", "results/records/64/RememberColor5.jsonl", 5)


def test_the_scene_follows_the_benchmark() -> None:
    """LIBERO's policies know the shipped scene: it is drawn unless the light one is asked for."""
    for environment, usual in (("RememberColor5", True), ("libero_object/0", False)):
        for given, drawn in (([], usual), (["light_mesh=true"], True), (["light_mesh=false"], False)):
            evaluation_settings = read(EvaluateSettings, ["checkpoint=any", f"environment={environment}", *given])
            assert settled(evaluation_settings, "results/records", ".jsonl", 1).light_mesh is drawn
            plan = collection.plan_of(read(CollectSettings, [f"environment={environment}", *given]))
            assert plan.simulator.light_mesh is drawn


def test_where_a_checkpoint_comes_from_is_never_guessed(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoints" / "trained" / "m64_k2")
    assert source_of(StoredPolicy(folder).provenance) == "unknown"
    for content, source in (
        ({"checkpoint_source": "trained"}, "trained"),
        ({"checkpoint_source": "mine"}, "unknown"),
        ({"command": "x"}, "unknown"),
    ):
        (folder / "provenance.json").write_text(json.dumps(content))
        assert source_of(StoredPolicy(folder).provenance) == source


@pytest.mark.parametrize("place", [evaluation, trace, collection])
def test_only_a_simulators_own_errors_become_a_sentence(place: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RuntimeError of torch is a fault of ours, and where it comes from must be seen."""
    monkeypatch.setattr(sys, "argv", ["command"])
    runner = "run" if place is collection else "threaded"

    def failing(error: Exception) -> Callable[[object], None]:
        def run(_: object) -> None:
            raise error

        return run

    for error in (
        DeadSimulator("slot 1 died"),
        NoVulkan("x"),
        NoPhysics("x"),
        MissingMug("x"),
        NoOpenGL("x"),
        AlteredAssets("x"),
    ):
        monkeypatch.setattr(place, runner, failing(error))
        with pytest.raises(SystemExit, match=f"error: {error}"):
            place.main()
    monkeypatch.setattr(place, runner, failing(RuntimeError("mat1 and mat2 shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        place.main()


@pytest.mark.slow
def test_a_command_ends_with_its_sentence_and_exit_code_1(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "muvla.evaluate", "checkpoint=100000"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "100000" in line
