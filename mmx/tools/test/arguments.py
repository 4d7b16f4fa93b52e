"""The options of `mmx test`, and the play that they make: whom to ask, as which client, with which mail."""

import argparse
import asyncio
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, Final

from mmx.aio.main_cf import read_main_cf
from mmx.errors import InvalidValueError, UnavailableError
from mmx.settings.endpoint import UnknownEndpoint, parse_endpoint
from mmx.settings.load import Loader, load_leniently
from mmx.tools.arguments import Parser, number
from mmx.tools.control_client import duration, parser_for_daemon
from mmx.tools.mail_file import STDIN, Message, built_in, read_messages
from mmx.tools.mta.dialogue import STEPS, Terms
from mmx.tools.mta.macros import Client, parse_macro
from mmx.tools.mta.outcome import Address, Envelope
from mmx.tools.test.run import Messages, Play, Target
from mmx.wire import option
from mmx.wire.framing import MAX_DATA

_TEXT: Final = "Play Postfix to the running mmx, or to a milter, and tell what becomes of a mail."
_MORE: Final = """\
MAIL is a file with a message, an mbox, a Maildir, or - for standard input. Nothing is delivered.
Exit status: 0 accept, 65 reject, 75 tempfail or shutdown, 80 discard, 81 quarantine, 69 not reachable or no
answer; of the first message that is not accepted. With --expect: 0 if all are so, 1 if not."""
_EXAMPLES: Final = (
    ("mmx test", "a small message through the running mmx: what every child says to it"),
    ("mmx test --child clamav-milter virus.eml --expect reject:550", "whether the scanner refuses a virus"),
    ("mmx test --to inet:127.0.0.1:8891 --from ann@example.net --output signed.eml mail.eml",
     "what a signer makes of a mail"),
    ("mmx test --client 198.51.100.7 --name mx.example.com --rcpt a@example.org --rcpt b@example.org spam/",
     "a Maildir of spam, as from that client to two recipients"),
)  # fmt: skip
_MMX: Final = "mmx"
_PRIVATE_PORTS: Final = range(49152, 65536)
_STEP_NAMES: Final = {
    name: getattr(option, name)
    for name in (
        *("NOCONNECT", "NOHELO", "NOMAIL", "NORCPT", "NOBODY", "NOHDRS", "NOEOH", "NR_HDR", "NOUNKNOWN"),
        *("NODATA", "SKIP", "RCPT_REJ", "NR_CONN", "NR_HELO", "NR_MAIL", "NR_RCPT", "NR_DATA", "NR_UNKN"),
        *("NR_EOH", "NR_BODY", "HDR_LEADSPC"),
    )
}
_ACTION_NAMES: Final = {name: 1 << bit for bit, name in enumerate(option.ACTION_NAMES)}


def parser(verb: str) -> Parser:
    """All options."""
    made = parser_for_daemon(verb, _TEXT, _EXAMPLES, _MORE)
    where = made.add_mutually_exclusive_group()
    where.add_argument("--to", metavar="ENDPOINT", help="a milter, as in inet:127.0.0.1:8891 or unix:/PATH")
    where.add_argument("--child", metavar="CHILD", help="that child of the settings, not the running mmx")
    where.add_argument("--listener", metavar="NAME", help="that listener of mmx (default: the first)")
    _add_client(made.add_argument)
    _add_envelope(made.add_argument)
    _add_protocol(made.add_argument)
    _add_output(made.add_argument)
    made.add_argument("mail", nargs="*", metavar="MAIL", help="what to play (default: a small message)")
    return made


Add = Callable[..., Any]


def _add_client(add: Add) -> None:
    add(
        "--client",
        default="192.0.2.1",
        metavar="ADDRESS",
        help="IP address of the client, unix or unknown (default: %(default)s)",
    )
    add("--name", default="client.example.net", help="its verified name (default: %(default)s)")
    add("--port", type=int, help="its port (default: any)")
    add("--helo", metavar="NAME", help='what it says in EHLO; "" for nothing (default: its name)')
    add("--auth", default="", metavar="USER", help="it has logged in as this user")
    add("--auth-mechanism", default="PLAIN", metavar="NAME", help="by this mechanism (default: %(default)s)")
    add("--tls", action="store_true", help="it uses TLS")


def _add_envelope(add: Add) -> None:
    add(
        "--from",
        dest="sender",
        default="sender@example.net",
        metavar="ADDRESS",
        help='the sender, "" for none; ESMTP parameters may follow, as in "a@b SIZE=100" '
        "(default: %(default)s)",
    )
    add(
        "--rcpt",
        action="append",
        metavar="ADDRESS",
        help="a recipient, likewise; may be repeated (default: recipient@example.org)",
    )
    add("--macro", action="append", default=[], metavar="NAME=VALUE", help="a macro, of any stage")


def _add_protocol(add: Add) -> None:
    add(
        "--protocol",
        type=int,
        default=option.VERSION,
        choices=STEPS,
        metavar="N",
        help="offer this version of the protocol, 2 to 6 (default: %(default)s)",
    )
    add(
        "--actions",
        type=_bits(_ACTION_NAMES),
        metavar="LIST",
        help="offer only these actions, as in ADDHDRS,CHGBODY, or a number",
    )
    add(
        "--steps",
        type=_bits(_STEP_NAMES),
        metavar="LIST",
        help="offer only these steps of the protocol, as in NOHELO,SKIP, or a number",
    )
    add("--unknown", action="append", default=[], metavar="COMMAND", help="say this unknown command first")
    add(
        "--chunk",
        type=number(1, MAX_DATA),
        default=MAX_DATA,
        metavar="BYTES",
        help="send the body in such pieces (default: %(default)s)",
    )
    add("--repeat", type=number(1), default=1, metavar="N", help="each message N times in a session")
    add("--sessions", type=number(1), default=1, metavar="N", help="all of it N times, each in a session")
    add(
        "--timeout",
        type=duration,
        metavar="TIME",
        help="longest wait for any answer, such as 10s (default: as Postfix, 30s, 300s for the content)",
    )


def _add_output(add: Add) -> None:
    add("--json", action="store_true", help="print JSON, one object a message")
    add("--output", metavar="FILE", help="write the message as it goes on; to a directory, for several")
    add("--expect", metavar="VERDICT[:CODE]", help="exit with 0 if this becomes of every message, else 1")


def _bits(names: Mapping[str, int]) -> Callable[[str], int]:
    """A reader of a list of names, or of a number."""

    def bits(text: str) -> int:
        try:
            return int(text, 0) & 0xFFFFFFFF
        except ValueError:
            pass
        words = text.replace(",", " ").split()
        wrong = [word for word in words if word not in names]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]}: write some of {', '.join(names)}, or a number")
        return sum(names[word] for word in set(words))

    return bits


def play_of(options: argparse.Namespace, loader: Loader) -> Play:
    """What the options ask for. Raises MmxError."""
    target = _target(options, loader)
    recipients = options.rcpt or ["recipient@example.org"]
    return Play(
        target=target,
        client=Client(
            options.client,
            options.name,
            secrets.choice(_PRIVATE_PORTS) if options.port is None else options.port,
            helo=(options.name if options.helo is None else options.helo) or None,
            user=options.auth,
            mechanism=options.auth_mechanism,
            tls=options.tls,
        ),
        terms=_terms(options),
        envelope=Envelope(Address.parse(options.sender), tuple(map(Address.parse, recipients))),
        messages=_messages(options, recipients[0]),
        unknown=[os.fsencode(line) for line in options.unknown],
        sessions=options.sessions,
    )


def _target(options: argparse.Namespace, loader: Loader) -> Target:
    if options.to is not None:
        return Target("the milter", parse_endpoint(options.to))
    if options.child is not None:
        return _child(options.child, loader, options.config)
    settings = load_leniently(options.config)
    listeners = {listener.name: listener for listener in settings.listeners}
    if options.listener is not None and options.listener not in listeners:
        raise InvalidValueError(
            f"--listener {options.listener}: no such listener", f"there are {', '.join(listeners)}"
        )
    listener = listeners[options.listener] if options.listener else settings.listeners[0]
    return Target(_MMX, listener.endpoint, options.socket or settings.control_socket or "")


def _child(name: str, loader: Loader, config: Path) -> Target:
    children = {child.name: child for child in loader.load(config).settings.children}
    if name not in children:
        known = f"there are {', '.join(children)}" if children else "there is none"
        raise InvalidValueError(f"--child {name}: no such child", known)
    endpoint = children[name].endpoint
    if endpoint is None or isinstance(endpoint, UnknownEndpoint):
        why = f": {endpoint.reason}" if endpoint is not None else ""
        raise UnavailableError(f"where {name} listens is not known{why}; use --to ENDPOINT")
    return Target(name, endpoint)


def _terms(options: argparse.Namespace) -> Terms:
    waits: Mapping[str, float] = {}
    if options.timeout is not None:
        waits = dict.fromkeys(("connect_timeout", "command_timeout", "content_timeout"), options.timeout)
    return Terms(
        version=options.protocol,
        actions=option.ALL_ACTIONS if options.actions is None else options.actions,
        protocol=STEPS[options.protocol] if options.steps is None else options.steps,
        lists=asyncio.run(read_main_cf()).macros,
        macros=dict(parse_macro(text) for text in options.macro),
        chunk=options.chunk,
        **waits,
    )


def _messages(options: argparse.Namespace, recipient: str) -> Messages:
    """What is played in each session; files are read anew, for they may be large."""
    if not options.mail:
        once = [("", built_in(_bare(options.sender) or "MAILER-DAEMON@example.net", _bare(recipient)))]
    elif STDIN in options.mail and options.sessions > 1:
        once = list(read_messages(options.mail))
    else:
        return lambda: _repeated(read_messages(options.mail), options.repeat)
    return lambda: _repeated(once, options.repeat)


def _repeated(found: Iterable[tuple[str, Message]], times: int) -> Iterator[tuple[str, Message]]:
    return (one for each in found for one in repeat(each, times))


def _bare(text: str) -> str:
    return os.fsdecode(Address.parse(text).inside)
