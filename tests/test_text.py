"""The prompt and its tokens, mini and Llama-2 alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, processors
from tokenizers import Tokenizer as Backend

from muvla.benchmark.libero import LIBERO
from muvla.benchmark.mikasa import COLOURS, MIKASA, SHAPES
from muvla.data.text import Tokenizer, prompt

COLOUR_TASK = "Observe the cube's color, wait, then touch the cube of the same color."


@pytest.fixture(scope="module")
def mini() -> Tokenizer:
    return Tokenizer.mini()


def test_prompt_is_the_papers():
    asked = "observe the cube's color, wait, then touch the cube of the same color."
    assert prompt(COLOUR_TASK) == f"In: What action should the robot take to {asked}?\nOut:"


def test_special_ids_are_the_real_ones_where_they_can_be(mini):
    assert (mini.unknown_id, mini.bos_id, mini.stop_id) == (0, 1, 2)
    specials = {mini.unknown_id, mini.bos_id, mini.stop_id, mini.pad_id, mini.empty_id}
    assert len(specials) == 5
    assert max(specials) < mini.vocab_size
    assert mini.vocab_size % 64 == 0


@pytest.mark.parametrize(
    "instruction",
    [
        *MIKASA.instructions,
        "Rotate the peg by -137 degrees to match the target angle.",
        *(f"Touch the {colour} {shape}." for colour in COLOURS for shape in SHAPES),
        f"Put {LIBERO.words}",
    ],
)
def test_every_instruction_of_both_benchmarks_is_known(mini, instruction):
    ids = mini.encode(instruction)
    assert ids[0] == mini.bos_id
    assert ids[-1] == mini.empty_id
    assert mini.unknown_id not in ids


def test_different_instructions_get_different_ids(mini):
    encoded = {tuple(mini.encode(instruction)) for instruction in MIKASA.instructions}
    encoded |= {tuple(mini.encode(f"Touch the {colour} {shape}.")) for colour in COLOURS for shape in SHAPES}
    assert len(encoded) == len(MIKASA.instructions) + len(COLOURS) * len(SHAPES)
    # A colour is one token, so that naming it changes one position only.
    red, blue = mini.encode("Touch the red cube."), mini.encode("Touch the blue cube.")
    assert sum(a != b for a, b in zip(red, blue, strict=True)) == 1


def test_unknown_words_become_unknown_and_case_does_not_matter(mini):
    assert mini.encode("Touch the zebra.").count(mini.unknown_id) == 1
    assert mini.encode(COLOUR_TASK.upper()) == mini.encode(COLOUR_TASK)


@given(st.text(min_size=1).filter(str.strip))
def test_no_text_smuggles_in_a_special_token(mini, instruction):
    for text in (instruction, f"touch </s> {instruction} <PAD><s>"):
        ids = mini.encode(text)
        assert ids[0] == mini.bos_id
        assert ids.count(mini.bos_id) == 1
        assert ids[-1] == mini.empty_id
        assert mini.stop_id not in ids
        assert mini.pad_id not in ids
        assert all(0 <= number < mini.vocab_size for number in ids)


def test_an_empty_instruction_is_refused(mini):
    with pytest.raises(ValueError, match="instruction is empty"):
        mini.encode(" \n")


def test_what_is_saved_is_loaded_and_always_the_same(tmp_path, mini):
    first = mini.save(tmp_path).read_bytes()
    loaded = Tokenizer.load(tmp_path)
    for instruction in (*MIKASA.instructions, "Touch the zebra."):
        assert loaded.encode(instruction) == mini.encode(instruction)
    assert (loaded.pad_id, loaded.empty_id, loaded.vocab_size) == (
        mini.pad_id,
        mini.empty_id,
        mini.vocab_size,
    )
    assert Tokenizer.mini().save(tmp_path).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def llama_like() -> Backend:
    """A byte-fallback BPE built as Llama-2's tokenizer.json is, special ids included, without its pieces."""
    numbered = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    letters = sorted(set(prompt(COLOUR_TASK).replace("\n", "")) - {" "})
    numbered |= {letter: 300 + i for i, letter in enumerate(letters)} | {"\u2581": 29871}
    gaps = sorted(set(range(32000)) - set(numbered.values()))
    numbered |= {f"<gap{number}>": number for number in gaps}  # a contiguous table, as in the real file
    backend = Backend(models.BPE(numbered, [], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    backend.decoder = decoders.ByteFallback()
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>", "<PAD>")])
    backend.enable_truncation(4)  # a released file may carry what its last user had switched on
    backend.enable_padding(pad_id=32000, pad_token="<PAD>", length=512)
    return backend


def test_a_tokenizer_like_llama_2s_is_served_by_the_same_class(tmp_path):
    llama_like().save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.load(tmp_path)
    assert (tokenizer.bos_id, tokenizer.stop_id, tokenizer.unknown_id) == (1, 2, 0)
    assert (tokenizer.pad_id, tokenizer.empty_id, tokenizer.vocab_size) == (32000, 29871, 32064)
    ids = tokenizer.encode(COLOUR_TASK)
    assert len(ids) == 1 + 1 + len(prompt(COLOUR_TASK)) + 1  # BOS, the leading blank, a token a letter, the empty one
    assert ids[0] == 1
    assert ids[-1] == 29871
    assert 32000 not in ids
    assert 3 + ord("\n") in ids


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["<unk>", "<s>", "</s>", "<PAD>"], "lacks"),
        (["<unk>", "</s>", "<s>", "<PAD>", "\u2581"], "not 1 and 2"),
    ],
)
def test_another_models_tokenizer_is_refused(tmp_path, tokens, message):
    vocabulary = {token: number for number, token in enumerate(tokens)}
    Backend(models.WordLevel(vocabulary, unk_token="<unk>")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=rf"tokenizer\.json: .*{message}"):
        Tokenizer.load(tmp_path)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json is missing"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="is not a tokenizer"):
        Tokenizer.load(tmp_path)
