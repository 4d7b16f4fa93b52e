"""What systemd is told, sd_notify(3): datagrams of NAME=value lines to the socket named by NOTIFY_SOCKET.

RELOADING=1 travels together with MONOTONIC_USEC, without which systemd 253 and later wait for the end of
the reload until their time is up. Without NOTIFY_SOCKET nothing is sent; a failure to send is never more
than a debug line.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping

_log = logging.getLogger(__name__)


class Notifier:
    """The way to the service manager; `environment` is where NOTIFY_SOCKET is looked up."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

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
