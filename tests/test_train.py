"""The training commands on demonstrations made of noise: files, determinism, resuming (spec 4.5-4.7)."""

import json
from pathlib import Path

import pytest

from made_up import write_demonstrations
from muvla import checkpoint
from muvla.options import CONFIG, read
from muvla.train import __main__ as training
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


def test_all_ten_variants_of_the_table_and_the_base_are_there() -> None:
    from muvla.report.published import VARIANTS as COLUMNS

    assert set(VARIANTS) == (set(COLUMNS) - {"pi05"}) | {"base"}


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "base"])
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
    base = checkpoint.load(config.base)
    towers = "vision_backbone.featurizer.blocks.0.attn.qkv.weight"
    assert cell.state_dict()[towers].equal(base.state_dict()[towers])  # frozen
    assert not cell.state_dict()["projector.fc1.weight"].equal(base.state_dict()["projector.fc1.weight"])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(root: Path) -> None:
    hashes = []
    for output, seed in (("one/v", 0), ("two/v", 0), ("three/v", 1)):
        training.torch.manual_seed(seed)
        training.train(configured("m64_k2", root, output, f"seed={seed}"))
        hashes.append(checkpoint.sha256(root / output))
    assert hashes[0] == hashes[1] != hashes[2]


def test_an_interrupted_training_ends_with_the_same_bytes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training.torch.manual_seed(0)
    training.train(configured("m64_k2", root, "whole/v"))
    save = TrainingState.save

    def save_and_stop(self: TrainingState, update: int, memory) -> None:
        save(self, update, memory)
        if update == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "save", save_and_stop)
    training.torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        training.train(configured("m64_k2", root, "cut/v"))
    assert not (root / "cut/v").exists()
    monkeypatch.undo()
    training.torch.manual_seed(5)  # whatever the process did before: all that matters is in the state
    training.train(configured("m64_k2", root, "cut/v"))
    assert checkpoint.sha256(root / "cut/v") == checkpoint.sha256(root / "whole/v")
    assert not (root / "cut/v.state.pt").exists()
    lines = (root / "cut/v.metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["update"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_a_finished_training_is_not_repeated(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training.train(configured("base", root, "base"))
    assert "already trained" in capsys.readouterr().out


def test_a_state_of_another_model_is_refused(root: Path) -> None:
    state = root / "other/m1_k8.state.pt"
    state.parent.mkdir()
    training.torch.save({"window": {}}, state)
    with pytest.raises(ValueError, match="does not fit this run"):
        training.train(configured("m1_k8", root, "other/m1_k8"))
