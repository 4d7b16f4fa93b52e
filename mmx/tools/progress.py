"""A progress bar, for what takes longer than two seconds.

    messages [##########..............] 412/1000 41 % 4 s left, 137/s

It stands on standard error, so that results may go into a file, and only on a terminal: whoever reads a log
has no use for it. Nothing is drawn before `PATIENCE` seconds have passed, then at most `PER_SECOND` times a
second, and the line is wiped at the end, also when an exception passes through.

    with Progress("messages", 1000) as progress:
        for done in ...:
            progress.show(done)
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, TextIO

PATIENCE: Final = 2.0
"""Seconds within which nobody wants to see a bar."""
PER_SECOND: Final = 10
_WIPE: Final = "\r\033[K"
_BAR: Final = 24


class Progress:
    """How far something is, on a terminal. `total` may be None: then there is a number but no bar."""

    def __init__(
        self,
        title: str,
        total: int | None = None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._title = title
        self._total = total
        self._stream = stream or sys.stderr
        self._clock = clock
        self._began = clock()
        self._due = self._began + PATIENCE
        self._is_on = self._stream.isatty() and environment.get("TERM") != "dumb"
        self._is_drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_on(self) -> bool:
        """Whether there is a terminal to draw on."""
        return self._is_on

    def show(self, done: int, more: str = "") -> None:
        """So much is done; `more` stands at the end of the line."""
        if not self._is_on:
            return
        now = self._clock()
        if now >= self._due:
            self._due = now + 1 / PER_SECOND
            line = bar(self._title, done, self._total, now - self._began, more)
            self._write(_WIPE + line[: shutil.get_terminal_size().columns - 1])
            self._is_drawn = True

    def close(self) -> None:
        """Wipe the line. A later `show` draws it again."""
        if self._is_drawn:
            self._write(_WIPE)
            self._is_drawn = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._is_on = False  # the terminal has gone


def bar(title: str, done: int, total: int | None, elapsed: float, more: str = "") -> str:
    """The line after `elapsed` seconds."""
    if total:
        done = min(done, total)
        full = _BAR * done // total
        parts = [f"{title} [{'#' * full}{'.' * (_BAR - full)}] {done}/{total} {100 * done // total} %"]
        if 0 < done < total:
            parts.append(f"{_span(elapsed * (total - done) / done)} left")
    else:
        parts = [f"{title} {done}, {_span(elapsed)}"]
    return ", ".join(filter(None, (" ".join(parts), more)))


def _span(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
