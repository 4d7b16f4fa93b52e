"""Building and running the programs: a C compiler's result, a virtual environment, child processes.

Every program is a process of its own, ended by its process id; what it prints goes to a file that a failure
shows.
"""

import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.daemon import greet
from tests.integration.postfix import eventually

HERE = Path(__file__).parent
START_LIMIT = 20.0


class ProgramError(Exception):
    """A program did not start or cannot be had; the text holds what it printed."""


class Program:
    """Context manager: a process that is started, waited for until `ready` says so, and ended at the end."""

    def __init__(self, command: Sequence[str | Path], log: Path, ready: Callable[[], bool]) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [str(word) for word in command]
        self._log = log
        self._ready = ready

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not eventually(self._is_up, START_LIMIT, 0.02):
            self._end()
            raise ProgramError(f"{self._command[0]} does not answer\n{self.log_text()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            sys.stderr.write(f"--- {' '.join(self._command)}\n{self.log_text()}\n")
        self._end()

    def log_text(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def _is_up(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise ProgramError(
                f"{self._command[0]} ended with status {self.process.returncode}\n{self.log_text()}"
            )
        return self._ready()

    def _end(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.kill()  # libmilter takes seconds to end in an orderly way
        self.process.wait()


def negotiates(path: Path) -> bool:
    """Whether a milter on a unix socket answers; everybody may use the socket from then on."""
    try:
        greet(path, events=False)
    except (OSError, EOFError):
        return False
    path.chmod(0o666)  # smtpd(8) connects as user postfix
    return True


def listens(port: int) -> bool:
    """Whether a program accepts connections at a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def compile_child(target: Path) -> Path:
    """The libmilter child as a program at `target`."""
    source = HERE / "libmilter_child.c"
    command = ["gcc", "-O1", "-Wall", "-o", str(target), str(source), "-lmilter", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramError(f"{source.name} does not compile\n{done.stderr}")
    return target


def install(directory: Path, *packages: str) -> Path:
    """A new virtual environment with these packages of the Python index; its python."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise ProgramError(
            f"cannot install {' '.join(packages)} from the Python index\n{done.stderr[-2000:]}"
        )
    return python
