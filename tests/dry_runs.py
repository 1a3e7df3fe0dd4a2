"""Calls of Snakemake without its imports, dry runs made once a process, and the configurations that they read."""

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
SITE = yaml.safe_load((REPOSITORY / "config" / "site.yaml").read_text("utf-8"))
CONFIG = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text("utf-8")) | SITE
SMOKE = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text("utf-8"))
PAPER = yaml.safe_load((REPOSITORY / "config" / "paper.yaml").read_text("utf-8"))
# As a lab calls it that has weights of pi0.5.
LAB = ("--profile", "slurm", "all", "--configfile", "own_site.yaml", "--config", "scale=paper")


def copy_workflow(folder: Path) -> Path:
    """Copy the files that a dry run reads; own_site.yaml is a lab's."""
    for name in ("workflow", "config", "profiles", "slurm", "paper"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "data.dvc"):
        shutil.copy(REPOSITORY / name, folder / name)
    (folder / "own_site.yaml").write_text("{site: {gpu_model: h100}, policies: [pi05]}")
    return folder


@functools.cache
def server() -> subprocess.Popen[str]:
    """This process's snakemake_server.py. It ends with its stdin, which is with this process."""
    command = [sys.executable, str(Path(__file__).with_name("snakemake_server.py"))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def call(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run Snakemake in `folder`; path: a folder of programs that come before all others."""
    with tempfile.TemporaryDirectory() as place:
        said = {name: f"{place}/{name}" for name in ("stdout", "stderr")}
        environment = {"PATH": f"{path}:{os.environ['PATH']}"}
        given = {"folder": str(folder), "arguments": arguments, "environment": environment, **said}
        try:
            print(json.dumps(given), file=server().stdin, flush=True)
            code = int(server().stdout.readline())  # type: ignore[union-attr]
        except BaseException:  # a test out of time: the answer would be taken for the next call's
            server().kill()
            server.cache_clear()
            raise
        return subprocess.CompletedProcess(arguments, code, *(Path(file).read_text("utf-8") for file in said.values()))


@functools.cache
def dry_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Say what a call would run, with its shell commands. For folders in which nothing changes from call to call."""
    return call(folder, "--dry-run", "--printshellcmds", *arguments)


def counted(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Return how many jobs of each rule a successful dry run announced."""
    told = result.stdout + result.stderr
    assert result.returncode == 0, told
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", told, flags=re.MULTILINE)}


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Return how many jobs of each rule a call would run."""
    return counted(dry_run(folder, *arguments))


def evaluations(folder: Path, *arguments: str) -> dict[str, dict[str, str]]:
    """The options of the evaluations that a call would run, by the record file that they write."""
    result = dry_run(folder, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    commands = re.findall(r"-m muvla\.evaluate (.*) 2>&1", result.stdout)
    options = [
        dict(word.split("=", 1) for word in shlex.split(part)) for command in commands for part in command.split(" -- ")
    ]
    return {option["output"]: option for option in options}
