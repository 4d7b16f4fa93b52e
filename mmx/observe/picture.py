"""The two pictures of the status page, as SVG; colours and letters are the style sheet's.

The chain is a line with a station for each child, in order, from Postfix to Postfix; a station tells its
state by shape as well as by colour. Text between the shapes is not drawn: it is what a text browser, which
draws nothing, puts between the names. A plot has the p50 and p95 of each minute of the last hour; minutes
without messages are gaps.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from mmx.observe.latency import Latency
from mmx.observe.markup import Markup, lines, tag
from mmx.observe.status import DISABLED, DOWN, DRAINING, UP, ChildStatus
from mmx.observe.wording import wait

_WIDTH: Final = 310
_STEP: Final = 52
"""From station to station."""
_LINE: Final = 20
"""Where the line stands."""
_TOP: Final = 26

_ARROW: Final = "\u2192"

_PLOT_WIDTH: Final = 300.0
_PLOT_HEIGHT: Final = 56.0

_SYMBOLS: Final = {
    UP: "M-5 0 L-1.5 4 L5 -4",
    DOWN: "M-4 -4 L4 4 M-4 4 L4 -4",
    "slow": "M0 -5 L0 0 L4 3",
    DISABLED: "M-3 -5 V5 M3 -5 V5",
    DRAINING: "M-3 -5 V5 M3 -5 V5",
}
"""Strokes inside a station: a tick, a cross, the hands of a clock, the sign of a pause; nothing for a child
not spoken to yet.
"""


def anchor(child: ChildStatus) -> str:
    """The fragment of a child's own part of the page."""
    return f"child-{child.name}"


def state_of(child: ChildStatus) -> str:
    """A child's state as the page has it: that of the status, or slow."""
    return "slow" if child.state == UP and child.slow else child.state


def chain(children: Sequence[ChildStatus]) -> Markup:
    """The chain in order, and below it the children that observe."""
    in_chain = [child for child in children if not child.observes]
    observing = [child for child in children if child.observes]
    bottom = _TOP + _STEP * (len(in_chain) + 1)
    stations = [_station(child, _TOP + _STEP * place) for place, child in enumerate(in_chain, 1)]
    aside = [_station(child, bottom + _STEP * place) for place, child in enumerate(observing, 1)]
    names = ", ".join(f"{child.name} ({state_of(child)})" for child in in_chain)
    end = bottom + _STEP * len(aside)
    return tag(
        "svg",
        lines(
            tag("path", d=f"M{_LINE} {_TOP} V{bottom}", class_="line"),
            _end(_TOP, "Postfix"),
            *(lines(_ARROW, station) for station in stations),
            _ARROW,
            tag("path", d=f"M{_LINE} {bottom} V{end}", class_="aside") if aside else "",
            _end(bottom, "Postfix delivers, holds or refuses"),
            *(lines("; to observe: ", station) for station in aside),
        ),
        viewBox=f"0 0 {_WIDTH} {end + 26}",
        class_="chain",
        role="group",
        aria_label=f"The chain in order: {names or 'no children'}",
    )


def _end(y: int, text: str) -> Markup:
    return lines(
        tag("rect", x=_LINE - 9, y=y - 9, width=18, height=18, rx=4, class_="end"),
        tag("text", text, x=_LINE + 24, y=y + 5, class_="quiet"),
    )


def _station(child: ChildStatus, y: int) -> Markup:
    state = state_of(child)
    symbol = _SYMBOLS.get(state)
    return tag(
        "a",
        lines(
            tag("circle", cx=_LINE, cy=y, r=12, class_=f"station {state}"),
            tag("path", d=symbol, transform=f"translate({_LINE} {y})", class_="symbol") if symbol else "",
            tag("text", child.name, x=_LINE + 24, y=y - 2, class_="name"),
            "(",
            tag("text", _told(child, state), x=_LINE + 24, y=y + 15, class_="quiet"),
            ")",
        ),
        href=f"#{anchor(child)}",
    )


def _told(child: ChildStatus, state: str) -> str:
    if child.observes and state == UP:
        return "observes, without effect on mail"
    if state == DOWN:
        return f"down: {child.why.partition(':')[0]}"
    if state in (DISABLED, DRAINING):
        return child.why
    if state == "slow":
        return f"slow, waited for {wait(child.oldest_wait)} now"
    hour = child.history.hour
    if not hour.messages:
        return "up, no message in the last hour" if state == UP else "not spoken to yet"
    return f"{state}, p50 {wait(hour.p50)}, p95 {wait(hour.p95)}"


def plot(minutes: Sequence[Latency]) -> Markup:
    """The last hour of a child."""
    top = max((minute.p95 for minute in minutes), default=0.0) or 1.0
    return tag(
        "svg",
        tag("path", d=f"M0 {_PLOT_HEIGHT} H{_PLOT_WIDTH}", class_="axis"),
        *_curve(minutes, top, "p95", lambda minute: minute.p95),
        *_curve(minutes, top, "p50", lambda minute: minute.p50),
        viewBox=f"0 -2 {_PLOT_WIDTH:g} {_PLOT_HEIGHT + 4:g}",
        class_="plot",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _curve(
    minutes: Sequence[Latency], top: float, kind: str, value: Callable[[Latency], float]
) -> Iterator[Markup]:
    """One path for each run of minutes with messages; a lone minute is a dash as wide as a minute."""
    step = _PLOT_WIDTH / max(len(minutes), 1)
    for busy, run in groupby(enumerate(minutes), lambda pair: pair[1].messages > 0):
        if not busy:
            continue
        points = [
            ((place + 0.5) * step, _PLOT_HEIGHT * (1 - min(value(minute) / top, 1.0)))
            for place, minute in run
        ]
        first, last = points[0], points[-1]
        points = [(first[0] - step / 2, first[1]), *points, (last[0] + step / 2, last[1])]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        if kind == "p95":
            area = f"M{points[0][0]:.1f} {_PLOT_HEIGHT} L{path} L{points[-1][0]:.1f} {_PLOT_HEIGHT} Z"
            yield tag("path", d=area, class_="area")
        yield tag("path", d=f"M{path}", class_=kind)
