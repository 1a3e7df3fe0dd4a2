"""What is left of a command's processes when it is killed."""

import os
import subprocess
import sys

import slurm_cluster

POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from muvla.sim.interrupts import end_with_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def test_a_pool_does_not_outlive_a_command_that_is_killed(tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    command = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(command.stdout.readline())
    os.kill(worker, 0)
    command.kill()
    command.wait()
    slurm_cluster.wait_for("the worker's end", lambda: not running(worker), 20)


def running(number: int) -> bool:
    try:
        with open(f"/proc/{number}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
