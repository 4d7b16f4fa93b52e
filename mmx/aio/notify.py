"""What systemd is told, sd_notify(3): datagrams of NAME=value lines to the socket named by NOTIFY_SOCKET.

RELOADING=1 travels together with MONOTONIC_USEC, without which systemd 253 and later wait for the end of
the reload until their time is up. Without NOTIFY_SOCKET nothing is sent; a failure to send is never more
than a debug line.

With WatchdogSec= systemd says in WATCHDOG_USEC how long it waits for a sign of life. It gets one twice in
that time, from a timer of the event loop that serves the mail: a loop that hangs gives none and is restarted,
which a thread of its own would hide.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

_log = logging.getLogger(__name__)


class Notifier:
    """The way to the service manager; `environment` is where its variables are looked up."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._pause = _watchdog_pause(environment)
        self._timer: asyncio.TimerHandle | None = None

    def start_watchdog(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give signs of life from now on, if the service manager waits for them."""
        if self._address and self._pause:
            self._send("WATCHDOG=1")
            self._timer = loop.call_later(self._pause, self.start_watchdog, loop)

    def stop_watchdog(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def ready(self, status: str) -> None:
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=stopping")

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            _log.debug("cannot notify the service manager at %s: %s", self._address, error)


def _watchdog_pause(environment: Mapping[str, str]) -> float:
    """Seconds between two signs of life, half of what is allowed (sd_watchdog_enabled(3)); 0: none wanted."""
    allowed = environment.get("WATCHDOG_USEC", "")
    whose = environment.get("WATCHDOG_PID") or str(os.getpid())
    if not allowed.isdigit() or whose != str(os.getpid()):
        return 0.0
    return int(allowed) / 2_000_000
