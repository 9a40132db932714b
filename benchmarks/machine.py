"""What a run was made on: figures without it mean nothing."""

import os
import platform
import subprocess
from pathlib import Path

import aiohttp

from benchmarks.cores import Cores
from benchmarks.nginx import find_nginx


def describe(cores: Cores) -> str:
    """A few lines."""
    return "\n".join(
        [
            f"{_processor()}, {os.cpu_count()} cores; {platform.system()} {platform.release()}",
            f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}, nginx {_nginx()}, wrk {_wrk()}",
            f"cores: {cores}",
            load_average(),
        ]
    )


def load_average() -> str:
    """Of the last minutes: what else the machine was busy with."""
    return "load average " + " ".join(f"{each:.2f}" for each in os.getloadavg())


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _nginx() -> str:
    program = find_nginx()
    return "-" if program is None else _told([program, "-v"]).rpartition("/")[2].split()[0]


def _wrk() -> str:
    words = _told(["wrk", "-v"]).split()
    return words[1] if len(words) > 1 else "-"


def _told(command: list[str]) -> str:
    """Both outputs; empty if there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except FileNotFoundError:
        return ""
    return done.stdout + done.stderr
