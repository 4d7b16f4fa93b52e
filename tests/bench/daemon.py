"""mmx for the benchmarks: the daemon as users run it, with the children of a benchmark."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.integration.daemon import START_LIMIT, Mmx
from tests.integration.postfix import eventually


class ProfiledMmx(Mmx):
    """mmx under cProfile; the statistics are in `statistics` once it has ended."""

    statistics: Path

    def _start(self) -> None:
        configuration = self.directory / "mmx.yaml"
        configuration.write_text(json.dumps(self._settings))
        under_profile = [sys.executable, "-m", "cProfile", "-o", str(self.statistics), "-m", "mmx"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*under_profile, "--config", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if not eventually(self._answers, START_LIMIT, 0.02):
            raise self.failure("mmx does not answer")


_Daemon = TypeVar("_Daemon", bound=Mmx)


def daemon(directory: Path, name: str, endpoints: Sequence[str], **child_settings: Any) -> Mmx:
    """The daemon as it is."""
    return make(Mmx, directory, name, endpoints, child_settings)


def make(
    kind: type[_Daemon],
    directory: Path,
    name: str,
    endpoints: Sequence[str],
    child_settings: Mapping[str, Any],
) -> _Daemon:
    """A daemon listening on `NAME` in `directory`; every child gets the same settings."""
    children = {
        f"child{number}": {"endpoint": endpoint, **child_settings}
        for number, endpoint in enumerate(endpoints)
    }
    spool = directory / f"{name}.spool"
    spool.mkdir(exist_ok=True)
    # Without root a socket cannot be given to the group postfix, the default.
    settings = {"spool_directory": str(spool), "socket_group": None}
    return kind(directory / name, children, settings)


def pid_of(mmx: Mmx) -> int:
    """Its process id."""
    if mmx.process is None:
        raise mmx.failure("mmx is not running")
    return mmx.process.pid
