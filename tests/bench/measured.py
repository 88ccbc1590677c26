"""Runs a program and tells what it took."""
import os
import subprocess
import tempfile
import time
import typing


class Measured(typing.NamedTuple):
    wall: float    # seconds
    cpu: float     # seconds, user and system
    peak: int      # bytes
    output: str    # standard output
    errors: str    # standard error


def measured(command):
    """-> Measured; RuntimeError with the end of what it said where it failed"""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        told = errors.read().decode("utf-8", "replace")
        if child.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit {child.returncode}\n{told[-2000:]}")
        return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, out.read().decode("utf-8", "replace"), told)
