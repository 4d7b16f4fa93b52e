"""What /proc tells of other processes: CPU time and resident memory."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third (state) on: the second may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of the process, in steps of a clock tick (usually 10 ms)."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def family_cpu_seconds(pid: int) -> float:
    """Like `cpu_seconds`, with every child process, living or waited for."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _stat(int(entry.name))
        except OSError:
            continue  # it ended meanwhile: its parent's sum has it
        if int(entry.name) == pid or int(fields[1]) == pid:
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def machine_cpu_seconds() -> float:
    """Time that all processors were busy, other guests of the host included (proc(5))."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = fields[3:5]
    return (sum(fields) - idle - waiting) / TICKS


def resident(pid: int) -> int:
    """Bytes resident now, counted page by page (VmRSS is only a running estimate)."""
    return _kib_field(Path(f"/proc/{pid}/smaps_rollup"), "Rss:") * KIB


def reset_peak(pid: int) -> None:
    """Let `peak` begin anew at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """Most bytes resident since `reset_peak`."""
    return _kib_field(Path(f"/proc/{pid}/status"), "VmHWM:") * KIB


def _kib_field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(f"{path} has no {name}")
