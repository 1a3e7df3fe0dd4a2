"""Snakemake that asks Slurm every two seconds which jobs have ended: python prompt_snakemake.py ARGUMENTS.

Its plugin adds ten seconds to its interval whenever none has ended, up to three minutes, and has no option for that.
"""

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 2, lambda self, seconds: None)
main()
