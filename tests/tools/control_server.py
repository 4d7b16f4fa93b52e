"""A daemon that says what the test says, at a control socket, in a thread of its own."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmx import __version__
from mmx.aio.control import PROTOCOL

HELLO = {"mmx": __version__, "protocol": PROTOCOL, "pid": 4711}


class ControlServer:
    """Answers each connection with the next of `answers`; `requests` are those that came."""

    def __init__(self, path: Path, *answers: list[Any]) -> None:
        self.path = path
        self.answers = list(answers)
        self.hello: object = HELLO
        self.requests: list[Any] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()

    @contextmanager
    def running(self) -> Iterator["ControlServer"]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            self._socket.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as lines:
                self._answer(lines)

    def _answer(self, lines: Any) -> None:
        lines.write(line_of(self.hello))
        lines.flush()
        request = lines.readline()
        if request:
            self.requests.append(json.loads(request))
            for answer in self.answers.pop(0):
                lines.write(line_of(answer))


def line_of(answer: object) -> bytes:
    """Bytes as they are, everything else as JSON."""
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
