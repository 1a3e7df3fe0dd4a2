"""Snakemake without the seconds of its imports: a process that has them forks for every call that it reads.

A line of stdin is a call as JSON: folder, arguments, environment, and where stdout and stderr go; the line that answers
is the exit code. Whether Snakemake starts in a fresh interpreter is for other tests to show.
"""

import gc
import json
import os
import sys

from snakemake.cli import main

# What the rules import.
from muvla.data import episode  # noqa: F401
from muvla.jobs import configuration, image_digest, marks, matrix, overrides, resources, slurm, trainings  # noqa: F401

gc.freeze()  # a call collects no garbage among what is loaded here
for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(call["folder"])
        os.environ.update(call["environment"])
        for number, path in enumerate((os.devnull, call["stdout"], call["stderr"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
        sys.argv = ["snakemake", *call["arguments"]]
        main()  # ends the process
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
