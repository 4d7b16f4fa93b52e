"""Lines that go out together.

The lines of messages are logged several at a time (mmx.aio.records), and a write for each would cost more
than to make the line. Between `begin` and `end` lines are kept, with the order and time that they have; at
other times each is written at once.
"""

import logging
from typing import TextIO


class GatheringHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._kept: list[logging.LogRecord] = []
        self._keeps = False

    def begin(self) -> None:
        """Keep what is logged from now on."""
        self._keeps = True

    def end(self) -> None:
        """Write it."""
        self._keeps = False
        self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record)
        if not self._keeps:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        self.acquire()
        try:
            records, self._kept = self._kept, []
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
