"""`mmx filter` as a milter of a real Postfix, alone and behind mmx: each verdict, each edit, each death.

One script serves all cases: the rule of a case is for its sender. What the SMTP client, the recipient and the
hold queue get is written down here, and must be the same on both sides.
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.daemon import Mmx
from tests.integration.filtering import Filter
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.scripts import content
from tests.integration.sink import Delivery, LmtpSink
from tests.integration.smtp_client import CLOSED, Step, run_session

DIRECT = "direct"
BEHIND = "behind"
SETTLE_LIMIT = 20.0
LATER = "451 4.7.1 Service unavailable - try again later"
ORIGINAL = ("r1@rcpt.test", "r2@rcpt.test")
TIMEOUTS = {"milter_command_timeout": "3s", "milter_content_timeout": "3s"}
CHILD = {"command_timeout": "1s", "content_timeout": "1s"}


@dataclass(frozen=True)
class Case:
    """`do` at the event `at`; `refusals` are the replies that are not positive, without those that only
    follow from them; `headers` are lines that the delivered message has, `lacks` some that it has not.
    """

    at: str
    do: str
    refusals: tuple[str, ...] = ()
    is_delivered: bool = True
    is_held: bool = False
    sender: str = ""
    recipients: tuple[str, ...] = ORIGINAL
    headers: tuple[bytes, ...] = ()
    lacks: tuple[bytes, ...] = ()
    body: bytes = b"hello\r\n"
    when: str = ""


def refused(at: str, do: str, *refusals: str) -> Case:
    return Case(at, do, refusals, is_delivered=False)


CASES = {
    "continue": Case("[connect, helo, mail, rcpt, data, header, eoh, body, eom]", "continue"),
    "accept": Case("mail", "accept"),
    "discard": Case("eom", "discard", is_delivered=False),
    "skip": Case("body", "skip"),
    "reject-mail": refused("mail", "reject", "550 5.7.1 Command rejected"),
    "tempfail-mail": refused("mail", "tempfail", LATER),
    "text-rcpt": Case(
        "rcpt",
        '{reply: "550 5.1.1 No such user here"}',
        ("550 5.1.1 No such user here",),
        when="recipient: 'r2@*'",
        recipients=("r1@rcpt.test",),
    ),
    "lines-data": refused(
        "data", '{reply: ["450-4.7.1 One", "450 4.7.1 100%"]}', "450-4.7.1 One\r\n450 4.7.1 100%"
    ),
    "reject-header": refused("header", "reject", "550 5.7.1 Command rejected"),
    "reject-body": refused("body", "reject", "550 5.7.1 Command rejected"),
    "tempfail-eom": refused("eom", "tempfail", LATER),
    "late": Case("eom", "[{delay: 500ms}, progress, {delay: 700ms}, continue]"),
    "add": Case("eom", "{add_header: {name: X-Added, value: seen}}", headers=(b"X-Added: seen",)),
    "insert": Case("eom", "{insert_header: {name: X-First, value: seen}}", headers=(b"X-First: seen",)),
    "change": Case(
        "eom",
        "{change_header: {name: Subject, value: another}}",
        headers=(b"Subject: another",),
        lacks=(b"Subject: a test",),
    ),
    "remove": Case("eom", "{delete_header: {name: Subject}}", lacks=(b"Subject: a test",)),
    "add-rcpt": Case("eom", '{add_recipient: "<r3@rcpt.test>"}', recipients=(*ORIGINAL, "r3@rcpt.test")),
    "delete-rcpt": Case("eom", '{delete_recipient: "<r1@rcpt.test>"}', recipients=("r2@rcpt.test",)),
    "sender": Case("eom", '{change_sender: "<other@sender.test>"}', sender="other@sender.test"),
    "body": Case("eom", '{replace_body: "one\\ntwo\\n"}', body=b"one\r\ntwo\r\n"),
    "hold": Case("eom", "{quarantine: a reason}", is_held=True),
    "close": refused("eom", "close", LATER),
    "reset": refused("data", "reset", LATER),
    "hang": refused("rcpt", "hang", LATER, LATER),
    "silence": refused("eom", "silence", LATER),
    "garbage": refused("eom", '{garbage: "HTTP/1.1 400 Bad Request\\r\\n"}', LATER),
    "wrong-code": refused("eom", '{frame: {code: "Z"}}', LATER),
    "word": refused("eom", "reject", "550 5.7.1 Command rejected"),
    "no-word": Case("eom", "reject", when="word: casino"),
    "second": Case("eom", "reject", when="message: 2"),
}
WHENS = {"word": "word: hello", **{name: case.when for name, case in CASES.items() if case.when}}


NEGOTIATE = 'negotiate: {steps: [SKIP, RCPT_REJ], macros: {rcpt: ["{rcpt_addr}", "{client_addr}"]}}\n'
SHUTDOWN = "  - {at: eom, when: {sender: 'shutdown@*'}, do: shutdown}\n"


def script() -> str:
    """The script of all cases."""
    rules = [SHUTDOWN]
    for name, case in CASES.items():
        tests = f"sender: '{name}@sender.test'" if "connect" not in case.at else ""
        tests = ", ".join(filter(None, (tests, WHENS.get(name, ""))))
        rules.append(f"  - at: {case.at}\n    when: {{{tests}}}\n    do: {case.do}\n")
    # The first rule that fits is taken, so those for all senders come last.
    rules.sort(key=lambda rule: "connect" in rule)
    return NEGOTIATE + "rules:\n" + "".join(rules)


class Site:
    """Postfix with the filter, and with an mmx that has it as its child."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self.sink = LmtpSink()
        stack.callback(self.sink.close)
        self.filter = stack.enter_context(Filter(directory, "filter", script()))
        self.mmx = stack.enter_context(
            Mmx(directory / "mmx", {"filter": {"endpoint": self.filter.endpoint, **CHILD}})
        )
        smtpds = [
            Smtpd(DIRECT, [self.filter.endpoint], TIMEOUTS),
            Smtpd(BEHIND, [f"unix:{self.mmx.socket}"]),
        ]
        self.postfix = stack.enter_context(Postfix(smtpds, self.sink.port))

    def send(self, side: str, name: str) -> list[str]:
        """The replies from MAIL on."""
        recipients = [f"RCPT TO:<{recipient}>" for recipient in ORIGINAL]
        steps: list[Step] = [f"MAIL FROM:<{name}@sender.test>", *recipients, ("DATA", content())]
        return run_session(self.postfix.ports[side], ["EHLO client.test", *steps, "QUIT"])[2:]

    def fate(self, replies: list[str]) -> tuple[Delivery | None, bool]:
        """What was delivered of the message that these replies are about, and whether it was held."""
        ids = [match[1] for reply in replies if (match := re.search(r"queued as (\w+)", reply))]
        if not ids:
            return None, False
        is_held = False

        def gone() -> bool:
            nonlocal is_held
            if self.postfix.queue_of(ids[0]) == "hold":
                is_held = True
                self.postfix.release(ids[0])
            return self.postfix.queue_of(ids[0]) is None

        assert eventually(gone, SETTLE_LIMIT), f"{ids[0]} stays in the queue"
        return next(iter(self.sink.deliveries(ids[0])), None), is_held


@pytest.fixture(scope="module")
def site(postfix_package: None) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="mmx-filter-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)
        yield Site(directory, stack)


@pytest.mark.parametrize("side", [DIRECT, BEHIND])
@pytest.mark.parametrize("name", CASES)
def test_a_case(site: Site, name: str, side: str) -> None:
    case = CASES[name]
    replies = site.send(side, name)
    told = [reply.removesuffix("\r\n") for reply in replies if reply[:1] in "45"]
    assert tuple(one for one in told if not _follows(one)) == case.refusals
    delivery, is_held = site.fate(replies)
    assert (delivery is not None, is_held) == (case.is_delivered, case.is_held)
    if delivery is None:
        return
    header, _, body = delivery.content.partition(b"\r\n\r\n")
    lines = header.split(b"\r\n")
    assert delivery.sender == (case.sender or f"{name}@sender.test")
    assert delivery.recipients == tuple(sorted(case.recipients))
    assert body == case.body
    assert set(case.headers) <= set(lines)
    assert not set(case.lacks) & set(lines)


def test_a_shutdown_is_a_421(site: Site) -> None:
    """Behind mmx alone: Postfix 3.7 takes the mail with a 250 and loses it."""
    assert site.send(BEHIND, "shutdown")[-2:] == ["421 4.7.0 Server closing connection\r\n", CLOSED]


def _follows(reply: str) -> bool:
    """A refusal of Postfix itself, for want of what was refused before."""
    return reply.startswith(("503", "554 5.5.1")) or reply == CLOSED


@pytest.mark.parametrize("side", [DIRECT, BEHIND])
def test_it_told_what_it_saw(site: Site, side: str) -> None:
    site.send(side, "add")
    sessions = {told["session"] for told in site.filter.all("in") if "add@sender.test" in told["shape"]}
    session = max(sessions)
    seen = [told["shape"] for told in site.filter.all("in") if told["session"] == session]
    assert seen[0].startswith("OPTNEG version 6")
    assert "MAIL <add@sender.test>" in " ".join(seen)
    assert "MACRO RCPT {rcpt_addr}=r1@rcpt.test {client_addr}=127.0.0.1" in seen
    said = [told["shape"] for told in site.filter.all("out") if told["session"] == session]
    assert "ADDHEADER X-Added: seen" in said
    assert said[-1] == "CONTINUE"
