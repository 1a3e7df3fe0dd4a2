"""config.json and memory_meta.json: the sizes and the memory of a checkpoint folder (spec 1.1, 12.1, 12.5)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from torch import Tensor

from muvla.benchmark.benchmark import benchmarks, benchmarks_of_width
from muvla.checkpoint.tensors import CheckpointError, Stored, read_json
from muvla.data.images import OPENVLA
from muvla.model.architecture import Architecture, MemorySettings, Tower

CONFIG = "config.json"
MEMORY_META = "memory_meta.json"
# heads cannot be read off tensor shapes; everything else of a timm tower can
TIMM_TOWERS = {
    "vit_large_patch14_reg4_dinov2.lvd142m": Tower(
        224, 14, 1024, 24, 16, 4096, class_token=True, reg_tokens=4, layer_scale=True
    ),
    "vit_so400m_patch14_siglip_224": Tower(224, 14, 1152, 27, 16, 4304, attention_pool=True),
    "vit_tiny_patch16_224": Tower(224, 16, 192, 12, 3, 768, class_token=True, pos_embed_prefix=True),
}
OPENVLA_TOWERS = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")


def read_memory_settings(folder: Path, memory: dict[str, Stored] | None) -> MemorySettings:
    """memory_meta.json, checked against the tensor; neither of the two means a memoryless policy (spec 12.5)."""
    path = folder / MEMORY_META
    stored = (memory or {}).get("initial_memory")
    if not path.is_file():
        if stored is not None:
            raise CheckpointError(
                f"{stored.file} has a memory, but {folder} has no {MEMORY_META}: pass the memory settings explicitly "
                f"(initial_memory has {len(stored.tensor)} tokens; update rule and mask cannot be read off it)"
            )
        return MemorySettings()
    try:
        settings = MemorySettings(**read_json(folder, MEMORY_META))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not describe a memory: {error}") from error
    if settings.num_mem_tokens and stored is None:
        raise CheckpointError(
            f"{path} announces memory but {folder} has no memory_module--*_checkpoint.pt with initial_memory"
        )
    return settings


def require_same_memory(where: str, settings: MemorySettings, tensor: Tensor, file: Path) -> None:
    """Raises CheckpointError when `settings`, which come from `where`, ask for another number of tokens."""
    if tensor.ndim != 2 or len(tensor) != settings.num_mem_tokens:
        raise CheckpointError(
            f"{where} says num_mem_tokens {settings.num_mem_tokens}, but initial_memory in {file} "
            f"has shape {tuple(tensor.shape)}"
        )


def read_architecture(folder: Path, proprio: dict[str, Stored] | None, proprio_dim: int = 7) -> Architecture:
    """Sizes from config.json; the proprio width from its projector, or `proprio_dim` where there is none yet."""
    config = read_json(folder, CONFIG)
    text = config.get("text_config", {})
    if "towers" in config:
        towers = tuple(Tower(**tower) for tower in config["towers"])
    else:
        names = config.get("timm_model_ids", OPENVLA_TOWERS)
        if unknown := [name for name in names if name not in TIMM_TOWERS]:
            raise CheckpointError(f"{folder / CONFIG} names unknown vision towers {unknown}")
        towers = tuple(TIMM_TOWERS[name] for name in names)
    if proprio is not None:
        if "fc1.weight" not in proprio:
            raise CheckpointError(f"{next(iter(proprio.values())).file if proprio else folder} lacks fc1.weight")
        stored = proprio["fc1.weight"]
        proprio_dim = stored.tensor.shape[-1]
        if not benchmarks_of_width(proprio_dim):
            raise CheckpointError(
                f"{stored.file}: {stored.name} reads {proprio_dim} numbers, which fits no benchmark: "
                + ", ".join(f"{each.title} has {each.proprio_width}" for each in benchmarks().values())
            )
    return Architecture(
        towers=towers,
        cameras=config.get("cameras", 2),
        width=text.get("hidden_size", 4096),
        layers=text.get("num_hidden_layers", 32),
        heads=text.get("num_attention_heads", 32),
        mlp_hidden=text.get("intermediate_size", 11008),
        vocab_size=text.get("vocab_size", 32064),
        pad_id=text.get("pad_token_id", 32000),
        proprio_dim=proprio_dim,
        chunk=config.get("chunk", 8),
    )


def own_keys(architecture: Architecture) -> dict[str, Any]:
    """What config.json says beside the released keys: cameras, and a chunk of actions that is not the released one."""
    return {"cameras": architecture.cameras, **({"chunk": architecture.chunk} if architecture.chunk != 8 else {})}


def config_json(architecture: Architecture) -> dict[str, Any]:
    """config.json of a policy of ours: the released keys, and `towers` and `own_keys`, which it does not store."""
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
        "towers": [dataclasses.asdict(tower) for tower in architecture.towers],
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


def preprocessor(architecture: Architecture) -> dict[str, Any]:
    """preprocessor_config.json; `center_crop` is ours: mini trains without augmentation, so nothing is cropped."""
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
