"""What of a status needs somebody, in sentences: the first thing that the page and `mmx status` say."""

from collections.abc import Iterator
from typing import Final

from mmx.observe.status import DISABLED, DOWN, DRAINING, ChildStatus, Status
from mmx.observe.wording import clock, period, plural, size, wait

OUT: Final = (DISABLED, DRAINING)
"""States of a child that somebody took out of the chain."""
RECENT: Final = 60.0
"""Seconds that a failure of a child is told of."""


def problems(status: Status) -> list[str]:
    """Sentences, the gravest first; none if all is well."""
    told = [*_own(status)]
    for kind in (_down, _out, _failed, _slow):
        told += [kind(child, status.at) for child in status.children]
    if not status.settings_good:
        told.append("The last reload failed: the former settings are in force.")
    return [text for text in told if text]


def _own(status: Status) -> Iterator[str]:
    if status.spool_is_full:
        yield f"The spool is full ({size(status.spool_used)}): new messages are refused with 451."
    if status.session_count >= status.max_sessions > 0:
        yield (
            f"{plural(status.session_count, 'session')} are open, the most there may be: "
            "mail of others is refused with 451."
        )
    if all(child.observes for child in status.children):
        yield "There are no children: mail passes unchecked."


def _down(child: ChildStatus, now: float) -> str:
    if child.state != DOWN:
        return ""
    effect = "It only observes." if child.observes else f"Default action: {child.default_action}."
    return f"{child.name} has been down for {period(now - child.since)} ({child.why}). {effect}"


def _out(child: ChildStatus, now: float) -> str:
    if child.state not in OUT:
        return ""
    return f"{child.name} is out of the chain ({child.why}, {back(child, now)}): mail passes without it."


def back(child: ChildStatus, now: float) -> str:
    """When a child that is out comes back."""
    return f"until {clock(child.until, now)}" if child.until else "until the next reload"


def _failed(child: ChildStatus, now: float) -> str:
    """A child that answers, and did not do so in some session a moment ago."""
    if child.state == DOWN or not child.history.errors:
        return ""
    error = child.history.errors[0]
    if now - error.at > RECENT:
        return ""
    taken = f", which took its default action {error.action}" if error.action else ""
    return (
        f"{child.name} failed a session {period(now - error.at)} ago at {error.step} ({error.reason}){taken}."
    )


def _slow(child: ChildStatus, _: float) -> str:
    if not child.slow:
        return ""
    waiting = plural(child.waiting, "session waits", "sessions wait")
    return f"{child.name} is slow: {waiting} for it, the longest for {wait(child.oldest_wait)}."
