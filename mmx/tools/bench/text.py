"""The report of a benchmark, as text and as JSON.

                 unix:/run/a.sock  unix:/run/b.sock  ratio
    messages     1000              1000
    a second     812.3             410.2             0.50
    p50          1.1 ms            2.3 ms            2.09
    ...
    accept       1000              998

Of two targets the ratio is that of the second to the first; `a second` is the median of the rounds. Below it
stands a histogram of the latencies, whose rows grow by equal factors.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

from mmx.observe.log import escape
from mmx.tools.bench.load import Load, Measured
from mmx.tools.bench.tally import LEAST, PERCENTILES, Latencies, Tally
from mmx.tools.columns import columns

ROWS: Final = 12
_BAR: Final = 40
_LONGEST_NAME: Final = 60
Value = Callable[[Tally], float]


def report(names: Sequence[str], load: Load, what: str, measured: Measured) -> list[str]:
    """The lines for people; `what` tells of the messages."""
    sessions, each = _several(load.sessions, "session"), _several(load.per_session, "message")
    lines = [f"{sessions} at a time, {each} in each; {what}", ""]
    lines += columns(_table(names, measured.tallies))
    for name, tally in zip(names, measured.tallies, strict=True):
        lines += [f"{_name(name)}: {kind}: {escape(text)}" for kind, text in sorted(tally.details.items())]
    if any(tally.messages.count for tally in measured.tallies):
        lines += ["", *_histogram(names, [tally.messages for tally in measured.tallies])]
    lines += _remarks(measured)
    return lines


def as_object(names: Sequence[str], load: Load, what: str, measured: Measured) -> dict[str, Any]:
    """The same for programs; times in seconds."""
    made: dict[str, Any] = {
        "sessions": load.sessions,
        "per_session": load.per_session,
        "mail": what,
        "whole": measured.is_whole,
        "load_cpu": round(measured.share, 3),
        "targets": [_target(name, tally) for name, tally in zip(names, measured.tallies, strict=True)],
    }
    if len(names) == 2:
        made["ratio"] = {"rate": _ratio(_rate, measured.tallies)} | {
            f"p{percent}": _ratio(_latency(percent), measured.tallies) for percent in PERCENTILES
        }
    return made


def _target(name: str, tally: Tally) -> dict[str, Any]:
    return {
        "target": name,
        "messages": tally.done,
        "seconds": tally.seconds,
        "rate": _rate(tally),
        "rounds": tally.rates,
        "latency": _summary(tally.messages),
        "opening": _summary(tally.openings),
        "verdicts": dict(tally.verdicts),
        "refused_recipients": tally.refused,
        "failures": dict(tally.failures),
        "details": tally.details,
    }


def _summary(latencies: Latencies) -> dict[str, float]:
    made = {f"p{percent}": latencies.percentile(percent) for percent in PERCENTILES}
    return {**made, "max": latencies.greatest, "count": latencies.count}


# The table.


def _table(names: Sequence[str], tallies: Sequence[Tally]) -> list[list[str]]:
    rows = [["", *map(_name, names), *(["ratio"] if len(names) == 2 else [])]]

    def add(title: str, value: Value, show: Callable[[float], str] = "{:.0f}".format, *, ratio: bool) -> None:
        cells = [show(value(tally)) for tally in tallies]
        if len(tallies) == 2:
            known = _ratio(value, tallies) if ratio else None
            cells.append("" if known is None else f"{known:.2f}")
        rows.append([title, *cells])

    add("messages", lambda tally: tally.done, ratio=False)
    add("a second", _rate, "{:.1f}".format, ratio=True)
    for percent in PERCENTILES:
        add(f"p{percent}", _latency(percent), duration, ratio=True)
    add("max", lambda tally: tally.messages.greatest, duration, ratio=True)
    add("opening p50", lambda tally: tally.openings.percentile(50), duration, ratio=True)
    for word in sorted({word for tally in tallies for word in tally.verdicts}):
        add(word, _counter("verdicts", word), ratio=False)
    if any(tally.refused for tally in tallies):
        add("refused recipients", lambda tally: tally.refused, ratio=False)
    add("failures", lambda tally: tally.failures.total(), ratio=False)
    for kind in sorted({kind for tally in tallies for kind in tally.failures}):
        add(f"  {kind}", _counter("failures", kind), ratio=False)
    return rows


def _counter(name: str, word: str) -> Value:
    return lambda tally: getattr(tally, name)[word]


def _rate(tally: Tally) -> float:
    return median(tally.rates) if tally.rates else 0.0


def _latency(percent: float) -> Value:
    return lambda tally: tally.messages.percentile(percent)


def _ratio(value: Value, tallies: Sequence[Tally]) -> float | None:
    first, second = map(value, tallies)
    return round(second / first, 3) if first and second else None


def duration(seconds: float) -> str:
    """A duration with three digits or so: `1.23 ms`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            number = seconds * factor
            digits = max(0, 2 - math.floor(math.log10(number))) if number >= 1 else 0
            return f"{number:.{digits}f} {unit}"
    raise AssertionError  # the loop returns


def _several(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _name(name: str) -> str:
    text = escape(name)
    return text if len(text) <= _LONGEST_NAME else f"...{text[3 - _LONGEST_NAME :]}"


# The histogram.


def _histogram(names: Sequence[str], latencies: Sequence[Latencies]) -> list[str]:
    """Rows from the least latency to the greatest; the fullest row has the longest bar."""
    some = [each for each in latencies if each.count]
    edges = _edges(min(each.least for each in some), max(each.greatest for each in some))
    counts = [[each.between(low, high) for each in latencies] for low, high in pairwise(edges)]
    width = _BAR // len(names)
    scale = width / max(max(row) for row in counts)
    rows = [["up to", *(cell for name in names for cell in (_name(name)[-width:], ""))]]
    for high, row in zip(edges[1:], counts, strict=True):
        rows.append(
            [duration(high), *(cell for count in row for cell in (_bar(count, scale), str(count or "")))]
        )
    return columns(rows)


def _edges(least: float, greatest: float) -> list[float]:
    """The limits of rows; a little beyond both ends, for buckets are coarse."""
    low, high = max(least, LEAST) * 0.98, max(greatest, LEAST) * 1.02
    rows = min(ROWS, max(1, round(math.log(high / low) / math.log(1.1))))
    factor = (high / low) ** (1 / rows)
    return [low * factor**row for row in range(rows + 1)]


def _bar(count: int, scale: float) -> str:
    return "#" * max(round(count * scale), bool(count))


def _remarks(measured: Measured) -> list[str]:
    remarks = []
    if not measured.is_whole:
        remarks.append("interrupted: this is what was measured until then")
    if measured.share > 0.8:
        remarks.append(
            f"the load itself took {measured.share:.0%} of a CPU: it may be the limit, not the target"
        )
    return ["", *remarks] if remarks else []
