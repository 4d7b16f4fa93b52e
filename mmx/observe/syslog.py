"""Lines for syslogd, facility mail, as syslog(3) writes them to /dev/log.

The daemon's loop writes them, so nothing here may wait: the socket does not block, a line is at most
`LONGEST_LINE` bytes, nothing is kept. While syslogd does not take lines they are counted, and the next one
that it takes is preceded by how many were lost. Where there is no syslogd at all (no socket, or nobody behind
it) lines go to standard error, and the socket is tried again, at most once in `RETRY` seconds, so that a
restart of syslogd costs no more than that.
"""

import errno
import logging
import os
import socket
import time
from enum import Enum
from typing import Final

SYSLOG: Final = "/dev/log"
LONGEST_LINE: Final = 8000
"""Bytes of one line; rsyslog cuts at 8 KiB."""
RETRY: Final = 1.0
"""Seconds between two attempts to reach syslogd."""

_FACILITY_MAIL: Final = 2 << 3
_SEVERITIES: Final = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})


def severity(level: int) -> int:
    """The syslog severity of a level of Python's logging."""
    return next((number for floor, number in _SEVERITIES.items() if level >= floor), 7)


class Sent(Enum):
    """What became of a datagram."""

    TAKEN = "taken"
    FULL = "full"
    NOBODY = "nobody"


class SyslogHandler(logging.Handler):
    """Writes to the datagram socket at `path`; to `instead` while there is none."""

    def __init__(self, path: str, instead: logging.Handler, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._path = path
        self._instead = instead
        self._socket: socket.socket | None = None
        self._next_try = 0.0
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, and those of its traceback."""
        try:
            lines = self.format(record).splitlines()
        except Exception:  # noqa: BLE001 - as logging's own handlers do: no line ends what it tells of
            self.handleError(record)
            return
        priority = _FACILITY_MAIL | severity(record.levelno)
        head = f"<{priority}>{time.strftime('%b %e %T')} mmx[{os.getpid()}]: "
        if self._lost:
            told = self._send(f"{head}{self._lost} lines before were lost: syslogd did not take them")
            self._lost = 0 if told is Sent.TAKEN else self._lost
        for line in lines:
            sent = self._send(head + line)
            if sent is Sent.NOBODY:
                self._instead.handle(record)
                return
            self._lost += sent is Sent.FULL

    def close(self) -> None:
        """Close the socket."""
        self._disconnect()
        super().close()

    def _send(self, line: str) -> Sent:
        data = line.encode("utf-8", "backslashreplace")[:LONGEST_LINE]
        for _ in range(2):
            connected = self._socket or self._connect()
            if connected is None:
                break
            try:
                connected.send(data)
            except OSError as error:
                if error.errno in _FULL:
                    return Sent.FULL
                self._disconnect()
            else:
                return Sent.TAKEN
        return Sent.NOBODY

    def _connect(self) -> socket.socket | None:
        now = time.monotonic()
        if now < self._next_try:
            return None
        self._next_try = now + RETRY
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            made.connect(self._path)
        except OSError:
            made.close()
            return None
        self._socket = made
        return made

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
