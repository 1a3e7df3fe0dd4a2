"""A disk that fills up while a training writes: one sentence, nothing half-written, and the same command goes on."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from made_up import write_demonstrations

REPOSITORY = Path(__file__).resolve().parents[1]


def train(root: Path, variant: str, *options: str, largest: int = resource.RLIM_INFINITY):
    """The command with files of at most `largest` bytes: to a program the same as a disk that is full by then."""
    arguments = [f"variant={variant}", f"data={root / 'data'}", f"base={root / 'base'}", f"output={root / variant}"]
    return subprocess.run(
        [sys.executable, "-m", "muvla.train", "scale=smoke", *arguments, *options],
        cwd=REPOSITORY, env={"PYTHONPATH": "workflow", "PATH": ""}, capture_output=True, text=True, timeout=600,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    write_demonstrations(folder / "data")
    done = train(folder, "base")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("options", "named"), [((), "m64_k2.state.pt"), (("scale.memory_training.save_every=100",), "m64_k2")]
)
def test_a_full_disk_is_said_and_leaves_nothing_behind(root: Path, options: tuple[str, ...], named: str) -> None:
    result = train(root, "m64_k2", *options, largest=200_000)
    assert result.returncode == 1, result.stderr
    assert f"error: cannot write {root / named}: " in result.stderr.replace("[Errno None] ", "")
    assert "free some space" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in root.iterdir()) == [
        "base", "base.metrics.jsonl", "data", "m64_k2.metrics.jsonl"
    ]  # fmt: skip


@pytest.mark.slow
def test_with_space_again_the_same_command_ends_well(root: Path) -> None:
    result = train(root, "m64_k2")
    assert result.returncode == 0, result.stderr
    assert (root / "m64_k2" / "provenance.json").is_file()
