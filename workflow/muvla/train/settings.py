"""Options of `python -m muvla.train`; a file of config/muvla/variant/ is checked against `Variant`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass

from omegaconf import II, MISSING

from muvla.files import Json
from muvla.model.architecture import MemorySettings
from muvla.options import group, option, section
from muvla.train.composed.scale import ComposedScale
from muvla.train.scale import RecordedScale, Scale, Training


@dataclass
class Memory:
    """The memory of a variant: the five keys of memory_meta.json (spec 12.5)."""

    num_mem_tokens: int = option(0, "Memory tokens m; 0: no memory.", at_least=0)
    memory_update: str = option(
        "tbptt",
        "tbptt: the tokens read out at one step go into the next. ema: their detached moving average does.",
        choices=("tbptt", "ema"),
    )
    ema_alpha: float = option(0.1, "ema: weight of the new tokens.", at_least=0, at_most=1)
    tbptt_length: int = option(1, "tbptt: steps K of a window, through which gradients flow.", at_least=1)
    attention_mask_mode: str = option(
        "custom",
        "custom: the context does not attend to the action side. full: it does (spec 1.6).",
        choices=("custom", "full"),
    )


@dataclass
class Variant:
    """What differs between the columns of Table 1."""

    name: str = option(
        MISSING, "Name of the variant, as its file is called; base: the policy that the others start from."
    )
    loader: str = option(
        "episodic",
        "episodic: whole episodes in order. shuffled: single frames in random order (spec 3.6).",
        choices=("episodic", "shuffled"),
    )
    cameras: int = option(2, "Pictures a policy sees; 3: the first picture of the episode as well.", choices=(2, 3))
    environments: list[str] | None = option(
        None, "Environments that this variant trains on; null: those of the option `environments`."
    )
    objective: str = option(
        "regression",
        "regression: actions are read off the language model. flow: an action expert denoises them (mini scale; "
        "train/flow).",
        choices=("regression", "flow"),
    )
    released_schedule: str = option(
        "cosine",
        "Learning-rate schedule of the release's command, used with match_release=true.",
        choices=("cosine", "multistep"),
    )
    memory: Memory = section(Memory, "The memory.")


@dataclass
class TrainSettings:
    """All options of one training."""

    data: str = option("${scale.data}", "Folder of the demonstrations: RLDS, collected by us or as published.")
    environments: list[str] = option(
        II("scale.environments"),
        "Environments to train on (LIBERO: names of data sets), unless the variant names its own (rc5_only does).",
    )
    base: str = option("${scale.base}", "The checkpoint that variants start from.")
    output: str = option("${scale.checkpoints}/${variant.name}", "The checkpoint folder to write.")
    seed: int = option(
        0, "One seed decides everything: weights, order of the data, memory.", at_least=0, at_most=2**63 - 1
    )
    threads: int = option(
        1, "CPU threads for linear algebra; with 1, two trainings run side by side on two cores.", at_least=1
    )
    device: str = option(
        "auto",
        "Where to compute; auto: a GPU where there is one. Scales whose base is trained here use the CPU.",
        choices=("auto", "cpu", "cuda"),
    )
    budget: str = option(
        "updates",
        "What is held equal between variants: updates (K then multiplies the frames), or frames (K then divides the "
        "updates).",
        choices=("updates", "frames"),
    )
    match_release: bool = option(
        False,
        "For scale=paper: take over what the release did by choice where ours differs: the context length of padded "
        "batches (spec B3), the diagonal crop, adapters on layers that never run, bfloat16 trained weights and "
        "optimiser states (spec B16), the variant's released_schedule; in the frame-shuffled loader no frame whose "
        "chunk would be padded, and each data set's own statistics. docs/paper-scale.md lists what stays ours.",
    )
    plan: bool = option(False, "Only print what the run will cost.")
    scale: Scale = group(
        "mini",
        "Size of model, data and budget: a file of config/muvla/scale/.",
        Scale,
        {"_composed": ComposedScale, "_recorded": RecordedScale},
    )
    variant: Variant = group("m64_k2", "What to train: a file of config/muvla/variant/. Train base first.", Variant)

    def contradictions(self) -> Iterator[str]:
        """Yield what cannot be trained together, and the options that a scale whose base is trained here ignores."""
        if self.is_flow and not isinstance(self.scale, ComposedScale):
            yield (
                f"has variant={self.variant.name}, which scale {self.scale.name} does not train: there it is LeRobot's "
                "own π0.5 (docs/paper-scale.md)"
            )
        if self.is_flow and self.variant.memory.num_mem_tokens:
            yield f"has memory tokens, for which variant {self.variant.name} has no place: leave them out"
        if isinstance(self.scale, ComposedScale):
            if self.device == "cuda":
                yield f"has device=cuda, but scale {self.scale.name} trains on the CPU: leave device out"
            if self.is_flow and self.training.metrics.attention_every:
                yield f"measures attention, which variant {self.variant.name} does not show: leave attention_every out"
            if self.match_release:
                yield f"has match_release=true, but scale {self.scale.name} follows no release: take scale=paper"

    @property
    def is_flow(self) -> bool:
        """Whether an action expert denoises the actions."""
        return self.variant.objective == "flow"

    @property
    def training_environments(self) -> list[str]:
        """The variant's own environments, else the scale's or the command line's."""
        return self.variant.environments or self.environments

    @property
    def training(self) -> Training:
        """What is trained: the base in its second stage, or a variant from it."""
        if isinstance(self.scale, ComposedScale) and self.variant.name == "base":
            return self.scale.grounding
        if isinstance(self.scale, ComposedScale) and self.is_flow:
            return dataclasses.replace(self.scale.memory_training, optimiser=self.scale.flow.optimiser)
        return self.scale.memory_training

    @property
    def memory(self) -> MemorySettings:
        """The variant's memory."""
        return MemorySettings(**dataclasses.asdict(self.variant.memory))


# How often something is saved or measured, and by whom it is computed.
_CIRCUMSTANCES = ("save_every", "checkpoint_every", "metrics", "workers", "processes", "slots")
_DECIDING = {
    "base": ("name", "architecture", "held_out", "auxiliary", "towers", "grounding"),
    "variant": ("name", "architecture", "held_out", "auxiliary", "memory_training"),
}


def deciding(config: Json) -> Json:
    """Return what of the options decides a training's weights, for the comparison with an earlier call.

    config: all options, as dataclasses.asdict or provenance.json have them. Data and base are compared by their hashes,
    not by their paths (train/state.py).
    """
    variant, scale = config["variant"], config["scale"]
    wanted = _DECIDING["base" if variant["name"] == "base" else "variant"]
    kept = {name: scale[name] for name in wanted if name in scale}
    for part in ("grounding", "memory_training"):
        if part in kept:
            kept[part] = {name: value for name, value in kept[part].items() if name not in _CIRCUMSTANCES}
    found: Json = {
        **{name: config[name] for name in ("seed", "budget", "match_release") if name in config},
        "environments": variant["environments"] or config["environments"],
        "variant": {name: value for name, value in variant.items() if name != "environments"},
        "scale": kept,
    }
    as_in_a_file: Json = json.loads(json.dumps(found))  # tuples become lists
    return as_in_a_file
