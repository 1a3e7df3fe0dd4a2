"""The training commands on demonstrations made of noise: files, determinism, resuming (spec 4.5-4.7)."""

import json
from pathlib import Path

import pytest

from made_up import write_demonstrations
from muvla import checkpoint
from muvla.options import CONFIG, read
from muvla.train import __main__ as training
from muvla.train.composed import base
from muvla.train.settings import TrainSettings
from muvla.train.state import TrainingState

VARIANTS = sorted(path.stem for path in (CONFIG / "variant").glob("*.yaml"))


def configured(variant: str, root: Path, output: str, *more: str) -> TrainSettings:
    places = [f"data={root / 'data'}", f"base={root / 'base'}", f"output={root / output}"]
    given = [f"variant={variant}", "scale=smoke", *places, "environments=[RememberColor3]", *more]
    return read(TrainSettings, given)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    write_demonstrations(folder / "data")
    write_demonstrations(folder / "data", "RememberColor5")
    training.train(configured("base", folder, "base"))
    return folder


def test_all_variants_of_the_table_and_the_base_are_there() -> None:
    from muvla.report.published import VARIANTS as COLUMNS

    assert set(VARIANTS) == set(COLUMNS) | {"base"}


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in ("base", "pi05")])
def test_every_variant_trains_from_the_base(root: Path, variant: str) -> None:
    config = configured(variant, root, f"all/{variant}")
    training.train(config)
    cell = checkpoint.load(config.output)
    asked = config.variant.memory
    assert cell.settings.num_mem_tokens == asked.num_mem_tokens
    assert (cell.settings.memory_update, cell.settings.attention_mask_mode) == (
        (asked.memory_update, asked.attention_mask_mode) if asked.num_mem_tokens else ("tbptt", "custom")
    )
    provenance = json.loads((Path(config.output) / "provenance.json").read_text())
    assert provenance["checkpoint"] == checkpoint.sha256(config.output)
    assert provenance["base"] == checkpoint.sha256(config.base)
    start = checkpoint.load(config.base)
    towers = "vision_backbone.featurizer.blocks.0.attn.qkv.weight"
    assert cell.state_dict()[towers].equal(start.state_dict()[towers])  # frozen
    lines = [json.loads(line) for line in Path(f"{config.output}.metrics.jsonl").read_text().splitlines()]
    place = f"held_out_{'RememberColor5' if variant == 'rc5_only' else 'RememberColor3'}_nearest_after_1_0"
    assert 0 <= lines[-1][place] <= 1
    assert not cell.state_dict()["projector.fc1.weight"].equal(start.state_dict()["projector.fc1.weight"])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(root: Path) -> None:
    hashes = []
    for output, seed in (("one/v", 0), ("two/v", 0), ("three/v", 1)):
        training.train(configured("m64_k2", root, output, f"seed={seed}"))
        hashes.append(checkpoint.sha256(root / output))
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_flow_trains_from_towers_projector_and_language_model_of_the_base(root: Path) -> None:
    config = configured("pi05", root, "all/pi05")
    training.train(config)
    stored = checkpoint.StoredPolicy(config.output)
    trained, start = checkpoint.load_any(stored).state_dict(), checkpoint.load(config.base).state_dict()
    towers = [name for name in start if name.startswith("vision_backbone.")]
    assert all(trained[name].equal(start[name]) for name in towers)  # frozen
    moved = trained["language_model.layers.0.mlp.up_proj.weight"] - start["language_model.layers.0.mlp.up_proj.weight"]
    assert 0 < moved.abs().max() < 0.5
    assert (stored.provenance or {})["base"] == checkpoint.sha256(config.base)
    lines = [json.loads(line) for line in Path(f"{config.output}.metrics.jsonl").read_text().splitlines()]
    assert 0 <= lines[-1]["held_out_RememberColor3_nearest_after_1_0"] <= 1
    assert lines[0]["naming"] > 0


@pytest.mark.parametrize(
    ("variant", "stop", "updates"), [("m64_k2", 4, 6), ("pi05", 4, 6), ("base", 0, 4), ("base", 2, 4)]
)
def test_an_interrupted_training_ends_with_the_same_bytes(
    root: Path, monkeypatch: pytest.MonkeyPatch, variant: str, stop: int, updates: int
) -> None:
    """A base that stops at update 0 has trained its towers: they are not trained again."""
    whole = root / f"whole/{variant}"
    if not whole.exists():
        training.train(configured(variant, root, f"whole/{variant}"))
    save = TrainingState.save

    def save_and_stop(self: TrainingState, update: int, memory) -> None:
        save(self, update, memory)
        if update == stop:
            raise KeyboardInterrupt

    cut = root / f"cut{stop}/{variant}"
    config = configured(variant, root, f"cut{stop}/{variant}")
    monkeypatch.setattr(TrainingState, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(config)
    assert not cut.exists()
    monkeypatch.undo()
    monkeypatch.setattr(base, "train_towers", None)
    training.torch.manual_seed(5)  # whatever the process did before: all that matters is in the state
    training.train(config)
    assert checkpoint.sha256(cut) == checkpoint.sha256(whole)
    assert not Path(f"{cut}.state.pt").exists()
    lines = Path(f"{cut}.metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["update"] for line in lines if '"loss"' in line] == list(range(1, updates + 1))


def test_a_finished_training_is_not_repeated(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training.train(configured("base", root, "base"))
    assert "already trained" in capsys.readouterr().out
    statistics = root / "base/dataset_statistics.json"
    content = statistics.read_bytes()
    statistics.unlink()
    try:
        with pytest.raises(ValueError, match=r"base was trained, but a file in it is missing.*Remove the folder"):
            training.train(configured("base", root, "base"))
    finally:
        statistics.write_bytes(content)


def test_a_state_of_another_model_is_refused(root: Path) -> None:
    state = root / "other/m1_k8.state.pt"
    state.parent.mkdir()
    training.torch.save({"window": {}}, state)
    with pytest.raises(ValueError, match="does not fit this run"):
        training.train(configured("m1_k8", root, "other/m1_k8"))
