"""What the figures were measured on."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from mmx.core import session


def machine(child: Path) -> dict[str, str]:
    """Hardware, versions and load; `child` is the compiled milter."""
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "core": "compiled" if session.__file__.endswith(".so") else "interpreted",
        "uvloop": _uvloop(),
        "postfix": _output("postconf", "-dh", "mail_version"),
        "libmilter": _libmilter(child),
        "load": load(),
    }


def line(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _cpu_model() -> str:
    for entry in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = entry.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.machine()


def _uvloop() -> str:
    try:
        return metadata.version("uvloop")
    except metadata.PackageNotFoundError:
        return "none"


def _libmilter(child: Path) -> str:
    """The library's own version, and the package's: the former has been 1.0.1 for many releases."""
    version = _output(str(child), "--version")
    if shutil.which("dpkg-query"):
        package = _output("dpkg-query", "-W", "-f", "${Version}\n", "libmilter-dev").splitlines()
        return f"{version} ({package[0]})" if package else version
    return version


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "none"
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip()


def load() -> str:
    """Processes that wanted to run in the last minute: more than cores, and figures are disturbed."""
    return Path("/proc/loadavg").read_text().split()[0]
