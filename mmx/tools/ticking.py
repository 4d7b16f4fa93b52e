"""A progress line for work that waits for others and cannot tell how far it is.

    with Ticking("looking at the host", 4) as ticking:
        ticking.step("shaking hands with the children")
        ...

The line (mmx.tools.progress) has the number of the step and its words. It is drawn by an interval timer: its
signal interrupts whatever waits, which Python then goes on with. So no thread is needed, and work may fork:
timers are not inherited. Without a terminal there is no timer.
"""

import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Final, Self

from mmx.tools.progress import Progress

_EVERY: Final = 0.25


class Ticking:
    """Context manager; `steps` is how many there will be."""

    def __init__(self, title: str, steps: int, *, progress: Progress | None = None) -> None:
        self._progress = progress or Progress(title, steps)
        self._done = -1
        self._words = ""
        self._restore: Callable[[], object] = lambda: None

    def step(self, words: str) -> None:
        """The next step begins."""
        self._done += 1
        self._words = words
        self._progress.show(self._done, words)

    def __enter__(self) -> Self:
        if self._progress.is_on and threading.current_thread() is threading.main_thread():
            handler = signal.signal(signal.SIGALRM, self._tick)
            timer = signal.setitimer(signal.ITIMER_REAL, _EVERY, _EVERY)
            self._restore = partial(_restore, handler, timer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        self._progress.close()

    def _tick(self, _number: int, _frame: FrameType | None) -> None:
        self._progress.show(max(self._done, 0), self._words)


def _restore(handler: Any, timer: tuple[float, float]) -> None:
    """What the timer and its signal were for."""
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, *timer)
