"""An image out of a registry by its digest: Debian's docker-registry on this machine, the real Apptainer, Snakemake."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from apptainer_image import BOUND
from muvla.jobs.image_digest import pulled
from working_copy import working_copy


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Debian's registry of container images on this machine: its address, and the folder of what it holds."""
    folder = tmp_path_factory.mktemp("registry")
    program = shutil.which("docker-registry")
    if program is None:
        fetched = subprocess.run(["apt-get", "download", "-qq", "docker-registry"], cwd=folder, capture_output=True)
        packages = list(folder.glob("*.deb"))
        if fetched.returncode or not packages:
            pytest.skip("no docker-registry here, and no Debian mirror to fetch it from")
        subprocess.run(["dpkg", "-x", packages[0], folder], check=True)
        program = str(folder / "usr/bin/docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    storage = folder / "storage"
    (folder / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {storage}}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    with subprocess.Popen(
        [program, "serve", folder / "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(address)
            yield address, storage
        finally:
            process.terminate()


def wait_for(address: str) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"no registry answers at {address}")


def digest_of(address: str, name: str, tag: str) -> str:
    kind = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    asked = urllib.request.Request(f"http://{address}/v2/{name}/manifests/{tag}", headers=kind)
    with urllib.request.urlopen(asked) as answer:
        return str(answer.headers["Docker-Content-Digest"])


@pytest.mark.slow
def test_an_image_is_pulled_by_its_digest_and_no_other_content_is_taken(
    apptainer: dict[str, str], image: Path, registry: tuple[str, Path], tmp_path: Path
) -> None:
    address, storage = registry
    subprocess.run(["apptainer", "push", "--no-https", image, f"oras://{address}/muvla:v1"], env=apptainer, check=True)
    digest = digest_of(address, "muvla", "v1")
    clone = working_copy(tmp_path / "clone")

    def pull(named: str) -> subprocess.CompletedProcess[str]:
        (clone / "own_site.yaml").write_text(f"site: {{image: 'oras://{address}/muvla@{named}'}}")
        command = [sys.executable, "-m", "snakemake", "checkpoints/mini.verified", "--configfile", "own_site.yaml"]
        command += ["--software-deployment-method", "apptainer", BOUND]
        own = {"APPTAINER_NOHTTPS": "1", "APPTAINER_CACHEDIR": str(tmp_path / "cache")}
        own["APPTAINERENV_PREPEND_PATH"] = str(Path(sys.executable).parent)
        return subprocess.run(command, cwd=clone, env=apptainer | own, capture_output=True, text=True, timeout=300)

    wrong = pull(f"sha256:{'0' * 64}")
    assert wrong.returncode == 1
    assert "manifest unknown" in wrong.stderr
    (blob,) = [path for path in storage.rglob("data") if path.stat().st_size == image.stat().st_size]
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    altered = pull(digest)
    assert altered.returncode == 1, "the registry's content is not what the digest names"
    assert "Failed to pull" in altered.stderr
    assert not (clone / "checkpoints/mini.verified").exists()
    blob.write_bytes(whole)
    right = pull(digest)
    assert right.returncode == 0, right.stdout[-2000:] + right.stderr[-2000:]
    assert f"Pulling singularity image oras://{address}/muvla@{digest}" in right.stderr
    kept = tmp_path / "cache" / pulled(f"oras://{address}/muvla@{digest}")
    assert f"Activating singularity image {kept}" in right.stderr
    assert kept.read_bytes() == image.read_bytes()
