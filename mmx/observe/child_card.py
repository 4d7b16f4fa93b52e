"""A child's part of the status page: state, place, what it said, how long it took, how it failed."""

from collections.abc import Mapping
from typing import Final

from mmx.observe import picture
from mmx.observe.history import ChildError
from mmx.observe.markup import Markup, lines, tag
from mmx.observe.problems import OUT, back
from mmx.observe.status import DOWN, UNKNOWN, ChildStatus
from mmx.observe.table import cell, figure, heading, row, table
from mmx.observe.wording import clock, period, plural, wait

_WORDS: Final = {UNKNOWN: "not spoken to yet"}
_SEES: Final = {"original": "mail as Postfix sent it", "edited": "mail as edited so far"}


def child_card(child: ChildStatus, now: float) -> Markup:
    """One child."""
    state = picture.state_of(child)
    title = tag(
        "h3",
        tag("span", child.name),
        Markup(" "),
        tag("span", _WORDS.get(state, state), class_=f"state {state}"),
    )
    return tag(
        "article",
        lines(
            title,
            _why(child, now),
            _facts(child),
            _latency(child),
            tag(
                "div",
                lines(_counts("Verdicts", child.history.verdicts), _failures(child)),
                class_="pair",
            ),
            _errors(child.history.errors, now),
        ),
        id=picture.anchor(child),
        class_=f"child {state}",
    )


def _why(child: ChildStatus, now: float) -> Markup | str:
    if child.state == DOWN:
        return tag("p", f"Down for {period(now - child.since)}: {child.why}", class_="why")
    if child.state in OUT:
        told = f"Out of the chain for {period(now - child.since)}: {child.why}, {back(child, now)}"
        return tag("p", told, class_="why")
    return ""


def _facts(child: ChildStatus) -> Markup:
    waiting = plural(child.waiting, "session")
    if child.waiting:
        waiting += f", the longest for {wait(child.oldest_wait)}"
    facts = {
        "Socket": child.endpoint,
        "Known from": child.origin,
        "Sees": _SEES.get(child.content, child.content),
        "When": child.when,
        "Default action": "" if child.observes else child.default_action,
        "Effect on mail": "none, it only observes" if child.observes else "",
        "Connected": plural(child.connections, "session"),
        "Waited for by": waiting,
    }
    rows = [row(heading(name), cell(text)) for name, text in facts.items() if text]
    return tag("table", tag("tbody", lines(*rows)), class_="facts")


def _latency(child: ChildStatus) -> Markup:
    hour = child.history.hour
    if not hour.messages:
        return tag("p", "No message in the last hour.", class_="quiet")
    highest = max(minute.p95 for minute in child.history.minutes)
    told = [
        tag("span", f"p50 {wait(hour.p50)}", class_="key p50"),
        tag("span", f"p95 {wait(hour.p95)}", class_="key p95"),
        f"of {plural(hour.messages, 'message')} in the last hour; the scale ends at {wait(highest)}",
    ]
    caption = tag("figcaption", lines(*told))
    return tag("figure", lines(picture.plot(child.history.minutes), caption))


def _failures(child: ChildStatus) -> Markup:
    actions = {f"took {action}": count for action, count in child.history.default_actions.items()}
    return _counts("Failures", {**child.history.failures, **actions})


def _counts(caption: str, counts: Mapping[str, int]) -> Markup:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1]) or [("none", 0)]
    rows = [row(heading(word), figure(count)) for word, count in ordered]
    return table("counts", caption, lines(*rows))


def _errors(errors: tuple[ChildError, ...], now: float) -> Markup | str:
    if not errors:
        return ""
    items = [
        tag(
            "li",
            tag("b", clock(error.at, now)),
            f" {error.step}, {error.reason}{_action(error)}{_detail(error)}",
        )
        for error in errors
    ]
    latest = f"Last errors, the latest at {clock(errors[0].at, now)}"
    return tag("details", tag("summary", latest), tag("ul", lines(*items), class_="errors"))


def _action(error: ChildError) -> str:
    return f", took {error.action}" if error.action else ""


def _detail(error: ChildError) -> str:
    return f": {error.detail}" if error.detail else ""
