"""Where the CPU time of mmx goes: the load of the benchmark `cpu` with the daemon under cProfile.

cProfile charges for every call, so small functions look dearer than they are, and it counts the time in which
another process had the processor; shares serve to find hot places, not to predict gains. py-spy, where it can
be installed, shows the daemon undisturbed:

    py-spy record --native --pid PID --output profile.svg
"""

import pstats
from pathlib import Path
from typing import Any

from tests.bench import milter_load
from tests.bench.children import Children
from tests.bench.daemon import ProfiledMmx, make
from tests.bench.plan import Plan

SHOWN = 45


def run(plan: Plan, output: Path, *, pipelining: bool = False) -> str:
    """Profile `plan.cpu_messages` messages; statistics for pstats go to `output`, the top is returned."""
    with Children(plan.program, plan.directory, "profile-") as children:
        settings = {"pipelining": True} if pipelining else {}
        mmx = make(ProfiledMmx, plan.directory, "profile.sock", children.endpoints, settings)
        mmx.statistics = output
        with mmx:
            milter_load.send(mmx.socket, plan.cpu_messages)
    return table(output, plan.cpu_messages)


def table(statistics: Path, messages: int) -> str:
    """The functions with most time of their own: share, calls a message, microseconds a message."""
    entries: dict[tuple[str, int, str], Any] = pstats.Stats(str(statistics)).stats  # type: ignore[attr-defined]
    ignored = {key for key in entries if "run_until_complete" in key[2] or "run_forever" in key[2]}
    total = sum(entry[2] for key, entry in entries.items() if key not in ignored)
    lines = ["share  us/msg  calls/msg  function"]
    for key, entry in sorted(entries.items(), key=lambda item: -item[1][2])[:SHOWN]:
        if key in ignored:
            continue
        own, calls = entry[2], entry[1]
        lines.append(f"{own / total:5.1%} {own / messages * 1e6:7.1f} {calls / messages:10.1f}  {_name(key)}")
    return "\n".join(lines)


def _name(key: tuple[str, int, str]) -> str:
    path, line, function = key
    return function if path == "~" else f"{'/'.join(Path(path).parts[-2:])}:{line} {function}"
