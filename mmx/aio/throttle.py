"""Log lines that repeat: the first passes, then one every `period` seconds, which says how many did not."""

from typing import Final

_KINDS_KEPT: Final = 1000
"""Kinds remembered; above that the oldest are forgotten and may pass early."""


class Throttle:
    """Pure state; whoever asks says what time it is, in seconds."""

    __slots__ = ("_period", "_seen")

    def __init__(self, period: float) -> None:
        self._period = period
        self._seen: dict[object, tuple[float, int]] = {}

    def passes(self, kind: object, now: float) -> int | None:
        """None if this one must not pass, otherwise how many of its kind did not since the last that did."""
        since, held_back = self._seen.get(kind, (None, 0))
        if since is not None and now - since < self._period:
            self._seen[kind] = since, held_back + 1
            return None
        self._seen.pop(kind, None)
        self._seen[kind] = now, 0
        if len(self._seen) > _KINDS_KEPT:
            del self._seen[next(iter(self._seen))]
        return held_back
