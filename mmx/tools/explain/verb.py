"""`mmx explain`: which children would see a mail, from which event on, and why.

    mmx explain [--config FILE] --client ADDRESS [--name NAME] [--helo NAME] [--from ADDRESS]
                [--rcpt ADDRESS ...] [--auth USER] [--tls] [--size BYTES] [--port PORT] [--listener NAME]
                [--stressed] [--macro NAME=VALUE ...] [--no-dns | --listed LIST ...] [--json] [MESSAGE]

It uses the settings as the daemon would after a reload; neither the daemon nor a milter is asked. DNS lists
are, unless --no-dns (nothing answers) or --listed (these have the client, no other has).
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mmx.aio.dns_lists import DnsLists
from mmx.aio.dns_query import require_dnspython
from mmx.aio.main_cf import read_main_cf
from mmx.aio.plan import complaints, make_chain
from mmx.core.condition import Truth
from mmx.core.plan import Chain
from mmx.detect.host import Host
from mmx.errors import EX_OK, InvalidValueError, UnavailableError
from mmx.settings.dns_zone import parse_dns_zone
from mmx.settings.load import DEFAULT_PATH, Loader
from mmx.settings.model import Settings
from mmx.tools.arguments import Parser
from mmx.tools.explain.mail import Mail, unsent
from mmx.tools.explain.play import LookUpNow, Play
from mmx.tools.explain.text import explained, json_of, text_of
from mmx.tools.mail_file import Message, parse_message
from mmx.tools.mta.macros import UNKNOWN, parse_macro

_STDIN: Final = "-"
_EXAMPLES: Final = (
    (
        "mmx explain --client 192.0.2.7 --from ann@example.net --rcpt bob@example.org",
        "which children see a mail from there, up to its recipient",
    ),
    (
        "mmx explain --client 192.0.2.7 --from ann@example.net --rcpt bob@example.org --no-dns message.eml",
        "the whole message, as if no DNS list had answered",
    ),
)


def main(verb: str, argv: Sequence[str], loader: Loader | None = None) -> int:
    """Explain, and return the exit code. Raises MmxError."""
    options = parser(verb).parse_args(argv)
    mail = _mail(options)
    settings = (loader or Host()).load(options.config).settings
    main_cf = asyncio.run(read_main_cf())
    chain = make_chain(settings, main_cf.macros, main_cf.local)
    play = Play(
        chain,
        mail,
        _look_up(options, chain, settings.dnsbl.timeout),
        listener=_listener(options.listener, settings),
        stressed=options.stressed,
    )
    for complaint in complaints(settings, main_cf.local):
        print(f"warning: {complaint}", file=sys.stderr)
    for name in unsent(mail, play.lists):
        print(f"warning: the MTA does not send the macro {name}: no list names it", file=sys.stderr)
    explanations = explained(
        settings.children,
        {plan.name: plan for plan in chain.everybody},
        {outcome.name: outcome for outcome in play.outcomes},
    )
    print(json_of(explanations) if options.json else text_of(explanations), end="")
    return EX_OK


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(verb, "Which children would see a mail, and why.", _EXAMPLES)
    add = made.add_argument
    add("-c", "--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="the settings file")
    add("--client", required=True, metavar="ADDRESS", help="IP address of the client, unix or unknown")
    add("--name", default=UNKNOWN, help="the client's verified name (default: %(default)s)")
    add("--port", type=int, default=25025, help="the client's port")
    add("--helo", metavar="NAME", help="what it says in EHLO")
    add("--from", dest="sender", metavar="ADDRESS", help='the sender; "" for none')
    add("--rcpt", action="append", default=[], metavar="ADDRESS", help="a recipient; may be repeated")
    add("--auth", default="", metavar="USER", help="the client has logged in as this user")
    add("--tls", action="store_true", help="the client uses TLS")
    add("--size", type=int, metavar="BYTES", help="the size that the client declares")
    add("--listener", metavar="NAME", help="the listener of mmx that Postfix uses (default: the first)")
    add("--stressed", action="store_true", help="many sessions are open")
    add("--macro", action="append", default=[], metavar="NAME=VALUE", help="a macro of Postfix")
    dns = made.add_mutually_exclusive_group()
    dns.add_argument("--no-dns", action="store_true", help="ask no DNS list: none has answered")
    dns.add_argument("--listed", action="append", metavar="LIST", help="this DNS list has the client")
    add("--json", action="store_true", help="print JSON")
    add("message", nargs="?", metavar="MESSAGE", help="a file with the message; - is standard input")
    return made


def _mail(options: argparse.Namespace) -> Mail:
    return Mail(
        client=options.client,
        name=options.name,
        port=options.port,
        helo=options.helo,
        sender=options.sender,
        recipients=tuple(options.rcpt),
        size=options.size,
        user=options.auth,
        tls=options.tls,
        macros=dict(parse_macro(text) for text in options.macro),
        message=None if options.message is None else _read(options.message),
    )


def _read(path: str) -> Message:
    try:
        return parse_message(sys.stdin.buffer.read() if path == _STDIN else Path(path).read_bytes())
    except OSError as error:
        raise UnavailableError(f"cannot read the message {path}: {error.strerror}") from None


def _listener(name: str | None, settings: Settings) -> str:
    names = [listener.name for listener in settings.listeners]
    if name is not None and name not in names:
        raise InvalidValueError(f"--listener {name}: no such listener", f"there are {', '.join(names)}")
    return names[0] if name is None else name


# DNS lists.


def _look_up(options: argparse.Namespace, chain: Chain, timeout: float) -> LookUpNow:
    if options.no_dns:
        return lambda _, lists: dict.fromkeys(lists, Truth.UNKNOWN)
    if options.listed is None:
        if chain.dns_lists:
            require_dnspython()
        return lambda address, lists: asyncio.run(_answers(address, lists, timeout))
    listed = {parse_dns_zone(text).name for text in options.listed}
    known = {parse_dns_zone(text).name for text in chain.dns_lists}
    if listed - known:
        there_are = f"there are {', '.join(sorted(known))}" if known else "there are none"
        raise InvalidValueError(f"--listed {min(listed - known)}: no condition asks this list", there_are)
    return lambda _, lists: {
        text: Truth.YES if parse_dns_zone(text).name in listed else Truth.NO for text in lists
    }


async def _answers(address: str, lists: Sequence[str], within: float) -> dict[str, Truth]:
    answers: dict[str, Truth] = {}
    all_there = asyncio.Event()

    def tell(dns_list: str, truth: Truth) -> None:
        answers[dns_list] = truth
        if len(answers) == len(lists):
            all_there.set()

    DnsLists(loop=asyncio.get_running_loop(), timeout=within).look_up(address, lists, tell)
    await all_there.wait()
    return answers
