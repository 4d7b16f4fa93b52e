"""The status page: one document of HTML, made of a frozen status, without script.

Everything in it that is not an element named here is escaped (mmx.observe.markup). It is meant for a phone,
a desk and a text browser alike: it begins with what needs somebody, the chain follows as a picture, tables
have headings for rows and columns, and no colour stands alone for a meaning.
"""

from collections.abc import Mapping
from typing import Final

from mmx.observe import picture
from mmx.observe.child_card import child_card
from mmx.observe.history import Decision, Reload
from mmx.observe.markup import Markup, Part, lines, tag
from mmx.observe.problems import problems
from mmx.observe.status import DOWN, UP, Status
from mmx.observe.table import cell, columns, figure, heading, row, scrolling, table
from mmx.observe.wording import clock, number, period, plural, size, stamp, wait

REFRESH: Final = 10
"""Seconds between two loads of a page that was asked to renew itself."""

_BAR: Final = 100.0
_NOTHING: Final = "-"
_DECISION: Final = ("Time", "Queue id", "Verdict", "Child", "At", "Took")
_IN_SIGHT: Final = 20
_VERDICTS: Final = ("accept", "quarantine", "discard", "reject", "tempfail", "shutdown", "aborted")


def page(status: Status, *, renews: bool = False) -> str:
    """The whole document; `renews`: the browser is to load it again every REFRESH seconds."""
    head = tag(
        "head",
        lines(
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", http_equiv="refresh", content=str(REFRESH)) if renews else "",
            tag("title", _title(status)),
            tag("link", rel="stylesheet", href="/style.css"),
        ),
    )
    body = tag("body", lines(_header(status), _main(status), _footer(renews)))
    return f"<!DOCTYPE html>\n{tag('html', lines('', head, body, ''), lang='en')}\n"


def _title(status: Status) -> str:
    wrong = len(problems(status))
    return f"mmx: {plural(wrong, 'problem')}" if wrong else "mmx: all is well"


def _header(status: Status) -> Markup:
    facts = f"{status.version}, up {period(status.at - status.started)}, as of {stamp(status.at)}"
    return tag("header", lines(tag("h1", "mmx"), tag("p", facts, class_="quiet")))


def _main(status: Status) -> Markup:
    return tag(
        "main",
        lines(
            _verdict(status),
            tag("div", lines(_chain(status), _traffic(status)), class_="columns"),
            _children(status),
            _decisions(status),
            _reloads(status),
            _left_out(status),
            _settings(status),
        ),
    )


def _verdict(status: Status) -> Markup:
    """The answer to "is all well?"."""
    told = problems(status)
    if told:
        items = [tag("li", text) for text in told]
        return tag("ul", lines(*items), class_="problems", role="status")
    up = sum(child.state == UP for child in status.children)
    down = sum(child.state == DOWN for child in status.children)
    rest = len(status.children) - up - down
    waiting = f", {number(rest)} not spoken to yet" if rest else ""
    return tag(
        "p",
        f"All is well: {plural(up, 'child is', 'children are')} up{waiting}.",
        class_="well",
        role="status",
    )


def _section(name: str, title: str, *parts: Part) -> Markup:
    title = tag("h2", title, id=f"{name}-title")
    return tag("section", lines(title, *parts), id=name, aria_labelledby=f"{name}-title")


def _chain(status: Status) -> Markup:
    listening = tag("p", "Listens on ", ", ".join(status.listeners) or "nothing", class_="quiet")
    return _section("chain", "Chain", picture.chain(status.children), listening)


def _traffic(status: Status) -> Markup:
    verdicts = {word: status.history.verdicts.get(word, 0) for word in _VERDICTS}
    return _section(
        "traffic",
        "Traffic",
        _bars("Messages since the start", "Verdict", verdicts),
        _bars(f"Open sessions, of {number(status.max_sessions)}", "At", status.sessions),
        tag("p", f"Spool: {size(status.spool_used)} of {size(status.spool_limit)}"),
    )


def _bars(caption: str, what: str, counts: Mapping[str, int]) -> Markup:
    """Counts in a table, each with a bar for its share."""
    total = sum(counts.values())
    rows = [row(heading(word), figure(count), _bar(word, count, total)) for word, count in counts.items()]
    return table("bars", f"{caption}: {number(total)}", columns(what, "Count", ""), lines(*rows))


def _bar(word: str, count: int, total: int) -> Markup:
    width = max(_BAR * count / total, 1.0) if count else 0.0
    bar = tag(
        "svg",
        tag("rect", width=_BAR, height=8, rx=2, class_="ground"),
        tag("rect", width=width, height=8, rx=2, class_=f"bar {word.partition(' ')[0]}"),
        viewBox=f"0 0 {_BAR:g} 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return tag("td", bar, class_="bar")


def _children(status: Status) -> Markup:
    cards = [child_card(child, status.at) for child in status.children]
    none = tag("p", "The chain is empty.", class_="quiet") if not cards else ""
    return _section("children", "Children", tag("div", lines(*cards), class_="cards"), none)


def _decisions(status: Status) -> Markup:
    """The latest in sight, the others behind a line that opens."""
    decisions = status.history.decisions
    if not decisions:
        return _section("decisions", "Recent decisions", tag("p", "None yet.", class_="quiet"))
    addresses = any(decision.client or decision.sender for decision in decisions)
    headings = _DECISION + (("Client", "Sender") if addresses else ())
    rows = [_decision(decision, status.at, addresses=addresses) for decision in decisions]
    older = rows[_IN_SIGHT:]
    more = tag("summary", f"{plural(len(older), 'older one')}")
    return _section(
        "decisions",
        "Recent decisions",
        scrolling("Recent decisions", headings, rows[:_IN_SIGHT]),
        tag("details", more, scrolling("Older decisions", headings, older)) if older else "",
    )


def _decision(decision: Decision, now: float, *, addresses: bool) -> Markup:
    return row(
        cell(clock(decision.at, now), class_="time"),
        cell(decision.queue_id or _NOTHING, class_="id"),
        cell(tag("span", decision.verdict, class_=f"word {decision.verdict}"), class_="word"),
        _or_nothing(decision.child, "child-name"),
        _or_nothing(decision.stage, "stage"),
        figure(wait(decision.seconds)),
        *([cell(decision.client), cell(decision.sender)] if addresses else []),
    )


def _or_nothing(text: str, kind: str) -> Markup:
    return cell(text or _NOTHING, class_=kind if text else "none")


def _reloads(status: Status) -> Markup:
    rows = [_reload(reload, status.at) for reload in status.history.reloads]
    title = "Start and reloads"
    return _section("reloads", title, scrolling(title, ("Time", "Result", "What"), rows))


def _reload(reload: Reload, now: float) -> Markup:
    word, kind = ("done", "accept") if reload.succeeded else ("failed", "reject")
    return row(
        cell(clock(reload.at, now), class_="time"),
        cell(tag("span", word, class_=f"word {kind}"), class_="word"),
        cell(*(tag("div", line) for line in reload.text.splitlines()), class_="text"),
    )


def _left_out(status: Status) -> Markup | str:
    if not status.left_out:
        return ""
    rows = [row(heading(name), cell(why, class_="text")) for name, why in status.left_out]
    title = "Not in the chain"
    return _section("left-out", title, scrolling(title, ("Milter", "Why"), rows))


def _settings(status: Status) -> Markup:
    warnings = [tag("li", warning) for warning in status.warnings]
    return _section(
        "settings",
        "Effective configuration",
        tag("ul", lines(*warnings), class_="warnings") if warnings else "",
        tag(
            "details",
            tag("summary", f"{status.settings_path}, with what is found and every default"),
            tag("pre", status.settings_text, tabindex="0"),
        ),
    )


def _footer(renews: bool) -> Markup:
    link = (
        tag("a", "stop renewing", href="/")
        if renews
        else tag("a", f"renew every {REFRESH} s", href="/?renew")
    )
    metrics, ready = tag("a", "metrics", href="/metrics"), tag("a", "readiness", href="/-/ready")
    return tag("footer", tag("p", link, Markup(" · "), metrics, Markup(" · "), ready))
