"""Tensor names: ours, and those of the released layout (spec 12.2)."""

from __future__ import annotations

# our modules outside the shards, and their files
PARTS = {"action_head": "action_head", "proprio_projector": "proprio_projector", "memory": "memory_module"}
LM_HEAD = "lm_head.weight"  # in every released folder, without influence on an action


def our_name(name: str) -> str:
    """Translate a released name: the release nests the language model once more than we do, with its head inside."""
    if name.startswith("language_model.model."):
        return name.replace("language_model.model.", "language_model.", 1)
    return name.removeprefix("language_model.") if name.startswith("language_model.lm_head.") else name


def released_name(name: str) -> str:
    """Invert `our_name`."""
    if name.startswith("language_model."):
        return name.replace("language_model.", "language_model.model.", 1)
    return f"language_model.{name}" if name.startswith("lm_head.") else name
