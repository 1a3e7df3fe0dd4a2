"""`python -m muvla.serve.beside policy=FILE benchmark=mikasa -- OPTIONS [-- OPTIONS ...]`: evaluate a served policy.

Starts the server that FILE (config/policies/NAME.yaml) describes, in its own image where it names one, at a free port
of this machine; waits until it answers GET /health; runs `python -m muvla.evaluate` with each of the OPTIONS; and stops
the server, with every process that it started. Image, command, weights and package versions go into the provenance of
the records. When server or evaluation fails the same command goes on where it stopped.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from safetensors import SafetensorError, safe_open

from muvla.cpu import release
from muvla.files import Json, file_sha256, write_json
from muvla.options import SEPARATOR, command, option, separated
from muvla.provenance import IMAGE_VARIABLE
from muvla.serve.policies import PolicyEntry, Served, read_policy

HOST = "127.0.0.1"
VERSIONS = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
PATIENCE = 30  # seconds that a server may take to stop


class ServerFailed(RuntimeError):
    """A server did not start; the message says which and why."""


@dataclass
class BesideSettings:
    """Options of `python -m muvla.serve.beside`."""

    policy: str = option("config/policies/pi05.yaml", "File that describes the policy.")
    benchmark: str = option("mikasa", "The evaluations' benchmark or suite, as the file names it.")
    container: str = option("apptainer exec --nv", "How a command is run inside an image, which follows.")
    evaluation_image: str | None = option(None, "Image that the evaluations run in; null: this environment.")


def main() -> None:
    place = sys.argv.index(SEPARATOR) if SEPARATOR in sys.argv else len(sys.argv)
    evaluations = list(separated(sys.argv[place:]))
    del sys.argv[place:]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the server is stopped, too
    command(BesideSettings, partial(run, evaluations=evaluations), __doc__, ServerFailed)


def run(settings: BesideSettings, evaluations: Sequence[Sequence[str]]) -> None:
    """Evaluate beside the server. evaluations: the options of each.

    Raises ValueError for a wrong file or no evaluations, ServerFailed, and SystemExit as the evaluations end.
    """
    entry = read_policy(settings.policy)
    if settings.benchmark not in entry["benchmarks"]:
        raise ValueError(f"{settings.policy} does not say how to serve {entry['title']} for {settings.benchmark}")
    if not evaluations:
        raise ValueError("there is nothing to evaluate: put the options of muvla.evaluate after --")
    served = entry["benchmarks"][settings.benchmark]
    tree = Path(settings.policy).resolve().parents[2]
    inside = partial(_inside, settings.container)
    with (
        tempfile.TemporaryDirectory(prefix="muvla_") as folder,
        _serving(entry, served, tree, inside) as (address, about),
    ):
        described = write_json(Path(folder) / "server.json", about)
        given = [f"policy={address}", f"server={described}", f"server_chunk={served['chunk']}"]
        words = [word for one in evaluations for word in (SEPARATOR, *one, *given)]
        code = _wait(inside(settings.evaluation_image, ["python", "-m", "muvla.evaluate", *words[1:]]))
    if code:
        sys.exit(code)


@contextmanager
def _serving(entry: PolicyEntry, served: Served, tree: Path, inside: partial[list[str]]) -> Iterator[tuple[str, Json]]:
    """Yield the address of the running server and what the provenance says of it. tree: where images are named from."""
    about: Json = {"title": entry["title"], "rows": served["rows"], "weights": served["weights"]}
    _require_readable(Path(served["weights"]["repository"]))
    if "address" in served:
        yield served["address"], {"settings": about, "run": {"address": served["address"]}}
        return
    port = _free_port()
    words = shlex.split(served["command"].format(port=port, **served["weights"]))
    image = entry["image"] and (entry["image"] if "://" in entry["image"] else str(tree / entry["image"]))
    command = inside(image, words)
    if entry["packages"]:
        about["packages"] = _versions(inside(image, [words[0], "-c", VERSIONS, *entry["packages"]]))
    ran: Json = {"command": shlex.join(words), "image": entry["image"], "image_digest": _digest(image)}
    print(f"starting {entry['title']}: {shlex.join(command)}", file=sys.stderr)
    environment = dict(os.environ)
    if entry["scale"] == "paper":
        release(environment)  # what holds this process to AVX2 and one thread makes bfloat16 several times slower
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, env=environment)
    try:
        _wait_until_healthy(server, port, entry)
        yield f"ws://{HOST}:{port}", {"settings": about, "run": ran}
    finally:
        _stop(server)


def _require_readable(weights: Path) -> None:
    """Raise ServerFailed for damaged weights on this disk: LeRobot would warn, and act with random ones (0.6.1)."""
    for file in sorted(weights.glob("*.safetensors")):
        try:
            with safe_open(file, framework="np"):
                pass
        except (OSError, SafetensorError) as error:
            raise ServerFailed(f"{file} cannot be read ({error}): fetch it again") from error


def _inside(container: str, image: str | None, words: Sequence[str]) -> list[str]:
    """Return the command of `words` inside an image; without one, with this Python."""
    if image is None:
        return [sys.executable if words[0] == "python" else words[0], *words[1:]]
    return [*shlex.split(container), image, *words]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _versions(command: list[str]) -> dict[str, str]:
    """Return the versions of packages where the server runs. Raises ServerFailed with what Python says there."""
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["no message"])[-1]
        raise ServerFailed(f"the versions of the server's packages cannot be read ({last}): {shlex.join(command)}")
    versions: dict[str, str] = json.loads(found.stdout.strip().splitlines()[-1])
    return versions


def _digest(image: str | None) -> str:
    """Return the digest of an image, as the workflow has announced it or by reading it; "none" without one."""
    if image is None:
        return "none"
    announced: dict[str, str] = json.loads(os.environ.get(IMAGE_VARIABLE, "{}"))
    known = {Path(name).name: digest for name, digest in announced.items()}.get(Path(image).name)
    if known is None and Path(image).is_file():
        known = "sha256:" + file_sha256(Path(image))
    return known or f"unknown ({Path(image).name})"


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, entry: PolicyEntry) -> None:
    """Wait for GET /health. Raises ServerFailed when the server ends before, or takes too long."""
    deadline = time.monotonic() + entry["start_timeout"]
    while not _healthy(port):
        if server.poll() is not None:
            raise ServerFailed(
                f"the server of {entry['title']} ended with exit code {server.returncode} before it answered; "
                "its own words stand above"
            )
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"the server of {entry['title']} did not answer GET /health within {entry['start_timeout']:g} s "
                "(start_timeout)"
            )
        time.sleep(0.2)


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait(command: list[str]) -> int:
    """Run a command and return its exit code; when this process is told to end, so is the command."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        process.wait()
        raise


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server's own process group, gently at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)


if __name__ == "__main__":
    main()
