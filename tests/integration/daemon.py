"""mmx as its users run it: a process of its own with a configuration file."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.integration.postfix import eventually
from tests.integration.scripted_child import packet, read_packet

OFFER = struct.pack("!III", 6, 0x1FF, 0x1FFFFF)
START_LIMIT = 20.0
STOP_LIMIT = 20.0


class MmxError(Exception):
    """mmx did not start, did not stop or did not end with status 0; the text holds its log."""


class Mmx:
    """Context manager: mmx listening on a unix socket with the given children, ended by SIGTERM.

    `children` is the setting of that name, in order; `settings` holds further top-level settings; `wrapper`
    is a command that changes something and then becomes mmx.
    """

    program: Sequence[str] = ("-m", "mmx")
    """Arguments of Python that run mmx."""

    def __init__(
        self,
        listen: Path,
        children: Mapping[str, Mapping[str, Any]],
        settings: Mapping[str, Any] | None = None,
        wrapper: Sequence[str] = (),
    ) -> None:
        self.socket = listen
        self._wrapper = wrapper
        self.directory = Path(tempfile.mkdtemp(prefix="mmx-daemon-"))
        self.log = self.directory / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = {
            "listen": [f"unix:{listen}"],
            "socket_mode": "0666",
            "default_action": "tempfail",
            "detect": False,
            "metrics": {"listen": None},
            "spool_directory": str(self.directory),
            "control_socket": str(self.directory / "control.sock"),
            "held": {"ledger": str(self.directory / "held.jsonl")},
            "children": {name: dict(child) for name, child in children.items()},
            "order": list(children),
            **(settings or {}),
        }

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._kill()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                sys.stderr.write(f"--- log of mmx {self.socket}\n{self.log_text()}\n")
            self.stop()
        finally:
            self._kill()
            shutil.rmtree(self.directory, ignore_errors=True)

    def log_text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def stop(self) -> None:
        """SIGTERM, and the exit status must be 0."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            raise self.failure("mmx does not end after SIGTERM") from None
        if status != 0:
            raise self.failure(f"mmx ended with status {status}")

    def failure(self, what: str) -> MmxError:
        end = "\n".join(self.log_text().splitlines()[-60:])
        return MmxError(f"{what}\n--- log of mmx\n{end}")

    def _start(self) -> None:
        configuration = self.directory / "mmx.yaml"
        # JSON is YAML: no YAML writer is needed here, and quoting is never in doubt.
        configuration.write_text(json.dumps(self._settings, indent=1))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self._wrapper, sys.executable, *self.program, "--config", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        if not eventually(self._answers, START_LIMIT, 0.02):
            raise self.failure("mmx does not answer")

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise self.failure(f"mmx ended at once with status {self.process.returncode}")
        try:
            greet(self.socket, events=False)
        except (OSError, EOFError):
            return False
        return True

    def _kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def greet(path: Path, events: bool = True) -> None:
    """Play an MTA that negotiates and, with `events`, sends CONNECT, HELO and MAIL; then goes away."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(packet("O", OFFER))
        code, _ = read_packet(sock)
        if code != "O":
            raise OSError(f"answered the options with {code!r}")
        if events:
            _events(sock)
        sock.sendall(packet("Q"))


def _events(sock: socket.socket) -> None:
    connect = b"localhost\x004" + struct.pack("!H", 4000) + b"127.0.0.1\0"
    for code, data in (("C", connect), ("H", b"warm-up.test\0"), ("M", b"<warm-up@sender.test>\0")):
        sock.sendall(packet("D", code.encode()) + packet(code, data))
        answer = read_packet(sock)[0]
        while answer == "p":
            answer = read_packet(sock)[0]
        if answer != "c":
            return
    sock.sendall(packet("A"))
