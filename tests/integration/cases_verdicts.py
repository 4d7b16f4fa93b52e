"""Hand-written differential scripts: every verdict at every stage, alone and in a chain."""

from collections.abc import Iterator

from tests.integration import scripted_child as bits
from tests.integration.scripted_child import ChildScript, Reply
from tests.integration.scripts import (
    Script,
    add,
    content,
    edits,
    insert,
    key,
    message,
    plain,
    quarantine,
    reply_code,
    session,
)

BENIGN = ChildScript()
TAGGING = ChildScript(replies={"eom": edits(add("X-Tagged", "yes"), insert(1, "X-Top", "yes"))})
VERDICTS: dict[str, Reply] = {
    "continue": plain("c"),
    "accept": plain("a"),
    "reject": plain("r"),
    "tempfail": plain("t"),
    "discard": plain("d"),
    "reply-5xx": reply_code("550 5.7.1 no, thanks"),
    "reply-4xx": reply_code("450 4.2.0 not now"),
    "reply-421": reply_code("421 4.7.0 too much"),
    "reply-plain": reply_code("554 without enhanced code"),
    "reply-lines": reply_code("550-5.7.1 first\r\n550-5.7.1 second\r\n550 5.7.1 100%% last"),
}
STAGES = {
    "connect": "connect",
    "helo": "helo",
    "mail": key("mail"),
    "rcpt": key("rcpt", "r2@rcpt.test"),
    "data": key("data"),
    "header-first": key("header", "1"),
    "header-last": key("header", "5"),
    "eoh": key("eoh"),
    "body": key("body", "1"),
    "eom": key("eom"),
}
TWO_MESSAGES = session(
    message(recipients=("r1@rcpt.test", "r2@rcpt.test", "r3@rcpt.test")), ["RSET"], message("m2")
)
LONG_BODY = ("z" * 70 + "\r\n") * 2000


def cases() -> Iterator[Script]:
    """All scripts of this module."""
    yield from _every_verdict_at_every_stage()
    yield from _combinations()
    yield from _unknown_commands()
    yield from _progress()
    yield from _skip()
    yield from _quarantine()
    yield from _judges()


def _every_verdict_at_every_stage() -> Iterator[Script]:
    for stage, event in STAGES.items():
        for name, reply in VERDICTS.items():
            child = ChildScript(replies={event: reply})
            yield Script(f"{name}-at-{stage}", (child,), TWO_MESSAGES)
            yield Script(f"{name}-at-{stage}-of-the-first", (child, TAGGING), TWO_MESSAGES, pipelining="yes")
            yield Script(f"{name}-at-{stage}-of-the-second", (TAGGING, child), TWO_MESSAGES)
            yield Script(f"{name}-at-{stage}-of-the-middle", (BENIGN, child, TAGGING), TWO_MESSAGES)


def _combinations() -> Iterator[Script]:
    """Two children with opposite verdicts at one event: the first in the chain decides."""
    for stage, event in STAGES.items():
        for first, second in (
            ("reply-4xx", "reject"),
            ("discard", "reject"),
            ("accept", "tempfail"),
            ("reject", "discard"),
        ):
            children = (
                ChildScript(replies={event: VERDICTS[first]}),
                ChildScript(replies={event: VERDICTS[second]}),
            )
            yield Script(f"{first}-then-{second}-at-{stage}", (*children, BENIGN), TWO_MESSAGES)
        accepting = ChildScript(replies={event: plain("a")})
        yield Script(f"all-accept-at-{stage}", (accepting, accepting, accepting), TWO_MESSAGES)
    late = ChildScript(replies={key("header", "1"): reply_code("550 5.7.1 from the second")})
    early = ChildScript(replies={key("eom"): reply_code("450 4.7.1 from the first")})
    yield Script("second-refuses-early-first-late", (early, late), TWO_MESSAGES)
    refusing = [
        ChildScript(replies={key("rcpt", f"r{n}@rcpt.test"): VERDICTS["reply-5xx"]}) for n in (1, 2, 3)
    ]
    yield Script("every-recipient-refused-by-another", tuple(refusing), TWO_MESSAGES)
    yield Script(
        "edits-then-reject",
        (ChildScript(replies={"eom": edits(add("X-A", "b"), verdict="r")}), TAGGING),
        TWO_MESSAGES,
    )


def _unknown_commands() -> Iterator[Script]:
    steps = ("EHLO client.test", "FOO", *message(), "FOO", *message("m2"), "FOO", "QUIT")
    for name in ("continue", "reject", "tempfail", "reply-5xx", "reply-4xx"):
        child = ChildScript(replies={"unknown FOO": VERDICTS[name]})
        yield Script(f"{name}-on-unknown", (child,), steps)
        yield Script(f"{name}-on-unknown-of-the-second", (ChildScript(protocol=bits.NOUNKNOWN), child), steps)


def _progress() -> Iterator[Script]:
    alive = (("p", ""), ("p", ""), ("c", ""))
    events = [event for stage, event in STAGES.items() if not stage.startswith("header")]
    yield Script(
        "progress-everywhere", (ChildScript(replies=dict.fromkeys(events, alive)), TAGGING), TWO_MESSAGES
    )
    slow = ChildScript(
        replies={key("eom"): (("p", ""), ("sleep", "0.2"), ("p", ""), add("X-Slow", "yes"), ("c", ""))}
    )
    yield Script("progress-and-time-at-the-end", (slow, slow), TWO_MESSAGES)


def _skip() -> Iterator[Script]:
    steps = session(message(text=content(LONG_BODY)), message("m2", text=content(LONG_BODY, tag="m2")))
    skipping = ChildScript(protocol=bits.SKIP, replies={"body": plain("s")})
    yield Script("skip-body", (skipping,), steps)
    yield Script("skip-body-of-the-first", (skipping, TAGGING), steps, pipelining="yes")
    yield Script("skip-body-of-both", (skipping, skipping), steps)
    for event in ("rcpt", "header"):
        child = ChildScript(protocol=bits.SKIP, replies={event: plain("s")})
        yield Script(f"skip-on-{event}", (child, TAGGING), TWO_MESSAGES)


def _quarantine() -> Iterator[Script]:
    for verdict in "cartd":
        child = ChildScript(
            replies={key("eom"): edits(add("X-Q", "1"), quarantine("why"), add("X-R", "2"), verdict=verdict)}
        )
        yield Script(f"quarantine-then-{verdict}", (child,), TWO_MESSAGES)
        yield Script(f"quarantine-then-{verdict}-by-the-last", (TAGGING, BENIGN, child), TWO_MESSAGES)
    twice = ChildScript(replies={key("eom"): edits(quarantine("one"), quarantine("two"))})
    yield Script("quarantine-twice", (TAGGING, twice), TWO_MESSAGES)


def _judges() -> Iterator[Script]:
    """Children that change nothing see the content together; the first in the chain decides all the same."""
    actions = bits.ALL_ACTIONS & ~(bits.ADDHDRS | bits.CHGHDRS | bits.CHGBODY)
    late = ChildScript(actions=actions, replies={key("eom"): reply_code("550 5.7.1 from the first")})
    silent = ChildScript(actions=actions)
    steps = session(message(text=content(LONG_BODY)), message("m2"))
    for event in (key("header", "2"), key("eoh"), key("body", "1"), key("body", "2")):
        for verdict in "td":
            early = ChildScript(actions=actions, replies={event: plain(verdict)})
            for protocol in (4, 6):
                name = f"{verdict}-at-{event.replace(' ', '-')}-with-protocol-{protocol}"
                yield Script(f"judges-{name}", (late, early), steps, milter_protocol=protocol)
                yield Script(f"judges-alone-{name}", (silent, early), steps, milter_protocol=protocol)
