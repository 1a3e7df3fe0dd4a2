"""NaN and infinity stop a command at the first place that holds them, and the error names it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from made_up import INSTRUCTION, MEMORY, write_checkpoint, write_demonstrations
from muvla import checkpoint
from muvla.checkpoint import CheckpointError
from muvla.checkpoint import __main__ as inspection
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.rlds.example import decode_example, encode_example
from muvla.data.rlds.tfrecord import CorruptRecord, index_records, read_record, write_record
from muvla.evaluate.policy import Policy
from muvla.options import SettingsError, read
from muvla.sim.contract import given_actions
from muvla.train import __main__ as training
from muvla.train.optimiser import Diverged
from muvla.train.settings import TrainSettings

DOWN = "language_model.model.layers.0.mlp.down_proj.weight"


def spoil_weight(folder: Path) -> Path:
    shard = next(folder.glob("model-*.safetensors"))
    tensors = load_file(shard)
    tensors[DOWN][1, 2] = float("nan")
    save_file(tensors, shard, metadata={"format": "pt"})
    return folder


def test_a_weight_that_is_nan_is_named_by_whatever_loads_it(tmp_path: Path, monkeypatch, capsys) -> None:
    folder = spoil_weight(write_checkpoint(tmp_path / "policy"))
    said = rf"model-00001-of-00001.safetensors: {DOWN} holds 1 numbers that are NaN or infinite"
    for load in (checkpoint.load, lambda path: Policy(path, slots=1)):
        with pytest.raises(CheckpointError, match=said):
            load(folder)
    monkeypatch.setattr("sys.argv", ["checkpoint", "inspect", str(folder)])
    with pytest.raises(SystemExit, match=said):
        inspection.main()
    assert "complete" not in capsys.readouterr().out


def test_a_policy_names_the_slot_whose_state_or_action_is_no_number(tmp_path: Path) -> None:
    policy = Policy(write_checkpoint(tmp_path / "policy"), slots=2)
    images, proprio = np.zeros((2, 2, 16, 16, 3), np.uint8), np.zeros((2, 7), np.float32)
    first, active = np.array([True, True]), np.array([True, True])
    proprio[1, 3] = np.inf
    with pytest.raises(ValueError, match=r"robot state \(proprio\) holds NaN or infinity in slot 1"):
        policy.act(images, proprio, [INSTRUCTION] * 2, first, active)
    policy.act(images, proprio, [INSTRUCTION] * 2, first, np.array([True, False]))  # a slot that sits out is not asked
    policy.cell.action_head.model.fc2.bias.data[:] = torch.nan
    with pytest.raises(ValueError, match=r"the action chunk of .*policy holds NaN or infinity in slot 0"):
        policy.act(images, np.zeros((2, 7), np.float32), [INSTRUCTION] * 2, ~first, active)


def test_a_simulator_sits_out_without_rows_and_refuses_nan() -> None:
    assert given_actions(np.zeros((0, 7)), 8).shape == (0, 7)
    with pytest.raises(ValueError, match="actions hold NaN or infinity"):
        given_actions(np.full((8, 7), np.nan), 8)


def test_a_policy_that_is_nan_is_not_written(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "policy")
    before = checkpoint.sha256(folder)
    diverged = tiny.cell(MEMORY)
    diverged.language_model.layers[1].mlp.up_proj.weight.data[0, 0] = torch.inf
    with pytest.raises(CheckpointError, match=r"language_model.layers.1.mlp.up_proj.weight holds NaN or infinity"):
        checkpoint.save(diverged, folder, step=2, files={})
    assert checkpoint.sha256(folder) == before


@pytest.mark.parametrize("field", ["steps/action", "steps/observation/joint_state"])
def test_data_that_are_nan_are_found_with_shard_byte_field_and_frame(tmp_path: Path, field: str) -> None:
    dataset = next(write_demonstrations(tmp_path).glob("*_vla_v0"))
    shard = next(dataset.glob("1.0.0/*.tfrecord-*"))
    payloads = [read_record(shard, location) for location in index_records(shard)]
    fields = decode_example(payloads[1])
    key = field if field in fields else next(name for name in fields if "observation" in name and "image" not in name)
    values = np.asarray(fields[key], np.float32)
    values[9] = np.nan  # the third number of the second frame
    with shard.open("wb") as stream:
        places = [write_record(stream, encode_example(fields | {key: values}) if n == 1 else p).offset
                  for n, p in enumerate(payloads)]  # fmt: skip
    with pytest.raises(
        CorruptRecord, match=rf"{shard.name} at byte {places[1]}: {key} holds NaN or infinity in frame 1"
    ):
        RldsDataset(dataset).lengths  # noqa: B018


def trained(root: Path, variant: str, *more: str) -> TrainSettings:
    places = [f"data={root / 'data'}", f"base={root / 'base'}", f"output={root / variant}"]
    return read(TrainSettings, [f"variant={variant}", "scale=smoke", *places, "environments=[RememberColor3]", *more])


def test_a_training_that_diverges_stops_at_that_update_and_saves_nothing(tmp_path: Path, monkeypatch) -> None:
    write_demonstrations(tmp_path / "data")
    training.train(trained(tmp_path, "base"))
    rates = [f"scale.memory_training.optimiser.{name}=1.0e30" for name in ("lr", "muon_lr")]
    with pytest.raises(Diverged, match=r"is (nan|inf) at update [2-6]: the training stops here"):
        training.train(trained(tmp_path, "m64_k2", *rates, "scale.memory_training.save_every=100"))
    assert not (tmp_path / "m64_k2").exists()
    lines = [json.loads(line) for line in (tmp_path / "m64_k2.metrics.jsonl").read_text().splitlines()]
    assert np.isfinite([line["loss"] for line in lines if "loss" in line]).all()
    spoil_weight(tmp_path / "base")
    with pytest.raises(CheckpointError, match=DOWN):
        training.train(trained(tmp_path, "m1_k8"))


def test_an_option_is_a_finite_number() -> None:
    with pytest.raises(SettingsError, match=r"optimiser.lr is inf: it must be a number of at least 0"):
        read(TrainSettings, ["scale.memory_training.optimiser.lr=inf"])
