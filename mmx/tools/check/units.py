"""Units as `mmx check` sees them: what detection knows of a unit (mmx.detect.unit_show), and a little more.

One `systemctl show` tells of all; a unit that there is not is left out. The last line that a failed unit has
logged is asked for one by one, since failed units are few.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.detect.collector import SYSTEMCTL, SYSTEMCTL_LIMIT
from mmx.detect.commands import Run
from mmx.detect.facts import Absence, Failure, Unit
from mmx.detect.planner import why_out
from mmx.detect.unit_show import PROPERTIES, read_units

JOURNALCTL: Final = "/usr/bin/journalctl"
JOURNALCTL_LIMIT: Final = 5.0
"""Seconds that journalctl may take."""
MORE: Final = (
    *("Result", "MainPID", "NeedDaemonReload", "User", "RuntimeDirectory"),
    *("SocketMode", "SocketGroup", "PrivateTmp", "ProtectHome"),
)
_LONGEST: Final = 200
"""Characters of a line of the journal."""


@dataclass(frozen=True, slots=True)
class UnitView:
    """A unit that there is. `more` are the properties of MORE; `socket`: an enabled socket unit starts it."""

    unit: Unit
    more: Mapping[str, str] = field(default_factory=dict)
    socket: str = ""
    last_line: str = ""
    """What it logged last, if it has failed and the journal could be read."""

    @property
    def name(self) -> str:
        return self.unit.name

    @property
    def active(self) -> bool:
        return self.unit.active_state in {"active", "activating", "reloading"} and not self.failed

    @property
    def starting(self) -> bool:
        return self.unit.active_state == "activating" and not self.failed

    @property
    def failed(self) -> bool:
        """Given up, or about to be tried once more."""
        return self.unit.active_state == "failed" or self.unit.sub_state == "auto-restart"

    @property
    def masked(self) -> bool:
        return self.unit.load_state == "masked" or self.unit.file_state.startswith("masked")

    @property
    def why_out(self) -> str:
        """Why it does not start at boot; "" if it does."""
        return why_out(self.unit, has_socket=bool(self.socket))

    @property
    def main_pid(self) -> int:
        """Of its main process, 0 if it has none."""
        text = self.more.get("MainPID", "")
        return int(text) if text.isdigit() else 0


def look_at_units(run: Run, names: Sequence[str], *, booted: bool) -> Mapping[str, UnitView] | Failure:
    """The units that there are of those named."""
    systemctl = next((path for path in SYSTEMCTL if Path(path).exists()), None)
    if systemctl is None or not booted:
        return Absence("systemd does not run here")
    properties = ",".join((*PROPERTIES, *MORE))
    answer = run((systemctl, "show", "--no-pager", "--property", properties, "--", *names), SYSTEMCTL_LIMIT)
    if answer.failure or not answer.output:
        return Failure(f"systemctl show: {answer.complaint}")
    views = read(answer.output)
    return {name: view if not view.failed else _with_last_line(run, view) for name, view in views.items()}


def read(output: bytes) -> dict[str, UnitView]:
    """Every unit of the output of `systemctl show` that there is, under each of its names."""
    units = read_units(output)
    extras = {block.get("Id", ""): block for block in _blocks(output)}
    views = {}
    for name, unit in units.items():
        if unit.load_state == "not-found" and unit.active_state != "active":
            continue
        sockets = [units[one] for one in unit.triggered_by if one in units]
        enabled = next((one.name for one in sockets if not why_out(one)), "")
        more = {key: extras.get(unit.name, {}).get(key, "") for key in MORE}
        views[name] = UnitView(unit, more, enabled)
    return views


def _blocks(output: bytes) -> Iterator[dict[str, str]]:
    for block in output.decode("utf-8", "replace").split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        yield {name: value for name, equals, value in pairs if equals}


def _with_last_line(run: Run, view: UnitView) -> UnitView:
    command = (JOURNALCTL, "--no-pager", "--quiet", "-o", "cat", "-n", "8", f"_SYSTEMD_UNIT={view.name}")
    answer = run(command, JOURNALCTL_LIMIT)
    lines = answer.output.decode("utf-8", "replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return UnitView(view.unit, view.more, view.socket, last[:_LONGEST])
