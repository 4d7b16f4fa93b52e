"""Running the few programs that detection asks: systemctl, rspamadm, postconf.

Always an absolute path and fixed arguments, never a shell; a clean environment, no input, a time limit after
which the program and whatever it started are killed. Nothing that was found in a file is ever run.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_PAGER": ""}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed and its exit status; `failure` says why there is none, "" if there is."""

    output: bytes = b""
    errors: bytes = b""
    status: int = 0
    failure: str = ""

    @property
    def complaint(self) -> str:
        """Why there is no answer, or what the program said last about what went wrong."""
        lines = self.errors.decode("utf-8", "replace").strip().splitlines()
        return self.failure or (lines[-1].strip() if lines else f"exit status {self.status}")


# A command line and its time limit in seconds, to an answer.
Run = Callable[[Sequence[str], float], Answer]


def run(argv: Sequence[str], limit: float) -> Answer:
    """Run a program to its end."""
    name = Path(argv[0]).name
    try:
        process = subprocess.Popen(  # noqa: S603  # fixed arguments, see above
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        return Answer(failure=f"{name} cannot be run: {error.strerror}")
    with process:
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return Answer(failure=f"{name} did not answer within {limit:g} s")
    if process.returncode < 0:
        killed = f"{name} was killed by signal {-process.returncode}"
        return Answer(output, errors, process.returncode, killed)
    return Answer(output, errors, process.returncode)
