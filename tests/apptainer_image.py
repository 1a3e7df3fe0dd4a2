"""An Apptainer, and an empty image with this machine's own programs bound into it: it is built in a second."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slurm_cluster import TOOLS

# This machine's own programs, bound into the empty image.
PREFIXES = {"/usr", "/etc", "/opt", *(str(Path(one).resolve()) for one in (sys.prefix, sys.base_prefix)), sys.prefix}
BOUND = f"--apptainer-args=--bind {','.join(sorted(PREFIXES))}"
DEFINITION = """Bootstrap: scratch
%setup
    cd "$APPTAINER_ROOTFS"
    mkdir -p usr etc opt root home tmp proc sys dev var
    for name in bin lib lib64 sbin; do ln -s "usr/$name" "$name"; done
"""


def found_or_installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which `apptainer` is found; without one and shared tools the test is skipped."""
    environment = dict(os.environ)
    if shutil.which("apptainer") is None:
        if not (TOOLS / "install_apptainer").is_file():
            pytest.skip("no apptainer here, and no shared tools to install one with")
        if os.geteuid() != 0:
            pytest.skip("installing an Apptainer takes root")
        folder = tmp_path_factory.mktemp("apptainer")
        made = subprocess.run([TOOLS / "install_apptainer", folder], capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"Apptainer was not installed: {(made.stderr.strip().splitlines() or ['no message'])[-1]}")
        environment["PATH"] = f"{folder}/usr/bin:{environment['PATH']}"
    if os.geteuid() == 0:
        environment["APPTAINER_USERNS"] = "1"
    return environment


def built(apptainer: dict[str, str], folder: Path) -> Path:
    """Build the image in `folder`; where that is impossible the test is skipped."""
    (folder / "host.def").write_text(DEFINITION)
    command = ["apptainer", "build", "--fakeroot", "host.sif", "host.def"]
    made = subprocess.run(command, cwd=folder, env=apptainer, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine cannot build an image: {(made.stderr.strip().splitlines() or ['no message'])[-1]}")
    return folder / "host.sif"
