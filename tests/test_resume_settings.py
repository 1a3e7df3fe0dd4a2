"""A training that is repeated with something changed is refused by name, killed or finished (train/state.py)."""

from pathlib import Path

import pytest

from made_up import write_demonstrations
from muvla.options import read
from muvla.train import __main__ as training
from muvla.train.settings import TrainSettings
from muvla.train.state import TrainingState


def settings(root: Path, variant: str, *more: str) -> TrainSettings:
    places = [f"data={root / 'data'}", f"base={root / 'base'}", f"output={root / variant}"]
    return read(TrainSettings, [f"variant={variant}", "scale=smoke", *places, "environments=[RememberColor3]", *more])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resumed")
    write_demonstrations(folder / "data")
    training.train(settings(folder, "base"))
    return folder


def kill_after_a_save(root: Path, variant: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> Path:
    save = TrainingState.save

    def save_and_stop(self: TrainingState, update: int, memory) -> None:
        save(self, update, memory)
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(settings(root, variant, *more))
    monkeypatch.undo()
    return root / f"{variant}.state.pt"


def test_what_changed_since_a_killed_training_is_named(root: Path, monkeypatch, tmp_path: Path) -> None:
    state = kill_after_a_save(root, "m64_k2", monkeypatch)
    kept = state.read_bytes()
    lr = "scale.memory_training.optimiser.lr"
    changes = {
        "seed=1": r"seed: 0 in the file, now 1",
        f"{lr}=0.25": r"scale.memory_training.optimiser.lr: .* now 0.25",
        "variant.memory.ema_alpha=0.5": r"variant.memory.ema_alpha: 0.1 in the file, now 0.5",
        "scale.memory_training.updates=5": r"scale.memory_training.updates: 6 in the file, now 5",
    }
    for change, said in changes.items():
        with pytest.raises(
            ValueError, match=rf"m64_k2.state.pt does not fit this run \({said}.*remove it to start anew"
        ):
            training.train(settings(root, "m64_k2", change))
    report = root / "data" / "remember_color_3_vla_v0" / "collection.json"
    report.write_text('{"collected": "again"}\n')
    with pytest.raises(ValueError, match=r"data.RememberColor3: \"[0-9a-f]{64}\" in the file, now"):
        training.train(settings(root, "m64_k2"))
    report.write_text("{}\n")
    other = tmp_path / "base"
    training.train(settings(root, "base", f"output={other}", "seed=3"))
    with pytest.raises(ValueError, match=r"base: \"[0-9a-f]{64}\" in the file, now"):
        training.train(settings(root, "m64_k2", f"base={other}"))
    assert state.read_bytes() == kept
    # how often it saves and measures decides nothing
    training.train(settings(root, "m64_k2", "scale.memory_training.save_every=3", "threads=2"))
    assert (root / "m64_k2" / "provenance.json").is_file()


def test_a_base_is_refused_alike(root: Path, monkeypatch) -> None:
    kill_after_a_save(root, "base", monkeypatch, f"output={root / 'base2'}")
    with pytest.raises(ValueError, match=r"base2.state.pt does not fit this run \(scale.grounding.updates: "):
        training.train(settings(root, "base", f"output={root / 'base2'}", "scale.grounding.updates=3"))


def test_a_finished_training_with_other_settings_is_no_success(root: Path) -> None:
    with pytest.raises(ValueError, match=r"base is already trained, with other settings: seed: 0 in the file, now 1"):
        training.train(settings(root, "base", "seed=1"))
