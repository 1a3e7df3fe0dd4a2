"""`dvc pull` as the workflow calls it: from the repository's own store, from a lab's remote, and from damaged ones."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from muvla import manifest
from ssh_server import ssh_server

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = {"m64_k2/model.safetensors": bytes(range(256)) * 4000, "m64_k2/config.json": b"{}", "oft/config.json": b"[]"}


PULL = ["workflow/scripts/pull", sys.executable, "data.dvc", "checkpoints/mini", "checkpoints.sha256"]


def environment(**more: str) -> dict[str, str]:
    """The environment of a rule's command; Python, DVC and muvla are found without its help."""
    return {**os.environ, **more}


def dvc(folder: Path, *arguments: str, **more: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=environment(**more),
        check=True,
        capture_output=True,
        timeout=120,
    )


def pull(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What the rule `pull` runs."""
    return subprocess.run(
        PULL, cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository with our DVC settings, its checkpoints pushed and gone from the working tree."""
    folder = tmp_path_factory.mktemp("published")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    for name in (".dvc/config", ".dvcignore", "workflow/scripts/pull"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    for name, content in FILES.items():
        (folder / "checkpoints/mini" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints/mini" / name).write_bytes(content)
    manifest.write(folder / "checkpoints/mini", folder / "checkpoints.sha256")
    (folder / "data.dvc").write_text("outs:\n- path: checkpoints/mini\n")
    dvc(folder, "commit", "--quiet", "--force", "data.dvc")
    dvc(folder, "push")
    shutil.rmtree(folder / "checkpoints")
    shutil.rmtree(folder / ".dvc/cache")
    return folder


@pytest.fixture
def clone(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "clone"))


def stored(clone: Path, which: str) -> Path:
    """The object of the listing (".dir") or of the largest file ("largest")."""
    objects = [path for path in (clone / "dvcstore").rglob("*") if path.is_file()]
    listing = next(path for path in objects if path.suffix == ".dir")
    largest = max((path for path in objects if path != listing), key=lambda path: path.stat().st_size)
    return {".dir": listing, "largest": largest}[which]


def rewrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_fresh_clone_has_its_checkpoints(clone: Path) -> None:
    result = pull(clone)
    assert result.returncode == 0, result.stderr
    for name, content in FILES.items():
        assert (clone / "checkpoints/mini" / name).read_bytes() == content


def test_a_tag_is_a_version_of_the_checkpoints(clone: Path, tmp_path: Path) -> None:
    """docs/releasing.md: `dvc get REPOSITORY checkpoints/mini --rev v0.2.0`, from any machine, whatever came after."""
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]

    def commit(tag: str) -> None:
        for command in (["add", "-A"], [*name, "commit", "-qm", tag], ["tag", tag]):
            subprocess.run(["git", *command], cwd=clone, check=True)

    commit("v0.1.0")
    pull(clone)
    (clone / "checkpoints/mini/m64_k2/config.json").write_bytes(b"retrained")
    dvc(clone, "commit", "--quiet", "--force", "data.dvc")
    dvc(clone, "push")
    commit("v0.2.0")
    for tag, expected in (("v0.1.0", FILES["m64_k2/config.json"]), ("v0.2.0", b"retrained")):
        dvc(tmp_path, "get", str(clone), "checkpoints/mini", "--rev", tag, "--out", tag)
        assert (tmp_path / tag / "m64_k2/config.json").read_bytes() == expected


def test_corrupt_object_is_named(clone: Path) -> None:
    content = bytearray(FILES["m64_k2/model.safetensors"])
    content[500_000] ^= 1
    rewrite(stored(clone, "largest"), bytes(content))
    result = pull(clone)
    assert result.returncode == 1
    assert "missing: m64_k2/model.safetensors" in result.stderr
    assert "To mend it" in result.stderr


def test_emptied_listing_is_noticed(clone: Path) -> None:
    rewrite(stored(clone, ".dir"), b"[]")
    result = pull(clone)
    assert result.returncode == 1
    assert all(f"missing: {name}" in result.stderr for name in FILES)


def test_missing_object_is_named(clone: Path) -> None:
    stored(clone, "largest").unlink()
    result = pull(clone)
    assert result.returncode == 1
    assert "missing: m64_k2/model.safetensors" in result.stderr


def test_mended_store_serves_again(clone: Path) -> None:
    whole = stored(clone, "largest").read_bytes()
    rewrite(stored(clone, "largest"), whole[:-1])
    assert pull(clone).returncode == 1
    rewrite(stored(clone, "largest"), whole)
    assert pull(clone).returncode == 0


def test_two_pulls_at_once_are_both_right(clone: Path) -> None:
    both = [
        subprocess.Popen(
            PULL, cwd=clone, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], told


@contextmanager
def http_server(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_labs_remote_over_http(clone: Path, tmp_path: Path) -> None:
    shutil.move(clone / "dvcstore", tmp_path / "served")
    with http_server(tmp_path / "served") as address:
        dvc(clone, "remote", "add", "--local", "--default", "lab", address)
        result = pull(clone)
    assert result.returncode == 0, result.stdout + result.stderr


def test_labs_remote_over_ssh(clone: Path, tmp_path: Path) -> None:
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed")
    (tmp_path / "served").mkdir()
    (tmp_path / "keys").mkdir()
    assert pull(clone).returncode == 0  # from the bundled store, as whoever fills the lab's does
    with ssh_server(tmp_path / "served", tmp_path / "keys") as server:
        dvc(clone, "remote", "add", "--local", "--default", "lab", f"ssh://lab@127.0.0.1:{server.port}/muvla")
        dvc(clone, "remote", "modify", "--local", "lab", "keyfile", str(server.key))
        dvc(clone, "push")
        for name in ("dvcstore", "checkpoints", ".dvc/cache"):
            shutil.rmtree(clone / name)
        result = pull(clone)
        assert result.returncode == 0, result.stdout + result.stderr
        for name in ("checkpoints", ".dvc/cache"):
            shutil.rmtree(clone / name)
        objects = [path for path in (tmp_path / "served").rglob("*") if path.is_file()]
        rewrite(max(objects, key=lambda path: path.stat().st_size), b"cut short")
        damaged = pull(clone)
    assert damaged.returncode == 1
    # DVC itself looks only where the remote says verify, as the bundled one does: the manifest looks always.
    assert "altered: m64_k2/model.safetensors" in damaged.stderr
    for name in ("checkpoints", ".dvc/cache"):
        shutil.rmtree(clone / name)
    unreachable = pull(clone)
    assert unreachable.returncode == 1
    assert "To mend it" in unreachable.stderr


def test_labs_remote_on_s3(clone: Path) -> None:
    server = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer("127.0.0.1", port=0)
    pytest.importorskip("dvc_s3", reason="dvc-s3 is not installed")
    import boto3

    server.start()
    try:
        host, port = server.get_host_and_port()
        account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="lab")
        assert pull(clone).returncode == 0  # from the bundled store, as whoever fills the lab's does
        dvc(clone, "remote", "add", "--local", "--default", "lab", "s3://lab/muvla")
        dvc(clone, "remote", "modify", "--local", "lab", "endpointurl", f"http://{host}:{port}")
        dvc(clone, "push", **account)
        for name in ("dvcstore", "checkpoints", ".dvc/cache"):
            shutil.rmtree(clone / name)
        result = pull(clone, **account)
        assert result.returncode == 0, result.stdout + result.stderr
        objects = client.list_objects_v2(Bucket="lab")["Contents"]
        client.delete_object(Bucket="lab", Key=max(objects, key=lambda one: one["Size"])["Key"])
        for name in ("checkpoints", ".dvc/cache"):
            shutil.rmtree(clone / name)
        damaged = pull(clone, **account)
        assert damaged.returncode == 1
        assert "missing: m64_k2/model.safetensors" in damaged.stderr
    finally:
        server.stop()
