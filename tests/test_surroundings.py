"""What the machine around a command looks like: GPU variables, clones on the path, no home, no git."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from dry_runs import call, copy_workflow
from muvla import provenance
from muvla.sim.libero.package import NoOpenGL, _choose_renderer, egl_device
from working_copy import REPOSITORY, working_copy


@pytest.mark.parametrize(
    ("environment", "devices", "chosen"),
    [
        ({}, 1, "0"),
        ({"CUDA_VISIBLE_DEVICES": ""}, 1, "0"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, 1, "0"),
        ({"CUDA_VISIBLE_DEVICES": "3"}, 1, "0"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c"}, 8, "0"),
        ({"CUDA_VISIBLE_DEVICES": "3,5"}, 8, "3"),
        ({"CUDA_VISIBLE_DEVICES": "3", "MUJOCO_EGL_DEVICE_ID": "0"}, 8, "0"),
    ],
)
def test_variables_made_for_cuda_do_not_keep_libero_from_drawing(environment, devices, chosen) -> None:
    """In the real simulator: test_libero.py, whose contract test sets a UUID and a device."""
    assert egl_device(environment, devices) == chosen


@pytest.mark.parametrize("asked", ["7", "-1", "first"])
def test_an_egl_device_that_is_not_there_is_said_in_one_sentence(asked: str) -> None:
    with pytest.raises(NoOpenGL, match=rf"MUJOCO_EGL_DEVICE_ID is '{asked}', but EGL has the devices 0 to 1"):
        egl_device({"MUJOCO_EGL_DEVICE_ID": asked}, 2)


def test_a_renderer_that_needs_a_screen_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    with pytest.raises(NoOpenGL, match="MUJOCO_GL is 'glfw': LIBERO draws with egl or osmesa here"):
        _choose_renderer()


@pytest.mark.parametrize("package", ["libero", "robosuite", "mani_skill"])
def test_a_clone_on_the_path_is_refused_by_its_name(tmp_path: Path, package: str) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("input('Do you want to specify a custom path? ')\n")
    environment = "libero_object/0" if package != "mani_skill" else "RememberColor3"
    code = f"from muvla.sim.simulator import preflight; preflight({environment!r}, {{}})"
    shell = os.environ | {"PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'workflow'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=shell, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert f"{package} would be imported from {tmp_path / package}, which stands on Python's path" in done.stderr
    assert "EOFError" not in done.stderr


def test_a_home_that_cannot_be_written_needs_a_cache_elsewhere(tmp_path: Path) -> None:
    clone = copy_workflow(tmp_path / "clone")
    shell = {"HOME": "/dev/null/nowhere", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "snakemake", "-n", "results/audit.md"]
    done = subprocess.run(command, cwd=clone, env=os.environ | shell, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    makefile = (REPOSITORY / "Makefile").read_text() + "\nwhere:\n\t@echo $$XDG_CACHE_HOME\n"
    (clone / "Makefile").write_text(makefile)
    shell = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    for home, expected in (("/dev/null/nowhere", f"{clone}/.cache"), (str(tmp_path), "")):
        done = subprocess.run(
            ["make", "--no-print-directory", "where"],
            cwd=clone,
            env=shell | {"HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


def archive(folder: Path) -> Path:
    """Unpack what `git archive` makes of the working copy's only commit."""
    copy = working_copy(folder / "copy")
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["add", "-A"], [*name, "commit", "-qm", "x"], ["archive", "-o", "../all.tar", "HEAD"]):
        subprocess.run(["git", *command], cwd=copy, check=True)
    with tarfile.open(folder / "all.tar") as packed:
        packed.extractall(folder / "unpacked", filter="data")
    return folder / "unpacked"


def test_an_archive_without_git_has_its_checkpoints_and_its_commit(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "copy").mkdir()
    unpacked = archive(tmp_path)
    done = call(unpacked, "checkpoints/mini.verified")
    assert done.returncode == 0, done.stderr
    assert (unpacked / "checkpoints/mini.verified").is_file()
    head = ["git", "-C", str(tmp_path / "copy"), "rev-parse", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout[:12]
    monkeypatch.setattr(provenance, "ROOT", unpacked)
    assert provenance.commit() == commit
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # inside another repository
    assert provenance.commit() == commit
    shutil.rmtree(unpacked / "workflow")
