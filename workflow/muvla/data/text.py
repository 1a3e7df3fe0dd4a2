"""The prompt and its tokens (spec 7).

A tokenizer is one tokenizer.json in a checkpoint's folder, the mini one and Llama-2's alike. Both use the
same names for the five tokens that mean something here, so one class serves both:

    token    mini        Llama-2   meaning
    <s>      1           1         begins every prompt
    </s>     2           2         STOP, which the model appends after the action placeholders
    <unk>    0           0         a word outside the vocabulary
    <PAD>    last but 1  32000     fills shorter prompts on the right
    (U+2581) last        29871     "empty": ends every prompt, and is the first position the action head reads
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend
from tokenizers.models import WordLevel

from muvla.benchmark.benchmark import benchmarks
from muvla.files import write_atomically

# For instructions of our own that name things the benchmarks leave unnamed ("touch the second cube").
OTHER_WORDS = """
    a an ball center cup first go hand left look matching move near object one other peg press right second show shown
    third this where with 0 1 2 3 4 5 6 7 8 9 x - _ , . ? ! : ; ' " ( )
"""

TOKENIZER_FILE = "tokenizer.json"
BOS, STOP, UNKNOWN, PAD, EMPTY = "<s>", "</s>", "<unk>", "<PAD>", "\u2581"
BOS_ID, STOP_ID = 1, 2
VOCABULARY_MULTIPLE = 64  # embeddings are padded to it (spec 1.1): 32001 tokens -> 32064 rows


def prompt(instruction: str) -> str:
    """Build the prompt of an instruction, lower-cased; a final period is kept, giving "....?" (spec 7)."""
    return f"In: What action should the robot take to {instruction.lower()}?\nOut:"


def naming(instruction: str, name: str) -> str:
    """Ask for the object `name` in words, with the verb of the task's instruction: "touch the red cube."."""
    verb = next((verb for verb in ("push", "pick up") if f" {verb} " in instruction.lower()), "touch")
    return f"{verb} the {name}."


class Tokenizer:
    """Instructions to ids.

    Attributes:
        bos_id, stop_id, unknown_id, pad_id, empty_id: ids of the special tokens.
        vocab_size: rows an embedding needs for all ids.
    """

    def __init__(self, backend: Backend):
        """Raises ValueError if one of the five tokens is missing, or BOS and STOP are not 1 and 2."""
        self._backend = backend
        vocabulary = backend.get_vocab(with_added_tokens=True)
        needed = (BOS, STOP, UNKNOWN, PAD, EMPTY)
        ids = {token: vocabulary[token] for token in needed if token in vocabulary}
        missing = [token for token in needed if token not in ids]
        if missing or (ids[BOS], ids[STOP]) != (BOS_ID, STOP_ID):
            found = f"lacks {missing}" if missing else f"has {BOS} = {ids[BOS]} and {STOP} = {ids[STOP]}, not 1 and 2"
            raise ValueError(f"not the tokenizer of an OpenVLA or mini checkpoint: it {found}")
        self.bos_id, self.stop_id, self.unknown_id, self.pad_id, self.empty_id = ids.values()
        self.vocab_size = -(-len(vocabulary) // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE

    @classmethod
    def mini(cls) -> Tokenizer:
        """Build the word-level tokenizer of the mini scale, always the same."""
        return cls(_build_mini())

    @classmethod
    def load(cls, directory: str | Path) -> Tokenizer:
        """Load the tokenizer of a checkpoint folder. Reads one JSON file: no network, no remote code.

        Raises:
            FileNotFoundError: no tokenizer.json.
            ValueError: it is damaged or another model's.
        """
        file = Path(directory) / TOKENIZER_FILE
        if not file.is_file():
            raise FileNotFoundError(f"{file} is missing: the checkpoint's instructions cannot be encoded without it")
        try:
            backend = Backend.from_file(str(file))
        except Exception as error:  # the library raises bare Exception for whatever it cannot parse
            raise ValueError(f"{file} is not a tokenizer ({error}). Fetch the checkpoint again.") from error
        backend.no_padding()
        backend.no_truncation()
        try:
            return cls(backend)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error

    def word_id(self, word: str) -> int:
        """Return the id of one word. Raises ValueError if it is not a token of its own."""
        number = self._backend.token_to_id(word)
        if number is None:
            raise ValueError(f"{word!r} is not one token of this tokenizer")
        return int(number)

    def as_json(self) -> dict[str, Any]:
        """Return the content of tokenizer.json."""
        return json.loads(self._backend.to_str())

    def save(self, directory: str | Path) -> Path:
        """Write tokenizer.json into an existing folder; the same tokenizer gives the same bytes."""
        file = Path(directory) / TOKENIZER_FILE
        return write_atomically(file, self._backend.to_str(pretty=True))

    def encode(self, instruction: str) -> list[int]:
        """Encode the whole prompt: BOS first, then n >= 1 tokens, the last the empty one (spec 1.3, 7).

        The action placeholders and STOP are the model's to append.

        Raises:
            ValueError: an empty instruction.
        """
        if not instruction.strip():
            raise ValueError("the instruction is empty: the policy needs one")
        ids = self._backend.encode(prompt(instruction)).ids
        if ids[0] != self.bos_id:
            ids = [self.bos_id, *ids]
        return ids if ids[-1] == self.empty_id else [*ids, self.empty_id]


def _build_mini() -> Backend:
    normalizer = normalizers.Lowercase()
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[^\p{L}\p{N}_]"), "isolated"),  # t_shape is one word
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    texts = [prompt(""), OTHER_WORDS]
    for benchmark in benchmarks().values():
        texts += [*benchmark.instructions, benchmark.words]
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    tokens = [UNKNOWN, BOS, STOP, *sorted(words), PAD, EMPTY]
    backend = Backend(WordLevel({token: number for number, token in enumerate(tokens)}, unk_token=UNKNOWN))
    backend.normalizer = normalizer
    backend.pre_tokenizer = splitter
    backend.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    return backend
