"""Checkpoint folders as people come by them: one sentence that names the file and the remedy, never a traceback."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from made_up import write_checkpoint
from muvla import checkpoint
from muvla.checkpoint import CheckpointError
from muvla.checkpoint import __main__ as inspection

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
SHARD, HEAD = "model-00001-of-00001.safetensors", "action_head--1_checkpoint.pt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "policy")


def edited(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        change(content)
        (folder / "config.json").write_text(json.dumps(content))

    return edit


def text(**keys: object) -> Callable[[Path], None]:
    return edited(lambda content: content["text_config"].update(keys))


def written(name: str, content: str | bytes) -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


def nest_head(folder: Path) -> None:
    torch.save({"state_dict": torch.load(folder / HEAD, weights_only=True)}, folder / HEAD)


def only_adapters(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "openvla/openvla-7b"}')
    (folder / "adapter_model.safetensors").write_bytes(b"x")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        # content that would change the actions is honoured or refused
        (
            lambda folder: torch.save({}, folder / "vision_backbone--7_checkpoint.pt"),
            r"vision_backbone--7_checkpoint.pt belongs to a policy that this program does not have.*FiLM",
        ),
        (text(rope_scaling={"type": "linear", "factor": 2}), r"config.json: text_config.rope_scaling is {.*it is None"),
        (text(rope_parameters={"rope_type": "llama3"}), r"text_config.rope_parameters.rope_type is 'llama3'"),
        (text(num_key_value_heads=1), r"text_config.num_key_value_heads is 1; .* in which it is 2"),
        (text(hidden_act="gelu"), r"text_config.hidden_act is 'gelu'"),
        (text(attention_bias=True), "text_config.attention_bias is True"),
        (text(rope_theta="10000"), r"rope_theta is '10000', expected a number above 0"),
        (text(hidden_size=-16), r"hidden_size is -16, expected an integer of at least 1"),
        (edited(lambda content: content.update(text_config=None)), r"text_config is None, expected the sizes"),
        (edited(lambda content: content.update(text_config=[])), r"text_config is \[\], expected the sizes"),
        (edited(lambda content: content["towers"][0].update(windowed=3)), r"towers of another kind.*windowed"),
        (edited(lambda content: content.update(towers=["vit"])), r"towers of another kind"),
        # files that are not what their names say
        (written("config.json", "[]"), r"config.json must hold a JSON object, not a list"),
        (written("config.json", ""), r"config.json is empty: fetch it again"),
        (written("dataset_statistics.json", "{}"), r"dataset_statistics.json has no entry"),
        (written("dataset_statistics.json", ""), r"dataset_statistics.json is empty"),
        (written("config.json", POINTER), r"config.json is a git-lfs pointer, not the file itself: run `git lfs pull`"),
        (written("dataset_statistics.json", POINTER), r"dataset_statistics.json is a git-lfs pointer"),
        (written(SHARD, POINTER), rf"{SHARD} is a git-lfs pointer"),
        (written(HEAD, POINTER), rf"{HEAD} is a git-lfs pointer"),
        (written(HEAD, gzip.compress(b"x")), rf"{HEAD} cannot be read as tensors only: it is damaged or holds Python"),
        (written(SHARD, b"PK\x03\x04" + bytes(100)), rf"{SHARD} cannot be read: "),
        (nest_head, rf"{HEAD} holds 'state_dict', a dict: save the dictionary within it instead"),
        (lambda folder: torch.save([1], folder / HEAD), rf"{HEAD} holds a list, expected tensors by name"),
        (only_adapters, r"policy holds adapters only: merge them into openvla/openvla-7b first"),
    ],
)
def test_the_sentence_names_file_and_remedy(folder: Path, monkeypatch, spoil, said: str) -> None:
    spoil(folder)
    monkeypatch.setattr("sys.argv", ["checkpoint", "inspect", str(folder)])
    with pytest.raises(SystemExit, match=said) as caught:
        inspection.main()
    assert "weights_only" not in str(caught.value), "torch's advice would let the file run code"
    assert "\n" not in str(caught.value)


def test_constants_of_the_language_model_are_honoured(folder: Path) -> None:
    text(rms_norm_eps=1e-5, rope_parameters={"rope_theta": 500000.0, "rope_type": "default"})(folder)
    found = checkpoint.load(folder).architecture
    assert (found.rms_norm_eps, found.rope_theta) == (1e-5, 500000.0)


def test_a_byte_order_mark_is_no_fault(folder: Path) -> None:
    for name in ("config.json", "dataset_statistics.json", "memory_meta.json"):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    assert checkpoint.StoredPolicy(folder).normalisation().key == "mikasa_combined"
    checkpoint.load(folder)


def test_what_is_not_read_is_listed(folder: Path) -> None:
    (folder / "training_args.bin").write_bytes(b"x")
    text(max_position_embeddings=2048)(folder)
    (line,) = [line for line in inspection.inspect(folder) if line.startswith("not read")]
    assert "training_args.bin, text_config.max_position_embeddings" in line


def test_a_linked_folder_of_linked_files_is_read(folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for file in folder.iterdir():
        (linked / file.name).symlink_to(file)
    (tmp_path / "again").symlink_to(linked)
    assert checkpoint.sha256(tmp_path / "again") == checkpoint.sha256(folder)
    checkpoint.load(tmp_path / "again")


def test_base_of_another_kind_is_refused_to_a_training_as_well(folder: Path) -> None:
    text(rope_scaling={"type": "linear"})(folder)
    with pytest.raises(CheckpointError, match="rope_scaling"):
        checkpoint.load(folder)
