"""How long a child was waited for in each message: small histograms, one a minute, for the last hour.

The steps of a histogram grow by a factor of the square root of two, from half a millisecond to six minutes,
so a quantile read from it is at most a fifth off. A minute without messages costs nothing, the others 160
bytes.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

MINUTES: Final = 60
"""Minutes kept."""

BOUNDS: Final = tuple(0.0005 * 2 ** (step / 2) for step in range(40))
"""Upper ends of the steps, in seconds; what is longer counts as the last."""

_MIDDLE: Final = 2**-0.25
"""From the upper end of a step to its middle, on the scale of the steps."""


class Latency(NamedTuple):
    """The messages of one minute, or of several, and the quantiles of their times in seconds."""

    messages: int = 0
    p50: float = 0.0
    p95: float = 0.0


NO_MESSAGES: Final = Latency()


class LatencyRing:
    """The last hour of one child; whoever asks says what minute it is."""

    __slots__ = ("_minutes",)

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, array[int]]] = deque(maxlen=MINUTES)

    def add(self, seconds: float, minute: int) -> None:
        """A message took that long."""
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, array("I", bytes(4 * len(BOUNDS)))))
        self._minutes[-1][1][min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1)] += 1

    def series(self, minute: int) -> tuple[Latency, ...]:
        """Each minute of the hour that ends with this one, the oldest first."""
        kept = dict(self._minutes)
        return tuple(
            _latency(kept[one]) if one in kept else NO_MESSAGES
            for one in range(minute - MINUTES + 1, minute + 1)
        )

    def total(self, minute: int) -> Latency:
        """The whole hour."""
        hour = [counts for one, counts in self._minutes if minute - MINUTES < one <= minute]
        return _latency([sum(column) for column in zip(*hour, strict=True)])


def _latency(counts: Sequence[int]) -> Latency:
    total = sum(counts)
    if not total:
        return NO_MESSAGES
    return Latency(total, _quantile(counts, 0.5 * total), _quantile(counts, 0.95 * total))


def _quantile(counts: Sequence[int], rank: float) -> float:
    """The middle of the step that the message of that rank is in."""
    seen = 0
    for bound, count in zip(BOUNDS, counts, strict=True):
        seen += count
        if seen >= rank and count:
            return bound * _MIDDLE
    return BOUNDS[-1] * _MIDDLE
