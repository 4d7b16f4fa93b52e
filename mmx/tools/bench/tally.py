"""What a benchmark counts, in memory that does not grow with the number of messages.

Latencies go into buckets, each one per cent wider than the one before, so a percentile is right to one per
cent; the greatest and the least are exact. Of each kind of failure the first text is kept.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

PERCENTILES: Final = (50, 90, 95, 99)
LEAST: Final = 1e-6
"""Seconds below which durations are not told apart."""
_STEP: Final = math.log(1.01)
_LONGEST_TEXT: Final = 300
_MOST_KINDS: Final = 20


class Latencies:
    """Many durations, in seconds."""

    __slots__ = ("_buckets", "count", "greatest", "least")

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.greatest = 0.0
        self.least = math.inf

    def add(self, seconds: float) -> None:
        """One more."""
        self._buckets[_bucket(seconds)] += 1
        self.count += 1
        self.greatest = max(self.greatest, seconds)
        self.least = min(self.least, seconds)

    def percentile(self, percent: float) -> float:
        """What so many per cent do not exceed; 0 if there is none."""
        due = math.ceil(self.count * percent / 100)
        for bucket in sorted(self._buckets):
            due -= self._buckets[bucket]
            if due <= 0:
                return min(max(_middle(bucket), self.least), self.greatest)
        return self.greatest

    def between(self, low: float, high: float) -> int:
        """How many are from `low` to below `high`."""
        return sum(count for bucket, count in self._buckets.items() if low <= _middle(bucket) < high)


def _bucket(seconds: float) -> int:
    return math.floor(math.log(max(seconds, LEAST) / LEAST) / _STEP)


def _middle(bucket: int) -> float:
    return LEAST * math.exp((bucket + 0.5) * _STEP)


@dataclass(slots=True)
class Result:
    """What became of one message: a verdict, or why there is none (`failure`, with `detail`)."""

    verdict: str = ""
    failure: str = ""
    detail: str = ""
    seconds: float = 0.0
    refused: int = 0
    """Recipients that were refused."""


@dataclass(slots=True)
class Tally:
    """What is known of one target so far."""

    messages: Latencies = field(default_factory=Latencies)
    openings: Latencies = field(default_factory=Latencies)
    """Of sessions: from the connect to where MAIL may follow."""
    verdicts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    """Of each kind of failure the first text."""
    refused: int = 0
    seconds: float = 0.0
    """Time in which it was measured."""
    rates: list[float] = field(default_factory=list)
    """Messages a second, by round."""

    @property
    def done(self) -> int:
        """Messages, with and without verdict."""
        return self.messages.count + self.failures.total()

    @property
    def rate(self) -> float:
        """Messages with a verdict for each second of the whole time."""
        return self.messages.count / self.seconds if self.seconds else 0.0

    def add(self, result: Result) -> None:
        """One message more."""
        self.refused += result.refused
        if not result.failure:
            self.messages.add(result.seconds)
            self.verdicts[result.verdict] += 1
            return
        known = result.failure in self.failures or len(self.failures) < _MOST_KINDS
        kind = result.failure if known else "other"
        self.failures[kind] += 1
        self.details.setdefault(kind, result.detail[:_LONGEST_TEXT])

    def end_round(self, messages: int, seconds: float) -> None:
        """A round is over in which so many messages got a verdict."""
        self.seconds += seconds
        if messages and seconds:
            self.rates.append(messages / seconds)
