"""The report as PDF, by LaTeX.

The same sources give the same bytes: no date, no random number and no path gets into the file.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from muvla.files import write_atomically
from muvla.report.runner import Contents

PROGRAMS = ("latexmk", "pdflatex", "kpsewhich")
STYLES = ("booktabs.sty", "siunitx.sty", "translations.sty", "lmodern.sty", "t1phv.fd", "uhvr8ac.pfb")
PACKAGES = "containers/setup.sh latex"


class LatexError(OSError):
    """LaTeX is missing or stopped; the message says what to do."""


def missing() -> list[str]:
    """Name the programs and files of LaTeX that the report needs and this machine lacks."""
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    if programs:
        return programs
    return [
        name
        for name in STYLES
        if not subprocess.run(["kpsewhich", name], capture_output=True, text=True, check=False).stdout.strip()
    ]


def first_error(log: str) -> str:
    """Return the first error of a LaTeX log with its line: "! Undefined control sequence. (l.12 \\foo)"."""
    found = re.search(r"^(?:! |.*?:\d+: )(.*)$", log, flags=re.MULTILINE)
    place = re.search(r"^(l\.\d+ .*)$", log, flags=re.MULTILINE)
    return f"{found[1] if found else 'no error message'}{f' ({place[1].strip()})' if place else ''}"


def paper(*, source: Path, latex_log: str) -> Contents:
    """Run LaTeX over `source` in its own folder, its other files in a temporary one, and return the PDF.

    Raises LatexError; LaTeX's own words then stand in the file `latex_log`.
    """
    target = source.with_suffix(".pdf")
    if lacking := missing():
        raise LatexError(
            f"{target} needs LaTeX, of which {', '.join(lacking)} is not installed: run `{PACKAGES}` as root, then the "
            f"same command again; {source} is ready, and tables.html beside it shows the same"
        )
    with tempfile.TemporaryDirectory() as scratch:
        # Seconds since 1970 and a cache of its own: nothing of this machine or its user gets in or is left behind.
        settings = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "TEXMFVAR": f"{scratch}/texmf", "HOME": scratch}
        command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", f"-outdir={scratch}"]
        run = subprocess.run(
            [*command, source.name],
            cwd=source.parent,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        written = Path(scratch, f"{source.stem}.log")
        said = written.read_text("utf-8", errors="replace") if written.is_file() else run.stdout + run.stderr
        write_atomically(latex_log, said)
        if run.returncode:
            raise LatexError(f"LaTeX stopped at {source}: {first_error(said)}; its whole log is {latex_log}")
        return {".pdf": Path(scratch, target.name).read_bytes()}
