"""Training as at paper scale, small: adapters on a frozen base, recorded episodes, several processes (spec 3, 4)."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from muvla import checkpoint
from muvla.checkpoint.__main__ import inspect
from muvla.data.rlds.dataset import RldsDataset
from muvla.data.rlds.tfrecord import CorruptRecord, index_records
from muvla.options import CONFIG
from muvla.train.parallel import Group
from muvla.train.recorded.source import RecordedSource
from muvla.train.recorded.start import recorded_start
from muvla.train.start import Budget
from paper_scale import configured, lines, trained, write_paper

VARIANTS = sorted(p.stem for p in (CONFIG / "variant").glob("*.yaml") if p.stem != "base")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_paper(tmp_path_factory.mktemp("paper"))


# pi05 is trained by its own authors' program at this scale (docs/paper-scale.md)
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "pi05"])
def test_every_variant_trains_from_the_base(root: Path, variant: str) -> None:
    output = trained(root, variant, f"all/{variant}", "scale.memory_training.updates=2")
    settings = configured(root, variant, "x")
    cell = checkpoint.load(output)
    base = checkpoint.load_to_train(root / "base", settings.memory, cameras=2, proprio_dim=7)
    assert cell.settings.num_mem_tokens == {"oft": 0, "oft_episodic": 0, "oft_first_obs": 0, "m1_k8": 1}.get(
        variant, 64
    )
    assert cell.architecture.cameras == (3 if variant == "oft_first_obs" else 2)
    frozen = "vision_backbone.featurizer.blocks.1.attn.qkv.weight"  # the block that never runs
    assert cell.state_dict()[frozen].equal(base.state_dict()[frozen])
    adapted = "language_model.layers.0.self_attn.q_proj.weight"
    assert not cell.state_dict()[adapted].equal(base.state_dict()[adapted])
    stored = checkpoint.StoredPolicy(output)
    assert list(stored.statistics) == ["mikasa_combined"]
    assert stored.preprocessing.center_crop is True
    assert stored.step == 2
    assert stored.provenance is not None
    names = (
        ["remember_color_5_vla_v0"] if variant == "rc5_only" else ["remember_color_3_vla_v0", "remember_color_5_vla_v0"]
    )
    assert sorted(stored.provenance["data"]) == names
    frames = Budget.of("updates", settings.scale.memory_training, cell.settings, 1)
    assert frames.frames_per_update == 2 * cell.settings.window


def test_metrics_in_lines_and_in_tensorboard(root: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event

    from muvla.data.rlds.tfrecord import read_record

    every = "every: 1, memory_every: 2, attention_every: 3, episode_every: 3, tensorboard: true"
    metrics = f"scale.memory_training.metrics={{{every}}}"
    output = trained(root, "m64_k2", "measured/m64_k2", metrics, "scale.wide_memory=3")
    found = [line for line in lines(output) if "loss" in line]
    attention = [line for line in lines(output) if "MEM_to_ACTION_frac" in line]
    assert [line["update"] for line in attention] == [3, 6]
    assert attention[0]["MEM_to_ACTION_frac"] == 0 < attention[0]["ACTION_to_MEM_frac"]
    (episode,) = [line for line in lines(output) if "episode_mem_norms" in line]
    assert episode["update"] == 6  # none was whole after three updates of two steps
    assert np.shape(episode["episode_mem_norms"]) == (len(episode["episode_rollout"]), 3)
    plain = trained(root, "m64_k2", "measured/plain", "scale.wide_memory=3")
    assert checkpoint.sha256(plain) == checkpoint.sha256(output)  # looking changes nothing
    assert [line["update"] for line in found] == [1, 2, 3, 4, 5, 6]
    assert all(line["gradient_norm"] > 0 and 0 < line["loss"] < 2 for line in found)
    steps = [line for line in found if "mem_output_grad_norm_mean" in line]
    assert [line["update"] for line in steps] == [2, 4, 6]
    for line in steps:  # the release never fills the second (spec B7)
        assert line["mem_input_grad_norm_max"] >= line["mem_input_grad_norm_mean"] > 0
        assert line["mem_output_grad_norm_max"] >= line["mem_output_grad_norm_mean"] > 0
    (board,) = Path(f"{output}.tensorboard").glob("events*")
    events = [Event.FromString(read_record(board, location)) for location in index_records(board)]
    tags = {value.tag for event in events for value in event.summary.value}
    assert {"VLA_Train/Loss", "VLA_Train/Gradient_Norm", "mu-VLA_Memory/mem_output_grad_norm_mean"} <= tags
    assert "mu-VLA_Attention/block_attention_heatmap" in tags
    assert {f"mu-VLA_Memory/episode_{name}" for name in ("mem_norms", "cosine_distance", "rollout")} <= tags


def test_gradients_of_two_windows_make_the_update_of_one_twice_as_wide(root: Path) -> None:
    """Where no memory passes from one to the other: frames in one order, four at a time or twice two."""
    one, two = (
        trained(root, "oft", f"wide/{slots}", f"scale.memory_training.slots={slots}",
                f"scale.memory_training.accumulate={windows}", "scale.memory_training.augment=false")
        for slots, windows in ((4, 1), (2, 2))
    )  # fmt: skip
    for a, b in zip(lines(one), lines(two), strict=True):
        assert b == pytest.approx(a, rel=1e-4, abs=2e-6)
    other = trained(root, "oft", "wide/half", "scale.memory_training.augment=false")
    assert lines(other)[-1]["loss"] != pytest.approx(lines(one)[-1]["loss"], rel=1e-4)


def test_bfloat16_backbone_with_float32_adapters_under_autocast(root: Path) -> None:
    precision = "scale.memory_training.precision={backbone: bfloat16, trained: float32, autocast: true}"
    full, half = (trained(root, "m64_k2", f"precision/{n}/v", "scale.wide_memory=3", *more)
                  for n, more in (("full", []), ("half", [precision])))  # fmt: skip
    for one, other in zip(lines(full), lines(half), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=0.05)
    released = trained(root, "oft", "precision/released/v", precision, "match_release=true")
    assert len(lines(released)) == 6
    entries = checkpoint.StoredPolicy(released).statistics  # of its loader: each data set's own
    assert sorted(entries) == ["remember_color_3_vla_v0", "remember_color_5_vla_v0"]
    assert entries["remember_color_3_vla_v0"]["action"]["mask"] == [True] * 6 + [False]
    assert "statistics      remember_color_5_vla_v0" in "\n".join(inspect(released))
    dagger = trained(
        root, "oft_episodic", "precision/dagger/v", "match_release=true", "scale.memory_training.updates=1"
    )
    assert list(checkpoint.StoredPolicy(dagger).statistics) == ["mikasa_combined"]


def test_background_processes_keep_the_order_of_the_slots(root: Path) -> None:
    found = []
    for workers in (0, 2):
        config = configured(root, "m64_k2", "x", f"scale.memory_training.workers={workers}")
        budget = Budget.of("updates", config.scale.memory_training, config.memory, 1)
        source = recorded_start(config, config.memory, budget, Group()).source
        assert isinstance(source, RecordedSource)
        found.append([source.next_window(0.0) for _ in range(5)])
        position = source.state()
        source.close()
    for one, other in zip(*found, strict=True):
        for name in ("proprio", "actions", "is_first", "images"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert position[0]["number"] == 10  # of the windows handed out, not of those read ahead


def test_a_damaged_record_stops_the_run_unless_told_otherwise(tmp_path: Path, capsys) -> None:
    root = write_paper(tmp_path)
    shard = next((root / "data/remember_color_3_vla_v0/1.0.0").glob("*.tfrecord-*"))
    second = index_records(shard)[1]
    content = bytearray(shard.read_bytes())
    content[second.offset + 40] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CorruptRecord, match=rf"{shard.name} at byte {second.offset}"):
        trained(root, "m64_k2", "stopped/v")
    trained(root, "m64_k2", "went_on/v", "scale.memory_training.skip_damaged=true")
    assert f"left out: corrupt record in {shard} at byte {second.offset}" in capsys.readouterr().err
    # damage that came after the index was kept, in a background process
    kept = RldsDataset(root / "data/remember_color_5_vla_v0")
    shard = next(kept.directory.glob("*.tfrecord-*"))
    state, content = shard.stat(), bytearray(shard.read_bytes())
    for location in index_records(shard):
        content[location.offset + 40] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(CorruptRecord, match=shard.name):
        trained(root, "rc5_only", "late/v", "scale.memory_training.workers=1")


def test_a_folder_that_cannot_be_started_from_is_refused_by_name(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fetch the base first"):
        trained(root, "m64_k2", "x/v", f"base={tmp_path / 'nowhere'}")
    with pytest.raises(ValueError, match="meant for 8 processes, here are 1"):
        trained(root, "m64_k2", "x/v", "scale.memory_training.processes=8")
    with pytest.raises(FileNotFoundError, match="no demonstrations of TakeItBack"):
        trained(root, "m64_k2", "x/v", "environments=[TakeItBack]")
    with pytest.raises(ValueError, match="has no base of ours"):
        trained(root, "base", "x/v")
    with pytest.raises(ValueError, match="budget is epochs: it must be updates or frames"):
        trained(root, "m64_k2", "x/v", "budget=epochs")
