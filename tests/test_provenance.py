"""What made a result: the commit of this tree alone, and the command as it can be run again."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from muvla import provenance

SCRIPT = "import sys; from muvla.provenance import command_line; print(sys.argv[1:], command_line())"


def repository(folder: Path) -> str:
    folder.mkdir()
    (folder / "file").write_text("1")
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "file"], [*name, "commit", "-qm", "x"], ["rev-parse", "HEAD"]):
        done = subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()[:12]


def test_the_commit_is_that_of_this_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = repository(tmp_path / "whole")
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "whole")
    assert provenance.commit() == own
    (tmp_path / "whole" / "file").write_text("2")
    assert provenance.commit() == f"{own}+"
    inside = tmp_path / "whole" / "copy"  # unpacked inside somebody else's repository
    inside.mkdir()
    monkeypatch.setattr(provenance, "ROOT", inside)
    assert provenance.commit() == "unknown"
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "whole")
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert provenance.commit() == "unknown"


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [["torchrun"], ["python", "-m", "torch.distributed.run"], ["python"]])
def test_the_command_can_be_run_again(tmp_path: Path, launcher: list[str]) -> None:
    (tmp_path / "told.py").write_text(SCRIPT)
    processes = [] if launcher == ["python"] else ["--standalone", "--nproc-per-node=1"]
    command = [*launcher, *processes, "told.py", "a=[b, c]", "d='e f'"]
    shell = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    told = subprocess.run(command, cwd=tmp_path, env=shell, check=True, capture_output=True, text=True).stdout
    assert told == f"{command[-2:]} {shlex.join(command)}\n", "what was run, word by word, for a shell"


def test_torchrun_is_told_from_the_environment_where_its_command_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_parent", list)
    monkeypatch.setattr(sys, "orig_argv", ["/somewhere/bin/python3", "-u", "-m", "muvla.train", "scale=paper"])
    assert provenance.command_line() == "python -u -m muvla.train scale=paper"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert provenance.command_line() == "torchrun --standalone --nproc-per-node=8 -m muvla.train scale=paper"
    for name, value in {"GROUP_WORLD_SIZE": "2", "GROUP_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "9"}.items():
        monkeypatch.setenv(name, value)
    assert provenance.command_line() == (
        "torchrun --nnodes=2 --nproc-per-node=8 --node-rank=1 --master-addr=a --master-port=9"
        " -m muvla.train scale=paper"
    )
