"""No stranger gets a marked message past a scanner, whatever he writes.

All milters of the catalog stand in one chain, with its defaults. They let everything pass, but for the
scanners, which refuse a message with the mark in its body. A stranger, who is remote, has not logged in
and is in no list of networks, chooses everything else. The same with conditions on a scanner of which mmx
does not warn, so that what the settings take for harmless is harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from mmx.aio.plan import make_chain
from mmx.core.action import Dial
from mmx.core.child import Child, Link
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain
from mmx.core.session import Session
from mmx.settings.build import build
from mmx.settings.catalog import MILTERS, Role
from mmx.settings.checks import check
from mmx.settings.document import read_document
from mmx.settings.section import Findings
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, frame

MARK: Final = b"the mark"
SCANNERS: Final = [name for name, milter in MILTERS.items() if Role.SCANS in milter.roles]
UNANSWERED: Final = frozenset({command.MACRO, command.ABORT, command.QUIT})
PASSED: Final = (reply.CONTINUE, reply.ACCEPT)
OPTIONS: Final = payload.encode_options(6, 0, 0, {})
OFFER: Final = payload.encode_options(6, option.ALL_ACTIONS, option.ALL_PROTOCOL, {})

SETTINGS: Final = """
detect: no
local_networks: [192.0.2.0/24, "2001:db8::/32"]
s25r: {allow: [.example.com, mail*]}
conditions:
  partner: {client: [203.0.113.0/24]}
  partners: {any: [partner, {client_name: [.example.com, mx.example.net]}]}
  own: {all: [partner, {sender_domain: [example.com]}, {helo: "*"}]}
  listed: {recipient_domain: "*", not: {recipient: "*"}}
  sender: {sender_domain: [example.com]}
  header: {header: {X-Scanned: "*"}}
  helo: {helo: example.com}
  big: {size_above: 100B}
"""


def chain(*when: str) -> Chain:
    """All milters of the catalog; the conditions are those of clamav-milter."""
    guarded = f", when: [{', '.join(when)}]" if when else ""
    lines = [
        f"  {name}: {{endpoint: 'unix:/run/{name}'{guarded if name == 'clamav-milter' else ''}}}"
        for name in MILTERS
    ]
    table, problems = read_document("a.yaml", (SETTINGS + "children:\n" + "\n".join(lines)).encode())
    findings = Findings("a.yaml")
    told = build(table, findings)
    check(told, findings)
    assert problems + findings.problems == []
    return make_chain(told)


@dataclass
class Mail:
    """What a stranger sends: each is a list of frames without their macros."""

    greeting: tuple[bytes, bytes, bytes] = (b"unknown", b"4", b"198.51.100.7")
    helos: Sequence[bytes] = (b"client.example",)
    sender: bytes = b"<a@b>"
    parameters: Sequence[bytes] = ()
    recipients: Sequence[bytes] = (b"<bob@example.org>",)
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: Sequence[bytes] = (MARK,)
    macros: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    before: bool = False
    """A message without the mark goes before, in the same session."""


class Play:
    """A session of the core whose children answer at once."""

    def __init__(self, chain: Chain) -> None:
        self.session = Session(chain, name="s", now=0.0, knowledge=Knowledge())
        self.marked: set[str] = set()
        self.answers: list[int] = []
        self.send(command.OPTNEG, OFFER)

    def send(self, code: int, data: bytes = b"", macros: list[tuple[bytes, bytes]] | None = None) -> None:
        frames = [frame(code, data)]
        if macros is not None:
            frames.insert(0, frame(command.MACRO, payload.encode_macros(code, macros)))
        self.session.from_mta(*frames)
        moved = True
        while moved:
            self.answers += [sent[CODE] for sent in self.session.mta_out]
            self.session.mta_out.clear()
            for action in self.session.actions[:]:
                if type(action) is Dial:
                    self.session.child_up(action.child)
            self.session.actions.clear()
            moved = [child for child in self.session.children if self._answer(child)] != []

    def _answer(self, child: Child) -> bool:
        sent = child.out[:]
        child.out.clear()
        for written in sent:
            code, name = written[CODE], child.plan.name
            if code == command.MAIL:
                self.marked.discard(name)
            if code == command.BODY and MARK in written:
                self.marked.add(name)
            if code in UNANSWERED or child.link is Link.DOWN:
                continue
            refuses = code == command.EOM and name in self.marked and name in SCANNERS
            answer = frame(reply.OPTNEG, OPTIONS) if code == command.OPTNEG else frame(reply.CONTINUE)
            self.session.from_child(child, frame(reply.REJECT) if refuses else answer)
        return bool(sent)


def play(chain: Chain, mail: Mail) -> Play:
    """Send it; the last answer is that to the end of the message."""
    run = Play(chain)
    host, family, address = mail.greeting
    greeting = payload.encode_connection(host, family, 25, address)
    run.send(command.CONNECT, greeting, of(mail, command.CONNECT))
    for helo in mail.helos:
        run.send(command.HELO, payload.encode_strings(helo), of(mail, command.HELO))
    if mail.before:
        transaction(run, Mail(body=(b"harmless",)))
    transaction(run, mail)
    return run


def transaction(run: Play, mail: Mail) -> None:
    run.send(command.MAIL, payload.encode_strings(mail.sender, *mail.parameters), of(mail, command.MAIL))
    for recipient in mail.recipients:
        run.send(command.RCPT, payload.encode_strings(recipient), of(mail, command.RCPT))
    run.send(command.DATA, b"", of(mail, command.DATA))
    for name, value in mail.headers:
        run.send(command.HEADER, payload.encode_strings(name, value))
    run.send(command.EOH, b"", of(mail, command.EOH))
    for chunk in mail.body:
        run.send(command.BODY, chunk)
    run.send(command.EOM, b"", of(mail, command.EOM))


def of(mail: Mail, code: int) -> list[tuple[bytes, bytes]]:
    """The macros before a command."""
    return mail.macros.get(code, [])


WORDS: Final = [
    *(b"example.com", b"mail.example.com", b"localhost", b"127.0.0.1", b"[127.0.0.1]", b"unknown", b""),
    *(b"a1b2.dsl.example.net", b"mail.evil.example", b"mx.example.net.evil.example", b"x" * 300, b"*"),
]
TEXTS: Final = st.sampled_from(WORDS) | st.binary(max_size=12).map(lambda text: text.replace(b"\0", b""))
ODD_ADDRESSES: Final = [
    *(b"<>", b"", b"<postmaster>", b"<@a:ann@example.com>", b'<"a@example.com"@evil.example>', b"<"),
    *(b"<a@example.com>", b"<a%example.com@evil.example>", b"<a@evil.example@example.com>"),
]
ADDRESSES: Final = st.sampled_from(ODD_ADDRESSES) | st.builds(
    lambda local, domain: b"<" + local + b"@" + domain + b">", TEXTS, TEXTS
)
# The name that the MTA has verified: his own name server cannot give him one of the partners.
NAMES: Final = TEXTS.filter(lambda name: not name.rstrip(b".").endswith(b"example.com"))
IPV4: Final = [
    *(b"198.51.100.7", b"unknown", b"", b"10.0.0.1", b"8.8.8.8", b"203.0.113.1 x", b"203.0.113.01"),
]
IPV6: Final = [b"2001:db9::1", b"IPv6:2a00::1", b"::ffff:8.8.8.8", b"unknown"]
GREETINGS: Final = st.tuples(NAMES, st.just(b"4"), st.sampled_from(IPV4)) | st.tuples(
    NAMES, st.just(b"6"), st.sampled_from(IPV6)
)
PARAMETERS: Final = st.sampled_from([b"SIZE=1", b"SIZE=999999999", b"BODY=8BITMIME", b"SIZE="])
CHOSEN: Final = {
    command.CONNECT: [b"{client_resolve}", b"{client_ptr}", b"_"],
    command.HELO: [b"{tls_version}", b"{cert_subject}"],
    command.MAIL: [b"{mail_addr}", b"{mail_host}"],
    command.RCPT: [b"{rcpt_addr}"],
    command.EOM: [b"i", b"{msg_id}"],
}
MACROS: Final = st.fixed_dictionaries(
    {code: st.lists(st.tuples(st.sampled_from(names), TEXTS), max_size=2) for code, names in CHOSEN.items()}
)
MAILS: Final = st.builds(
    Mail,
    greeting=GREETINGS,
    helos=st.lists(TEXTS, max_size=2),
    sender=ADDRESSES,
    parameters=st.lists(PARAMETERS, max_size=2),
    recipients=st.lists(ADDRESSES, min_size=1, max_size=3),
    headers=st.lists(st.tuples(st.sampled_from([b"X-Scanned", b"Subject", b"x"]), TEXTS), max_size=3),
    body=st.lists(st.just(MARK) | st.binary(max_size=200), max_size=3).map(lambda body: [*body, MARK]),
    macros=MACROS,
    before=st.booleans(),
)


def gets_past(chain: Chain, mail: Mail) -> bool:
    run = play(chain, mail)
    return run.answers[-1] in PASSED or reply.ACCEPT in run.answers


THOROUGH: Final = settings(max_examples=5000, phases=[Phase.generate], database=None)
DEFAULTS: Final = chain()


@given(MAILS)
def test_under_the_defaults_of_the_catalog(mail: Mail) -> None:
    assert not gets_past(DEFAULTS, mail)


HARMLESS: Final = [
    ("unauthenticated",),
    ("remote",),
    ("not local", "unauthenticated"),
    ("not partner",),
    ("not partners",),
    ("not own",),
    ("not listed",),
    ("remote", "not partners", "not own"),
]


def alone(*when: str) -> Chain:
    """A chain of clamav-milter alone, so that no other scanner stops the message."""
    whole = chain(*when)
    return replace(whole, children=tuple(child for child in whole.children if child.name == "clamav-milter"))


GUARDED: Final = {when: alone(*when) for when in HARMLESS}


@given(st.sampled_from(HARMLESS), MAILS)
def test_behind_conditions_of_which_mmx_does_not_warn(when: tuple[str, ...], mail: Mail) -> None:
    assert not gets_past(GUARDED[when], mail)


@pytest.mark.parametrize("when", ["not sender", "not header", "not helo", "not big", "s25r"])
def test_these_attacks_find_a_way_past_where_mmx_warns_of_one(when: str) -> None:
    guarded = alone(when)
    try:
        find(MAILS, lambda mail: gets_past(guarded, mail), settings=THOROUGH)
    except NoSuchExample:
        pytest.fail(f"nothing got past `{when}`")
