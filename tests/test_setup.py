"""The commands of the README: they parse, and a machine that cannot run them is told in one line what it lacks."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from working_copy import REPOSITORY, working_copy

sys.path.insert(0, str(REPOSITORY / "containers"))
import lock as lock_tool

SCRIPTS = [
    "containers/setup.sh",
    "workflow/scripts/bundle.sh",
    "workflow/scripts/pull",
    "workflow/scripts/show",
    ".ci/run",
]


def machine(tmp_path: Path, **programs: str) -> dict[str, str]:
    """An environment whose PATH starts with programs of ours, given as the text they print."""
    for name, printed in programs.items():
        program = tmp_path / "bin" / name.replace("_", "-")
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{printed}'\n")
        program.chmod(0o755)
    without = {name: value for name, value in os.environ.items() if not name.startswith("VK_")}
    return {**without, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def setup(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the script, so that nothing here is touched."""
    (folder / "containers").mkdir(exist_ok=True)
    (folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for name in ("setup.sh", "requirements.lock"):
        shutil.copy(REPOSITORY / "containers" / name, folder / "containers" / name)
    command = ["bash", str(folder / "containers" / "setup.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_parses_and_is_executable(script: str) -> None:
    result = subprocess.run(["bash", "-n", str(REPOSITORY / script)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert os.access(REPOSITORY / script, os.X_OK)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A copy whose set-up is done: its Snakemake only says what it would run, its Python only collects tests."""
    clone = working_copy(tmp_path / "clone")
    tools = clone / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name, last in (("snakemake", "--dry-run"), ("python", "--collect-only -q tests/test_manifest.py")):
        (tools / name).write_text(f'#!/bin/sh\nexec {Path(sys.executable).with_name(name)} "$@" {last}\n')
        (tools / name).chmod(0o755)
    (clone / "containers" / "setup.sh").write_text("exit 0\n")
    return clone


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=clone, capture_output=True, text=True, timeout=300, check=False)


def test_make_table_is_what_make_alone_does(made: Path) -> None:
    log = made / "results" / "logs" / "table_mikasa.log"
    log.parent.mkdir(parents=True)
    log.write_text("the table\n")
    result = make(made)
    assert result.returncode == 0, result.stdout + result.stderr
    for rule in ("table", "figure_effect"):
        assert re.search(rf"^{rule} +1$", result.stdout + result.stderr, flags=re.MULTILINE), rule
    assert "the table" in result.stdout.splitlines()


def test_make_smoke_trains_from_nothing(made: Path) -> None:
    result = make(made, "smoke")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^collect +\d+$", result.stdout + result.stderr, flags=re.MULTILINE)


def test_make_test_gives_pytest_options_that_it_knows(made: Path) -> None:
    result = make(made, "test")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "tests/test_manifest.py::" in result.stdout


def test_make_clean_leaves_what_is_tracked(made: Path) -> None:
    for name in ("results", ".snakemake"):
        (made / name).mkdir()
        (made / name / "file").touch()
    assert make(made, "clean").returncode == 0
    assert not (made / "results").exists()
    assert not (made / ".snakemake").exists()
    assert (made / "Snakefile").is_file()


def test_make_bundle_refuses_a_training_that_has_not_ended(made: Path) -> None:
    (made / "results" / "checkpoints" / "m64_k2").mkdir(parents=True)
    result = make(made, "bundle")
    assert result.returncode != 0
    assert "results/checkpoints/m64_k2/ has no provenance.json: not finished" in result.stderr
    assert (made / "dvcstore").is_dir()


def test_user_without_root_is_told_one_line(tmp_path: Path) -> None:
    result = setup(tmp_path, machine(tmp_path, ldconfig="", id="1000", dpkg_query="installed 22.3.6-1"), "system")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "libgl1" in line
    assert "libvulkan1" in line
    assert "mesa-vulkan-drivers" in line
    assert f"bash {tmp_path}/containers/setup.sh system" in line


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    found = "".join(
        f"\t{name} (libc6,x86-64) => /lib/{name}\n"
        for name in (
            "libGL.so.1",
            "libEGL.so.1",
            "libX11.so.6",
            "libxcb.so.1",
            "libgthread-2.0.so.0",
            "libgomp.so.1",
        )
    )
    mesa = "installed 25.0.7-2~bpo12+1"
    result = setup(tmp_path, machine(tmp_path, ldconfig=found, id="1000", dpkg_query=mesa), "system")
    assert "missing Debian packages: libvulkan1. As root" in result.stderr


def test_unknown_argument(tmp_path: Path) -> None:
    result = setup(tmp_path, machine(tmp_path), "sistem")
    assert result.returncode == 1
    assert "sistem" in result.stderr


def test_lock_pins_everything_once() -> None:
    for lock in lock_tool.LOCKS:
        lines = (REPOSITORY / "containers" / lock).read_text("utf-8").splitlines()
        pins = [line.partition(" ") for line in lines if not line.startswith("#")]
        names = [pin.partition("==") for pin, _, _ in pins]
        assert all(separator and version for _, separator, version in names)
        assert len({lock_tool.normal(name) for name, _, _ in names}) == len(names)
        assert lock == "validators.lock" or ("torch", "==", "2.13.0") in names
        for pin, _, hashes in pins:
            unhashed = pin.startswith("torch==")
            assert unhashed or re.fullmatch(r"--hash=sha256:[0-9a-f]{64}( --hash=sha256:[0-9a-f]{64})*", hashes), pin


def test_licences_of_all_packages_are_listed() -> None:
    with (REPOSITORY / "containers" / "licences.csv").open(encoding="utf-8", newline="") as stream:
        listed = {f"{row['package']}=={row['version']}": row["licence"] for row in csv.DictReader(stream)}
    assert set(listed) == set(lock_tool.read(REPOSITORY / "containers" / "requirements.lock")[1])


def test_a_lock_says_what_changed_and_looks_up_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text("# why\nBeta==1 --hash=sha256:b\nalpha==1 --hash=sha256:a\ntorch==2\n")
    asked: list[list[str]] = []

    def hashes_of(pins: list[str]) -> dict[str, str]:
        asked.append(pins)
        return {pin: f"--hash=sha256:{pin}" for pin in pins}

    monkeypatch.setattr(lock_tool, "hashes_of", hashes_of)
    assert lock_tool.update([lock], ["beta==2", "gamma==1"], ["alpha"]) == {
        lock: ["- Beta==1", "- alpha==1", "+ beta==2", "+ gamma==1"]
    }
    assert asked == [["beta==2", "gamma==1"]]
    assert lock.read_text() == "# why\nbeta==2 --hash=sha256:beta==2\ngamma==1 --hash=sha256:gamma==1\ntorch==2\n"
    assert lock_tool.update([lock], [], [])[lock] == []
    assert asked[1] == ["beta==2", "gamma==1"], "all but torch"


def test_show_keeps_output_exit_code_and_lines(tmp_path: Path) -> None:
    show = REPOSITORY / "workflow" / "scripts" / "show"
    command = f"set -o pipefail; (printf 'a\\rb\\n'; exit 3) 2>&1 | {show} {tmp_path / 'log'}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert result.stdout == (tmp_path / "log").read_text() == "a\nb\n"


@pytest.mark.parametrize(("name", "package"), [("latex", "texlive-science"), ("browser", "chromium")])
def test_extras_are_asked_for_only_when_they_are_missing_and_only_of_root(
    tmp_path: Path, name: str, package: str
) -> None:
    there = machine(tmp_path, dpkg_query="installed", apt_get="", id="1000")
    assert setup(tmp_path, there, name).returncode == 0
    (tmp_path / "user").mkdir()
    result = setup(tmp_path / "user", machine(tmp_path / "user", dpkg_query="", apt_get="", id="1000"), name)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert package in line
    assert f"setup.sh {name}" in line
