"""The breaker of one child: three connect timeouts in a row, and sessions stop waiting for it.

Theory: a child that refuses, or whose socket is missing, costs a session microseconds, so every session may
try. A child that lets the connection hang costs each session its whole connect_timeout, in which the mail
client waits. After three of those in a row the breaker is open: sessions get the child's action for
"unreachable" at once, while a background probe shakes hands with the child, at first after a second, then
more and more rarely up to every ten seconds. One success, in a probe or in a session that was dialled
before, closes it.

What must not open it: a child that dies inside a message (crafted mail could switch a scanner off for
everybody), and a machine out of file descriptors or memory (it says nothing about the child).

Pure state; whoever asks says what time it is, in seconds of any clock that does not jump.
"""

import math
from typing import Final

TIMEOUTS_TO_OPEN: Final = 3
FIRST_PROBE: Final = 1.0
"""Seconds from opening to the first probe."""
LONGEST_PAUSE: Final = 10.0
"""Seconds between probes at most; each failed probe doubles the pause until then."""


class Breaker:
    """What the connects to one child came to, as far as it matters for the next one."""

    __slots__ = ("_pause", "_timeouts", "next_probe")

    def __init__(self) -> None:
        self._timeouts = 0
        self._pause = FIRST_PROBE
        self.next_probe = math.inf
        """When the next probe is due; infinite while the breaker is closed."""

    @property
    def is_open(self) -> bool:
        return self._timeouts >= TIMEOUTS_TO_OPEN

    def timed_out(self, now: float) -> bool:
        """A session's connect or OPTNEG took too long; true if this opened the breaker."""
        self._timeouts += 1
        if self._timeouts != TIMEOUTS_TO_OPEN:
            return False
        self._pause = FIRST_PROBE
        self.next_probe = now + FIRST_PROBE
        return True

    def refused(self) -> None:
        """A session's connect was refused at once: that ends a row of timeouts but closes no breaker."""
        if not self.is_open:
            self._timeouts = 0

    def probe_failed(self, now: float) -> None:
        """The probe that was due came to nothing, for whatever reason."""
        if self.is_open:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self.next_probe = now + self._pause

    def succeeded(self) -> bool:
        """A session or a probe shook hands with the child; true if this closed the breaker."""
        was_open = self.is_open
        self._timeouts = 0
        self.next_probe = math.inf
        return was_open
