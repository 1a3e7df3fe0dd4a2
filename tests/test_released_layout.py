"""A tiny checkpoint in the released layout acts in the real simulator, through the same command as every other."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import pre_tokenizers, processors
from tokenizers.models import WordLevel

from muvla.evaluate.policy import Policy

REPOSITORY = Path(__file__).resolve().parents[1]
GOLDEN = REPOSITORY.parent / "shared" / "golden"
pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the original's checkpoint is not beside this repository")


def stand_in_tokenizer() -> Backend:
    """Llama-2's ids of the tokens that mean something, one id for every word: the golden folder has no tokenizer."""
    words = [
        *[
            "in",
            ":",
            "what",
            "action",
            "should",
            "the",
            "robot",
            "take",
            "to",
            "observe",
            "cube",
            "'",
            "s",
            "color",
            ",",
            "wait",
            "then",
            "touch",
            ".",
            "out",
            "?",
        ]
    ]
    tokens = {"<unk>": 0, "<s>": 1, "</s>": 2, "\u2581": 29871, "<PAD>": 32000}
    tokens |= {word: 300 + number for number, word in enumerate(words)}
    backend = Backend(WordLevel(tokens, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return backend


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released") / "mu-vla-tiny"
    shutil.copytree(GOLDEN / "ckpt", folder)
    folder.chmod(0o755)
    stand_in_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.slow
def test_it_evaluates_end_to_end_in_the_simulator(released: Path, tmp_path: Path) -> None:
    output = tmp_path / "records.jsonl"
    command = [sys.executable, "-m", "muvla.evaluate", f"checkpoint={released}", "name=m64_k2", "label=paper",
               "environment=RememberColor3", "episodes=1", "slots=1", f"output={output}"]  # fmt: skip
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(output.read_text().splitlines()[-1])
    assert record["error"] is None
    assert record["mode"] == "receding"
    assert record["forwards"] == record["memory_updates"] == record["steps"] > 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_batch_of_slots_acts_as_each_slot_alone(released: Path, precision: str) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 2, 128, 128, 3), dtype=np.uint8)  # (T, N, cameras, ...)
    proprio = rng.normal(size=(2, 3, 7)) * 0.2
    instructions = ["Observe the cube's color.", "Observe the cube's color, wait, then touch.", "touch"]
    together = Policy(released, slots=3, precision=precision)
    alone = [Policy(released, slots=1, precision=precision) for _ in range(3)]
    for t in range(2):
        first = np.array([t == 0] * 3)
        batch = together.act(images[t], proprio[t], instructions, first, np.ones(3, bool))
        for slot, policy in enumerate(alone):
            one = slice(slot, slot + 1)
            single = policy.act(images[t, one], proprio[t, one], instructions[one], first[one], np.ones(1, bool))
            np.testing.assert_allclose(batch[one], single, atol=1e-5 if precision == "float32" else 0.05)
    assert np.abs(batch).max() <= 1
