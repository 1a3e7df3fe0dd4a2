"""What text_config says of the language model beyond its sizes: honoured, or refused by name (spec 1.1)."""

from __future__ import annotations

from pathlib import Path

from muvla.checkpoint.tensors import CheckpointError
from muvla.files import Json
from muvla.model.architecture import OPENVLA_7B

SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "pad_token_id"),
    *("rms_norm_eps", "rope_theta", "rope_parameters"),
)
# What every Llama here is; another value would be another model.
FIXED: Json = {
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "rope_scaling": None,
    "partial_rotary_factor": 1.0,
    "sliding_window": None,
}


def language_model_constants(text: Json, width: int, heads: int, file: Path) -> tuple[float, float]:
    """Return (epsilon of the norms, base of the rotary positions) of text_config.

    Raises CheckpointError for keys that describe another model: other activations, biases, fewer key and value heads,
    scaled positions.
    """
    rope = text.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise CheckpointError(f"{file}: text_config.rope_parameters is {rope!r}, expected an object")
    fixed = FIXED | {"num_key_value_heads": heads, "head_dim": width // heads}
    given = {f"text_config.{key}": (text[key], value) for key, value in fixed.items() if key in text}
    given |= {
        f"text_config.rope_parameters.{key}": (value, "default" if key == "rope_type" else None)
        for key, value in rope.items()
        if key != "rope_theta"
    }
    for name, (value, expected) in given.items():
        if value != expected:
            raise CheckpointError(
                f"{file}: {name} is {value!r}; this program computes a Llama in which it is {expected!r}: "
                "the actions would be another model's"
            )
    epsilon = _positive(text, "rms_norm_eps", OPENVLA_7B.rms_norm_eps, file)
    return epsilon, _positive({**text, **rope}, "rope_theta", OPENVLA_7B.rope_theta, file)


def _positive(content: Json, key: str, usual: float, file: Path) -> float:
    value = content.get(key, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise CheckpointError(f"{file}: {key} is {value!r}, expected a number above 0")
    return float(value)


def unread_keys(text: Json) -> list[str]:
    """Return the keys of text_config that nothing here reads."""
    return sorted(set(text) - {*SIZES, *FIXED, "num_key_value_heads", "head_dim"})
