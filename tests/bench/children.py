"""The milters of the benchmarks: real libmilter programs, compiled here, each a process of its own."""

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.errors import BenchError
from tests.integration.postfix import eventually

SOURCE = Path(__file__).with_name("child.c")
START_LIMIT = 10.0


def compile_child(directory: Path) -> Path:
    """The program made from child.c, in `directory`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not Path("/usr/include/libmilter/mfapi.h").exists():
        raise BenchError("needs gcc and libmilter's headers (Debian: apt-get install gcc libmilter-dev)")
    program = directory / "child"
    command = [compiler, "-O2", "-o", str(program), str(SOURCE), "-lmilter", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed:\n{done.stderr}")
    return program


class Children:
    """Context manager: `count` processes of the program, sockets `NAME0`, `NAME1`, ... in `directory`.

    `actions` are the SMFIF_ bits each negotiates, `delay` is in milliseconds, at each end of message.
    """

    def __init__(
        self, program: Path, directory: Path, name: str, *, count: int = 3, actions: int = 0, delay: int = 0
    ) -> None:
        self.sockets = [directory / f"{name}{number}" for number in range(count)]
        self._arguments = (str(actions), str(delay))
        self._program = program
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def endpoints(self) -> list[str]:
        """As Postfix and mmx spell them."""
        return [f"unix:{path}" for path in self.sockets]

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def __enter__(self) -> Self:
        try:
            for path in self.sockets:
                command = [str(self._program), str(path), *self._arguments]
                self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
            for path in self.sockets:
                if not eventually(path.is_socket, START_LIMIT):
                    raise BenchError(f"the child on {path} did not start")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # libmilter closes down only between messages and after seconds; nothing here is worth that wait.
        for process in self._processes:
            process.kill()
            process.wait()
