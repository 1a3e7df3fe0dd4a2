"""Several commands in one process, `OPTIONS -- OPTIONS`: the start is paid once, and a policy loaded once in a row."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from muvla.evaluate.policy import Policy
from muvla.options import read
from muvla.sim.contract import SimulatorError

S = TypeVar("S")


def run_in_turn(
    kind: type[S], run: Callable[[S, Policy | None], Policy | None], commands: Sequence[Sequence[str]], what: str
) -> None:
    """Run one command after the other, each with the policy of the one before; each goes on when another one fails.

    kind: the commands' options. commands: options of each (option=value). what: they are, in the plural.
    Raises SystemExit when one was refused or ended early, after the others; a bug's exception is raised at once.
    """
    failed = 0
    policy: Policy | None = None
    for options in commands:
        try:
            policy = run(read(kind, options), policy)
        except (ValueError, OSError, SimulatorError) as error:
            failed += 1
            print(f"error: {error}\nin: {' '.join(options)}", file=sys.stderr)
    if failed:
        sys.exit(f"error: {failed} of {len(commands)} {what} are not finished")
