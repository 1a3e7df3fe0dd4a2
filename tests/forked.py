"""`python -m MODULE` without its imports: a process forked from a server that has torch and the library loaded.

For tests that start a command often. Whether a command starts in a fresh interpreter is for other tests to show.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

LOADED = ["muvla.train.__main__", "muvla.evaluate.__main__", "muvla.sim.mikasa.preload"]


def start(
    module: str, arguments: Sequence[str], log: Path, *, before: Callable[[], object] | None = None
) -> ForkServerProcess:
    """Start `python -m module arguments` in a session of its own; what it says goes to `log`.

    before: called in the new process first; picklable. Ctrl-C reaches the process as in a terminal.
    """
    multiprocessing.set_forkserver_preload(LOADED)  # the first call starts the server; later ones change nothing
    process = multiprocessing.get_context("forkserver").Process(target=_run, args=(module, [*arguments], log, before))
    process.start()
    return process


def run(
    module: str,
    arguments: Sequence[str],
    log: Path,
    *,
    before: Callable[[], object] | None = None,
    timeout: float = 600,
) -> tuple[int, str]:
    """Exit code, and all that the command said, once it has ended."""
    process = start(module, arguments, log, before=before)
    process.join(timeout)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, log.read_text("utf-8", errors="replace")


def _run(module: str, arguments: list[str], log: Path, before: Callable[[], object] | None) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("wb") as said, open(os.devnull, "rb") as nothing:
        for file, number in ((nothing, 0), (said, 1), (said, 2)):
            os.dup2(file.fileno(), number)
    if before:
        before()
    sys.argv = [module, *arguments]
    sys.modules.pop(f"{module}.__main__", None)  # imported with the server's; it is to run as if for the first time
    runpy.run_module(module, run_name="__main__", alter_sys=True)
