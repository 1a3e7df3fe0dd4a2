"""Ctrl-C reaches every process of a terminal; only the parent is to answer it."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started within ignore Ctrl-C from their first moment on, before a line of ours runs in them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may change a handler
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
