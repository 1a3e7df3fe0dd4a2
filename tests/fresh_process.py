"""Functions in a fresh process: LIBERO draws one environment a process, a second one's pictures are wrong."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def pool() -> ProcessPoolExecutor:
    """One fresh process that is given work until it is shut down."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def apart(function: Any, *arguments: Any) -> Any:
    """The answer of a fresh process."""
    with pool() as process:
        return process.submit(function, *arguments).result()
