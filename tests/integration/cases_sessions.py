"""Hand-written differential scripts: the shape of sessions, negotiated options, macros, old protocol
versions."""

from collections.abc import Iterator
from dataclasses import replace

from tests.integration import scripted_child as bits
from tests.integration.scripted_child import ChildScript
from tests.integration.scripts import (
    REFUSED_BY_POSTFIX,
    Script,
    add,
    change,
    content,
    edits,
    insert,
    key,
    message,
    plain,
    replace_body,
    reply_code,
    session,
)
from tests.integration.smtp_client import Step

BENIGN = ChildScript()
TAGGING = ChildScript(replies={"eom": edits(add("X-Tagged", "yes"), insert(1, "X-Top", "yes"))})
MANY = tuple(f"user{n}@rcpt.test" for n in range(150))

SESSIONS: dict[str, tuple[Step, ...]] = {
    "nothing": ("QUIT",),
    "ehlo-only": ("EHLO client.test", "QUIT"),
    "no-ehlo": (*message(), "QUIT"),
    "helo": ("HELO client.test", *message(), "QUIT"),
    "helo-twice": ("HELO one.test", "EHLO two.test", *message(), "EHLO three.test", *message("m2"), "QUIT"),
    "ehlo-in-transaction": ("EHLO one.test", *message()[:2], "EHLO two.test", *message("m2"), "QUIT"),
    "rset-before-mail": ("EHLO client.test", "RSET", *message(), "QUIT"),
    "rset-after-mail": ("EHLO client.test", *message()[:1], "RSET", *message("m2"), "QUIT"),
    "rset-after-rcpt": ("EHLO client.test", *message()[:2], "RSET", "RSET", *message("m2"), "QUIT"),
    "quit-in-transaction": ("EHLO client.test", *message()[:2], "QUIT"),
    "connection-dropped": ("EHLO client.test", *message()[:2]),
    "five-messages": session(*(message(f"m{n}") for n in range(1, 6))),
    "nested-mail": ("EHLO client.test", *message()[:2], *message("m2"), "QUIT"),
    "rcpt-before-mail": ("EHLO client.test", "RCPT TO:<r1@rcpt.test>", *message(), "QUIT"),
    "data-without-rcpt": (
        "EHLO client.test",
        *message()[:1],
        ("DATA", content()),
        "RSET",
        *message("m2"),
        "QUIT",
    ),
    "null-sender": ("EHLO client.test", "MAIL FROM:<>", *message()[1:], "QUIT"),
    "parameters": (
        "EHLO client.test",
        "MAIL FROM:<m1@sender.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=q",
        "RCPT TO:<r1@rcpt.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;r1@rcpt.test",
        *message()[2:],
        "QUIT",
    ),
    "odd-addresses": (
        "EHLO client.test",
        'MAIL FROM:<"quoted m1"@sender.test>',
        'RCPT TO:<"a b"@rcpt.test>',
        "RCPT TO:<no-domain>",
        "RCPT TO:<@route.test:r1@rcpt.test>",
        *message()[2:],
        "QUIT",
    ),
    "chatter": (
        "EHLO client.test",
        "NOOP",
        "VRFY r1@rcpt.test",
        "HELP",
        "FOO",
        *message()[:1],
        "NOOP",
        *message()[1:2],
        "BAR",
        *message()[2:],
        "VRFY <r1@rcpt.test>",
        "ETRN x",
        "QUIT",
    ),
    "many-recipients": session(message(recipients=MANY), message("m2", recipients=MANY[:60])),
    "refused-recipients": session(
        message(
            recipients=(
                REFUSED_BY_POSTFIX,
                "r1@rcpt.test",
                REFUSED_BY_POSTFIX,
                "r2@rcpt.test",
                REFUSED_BY_POSTFIX,
            )
        ),
        message("m2", recipients=(REFUSED_BY_POSTFIX,)),
        ["RSET"],
        message("m3"),
    ),
    "xclient": (
        "EHLO client.test",
        "XCLIENT NAME=other.example ADDR=192.0.2.7",
        "EHLO other.example",
        *message(),
        "QUIT",
    ),
    "xclient-unknown": (
        "EHLO client.test",
        "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7",
        "EHLO other.example",
        *message(),
        "QUIT",
    ),
    "xclient-ipv6": (
        "EHLO client.test",
        "XCLIENT NAME=six.example ADDR=IPV6:2001:db8::1",
        "EHLO six.example",
        *message(),
        "QUIT",
    ),
}

FLAGS = {
    "NOCONNECT": bits.NOCONNECT,
    "NOHELO": bits.NOHELO,
    "NOMAIL": bits.NOMAIL,
    "NORCPT": bits.NORCPT,
    "NOBODY": bits.NOBODY,
    "NOHDRS": bits.NOHDRS,
    "NOEOH": bits.NOEOH,
    "NR_HDR": bits.NR_HDR,
    "NOUNKNOWN": bits.NOUNKNOWN,
    "NODATA": bits.NODATA,
    "SKIP": bits.SKIP,
    "RCPT_REJ": bits.RCPT_REJ,
    "NR_CONN": bits.NR_CONN,
    "NR_HELO": bits.NR_HELO,
    "NR_MAIL": bits.NR_MAIL,
    "NR_RCPT": bits.NR_RCPT,
    "NR_DATA": bits.NR_DATA,
    "NR_UNKN": bits.NR_UNKN,
    "NR_EOH": bits.NR_EOH,
    "NR_BODY": bits.NR_BODY,
    "HDR_LEADSPC": bits.HDR_LEADSPC,
    "every-NR": bits.ALL_NO_REPLY,
    "opendkim": bits.NOHELO | bits.NOUNKNOWN | bits.NODATA | bits.SKIP | bits.HDR_LEADSPC,
    "dkimpy": (
        bits.NOHELO
        | bits.NORCPT
        | bits.NOUNKNOWN
        | bits.NODATA
        | bits.SKIP
        | bits.NR_HDR
        | bits.NR_CONN
        | bits.NR_EOH
        | bits.NR_BODY
        | bits.NR_MAIL
    ),
    "nothing-but-eom": (
        bits.NOCONNECT
        | bits.NOHELO
        | bits.NOMAIL
        | bits.NORCPT
        | bits.NODATA
        | bits.NOHDRS
        | bits.NOEOH
        | bits.NOBODY
        | bits.NOUNKNOWN
    ),
}
MACROS: dict[str, dict[str, str]] = {
    "rcpt-only": {"3": "{rcpt_addr}"},
    "empty": {"2": "", "3": ""},
    "all-stages": {str(stage): "i j {client_addr}" for stage in range(7)},
    "unbraced": {"0": "j _ v", "5": "i {i}"},
    "not-in-the-base-list": {"0": "{client_addr} {client_name} {client_ptr}", "5": "{mail_addr} {rcpt_addr}"},
    "unknown-stage": {"9": "i"},
    "unknown-names": {"1": "{no_such} {tls_version}"},
}
TWO = session(message(recipients=("r1@rcpt.test", "r2@rcpt.test")), message("m2"))


def cases() -> Iterator[Script]:
    """All scripts of this module."""
    for name, steps in SESSIONS.items():
        yield Script(f"session-{name}", (BENIGN,), steps)
        yield Script(
            f"session-{name}-with-three",
            (TAGGING, ChildScript(protocol=bits.RCPT_REJ), BENIGN),
            steps,
            pipelining="yes",
        )
    yield from _flags()
    yield from _versions()
    yield from _macros()
    yield from _refusals_in_long_sessions()


def _flags() -> Iterator[Script]:
    steps = ("EHLO client.test", "FOO", *TWO[1:])
    editing = edits(insert(1, "X-E", "e"), change(1, "Subject", "s"), replace_body("r\r\n"))
    for name, protocol in FLAGS.items():
        child = ChildScript(protocol=protocol, replies={"eom": editing})
        yield Script(f"flag-{name}", (child,), steps)
        yield Script(f"flag-{name}-first", (child, TAGGING, BENIGN), steps)
        yield Script(f"flag-{name}-last", (TAGGING, child), steps, pipelining="yes")
    real = tuple(
        ChildScript(protocol=FLAGS[name], replies={"eom": editing}) for name in ("opendkim", "dkimpy")
    )
    yield Script("flag-mixture-30", (*real, ChildScript(protocol=bits.NOUNKNOWN | bits.NODATA)), steps)


def _versions() -> Iterator[Script]:
    editing = edits(add("X-A", " a"), insert(1, "X-B", "b"), replace_body("r\r\n"))
    leading = ChildScript(protocol=bits.HDR_LEADSPC, replies={"eom": editing})
    steps = ("EHLO client.test", "FOO", *TWO[1:])
    for protocol in (2, 3, 4, 6):
        for name, children in {
            "plain": (BENIGN,),
            "editing": (replace(leading, protocol=0), leading),
            "three": (leading, TAGGING, ChildScript(protocol=bits.ALL_NO_REPLY)),
        }.items():
            yield Script(f"milter-protocol-{protocol}-{name}", children, steps, milter_protocol=protocol)
        refusing = ChildScript(
            replies={key("eom"): reply_code("550 5.7.1 no"), "header": plain("p") + plain("c")}
        )
        yield Script(
            f"milter-protocol-{protocol}-refusing", (TAGGING, refusing), steps, milter_protocol=protocol
        )
    for version in (2, 3, 4, 5):
        old = ChildScript(version=version, replies={"eom": editing})
        yield Script(f"child-version-{version}", (old,), steps)
        yield Script(f"child-version-{version}-and-6", (old, leading), steps)


def _macros() -> Iterator[Script]:
    for name, macros in MACROS.items():
        child = ChildScript(macros=macros)
        yield Script(f"macros-{name}", (child,), TWO)
        yield Script(f"macros-{name}-with-others", (BENIGN, child, TAGGING), TWO)
    lists = tuple(
        ChildScript(macros=MACROS[name]) for name in ("rcpt-only", "all-stages", "not-in-the-base-list")
    )
    yield Script("macros-three-lists", lists, TWO)


def _refusals_in_long_sessions() -> Iterator[Script]:
    """A refusal of one message says nothing of the next."""
    steps = session(*([*message(f"m{n}"), "RSET"] for n in range(1, 6)))
    verdicts = {"m1": plain("r"), "m2": plain("d"), "m3": plain("a"), "m4": plain("t")}
    for event in ("mail", "data", "header", "body", "eom"):
        replies = {key(event, tag=tag): reply for tag, reply in verdicts.items()}
        yield Script(f"five-verdicts-at-{event}", (ChildScript(replies=replies), TAGGING), steps)
        yield Script(
            f"five-verdicts-at-{event}-of-the-last",
            (TAGGING, ChildScript(replies=replies)),
            steps,
            pipelining="yes",
        )
    recipients = {
        key("rcpt", user, tag="m1"): plain("rta"[n % 3])
        for n, user in enumerate(MANY)
        if n % 5 == 0 and n < 100
    }
    many = session(message(recipients=MANY), message("m2", recipients=MANY[:20]))
    only_refusals = {event: reply for event, reply in recipients.items() if reply != plain("a")}
    yield Script("many-recipients-some-refused", (BENIGN, ChildScript(replies=only_refusals), TAGGING), many)
