"""config.json and memory_meta.json: the sizes and the memory of a checkpoint folder (spec 1.1, 12.1, 12.5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from muvla.benchmark.benchmark import benchmarks, benchmarks_of_width
from muvla.benchmark.mikasa import MIKASA
from muvla.checkpoint.language_model import language_model_constants
from muvla.checkpoint.tensors import CheckpointError, Stored
from muvla.data.images import OPENVLA
from muvla.files import Json
from muvla.model.architecture import Architecture, MemorySettings, Tower

CONFIG = "config.json"
MEMORY_META = "memory_meta.json"
FINAL_NORM = "final_norm"  # every tower has one; the key stays in our folders so that their bytes do
# heads cannot be read off tensor shapes; everything else of a timm tower can
TIMM_TOWERS = {
    "vit_large_patch14_reg4_dinov2.lvd142m": Tower(
        224, 14, 1024, 24, 16, 4096, class_token=True, reg_tokens=4, layer_scale=True
    ),
    "vit_so400m_patch14_siglip_224": Tower(224, 14, 1152, 27, 16, 4304, attention_pool=True),
    "vit_tiny_patch16_224": Tower(224, 16, 192, 12, 3, 768, class_token=True, pos_embed_prefix=True),
}
OPENVLA_TOWERS = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")


def parse_memory(content: Json | None, file: Path, memory: Mapping[str, Stored] | None) -> MemorySettings:
    """Read memory settings from memory_meta.json, whose content is None where there is no such file (spec 12.5).

    memory: the tensors of memory_module--N_checkpoint.pt. Neither of the two means a memoryless policy.

    Raises:
        CheckpointError: one without the other, or a content that does not describe a memory.
    """
    stored = (memory or {}).get("initial_memory")
    if content is None:
        if stored is not None:
            raise CheckpointError(
                f"{stored.file} has a memory, but {file.parent} has no {file.name}: download the folder completely, or "
                f"write that file (initial_memory has {len(stored.tensor)} tokens; update rule and mask cannot be read "
                "off it)"
            )
        return MemorySettings()
    try:
        settings = MemorySettings(**content)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{file} does not describe a memory: {error}") from error
    if settings.num_mem_tokens and stored is None:
        raise CheckpointError(
            f"{file} announces memory but {file.parent} has no memory_module--*_checkpoint.pt with initial_memory"
        )
    return settings


def require_same_memory(where: str, settings: MemorySettings, tensor: Tensor, file: Path) -> None:
    """Raise CheckpointError when `settings`, which come from `where`, specify another number of tokens."""
    if tensor.ndim != 2 or len(tensor) != settings.num_mem_tokens:
        raise CheckpointError(
            f"{where} says num_mem_tokens {settings.num_mem_tokens}, but initial_memory in {file} "
            f"has shape {tuple(tensor.shape)}"
        )


def parse_architecture(config: Json, file: Path, proprio: Mapping[str, Stored] | None) -> Architecture:
    """Read the sizes of a policy from config.json and its proprio projector.

    proprio: None where there is no projector yet; the width is then MIKASA-Robo's.

    Raises:
        CheckpointError: unknown towers, a language model of another kind, sizes that are no sizes, or a projector that
        fits no benchmark.
    """
    text = config.get("text_config", {})
    if not isinstance(text, dict):
        raise CheckpointError(f"{file}: text_config is {text!r}, expected the sizes of the language model")

    def size(content: Json, key: str, usual: int) -> int:
        value = content.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CheckpointError(f"{file}: {key} is {value!r}, expected an integer of at least 1")
        return value

    width, heads = size(text, "hidden_size", 4096), size(text, "num_attention_heads", 32)
    epsilon, theta = language_model_constants(text, width, heads, file)
    return Architecture(
        towers=_towers(config, file),
        cameras=size(config, "cameras", 2),
        width=width,
        layers=size(text, "num_hidden_layers", 32),
        heads=heads,
        mlp_hidden=size(text, "intermediate_size", 11008),
        vocab_size=size(text, "vocab_size", 32064),
        pad_id=size(text, "pad_token_id", 32000),
        proprio_dim=MIKASA.proprio_width if proprio is None else _proprio_width(proprio, file.parent),
        chunk=size(config, "chunk", 8),
        rms_norm_eps=epsilon,
        rope_theta=theta,
    )


def _towers(config: Json, file: Path) -> tuple[Tower, ...]:
    if "towers" in config:  # ours
        try:
            return tuple(_tower(entry) for entry in config["towers"])
        except (TypeError, AttributeError) as error:
            raise CheckpointError(f"{file} describes towers of another kind: {error}") from error
    names = config.get("timm_model_ids", OPENVLA_TOWERS)
    if unknown := [name for name in names if name not in TIMM_TOWERS]:
        raise CheckpointError(f"{file} names unknown vision towers {unknown}")
    return tuple(TIMM_TOWERS[name] for name in names)


def _tower(entry: Json) -> Tower:
    """Read one of our towers; those without a stem were written without that key."""
    known = {key: value for key, value in entry.items() if key != FINAL_NORM}
    return Tower(**known | {"stem": tuple(known.get("stem", ()))})


def _tower_json(tower: Tower) -> Json:
    entry = dataclasses.asdict(tower) | {FINAL_NORM: True}
    return entry if tower.stem else {key: value for key, value in entry.items() if key != "stem"}


def _proprio_width(proprio: Mapping[str, Stored], folder: Path) -> int:
    if "fc1.weight" not in proprio:
        raise CheckpointError(f"{next(iter(proprio.values())).file if proprio else folder} lacks fc1.weight")
    stored = proprio["fc1.weight"]
    width = stored.tensor.shape[-1]
    if not benchmarks_of_width(width):
        raise CheckpointError(
            f"{stored.file}: {stored.name} reads {width} numbers, which fits no benchmark: "
            + ", ".join(f"{each.title} has {each.proprio_width}" for each in benchmarks().values())
        )
    return width


def own_keys(architecture: Architecture) -> Json:
    """Make the keys of ours in config.json: the number of cameras, and a chunk length that is not the released one."""
    return {"cameras": architecture.cameras, **({"chunk": architecture.chunk} if architecture.chunk != 8 else {})}


def config_json(architecture: Architecture) -> Json:
    """Make config.json for a policy of ours: the released keys, `towers` and `own_keys`."""
    return {
        "architectures": ["OpenVLAForActionPrediction"],
        "arch_specifier": "no-align+fused-gelu-mlp",
        "model_type": "openvla",
        "use_fused_vision_backbone": True,
        "image_resize_strategy": "resize-naive",
        "image_sizes": [tower.image_size for tower in architecture.towers],
        "pad_token_id": architecture.pad_id,
        "n_action_bins": 256,
        "torch_dtype": "bfloat16",
        **own_keys(architecture),
        "towers": [_tower_json(tower) for tower in architecture.towers],
        "text_config": {
            "model_type": "llama",
            "hidden_size": architecture.width,
            "intermediate_size": architecture.mlp_hidden,
            "num_attention_heads": architecture.heads,
            "num_hidden_layers": architecture.layers,
            "num_key_value_heads": architecture.heads,
            "pad_token_id": architecture.pad_id,
            "torch_dtype": "bfloat16",
            "vocab_size": architecture.vocab_size,
        },
    }


def preprocessor(architecture: Architecture) -> Json:
    """Make preprocessor_config.json; `center_crop` is ours: mini trains without augmentation, so nothing is cropped."""
    sizes = [[3, tower.image_size, tower.image_size] for tower in architecture.towers]
    return {
        "image_processor_type": "PrismaticImageProcessor",
        "image_resize_strategy": "resize-naive",
        "use_fused_vision_backbone": True,
        "input_sizes": sizes,
        "means": [list(row) for row in OPENVLA.means],
        "stds": [list(row) for row in OPENVLA.stds],
        "tvf_normalize_params": [
            {"inplace": False, "mean": list(mean), "std": list(std)}
            for mean, std in zip(OPENVLA.means, OPENVLA.stds, strict=True)
        ],
        "center_crop": False,
    }
