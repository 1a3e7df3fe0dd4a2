"""A disk that fills up while a training writes: one sentence, nothing half-written, and the same command goes on."""

import functools
import resource
from pathlib import Path

import pytest

import forked
from made_up import write_demonstrations


def train(root: Path, variant: str, *options: str, largest: int = resource.RLIM_INFINITY) -> tuple[int, str]:
    """The command with files of at most `largest` bytes: to a program the same as a disk that is full by then."""
    arguments = ["environments=[RememberColor3]", f"variant={variant}"]
    arguments += [f"data={root / 'data'}", f"base={root / 'base'}", f"output={root / variant}"]
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (largest, largest))
    return forked.run("muvla.train", ["scale=smoke", *arguments, *options], root.with_suffix(".log"), before=limit)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    write_demonstrations(folder / "data")
    code, said = train(folder, "base")
    assert code == 0, said
    return folder


@pytest.mark.parametrize(
    ("options", "named"), [((), "m64_k2.state.pt"), (("scale.memory_training.save_every=100",), "m64_k2")]
)
def test_a_full_disk_is_said_and_leaves_nothing_behind(root: Path, options: tuple[str, ...], named: str) -> None:
    code, said = train(root, "m64_k2", *options, largest=200_000)
    assert code == 1, said
    assert f"error: cannot write {root / named}: " in said.replace("[Errno None] ", "")
    assert "free some space" in said
    assert "Traceback" not in said
    assert sorted(path.name for path in root.iterdir()) == [
        "base", "base.metrics.jsonl", "base.towers.jsonl", "data", "m64_k2.metrics.jsonl"
    ]  # fmt: skip


@pytest.mark.slow
def test_with_space_again_the_same_command_ends_well(root: Path) -> None:
    code, said = train(root, "m64_k2")
    assert code == 0, said
    assert (root / "m64_k2" / "provenance.json").is_file()
