"""A shell on a pseudo-terminal, typed at as a user does."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

_CONTROL: Final = re.compile(
    rb"\x1b\[[0-9;?>=]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x00"
)
_ROWS: Final = 40
_COLUMNS: Final = 200


class Shell:
    """Context manager: the shell; everything that it has written is in `seen`."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], cwd: str) -> None:
        self.seen = b""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            os.execvpe(argv[0], list(argv), dict(environment))  # noqa: S606  # a test's own command line
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A terminal that is gone ends a shell and whatever it runs.
        os.close(self._terminal)
        os.waitpid(self._pid, 0)

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._terminal, keys.encode())

    def await_text(self, pattern: str, within: float = 30.0) -> str:
        """Read until the pattern is there, in what came since the last call; what came."""
        end = time.monotonic() + within
        while not re.search(pattern, self._text()):
            rest = end - time.monotonic()
            ready, _, _ = select.select([self._terminal], [], [], max(rest, 0.0))
            assert ready, f"no {pattern!r} in {self._text()!r}"
            with contextlib.suppress(OSError):
                self.seen += os.read(self._terminal, 65536)
        text, self.seen = self._text(), b""
        return text

    def _text(self) -> str:
        return _CONTROL.sub(b"", self.seen).decode("utf-8", "replace")
