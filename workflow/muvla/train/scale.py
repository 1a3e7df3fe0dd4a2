"""What a file of config/muvla/scale/ can say: size of model, data and budget of a training.

"release": a value stated by the release's commands or code (spec 4.1-4.4); "ours": our choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omegaconf import MISSING

from muvla.options import option, section


@dataclass
class OptimiserSettings:
    """Optimiser and schedule (train/optimiser.py)."""

    name: str = option(
        "adamw",
        "adamw: torch's AdamW for everything (release). muon: Muon for hidden matrices, AdamW for the rest.",
        choices=("adamw", "muon"),
    )
    lr: float = option(5e-4, "Learning rate.", at_least=0)
    muon_lr: float = option(0.0, "Learning rate of Muon for hidden matrices.", at_least=0)
    beta1: float = option(0.9, "AdamW's first beta.", at_least=0, at_most=1)
    beta2: float = option(0.999, "AdamW's second beta.", at_least=0, at_most=1)
    weight_decay: float = option(0.01, "Decoupled weight decay.", at_least=0)
    schedule: str = option(
        "cosine",
        "cosine: linear warm-up, then cosine to min_ratio. multistep: linear warm-up, then decay at the milestone.",
        choices=("cosine", "multistep"),
    )
    warmup: int = option(0, "Updates of the warm-up, which begins at a tenth of the learning rate.", at_least=0)
    min_ratio: float = option(0.1, "cosine: share of the learning rate that is left at the end.", at_least=0, at_most=1)
    milestone: int = option(
        100_000, "multistep: the update from which on the learning rate is multiplied by decay.", at_least=0
    )
    decay: float = option(0.1, "multistep: what the learning rate is multiplied by.", at_least=0, at_most=1)


@dataclass
class MetricsSettings:
    """Numbers of updates between two entries of <output>.metrics.jsonl (spec 4.8)."""

    every: int = option(1, "Updates between two lines of loss, learning rate and norms.", at_least=1)
    memory_every: int = option(0, "Updates between two measurements of the memory's gradients; 0: never.", at_least=0)
    attention_every: int = option(
        0, "Updates between two measurements of attention, which cost one more forward pass; 0: never.", at_least=0
    )
    episode_every: int = option(0, "Updates between two reports on slot 0's last whole episode; 0: never.", at_least=0)
    held_out_every: int = option(
        0, "mini: updates between two measurements on held-out episodes; 0: only at the end.", at_least=0
    )
    tensorboard: bool = option(False, "Write the same numbers to <output>.tensorboard as well.")


@dataclass
class Training:
    """How long and how something is trained (train/loop.py)."""

    updates: int = option(MISSING, "Updates of the optimiser.", at_least=1)
    optimiser: OptimiserSettings = section(OptimiserSettings, "Optimiser and schedule.")
    save_every: int = option(
        50, "Updates between two saved states from which an interrupted run continues.", at_least=1
    )
    checkpoint_every: int | None = option(
        None, "Updates between two checkpoints during training; null: only the final one is written.", at_least=1
    )
    metrics: MetricsSettings = section(MetricsSettings, "What is measured, and how often.")

    @property
    def autocast(self) -> bool:
        """Whether matrices are multiplied in bfloat16."""
        return False


@dataclass
class MemoryTraining(Training):
    """Training of a variant from the base, in windows of K steps."""

    processes: int | None = option(
        None, "Processes that train together, one per GPU; null: as many as were started.", at_least=1
    )
    frames: int | None = option(
        None, "Frames to train on, for budget=frames; null: the same as budget=updates.", at_least=1
    )
    slots: int | None = option(
        None, "Parallel streams B of each process; null: as frames_per_update requires.", at_least=1
    )
    frames_per_update: int | None = option(
        None,
        "Frames per update, the same for every K; each process then has frames_per_update / K streams.",
        at_least=1,
    )
    accumulate: int = option(
        1, "Windows whose gradients are summed for one update: more frames without more GPU memory.", at_least=1
    )

    def contradictions(self) -> Iterator[str]:
        if (self.slots is None) == (self.frames_per_update is None):
            yield f"has slots={self.slots} and frames_per_update={self.frames_per_update}: give one, set the other null"


@dataclass
class PrecisionSettings:
    """Number formats of a recorded training."""

    backbone: str = option("bfloat16", "Of frozen weights.", choices=("float32", "bfloat16"))
    trained: str = option(
        "float32",
        "Of trained weights (ours: the release's bfloat16 states lose updates below 2^-9 of a weight, spec B16).",
        choices=("float32", "bfloat16"),
    )
    autocast: bool = option(True, "Multiply matrices in bfloat16.")


@dataclass
class AdapterSettings:
    """Low-rank adapters on the backbone (release; model/lora.py)."""

    rank: int = option(32, "Rank of the adapters.", at_least=1)
    alpha: int = option(16, "Their output is scaled by alpha / rank.", at_least=1)
    dropout: float = option(0.0, "Dropout before them.", at_least=0, at_most=1)


@dataclass
class RecordedTraining(MemoryTraining):
    """paper: episodes as recorded, read from disk (train/recorded/streams.py)."""

    chunk: int = option(
        8,
        "Actions C of a chunk (release). Longer chunks are for the sweep over chunk lengths (ours: the paper names 16, "
        "which a head of 8 cannot give, spec 9.1 B5).",
        at_least=1,
    )
    augment: bool = option(True, "Change crop and colours of training pictures at random (release).")
    workers: int = option(
        4, "Background processes of each training process that read and decode; 0: none (ours).", at_least=0
    )
    skip_damaged: bool = option(False, "Skip damaged records, reporting each by shard and offset, instead of stopping.")
    precision: PrecisionSettings = section(PrecisionSettings, "Number formats.")
    gradient_checkpointing: bool = option(
        True,
        "Recompute activations of language model and towers in the backward pass (release: language model only).",
    )
    lora: AdapterSettings = section(AdapterSettings, "Low-rank adapters on the backbone (release).")

    @property
    def autocast(self) -> bool:
        return self.precision.autocast


@dataclass
class Scale:
    """Size of model, data and budget."""

    name: str = option(MISSING, "Name of the scale, as in its file.")
    data: str = option(MISSING, "Folder of the demonstrations.")
    base: str = option(MISSING, "Checkpoint that variants start from.")
    checkpoints: str = option(MISSING, "Folder that checkpoints are written to.")
    environments: list[str] = section(list, "Environments to train on (LIBERO: names of data sets).")
    wide_memory: int = option(MISSING, "Memory tokens m of the variants that the paper calls m=64.", at_least=1)
    memory_training: MemoryTraining = section(MemoryTraining, "Training of a variant from the base.")


@dataclass
class RecordedScale(Scale):
    """paper: OpenVLA-7B with adapters on recorded episodes."""

    memory_training: RecordedTraining = section(RecordedTraining, "Training of a variant from the base.")
