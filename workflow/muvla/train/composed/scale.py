"""What a file of config/muvla/scale/ can say about the mini scale, where the base is trained here (spec 14)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omegaconf import MISSING

from muvla.options import option, section
from muvla.train.scale import MemoryTraining, OptimiserSettings, Scale, Training


@dataclass
class Share:
    """How often an environment is shown."""

    environment: str = option(MISSING, "The environment or task.")
    share: float = option(1.0, "Its share, relative to the others'.", at_least=0)


@dataclass
class Auxiliary:
    """Weights of the losses beside the paper's (model/auxiliary.py), the same for base and variants; 0: without."""

    naming: float = option(0.0, "Of naming the object in words at the last TEXT token.", at_least=0)
    pointing: float = option(0.0, "Of finding the object's patch, where pictures show it.", at_least=0)
    detection: float = option(0.0, "Base: of what is where, read off the towers, beside acting.", at_least=0)


@dataclass
class CurriculumStage:
    """What is shown until a share of the training is done: lengths of composed episodes in frames, inclusive ranges."""

    until: float = option(
        1.0, "Share of the training at which the stage ends; the last stage's is 1.", at_least=0, at_most=1
    )
    cue: tuple[int, int] = option((1, 1), "Shortest and longest cue phase.")
    empty: tuple[int, int] = option((0, 0), "Shortest and longest empty phase.")
    choice: tuple[int, int] = option((1, 1), "Shortest and longest stretch of the choice phase.")
    stretch: tuple[int, int] | None = option(
        None, "Shortest and longest stretch of an episode in which nothing is chosen; null: all of it."
    )
    horizon: int | None = option(
        None, "Steps through which the gradient flows back, where the variant's K is more; null: K.", at_least=1
    )


@dataclass
class MemoryAids:
    """What helps every variant with memory to find it in minutes; both fade linearly to nothing (spec 14)."""

    rehearsal: float = option(
        0.0,
        "Share of frames after the cue that read the object's words from their memory slots.",
        at_least=0,
        at_most=1,
    )
    naming: float = option(0.0, "Weight of naming the object at the memory tokens.", at_least=0)
    fade_until: float = option(
        1.0, "Share of the training after which nothing is left of either.", at_least=0.01, at_most=1
    )

    def left(self, progress: float) -> float:
        """Return what is left of the aids, from 1 to 0; progress in [0, 1]: the share of the training that is done."""
        return max(0.0, 1 - progress / self.fade_until)


@dataclass
class ComposedTraining(MemoryTraining):
    """mini: episodes put together from frames in memory (train/composed/streams.py), in one process."""

    aids: MemoryAids = section(MemoryAids, "What helps to find the memory, the same for every variant.")
    shares: list[Share] = section(list, "Shares of episodes; an environment that is not named has 1.")
    curriculum: list[CurriculumStage] = section(
        list, "Stages, in the order of the share of the training at which they end."
    )

    def contradictions(self) -> Iterator[str]:
        yield from super().contradictions()
        if not self.curriculum or self.curriculum[-1].until != 1:
            yield "has a curriculum whose last stage does not last until 1.0"


@dataclass
class TowerSizes:
    """One vision tower of the mini policy."""

    image_size: int = option(MISSING, "Side of a picture in pixels.", at_least=1)
    patch_size: int = option(MISSING, "Side of a patch in pixels.", at_least=1)
    width: int = option(MISSING, "Width of its tokens.", at_least=1)
    depth: int = option(MISSING, "Blocks; the last one never runs, as in the paper's towers.", at_least=1)
    heads: int = option(MISSING, "Attention heads.", at_least=1)
    mlp_hidden: int = option(MISSING, "Width of the hidden layer of each block.", at_least=1)
    stem: tuple[int, int] = option(MISSING, "Channels of the first two of three convolutions that make its tokens.")


@dataclass
class Sizes:
    """Sizes of the mini policy (model/architecture.py)."""

    towers: list[TowerSizes] = section(list, "The two vision towers.")
    cameras: int = option(MISSING, "Cameras of the base.", at_least=1)
    width: int = option(MISSING, "D, the width of the language model.", at_least=1)
    layers: int = option(MISSING, "Layers of the language model.", at_least=1)
    heads: int = option(MISSING, "Attention heads of the language model.", at_least=1)
    mlp_hidden: int = option(MISSING, "Width of the hidden layer of each block.", at_least=1)
    proprio_dim: int = option(MISSING, "Numbers of the robot state: 7 in MIKASA-Robo, 8 in LIBERO.", at_least=1)

    def contradictions(self) -> Iterator[str]:
        if len(self.towers) != 2:
            yield f"has {len(self.towers)} towers; the policy has two"
        for tower in self.towers:
            if tower.patch_size % 2 ** len(tower.stem) or tower.image_size % tower.patch_size:
                yield f"has patches of {tower.patch_size} px, which do not fit {tower.image_size} px and the stem"


@dataclass
class TowerStage:
    """Stage 1 of the base: the towers learn what is where, from the simulator's state (composed/detector.py)."""

    updates: int = option(MISSING, "Updates.", at_least=1)
    batch: int = option(MISSING, "Frames of an update, each seen by all cameras.", at_least=1)
    optimiser: OptimiserSettings = section(OptimiserSettings, "Optimiser and schedule.")


@dataclass
class GroundingStage(Training):
    """Stage 2 of the base: single frames with their instruction, in fully visible scenes (composed/grounding.py)."""

    batch: int = option(MISSING, "Sequences of an update: a frame and an instruction.", at_least=1)
    shares: list[Share] = section(list, "Shares of sequences; an environment that is not named has 1.")
    opening: list[str] = section(
        list,
        "Environments that are shown alone at first, if they are trained on: finding what is named is learned there "
        "with fewer updates.",
    )
    opening_until: float = option(
        0.0, "Share of the updates at which the opening ends; 0: there is none.", at_least=0, at_most=1
    )
    looked_at: list[Share] = section(
        list,
        "Further environments, with their shares, whose objects are seen, named and pointed at, as a vision-language "
        "model knows them; no action is learned from them.",
    )


@dataclass
class FlowStage:
    """The policy whose actions an expert denoises (model/flow): what it has beside the language model."""

    width: int = option(MISSING, "Width of the expert.", at_least=2)
    mlp_hidden: int = option(MISSING, "Width of the hidden layer of each of its blocks.", at_least=1)
    steps: int = option(10, "Steps of the denoising.", at_least=1)
    draws: int = option(1, "Noises and times that each frame of an update is shown with.", at_least=1)
    optimiser: OptimiserSettings = section(OptimiserSettings, "Optimiser and schedule.")


@dataclass
class ComposedScale(Scale):
    """mini: a policy of about a million parameters, trained from scratch, including its base."""

    architecture: Sizes = section(Sizes, "Sizes of the policy.")
    held_out: int = option(
        10,
        "Episodes of each environment, the last ones but at most a fifth, that are measured on and not trained on.",
        at_least=1,
    )
    auxiliary: Auxiliary = section(Auxiliary, "Weights of the losses beside the paper's.")
    towers: TowerStage = section(TowerStage, "Stage 1 of the base: the vision towers learn what is where.")
    grounding: GroundingStage = section(
        GroundingStage, "Stage 2 of the base: the policy learns to act on what an instruction names."
    )
    flow: FlowStage = section(FlowStage, "The policy whose actions an expert denoises.")
    memory_training: ComposedTraining = section(ComposedTraining, "Training of a variant from the base.")
