"""`mmx filter` as a child of the tests: a process of its own, with a script."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.integration.postfix import eventually

START_LIMIT = 20.0
STOP_LIMIT = 20.0


class Filter:
    """Context manager: `mmx filter` with this script on a unix socket in `directory`, ended by SIGTERM."""

    def __init__(self, directory: Path, name: str, script: str, options: Sequence[str] = ()) -> None:
        self.socket = directory / name
        self._script = directory / f"{name}.yaml"
        self._script.write_text(script)
        self._told = directory / f"{name}.json"
        self._options = options
        self._known = 0

    @property
    def endpoint(self) -> str:
        """As Postfix and mmx write it."""
        return f"unix:{self.socket}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "mmx", "filter", str(self._script), "--listen", self.endpoint]
        with self._told.open("wb") as told:
            self.process = subprocess.Popen(
                [*command, "--mode", "0666", "--json", *self._options], stdout=told
            )
        assert eventually(lambda: bool(self.all("listening")), START_LIMIT), "mmx filter does not listen"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_LIMIT)
        finally:
            self.process.kill()
        assert status == 0
        assert not self.socket.exists()

    def all(self, what: str) -> list[dict[str, Any]]:
        """What it has told so far of one kind of happening."""
        return [happening for happening in self._happenings() if happening["what"] == what]

    def news(self, what: str) -> list[dict[str, Any]]:
        """The same, what was told since the last call."""
        happenings = self._happenings()
        known, self._known = self._known, len(happenings)
        return [happening for happening in happenings[known:] if happening["what"] == what]

    def _happenings(self) -> list[dict[str, Any]]:
        told = self._told.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in told if line.endswith("\n")]
