"""Make the outputs of a rule with the function of muvla.report that has the rule's name (muvla/report/runner.py)."""

import sys
from pathlib import Path

from muvla.report.runner import run

snakemake = globals()["snakemake"]  # put here by Snakemake's `script:` directive


def paths(value: str | list[str]) -> Path | list[Path]:
    """One file as a path, several as a list of paths."""
    return Path(value) if isinstance(value, str) else [Path(one) for one in value]


inputs = {name: paths(value) for name, value in snakemake.input.items()}
outputs = [Path(output) for output in snakemake.output]
sys.exit(run(snakemake.rule, {**inputs, **dict(snakemake.params.items())}, outputs, Path(snakemake.log[0])))
