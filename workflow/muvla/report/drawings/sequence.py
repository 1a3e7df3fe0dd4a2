"""The token sequence of a policy as groups with their sizes, from a checkpoint folder of the scale that is drawn."""

from dataclasses import dataclass
from pathlib import Path

from muvla.benchmark.mikasa import MIKASA
from muvla.checkpoint.stored import StoredPolicy
from muvla.model.architecture import Architecture, MemorySettings
from muvla.model.layout import TokenLayout
from muvla.model.prompt import prompts
from muvla.report.drawing import GREEN, ORANGE, PURPLE, SKY, VERMILION

CAMERAS = ("base camera", "wrist camera", "third camera")


@dataclass(frozen=True)
class Group:
    """Neighbouring tokens of one kind; `short` where room is scarce."""

    name: str
    short: str
    count: int
    colour: str


@dataclass(frozen=True)
class Sequence:
    """What a policy reads at one step."""

    architecture: Architecture
    memory: MemorySettings
    layout: TokenLayout  # of one row
    groups: tuple[Group, ...]  # in the order of the sequence; those without tokens are left out

    @property
    def sizes(self) -> str:
        """Say how large the policy is."""
        wide = self.architecture
        return f"{self.layout.length} tokens, {wide.layers} layers, {wide.width} wide, {wide.heads} heads"


def read_sequence(checkpoint: Path) -> Sequence:
    """Return the sequence of the policy in the folder `checkpoint` for the longest instruction of MIKASA-Robo.

    Raises CheckpointError, ValueError or FileNotFoundError naming the file that is missing or wrong.
    """
    stored = StoredPolicy(checkpoint)
    architecture, memory = stored.architecture, stored.memory
    lengths = prompts(stored.tokenizer, MIKASA.instructions).lengths
    layout = TokenLayout.of(architecture, memory.num_mem_tokens, lengths.max()[None])
    return Sequence(architecture, memory, layout, groups(architecture, layout))


def groups(architecture: Architecture, layout: TokenLayout) -> tuple[Group, ...]:
    """Return the groups of a layout of one row (layout.py has their order)."""
    shades = (SKY, "#8CC8EE", "#B5DBF5")
    patches = layout.vision // architecture.cameras
    vision = [Group(CAMERAS[place], f"CAM {place}", patches, shades[place]) for place in range(architecture.cameras)]
    found = [
        Group("BOS", "BOS", 1, "#9AA0A6"),
        *vision,
        Group("proprioception", "PROPRIO", 1, GREEN),
        Group("memory", "MEM", layout.memory, VERMILION),
        Group("instruction", "TEXT", int(layout.text_lengths[0]), ORANGE),
        Group("actions", "ACTION", layout.actions, PURPLE),
        Group("STOP", "STOP", 1, "#9AA0A6"),
    ]
    present = tuple(group for group in found if group.count)
    if sum(group.count for group in present) != layout.length:
        raise ValueError(f"groups of {sum(group.count for group in present)} tokens for {layout.length} of the layout")
    return present


def share(group: Group) -> float:
    """Return how wide a group is drawn: room for its name, and the wider the more tokens it has."""
    return 2.2 + group.count**0.5
