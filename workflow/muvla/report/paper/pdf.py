"""paper.tex to paper.pdf: python -m muvla.report.paper.pdf DIR/paper.tex.

The same sources give the same bytes: no date, no random number and no path gets into the file.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from muvla.files import write_atomically

PROGRAMS = ("latexmk", "pdflatex", "kpsewhich")
STYLES = ("booktabs.sty", "siunitx.sty", "translations.sty", "lmodern.sty", "t1phv.fd", "uhvr8ac.pfb")
PACKAGES = "containers/setup.sh latex"


class LatexError(RuntimeError):
    """LaTeX is missing or stopped; the message says what to do."""


def missing() -> list[str]:
    """The programs and files of LaTeX that the report needs and this machine lacks."""
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    if programs:
        return programs
    return [
        name
        for name in STYLES
        if not subprocess.run(["kpsewhich", name], capture_output=True, text=True, check=False).stdout.strip()
    ]


def first_error(log: str) -> str:
    """The first error of a LaTeX log with its line: "! Undefined control sequence. (l.12 \\foo)"."""
    found = re.search(r"^(?:! |.*?:\d+: )(.*)$", log, flags=re.MULTILINE)
    place = re.search(r"^(l\.\d+ .*)$", log, flags=re.MULTILINE)
    return f"{found[1] if found else 'no error message'}{f' ({place[1].strip()})' if place else ''}"


def make_pdf(source: Path, log: Path) -> Path:
    """Run LaTeX over `source` in its own folder and write the .pdf beside it; the rest goes to a temporary folder.

    Raises LatexError; the source stays in any case, and `log` then holds LaTeX's own words.
    """
    if not source.is_file():
        raise LatexError(f"{source} is not there; make it first (snakemake {source})")
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
        latex_log = Path(scratch, f"{source.stem}.log")
        said = latex_log.read_text("utf-8", errors="replace") if latex_log.is_file() else run.stdout + run.stderr
        write_atomically(log, said)
        if run.returncode:
            raise LatexError(f"LaTeX stopped at {source}: {first_error(said)}; its whole log is {log}")
        return write_atomically(target, Path(scratch, target.name).read_bytes())


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with one line on stderr that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m muvla.report.paper.pdf", description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the .tex file; the .pdf is written beside it")
    parser.add_argument("--latex-log", type=Path, help="where LaTeX's log goes; <source>.log when left out")
    options = parser.parse_args(arguments)
    try:
        written = make_pdf(options.source, options.latex_log or options.source.with_suffix(".log"))
    except (LatexError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"written: {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
