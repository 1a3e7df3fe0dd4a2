"""`python tests/blank_pi05.py DIR`: a π0.5 of the true size without training, for containers/pi05.sif.

    export APPTAINERENV_HF_HOME=/tmp/hub APPTAINERENV_HF_HUB_OFFLINE=1     (for the server, too)
    apptainer exec containers/pi05.sif python tests/blank_pi05.py checkpoints/pi05

The folder is what LeRobot saves after the training of docs/paper-scale.md, section 9: configuration, processors with
their statistics, weights. But every weight is zero (a sparse file, which takes no disk), the statistics are those of
numbers from -1 to 1, and the tokenizer, written where the Hub's would be kept, is a stand-in: PaliGemma's class and
number of entries, with single characters for words.
"""

import json
import sys
from pathlib import Path

import torch
from huggingface_hub.constants import HF_HUB_CACHE
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.pi05.configuration_pi05 import PI05Config
from lerobot.policies.pi05.modeling_pi05 import PI05Policy
from lerobot.policies.pi05.processor_pi05 import make_pi05_pre_post_processors
from transformers import GemmaTokenizer, PaliGemmaConfig

TOKENIZER, VOCABULARY = "google/paligemma-3b-pt-224", 257152
SAFETENSORS = {torch.bfloat16: "BF16", torch.float32: "F32"}
CAMERAS = ("observation.images.top", "observation.images.wrist")  # as the published demonstrations name them


def configuration() -> PI05Config:
    """Return the configuration that section 9's training has, for MIKASA-Robo."""
    seen = {camera: PolicyFeature(FeatureType.VISUAL, (3, 128, 128)) for camera in CAMERAS}
    return PI05Config(
        input_features=seen | {"observation.state": PolicyFeature(FeatureType.STATE, (7,))},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (7,))},
        chunk_size=8,
        n_action_steps=8,
        freeze_vision_encoder=True,
        dtype="bfloat16",
        gradient_checkpointing=True,
        device="cpu",
        push_to_hub=False,
    )


def write_weights(path: Path, config: PI05Config) -> tuple[int, int]:
    """Write zeros for each tensor of the policy's own class; return how many parameters, and bytes.

    Of parameters that share their values one is written, the first by name, as LeRobot does.
    """
    config.device = "meta"
    with torch.device("meta"):
        policy = PI05Policy(config)
    names: dict[int, str] = {}
    tensors = {**dict(policy.named_parameters(remove_duplicate=False)), **dict(policy.named_buffers())}
    written = {name: tensors[name] for name in sorted(policy.state_dict())}
    header: dict[str, dict[str, object]] = {}
    offset = number = 0
    for name, tensor in written.items():
        if names.setdefault(id(tensor), name) != name:
            continue
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": SAFETENSORS[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset, number = end, number + tensor.numel()
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + offset)
    return number, 8 + len(text) + offset


def write_tokenizer(cache: Path) -> None:
    """Write a tokenizer of PaliGemma's class and size into the Hub's cache. Raises FileExistsError if one is there."""
    folder = cache / f"models--{TOKENIZER.replace('/', '--')}"
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<image>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += ["▁", *(chr(code) for code in range(ord("!"), ord("~") + 1))]
    words += [f"<unused{number}>" for number in range(VOCABULARY - len(words))]
    snapshot = folder / "snapshots" / "blank"
    snapshot.mkdir(parents=True)
    GemmaTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[]).save_pretrained(snapshot)
    PaliGemmaConfig().save_pretrained(snapshot)  # without one the tokenizer is asked for on the Hub
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("blank")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    write_tokenizer(Path(HF_HUB_CACHE))
    config = configuration()
    config.save_pretrained(folder)
    limits = {"q01": torch.full((7,), -1.0), "q99": torch.full((7,), 1.0)}
    for processors in make_pi05_pre_post_processors(config, {"observation.state": limits, "action": limits}):
        processors.save_pretrained(folder)
    number, size = write_weights(folder / "model.safetensors", config)
    print(f"{folder}: {number:,} parameters, {size:,} bytes")


if __name__ == "__main__":
    main()
