"""Select the files of this folder from the whole set of reference numbers:  python tests/golden/make.py FOLDER

FOLDER holds the whole set (README.md here says what is in it). What is written is the part that tests need and that
fits a repository: no vision towers of the checkpoint, no gradients, no rollouts.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from muvla.data.images import OPENVLA
from muvla.model.vision import pack_pixels

HERE = Path(__file__).parent
MODES = ("custom_m8", "custom_m1", "full_m8", "full_m1", "off")
SET = "remember_color_3_vla_v0"
SMALL = ("config.json", "memory_meta.json", "dataset_statistics.json", "preprocessor_config.json")


def main(source: Path) -> None:
    for old, new in (
        ("d_mask.npz", "masks.npz"),
        ("e_lr_schedule.json", "learning_rates.json"),
        ("f_normalisation.npz", "normalisation.npz"),
        ("t_towers.safetensors", "towers.safetensors"),
    ):
        shutil.copyfile(source / old, HERE / new)
    with np.load(source / "p_preprocess.npz") as data:
        stages = ("raw", "resized", "resized_cropped", "pixel_values")
        save(
            "pictures.npz", {f"{stage}_{name}": data[f"{stage}_{name}"] for name in ("128", "256") for stage in stages}
        )
    with np.load(source / "t_towers.npz") as data:
        first = slice(0, 1)
        images = pictures_of(data["pixel_values"][first])
        save("towers.npz", {"images_u8": images} | {name: data[name][first] for name in ("features", "projected")})
    write_policy(source)
    (HERE / "rlds").mkdir(exist_ok=True)
    shutil.copytree(source / "rlds" / SET, HERE / "rlds" / SET, dirs_exist_ok=True)
    shutil.copyfile(source / "rlds" / f"{SET}.expected.npz", HERE / "rlds" / f"{SET}.expected.npz")


def write_policy(source: Path) -> None:
    """The checkpoint without its towers and projector, and one step of it from vision tokens on."""
    folder = HERE / "policy"
    folder.mkdir(exist_ok=True)
    for path in [*source.glob("ckpt/*.pt"), *(source / "ckpt" / name for name in SMALL)]:
        shutil.copyfile(path, folder / path.name)
    tensors = {}
    for shard in sorted(source.glob("ckpt/*.safetensors")):
        with safe_open(shard, framework="pt") as stored:
            tensors |= {name: stored.get_tensor(name) for name in stored.keys() if "language_model.model" in name}  # noqa: SIM118
    words = tensors.pop("language_model.model.embed_tokens.weight")
    save_file(tensors, folder / "language_model.safetensors")
    with np.load(source / "a_single_b1.npz") as data:
        length = int(data["prompt_lengths"][0])
        ids = sorted({*data["input_ids"][0, :length].tolist(), 2, 32000})
        kept = {
            "word_ids": np.array(ids),
            "word_vectors": words[ids].float().numpy(),
            "prompt": data["input_ids"][:, :length],
            "vision": data["inputs_embeds__m8"][:, 1:393],  # after BOS
        }
        names = ["proprio", "memory_in__m8", "memory_in__m1"]
        for mode in MODES:
            names += [f"action_norm__{mode}", f"action__{mode}", *([] if mode == "off" else [f"memory_out__{mode}"])]
        save("step.npz", kept | {name: data[name] for name in names})


def pictures_of(pixels: np.ndarray) -> np.ndarray:
    """Find pictures (N, 2, S, S, 3) uint8 that give these pixels (N, 12, S, S), packed and rounded to bfloat16."""
    levels = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1).expand(256, 1, 1, 3)
    table = pack_pixels(levels, OPENVLA).bfloat16().float()[:, :, 0, 0].numpy()  # (256, 6)
    parts = [[np.searchsorted(table[:, c], pixels[:, 6 * camera + c]) for c in range(3)] for camera in range(2)]
    pictures = np.stack([np.stack(part, axis=-1) for part in parts], axis=1).astype(np.uint8)
    again = pack_pixels(torch.from_numpy(pictures).flatten(0, 1), OPENVLA).bfloat16().float()
    if not np.array_equal(again.reshape(pixels.shape).numpy(), pixels):
        raise SystemExit("error: the pixels are not those of pictures of 256 levels")
    return pictures


def save(name: str, arrays: dict[str, np.ndarray]) -> None:
    np.savez_compressed(HERE / name, **arrays)
    print(json.dumps({name: (HERE / name).stat().st_size}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
