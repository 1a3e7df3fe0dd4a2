"""`python -m muvla.checkpoint inspect DIR`: what is in a checkpoint folder, and whether it can be used.

Only reads the folder: shards are memory-mapped, components are unpickled as tensors only, and nothing in the folder is
executed or changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from muvla.benchmark.benchmark import benchmarks_of_width
from muvla.checkpoint.cells import load, load_to_train
from muvla.checkpoint.config_files import CONFIG, MEMORY_META
from muvla.checkpoint.flow import load_flow
from muvla.checkpoint.language_model import unread_keys
from muvla.checkpoint.stored import PREPROCESSOR, PROVENANCE, StoredPolicy
from muvla.checkpoint.tensors import INDEX, CheckpointError, Stored
from muvla.data.statistics import COMBINED_SUFFIX, STATISTICS_FILE, parse_statistics
from muvla.data.text import TOKENIZER_FILE
from muvla.files import Json
from muvla.model.architecture import MemorySettings

READ = (CONFIG, INDEX, MEMORY_META, PREPROCESSOR, PROVENANCE, STATISTICS_FILE, TOKENIZER_FILE)
PREFIXES = (
    "vision_backbone.featurizer.",
    "vision_backbone.fused_featurizer.",
    "projector.",
    "language_model.model.",
    "language_model.lm_head.",
    "expert.",
)


def inspect(folder: Path) -> Iterator[str]:
    """Describe the folder's tensors, sizes, memory and statistics, line by line.

    Raises:
        CheckpointError, ValueError or FileNotFoundError: naming the file and the tensor that is wrong.
    """
    policy = StoredPolicy(folder)
    yield f"{folder}"
    yield from _tensors(policy)
    architecture = policy.architecture
    yield from _unread(policy)
    towers = " and ".join(f"{tower.depth} blocks of {tower.width}" for tower in architecture.towers)
    yield f"towers          {towers}, {architecture.cameras} cameras of {architecture.image_size} px, "
    yield f"                {architecture.patches} patches each"
    yield (
        f"language model  {architecture.layers} layers of {architecture.width}, {architecture.heads} heads, "
        f"vocabulary {architecture.vocab_size}"
    )
    if policy.components["proprio_projector"]:
        titles = " or ".join(each.title for each in benchmarks_of_width(architecture.proprio_dim))
        yield f"benchmark       {titles} (proprio width {architecture.proprio_dim})"
    yield f"memory          {policy.memory}"
    if policy.flow is not None:
        yield f"actions         denoised by an expert, {policy.flow}"
        load_flow(policy)
        yield from _parts(policy)
        return
    if policy.components["action_head"] is None:
        yield "use             a base to train from: it has no action head (python -m muvla.train base=...)"
        load_to_train(policy, MemorySettings(), cameras=2, proprio_dim=architecture.proprio_dim, dtype=torch.bfloat16)
        return
    load(policy, dtype=torch.bfloat16)  # every name and shape; the shards stay mapped
    yield from _parts(policy)


def _parts(policy: StoredPolicy) -> Iterator[str]:
    """Describe what a policy needs beside its tensors. Raises as inspect."""
    folder, architecture = policy.folder, policy.architecture
    yield from _statistics(policy)
    pictures = policy.preprocessing
    means = " and ".join(map(str, pictures.normalisation.means))
    yield f"pictures        means {means}, centre crop {pictures.center_crop}"
    tokenizer = policy.tokenizer
    if tokenizer.vocab_size > architecture.vocab_size:
        raise CheckpointError(f"{folder}/tokenizer.json has {tokenizer.vocab_size} ids, the embeddings fewer rows")
    yield f"tokenizer       pad {tokenizer.pad_id}, empty {tokenizer.empty_id}"
    made = policy.provenance or {}
    yield f"made by         {made.get('command_line', 'unknown: no provenance.json of ours')}, step {policy.step}"
    yield f"use             complete: python -m muvla.evaluate checkpoint={folder}"


def _tensors(policy: StoredPolicy) -> Iterator[str]:
    stored = policy.shards
    for prefix in PREFIXES:
        yield _group(prefix.rstrip("."), [value for name, value in stored.items() if name.startswith(prefix)])
    rest = sorted(name for name in stored if not name.startswith(PREFIXES))
    if rest:
        yield f"  {len(rest)} tensors under other names, first {rest[0]}"
    for name, component in policy.components.items():
        yield _group(name, list(component.values())) if component else f"  {name:34} none"


def _unread(policy: StoredPolicy) -> Iterator[str]:
    """List what lies in the folder and decides nothing here: files, and keys of text_config."""
    read = {value.file.name for value in policy.shards.values()}
    read |= {value.file.name for part in policy.components.values() if part for value in part.values()}
    files = sorted(path.name for path in policy.folder.iterdir() if path.name not in read | set(READ))
    keys = [f"text_config.{key}" for key in unread_keys(policy.config.get("text_config", {}))]
    if files or keys:
        yield f"not read        {', '.join([*files, *keys])}"


def _statistics(policy: StoredPolicy) -> Iterator[str]:
    """Describe the joint entry, or where there is none every data set's own (spec 3.6)."""
    entries, file = policy.statistics, policy.folder / STATISTICS_FILE
    joint = any(name.endswith(COMBINED_SUFFIX) for name in entries)
    for key in [None] if joint or not entries else sorted(entries):
        statistics = parse_statistics(entries, key, file)
        yield f"statistics      {statistics.key} of {sorted(entries)}, {_frames(entries[statistics.key])}"
        yield f"                action mask {statistics.action.mask.astype(int).tolist()}"


def _frames(entry: Json) -> str:
    return f"{entry.get('num_transitions', 'unknown')} frames of {entry.get('num_trajectories', 'unknown')} episodes"


def _group(name: str, stored: list[Stored]) -> str:
    if not stored:
        return f"  {name:34} none"
    kinds = sorted({str(value.tensor.dtype).removeprefix("torch.") for value in stored})
    files = sorted({value.file.name for value in stored})
    where = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    count = sum(value.tensor.numel() for value in stored)
    return f"  {name:34} {len(stored):5} tensors {count:14,} {'/'.join(kinds):9} {where}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m muvla.checkpoint", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("inspect", help="what is inside, and whether it can be used").add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        for line in inspect(options.folder):
            print(line)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
