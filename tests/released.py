"""The original's tiny checkpoint as a folder that acts, for tests that are skipped where it is not beside us."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import pre_tokenizers, processors
from tokenizers.models import WordLevel

SHARED = Path(__file__).resolve().parents[2] / "shared" / "golden"
needs_whole_checkpoint = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason="the original's whole checkpoint and its numbers (45 MB) are not in ../shared/golden; "
    "tests/golden holds the part that is tested everywhere",
)
WORDS = (
    *("in", ":", "what", "action", "should", "the", "robot", "take", "to", "observe", "cube", "'", "s"),
    *("color", ",", "wait", "then", "touch", ".", "out", "?"),
)


def stand_in_tokenizer() -> Backend:
    """Llama-2's ids of the tokens that mean something, one id for every word: the golden folder has no tokenizer."""
    tokens = {"<unk>": 0, "<s>": 1, "</s>": 2, "\u2581": 29871, "<PAD>": 32000}
    tokens |= {word: 300 + number for number, word in enumerate(WORDS)}
    backend = Backend(WordLevel(tokens, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return backend


def write_released(
    folder: Path, *, tokens: int = 8, center_crop: bool | None = None, **memory: str | float | int
) -> Path:
    """Link the checkpoint's files into FOLDER, with a tokenizer.

    tokens: of the memory, 0 for a memoryless policy. memory: settings to write instead of the stored ones.
    center_crop: written into preprocessor_config.json; None leaves it as released.
    """
    folder.mkdir(parents=True)
    for path in (SHARED / "ckpt").iterdir():
        (folder / path.name).symlink_to(path)
    stand_in_tokenizer().save(str(folder / "tokenizer.json"))
    if center_crop is not None:
        rewrite(folder / "preprocessor_config.json", center_crop=center_crop)
    rewrite(folder / "memory_meta.json", num_mem_tokens=tokens, **memory)
    file = folder / "memory_module--150000_checkpoint.pt"
    if tokens != 8:
        stored = torch.load(file, weights_only=True)["initial_memory"]
        file.unlink()
        if tokens:
            torch.save({"initial_memory": stored[:tokens].clone()}, file)
        else:
            (folder / "memory_meta.json").unlink()
    return folder


def rewrite(file: Path, **entries: str | float | int) -> None:
    content = json.loads(file.read_text()) | entries
    file.unlink()
    file.write_text(json.dumps(content))
