"""Differential scripts drawn at random, each from a seed and a number alone: any one can be drawn again.

What is never drawn, because mmx differs there from Postfix on purpose (each has its own test in
test_differences):

- quarantine by a child that is not the last: Postfix shows the content to nobody after it;
- failures of a child (closing, time-outs, malformed or unexpected packets, replies without an event);
- reply texts and header names that Postfix would refuse or spoil the header block with;
- edits the child did not negotiate;
- accept and discard on an unknown command, anything but continue on a recipient that Postfix itself refused;
- DATA or RCPT after a refused DATA in one transaction: a RSET always stands between;
- other edits between the chunks of a replaced body, quarantine before end of message;
- a verdict of one child at HELO, an unknown command or MAIL after a later child refused CONNECT or HELO:
  Postfix then still asks the first child, while the refusal ends the session of mmx.

And because the two sides offer children different things with an old MTA: a verdict on DATA needs
milter_protocol 4, one on an unknown command 3 (mmx makes up the DATA event for children that an old Postfix
never tells of it). A child drops what was not offered, as libmilter does, so with milter_protocol below 6
only flags of that version are asked for. SKIP on anything but a body chunk is left to the hand-written
scripts.
"""

from dataclasses import dataclass, field, replace
from random import Random

from tests.integration import scripted_child as bits
from tests.integration.random_content import drawn_edits, message_text
from tests.integration.scripted_child import ChildScript, Reply
from tests.integration.scripts import REFUSED_BY_POSTFIX, Script
from tests.integration.smtp_client import Step

RECIPIENTS = ("r1@rcpt.test", "r2@rcpt.test", "r3@rcpt.test", "other@other.test")
OFFERED = {2: 0x7F, 3: 0x17F, 4: 0x37F, 6: 0x1FFFFF}
# What children of Debian 12 answer (rule N8), each as (actions, protocol).
REAL_CHILDREN = (
    (
        bits.ADDHDRS | bits.CHGHDRS | bits.SETSYMLIST,
        bits.NOHELO | bits.NOUNKNOWN | bits.NODATA | bits.SKIP | bits.HDR_LEADSPC,
    ),
    (
        bits.ADDHDRS | bits.CHGHDRS | bits.QUARANTINE,
        bits.NOHELO | bits.NOEOH | bits.NOUNKNOWN | bits.NODATA,
    ),
    (bits.ADDHDRS | bits.CHGHDRS, bits.NOUNKNOWN | bits.NODATA),
    (bits.ADDHDRS | bits.QUARANTINE, bits.NOBODY | bits.NOUNKNOWN | bits.NODATA | bits.SKIP),
    (bits.ADDHDRS | bits.ADDRCPT | bits.DELRCPT | bits.CHGHDRS, bits.NOUNKNOWN | bits.NODATA),
    (
        bits.ALL_ACTIONS,
        bits.NOHELO | bits.NORCPT | bits.NOUNKNOWN | bits.NODATA | bits.SKIP
        | bits.NR_HDR | bits.NR_CONN | bits.NR_EOH | bits.NR_BODY,
    ),
    (bits.ALL_ACTIONS, bits.ALL_NO_REPLY),
)  # fmt: skip
MACRO_NAMES = (
    "i",
    "j",
    "{rcpt_addr}",
    "{mail_addr}",
    "{client_addr}",
    "{client_name}",
    "v",
    "_",
    "{mail_host}",
)
REPLY_CODES = (
    "550 5.7.1 not this one",
    "550 no enhanced code",
    "554 5.6.0 100%% sure",
    "450 4.2.0 come back",
    "451 later",
    "550-5.7.1 first line\r\n550 5.7.1 second line",
    "452-4.3.1 a\r\n452-4.3.1 b\r\n452 4.3.1 c",
    "550 5.7.1 8-bit \xe9",
)
DISCONNECT = "421 4.7.0 go away"


@dataclass(frozen=True)
class _Message:
    tag: str
    recipients: tuple[str, ...]
    text: str
    header_count: int

    @property
    def sender(self) -> str:
        return f"{self.tag}@sender.test"


@dataclass
class _Plan:
    """What is drawn so far."""

    random: Random
    milter_protocol: int
    messages: list[_Message] = field(default_factory=list)
    unknown: tuple[str, ...] = ()
    data_refused: set[str] = field(default_factory=set)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability


def draw(seed: int, number: int) -> Script:
    """Script `number` of a seed."""
    random = Random(f"{seed}/{number}")
    plan = _Plan(random, random.choice((6, 6, 6, 6, 6, 6, 2, 3, 4)))
    plan.messages = [_message(random, f"m{n}") for n in range(1, random.choice((1, 1, 2, 3)) + 1)]
    plan.unknown = ("FOO",) if plan.chance(0.15) else ()
    count = random.choice((1, 1, 2, 2, 2, 3, 3, 3))
    children = [_child(plan, index == count - 1) for index in range(count)]
    return Script(
        name=f"drawn {seed}/{number}",
        children=_quiet_before_refusals(children),
        steps=_steps(plan),
        milter_protocol=plan.milter_protocol,
        pipelining=random.choice(("no", "headers", "headers", "yes")),
    )


def _quiet_before_refusals(children: list[ChildScript]) -> tuple[ChildScript, ...]:
    """Without the verdicts that a later child's refusal of the session would overtake."""
    found: list[ChildScript] = []
    refused = False
    for child in reversed(children):
        replies = child.replies
        if refused:
            overtaken = ("helo", "unknown", "mail")
            replies = {key: reply for key, reply in replies.items() if key.split()[0] not in overtaken}
        found.insert(0, replace(child, replies=replies))
        session = [child.replies[event] for event in ("connect", "helo") if event in child.replies]
        refused = refused or any(reply[-1][0] in "rty" for reply in session)
    return tuple(found)


def _message(random: Random, tag: str) -> _Message:
    recipients = random.sample(RECIPIENTS, random.choice((1, 1, 2, 3, 4)))
    if random.random() < 0.1:
        recipients.insert(random.randrange(len(recipients) + 1), REFUSED_BY_POSTFIX)
    text = message_text(random, tag)
    return _Message(tag, tuple(recipients), text, text.split("\r\n\r\n", 1)[0].count("\r\n") + 1)


def _child(plan: _Plan, last: bool) -> ChildScript:
    random = plan.random
    version = random.choice((6, 6, 6, 6, 6, 2, 3, 4))
    actions, protocol = random.choice(REAL_CHILDREN) if plan.chance(0.5) else _options(random)
    protocol &= OFFERED[min(version, plan.milter_protocol)]
    macros = {}
    if actions & bits.SETSYMLIST and plan.milter_protocol == 6 and plan.chance(0.5):
        for stage in random.sample(range(7), random.choice((1, 2))):
            macros[str(stage)] = " ".join(random.sample(MACRO_NAMES, random.choice((0, 1, 3))))
    replies = _session_replies(plan)
    for message in plan.messages:
        replies.update(_message_replies(plan, message, actions, last))
    return ChildScript(version, actions, protocol, macros, replies)


def _options(random: Random) -> tuple[int, int]:
    actions = bits.ALL_ACTIONS if random.random() < 0.7 else random.randrange(bits.ALL_ACTIONS + 1)
    if random.random() < 0.5:
        return actions, random.choice((0, bits.HDR_LEADSPC, bits.SKIP, bits.RCPT_REJ))
    protocol = 0
    for _ in range(random.choice((1, 2, 3, 6))):
        protocol |= 1 << random.randrange(21)
    return actions, protocol


def _session_replies(plan: _Plan) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    for event in ("connect", "helo"):
        if plan.chance(0.04):
            replies[event] = _verdict(plan, "rtyad")
    if plan.milter_protocol >= 3:
        for line in plan.unknown:
            if plan.chance(0.4):
                replies[f"unknown {line}"] = _verdict(plan, "rty")
    return replies


def _message_replies(plan: _Plan, message: _Message, actions: int, last: bool) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    if plan.chance(0.06):
        replies[f"mail {message.sender}"] = _verdict(plan, "rtyad")
    for recipient in message.recipients:
        if recipient != REFUSED_BY_POSTFIX and plan.chance(0.12):
            replies[f"rcpt {message.sender} {recipient}"] = _verdict(plan, "rrttyyad")
    if plan.milter_protocol >= 4 and plan.chance(0.05):
        reply = _verdict(plan, "rtyad")
        replies[f"data {message.sender}"] = reply
        if reply[-1][0] in "rty":
            plan.data_refused.add(message.tag)
    if plan.chance(0.05):
        number = plan.random.randrange(1, message.header_count + 1)
        replies[f"header {message.sender} {number}"] = _verdict(plan, "rtyad")
    if plan.chance(0.04):
        replies[f"eoh {message.sender}"] = _verdict(plan, "rtyad")
    if plan.chance(0.15):
        replies[f"body {message.sender} {plan.random.choice((1, 1, 2))}"] = _verdict(plan, "rtyadssss")
    edits = drawn_edits(plan.random, actions, last, message.sender)
    verdict = _verdict(plan, "rtyd") if plan.chance(0.15) else (plan.random.choice((("c", ""), ("a", ""))),)
    replies[f"eom {message.sender}"] = (*edits, *verdict)
    return replies


def _verdict(plan: _Plan, letters: str) -> Reply:
    """One verdict out of the letters, now and then after a sign of life."""
    letter = plan.random.choice(letters)
    text = ""
    if letter == "y":
        text = (DISCONNECT if plan.chance(0.1) else plan.random.choice(REPLY_CODES)) + "\0"
    verdict: Reply = ((letter, text),)
    if plan.chance(0.2):
        # Time for children after this one in the chain to answer first.
        return (("sleep", plan.random.choice(("0.01", "0.03"))), *verdict)
    return (("p", ""), *verdict) if plan.chance(0.1) else verdict


def _steps(plan: _Plan) -> tuple[Step, ...]:
    steps: list[Step] = ["EHLO client.test" if plan.chance(0.8) else "HELO client.test"]
    steps += plan.unknown
    for message in plan.messages:
        steps += _message_steps(plan, message)
    return (*steps, "QUIT")


def _message_steps(plan: _Plan, message: _Message) -> list[Step]:
    parameters = plan.random.choice(("", "", " SIZE=1000", " BODY=8BITMIME", " RET=HDRS ENVID=x"))
    steps: list[Step] = [f"MAIL FROM:<{message.sender}>{parameters}"]
    for recipient in message.recipients:
        steps.append(f"RCPT TO:<{recipient}>" + plan.random.choice(("", "", "", " NOTIFY=NEVER")))
        if plan.chance(0.03):
            steps.append(
                plan.random.choice(("NOOP", "VRFY r1@rcpt.test", "RSET", "EHLO again.test", "DATAX"))
            )
    steps.append(("DATA", message.text))
    if message.tag in plan.data_refused or plan.chance(0.3):
        steps.append("RSET")
    return steps
