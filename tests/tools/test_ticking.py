"""A progress line that draws itself."""

import io
import signal
import time

from mmx.tools.progress import Progress
from mmx.tools.ticking import Ticking

XTERM = {"TERM": "xterm"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def late() -> float:
    """A clock by which the patience is over at once."""
    return time.monotonic() * 1000


def test_the_step_is_drawn_while_something_else_waits() -> None:
    terminal, former = Terminal(), signal.getsignal(signal.SIGALRM)
    progress = Progress("check", 3, stream=terminal, environment=XTERM, clock=late)
    with Ticking("check", 3, progress=progress) as told:
        told.step("first")
        told.step("second")
        while "second" not in terminal.getvalue():
            signal.pause()
    assert "check [" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")
    assert signal.getsignal(signal.SIGALRM) == former


def test_without_a_terminal_there_is_no_timer() -> None:
    former = signal.getsignal(signal.SIGALRM)
    quiet = Progress("check", 3, stream=io.StringIO(), environment=XTERM)
    with Ticking("check", 3, progress=quiet) as told:
        told.step("first")
        assert signal.getsignal(signal.SIGALRM) == former
