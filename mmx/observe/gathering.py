"""Lines of messages that go out together.

A line a message is written while other mail waits, and a write of its own costs more than to make the line.
So lines of events (`Line`) of level info wait for the end of this turn of the event loop, once the daemon has
lent it, and go out together. Everything else is written at once, and takes along what waits: the order of
lines stays, and each has the time of its event. What waits is written at the end of the process, whatever
ends it but SIGKILL.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, TextIO

MOST: Final = 64
"""Lines that wait."""

Soon = Callable[[Callable[[], None]], object]
"""Call a function when this turn is over, in this thread: the event loop's call_soon."""


class GatheringHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream; `may_wait` says which of them may wait."""

    def __init__(self, stream: TextIO, may_wait: Callable[[logging.LogRecord], bool]) -> None:
        super().__init__(stream)
        self._may_wait = may_wait
        self._waiting: list[logging.LogRecord] = []
        self._soon: Soon | None = None
        self._thread = 0

    def lend_loop(self, soon: Soon | None) -> None:
        """Let lines wait from now on; None: no longer. To be called in the thread of the loop."""
        self._soon = soon
        self._thread = threading.get_ident()
        self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        self._waiting.append(record)
        waits = record.thread == self._thread and self._may_wait(record)
        if self._soon is None or not waits or len(self._waiting) >= MOST:
            self.flush()
        elif len(self._waiting) == 1:
            self._soon(self.flush)

    def flush(self) -> None:
        """Write what waits."""
        self.acquire()
        try:
            records, self._waiting = self._waiting, []
            if records:
                self._write(records)
        finally:
            self.release()

    def close(self) -> None:
        self.flush()
        super().close()

    def _write(self, records: list[logging.LogRecord]) -> None:
        try:
            self.stream.write("".join(f"{self.format(record)}{self.terminator}" for record in records))
            self.stream.flush()
        except Exception:  # noqa: BLE001 - as logging.StreamHandler does: a log must not end the daemon
            self.handleError(records[-1])
