"""Ctrl-C reaches every process of a terminal; only the parent is to answer it."""

import contextlib
import signal
import threading
from collections.abc import Iterator


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
