"""Ctrl-C reaches every process of a terminal, and only the parent is to answer it; a kill reaches the parent alone."""

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1  # of prctl(2)


@contextlib.contextmanager
def ignore_sigint_in_children() -> Iterator[None]:
    """Make child processes that are started in this block ignore SIGINT, from before their first line of Python."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may change a handler
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, however that ended (on Linux).

    A pool's worker holds the writing end of its own queue, so nothing else tells it that nobody will ever ask again.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
