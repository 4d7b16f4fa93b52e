"""Postfix's own programs for its queue: postqueue, postcat, postsuper, perhaps of another instance.

Always by absolute path, as a list of words, with a clean environment, without a shell and without input. For
another instance than the default one postmulti(1) runs them. What they print holds mail and is not trusted:
it is read in pieces of bounded size, and for a bounded time. A program that still runs when nobody wants more
of it is killed.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, cast

from mmx.detect.commands import ENVIRONMENT, Answer, run
from mmx.errors import InvalidValueError, UnavailableError
from mmx.observe.log import escape

PROGRAMS: Final = Path("/usr/sbin")
LIMIT: Final = 300.0
"""Seconds that a program may take; a queue of a million messages is listed in less."""

_INSTANCE: Final = re.compile(r"-|/[A-Za-z0-9._+@/-]+|[A-Za-z0-9][A-Za-z0-9._+@-]*")
_LONGEST_COMPLAINT: Final = 600
_LINES: Final = 4
"""Of what a program says before it fails."""


def instance(text: str) -> str:
    """The name of an instance, or the path of its configuration; raises InvalidValueError."""
    if not _INSTANCE.fullmatch(text):
        raise InvalidValueError("not the name of an instance", "postmulti -l lists them")
    return text


class Postfix:
    """One instance. `tell` gets what its programs warn of."""

    def __init__(
        self,
        name: str | None = None,
        tell: Callable[[str], None] = lambda _: None,
        *,
        programs: Path = PROGRAMS,
    ) -> None:
        self.name = name
        self._tell = tell
        self._programs = programs

    def command(self, program: str, *words: str) -> list[str]:
        """The command line."""
        inner = [str(self._programs / program), *words]
        return [str(self._programs / "postmulti"), "-i", self.name, "-x", *inner] if self.name else inner

    def run(self, program: str, *words: str) -> None:
        """Run it to its end. Raises UnavailableError if it failed."""
        _, failure = self.attempt(program, *words)
        if failure is not None:
            raise failure

    def attempt(self, program: str, *words: str) -> tuple[str, UnavailableError | None]:
        """Run it to its end: all that it said, and the failure that it ended in. What it had done by then is
        done.
        """
        answer = run(self.command(program, *words), LIMIT)
        failed = answer.failure or answer.status
        said = (answer.output + answer.errors).decode("utf-8", "replace")
        return said, self._failure(program, answer) if failed else None

    def read(self, program: str, *words: str, piece: int) -> Iterator[bytes]:
        """What it prints, line by line, lines longer than `piece` in pieces; then raises UnavailableError if
        it failed.
        """
        with tempfile.TemporaryFile() as errors, _started(self.command(program, *words), errors) as process:
            timer = threading.Timer(LIMIT, _kill, [process])
            timer.daemon = True
            timer.start()
            output = cast("IO[bytes]", process.stdout)
            try:
                yield from iter(lambda: output.readline(piece), b"")
                status = process.wait()
            finally:
                timer.cancel()
                _kill(process)
            self._end(program, status, errors)

    def _end(self, program: str, status: int, errors: IO[bytes]) -> None:
        errors.seek(0)
        said = errors.read(64 << 10)
        if status:
            failure = f"{program} did not end within {LIMIT:g} s" if status == -signal.SIGKILL else ""
            raise self._failure(program, Answer(b"", said, status, failure))
        for line in said.decode("utf-8", "replace").splitlines():
            self._tell(escape(line, _LONGEST_COMPLAINT))

    def _failure(self, program: str, answer: Answer) -> UnavailableError:
        if self.name and not answer.failure and not answer.errors:
            return UnavailableError(
                f"postmulti does nothing for the instance {self.name}: does postmulti -l list it? "
                "If it does, Postfix's log says more"
            )
        said = answer.errors.decode("utf-8", "replace").splitlines()[-_LINES:]
        complaint = escape(answer.failure or "; ".join(said) or answer.complaint, _LONGEST_COMPLAINT)
        told = complaint if program in complaint else f"{program}: {complaint}"
        return UnavailableError(told + _remedy(complaint))


def _remedy(complaint: str) -> str:
    if "mail system is down" in complaint:
        return "; start Postfix" + (
            "" if os.geteuid() == 0 else ", or try sudo: root may look into a still queue"
        )
    return "; is Postfix installed?" if "cannot be run" in complaint else ""


@contextlib.contextmanager
def _started(argv: Sequence[str], errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(  # noqa: S603  # a fixed program; its words are checked
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise UnavailableError(f"{argv[0]} cannot be run: {error.strerror}; is Postfix installed?") from error
    with process:
        yield process


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
