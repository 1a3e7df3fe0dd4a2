"""Run the function of muvla.report that bears a rule's name, and write what it returns.

A rule of the workflow names `script: "../scripts/report.py"`, which calls run(). The function gets the rule's named
inputs as paths and its params as they are, and returns the contents of the outputs by the end of their names.
"""

import contextlib
import importlib
import io
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from muvla.files import write_atomically
from muvla.report.statistics.rules import Effect, Rules

Contents = Mapping[str, str | bytes]  # end of an output's name (".tex", "delays.png") -> what belongs into it

MODULES = {
    "archive": "lineage.archive",
    "audit": "audit.document",
    "claims": "claims.document",
    "comparisons": "comparisons",
    "figure_architecture": "drawings.architecture",
    "figure_attention": "traces.attention",
    "figure_cosine_rollout": "traces.cosine_rollout",
    "figure_effect": "effect.figure",
    "figure_masks": "drawings.masks",
    "figure_memory_dynamics": "traces.memory_dynamics",
    "figure_method": "drawings.method",
    "figure_probes": "probes.figures",
    "leaderboard": "leaderboard",
    "paper": "paper.pdf",
    "paper_source": "paper.source",
    "provenance": "lineage.page",
    "sample": "again",
    "site": "site.site",
    "site_viewer": "site.viewer",
    "site_zip": "site.archive",
    "table": "tables.table",
}
SECTIONS = {"statistics": Rules, "effect": Effect}  # params that are sections of the configuration


class Tee(io.TextIOBase):
    """Text that goes to several streams at once."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        """Write `text` to every stream and flush it."""
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)


def function_of(rule: str) -> Callable[..., Contents]:
    """Import the function that makes the outputs of `rule`; only its own module is loaded.

    Another workflow that uses this one as a module gives its rules a prefix (use rule * from muvla as muvla_*).
    """
    name = max((known for known in MODULES if f"_{rule}".endswith(f"_{known}")), key=len, default=rule)
    function: Callable[..., Contents] = getattr(importlib.import_module(f"muvla.report.{MODULES[name]}"), name)
    return function


def run(rule: str, given: Mapping[str, object], outputs: Sequence[Path], log: Path) -> int:
    """Make and write the outputs of `rule`; what is printed meanwhile goes to the terminal and to `log`.

    given: the arguments of the rule's function, by name. Returns 0, or 1 after one sentence on stderr. ValueError
    (RecordsError among them) and OSError are for the user; anything else is a fault of ours and passes.
    """
    with log.open("w", encoding="utf-8") as file:
        outlets = contextlib.redirect_stdout(Tee(sys.stdout, file)), contextlib.redirect_stderr(Tee(sys.stderr, file))
        with outlets[0], outlets[1]:
            try:
                write(function_of(rule)(**_with_sections(given)), outputs)
            except (ValueError, OSError) as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            except BaseException:
                traceback.print_exc(file=file)
                raise
            print(f"written: {', '.join(map(str, outputs))}")
    return 0


def _with_sections(given: Mapping[str, object]) -> dict[str, object]:
    return {name: SECTIONS[name](**value) if isinstance(value, dict) else value for name, value in given.items()}


def write(contents: Contents, outputs: Sequence[Path]) -> None:
    """Write every output whole; all of them are made before the first is written.

    Raises KeyError when an output has no content or a content no output, OSError as files.replacing() does.
    """
    ends = {output: [end for end in contents if output.name.endswith(end)] for output in outputs}
    if sorted(end for found in ends.values() for end in found) != sorted(contents) or not all(ends.values()):
        raise KeyError(f"made {sorted(contents)} for the outputs {', '.join(map(str, outputs))}")
    for output, (end,) in ends.items():
        write_atomically(output, contents[end])
