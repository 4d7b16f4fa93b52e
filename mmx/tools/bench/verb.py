"""`mmx bench`: a load on a milter, or through an SMTP server, and how fast that was.

    mmx bench [--to ENDPOINT ... | --smtp HOST:PORT ...] [OPTION ...] [MAIL ...]

Without a target the load goes to the running mmx, where its settings say that it listens. Two targets are
measured in turns and shown side by side. The load is closed: so many sessions at a time, the next message
when the last one has its reply. When it is interrupted it tells what it has measured.
"""

import argparse
import asyncio
import ipaddress
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from mmx.aio.event_loop import loop_factory
from mmx.errors import EX_OK, EX_UNAVAILABLE, UnavailableError
from mmx.settings.endpoint import Endpoint, InetEndpoint, parse_address, parse_endpoint
from mmx.settings.load import DEFAULT_PATH, load_leniently
from mmx.tools.arguments import Parser, number, typed
from mmx.tools.bench.load import Load, Measured, measure
from mmx.tools.bench.mail import Sizes, from_files, made_up, parse_sizes
from mmx.tools.bench.tally import Tally
from mmx.tools.bench.target import Mail, MilterTarget, SmtpTarget, Target, addresses_of, reached
from mmx.tools.bench.text import as_object, report
from mmx.tools.control_client import duration
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.macros import Client
from mmx.tools.mta.outcome import Address, Envelope
from mmx.tools.progress import Progress

MOST_TARGETS: Final = 2
MOST_SESSIONS: Final = 1000
MOST_MESSAGES: Final = 100_000_000
_RCPT: Final = "bench@example.org"
_TEXT: Final = (
    "Put a load on the running mmx, on a milter, or through an SMTP server, and tell how fast it is."
)
_MORE: Final = """\
Two targets are measured in turns and shown side by side, with the ratio of the second to the first.
MAIL is a file with a message, an mbox, a Maildir, or - for standard input. Through an SMTP server messages
are delivered: let --rcpt be an address whose mail goes nowhere.

Exit status: 0 if every message got a verdict, whichever; 69 if one did not, or if there is nobody to load."""
_EXAMPLES: Final = (
    ("mmx bench --to unix:/run/opendkim/opendkim.sock --messages 500", "how fast a milter is"),
    (
        "mmx bench --to inet:127.0.0.1:8891 --to unix:/run/mmx/mmx.sock --size 1KiB-100KiB",
        "a milter alone beside the chain, with messages of many sizes",
    ),
    (
        "mmx bench --smtp 127.0.0.1:25 --rcpt nobody@localhost --sessions 8 mail.eml",
        "through Postfix, eight sessions at a time",
    ),
)


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(verb, _TEXT, _EXAMPLES, _MORE)
    _add_targets(made)
    _add_load(made.add_argument)
    _add_mail(made.add_argument)
    return made


Add = Callable[..., Any]


def _add_targets(made: Parser) -> None:
    made.add_argument(
        *("-c", "--config"),
        type=Path,
        default=DEFAULT_PATH,
        metavar="FILE",
        help="settings file that says where mmx listens, without --to and --smtp (default: %(default)s)",
    )
    where = made.add_mutually_exclusive_group()
    where.add_argument(
        "--to",
        action="append",
        type=typed(parse_endpoint),
        metavar="ENDPOINT",
        help="a milter, unix:PATH or inet:HOST:PORT; twice to compare two",
    )
    where.add_argument(
        "--smtp",
        action="append",
        type=typed(parse_address),
        metavar="HOST:PORT",
        help="an SMTP server; twice to compare two",
    )
    made.add_argument("--allow-remote", action="store_true", help="let the target be another machine")


def _add_load(add: Add) -> None:
    numbers = {
        "--messages": (MOST_MESSAGES, 1000, "messages to each target"),
        "--sessions": (MOST_SESSIONS, 4, "sessions at a time"),
        "--per-session": (MOST_MESSAGES, 1, "messages in each session"),
    }
    for name, (most, default, told) in numbers.items():
        add(name, type=number(1, most), default=default, metavar="N", help=f"{told} (default: {default})")
    add(
        "--timeout",
        type=_wait,
        default=30.0,
        metavar="TIME",
        help="longest wait for a reply (default: 30s)",
    )
    add("--json", action="store_true", help="print JSON")


def _add_mail(add: Add) -> None:
    add(
        "--size",
        type=typed(parse_sizes),
        default=Sizes(10240, 10240),
        metavar="SIZE",
        help="of made-up messages: 10KiB, 1KiB-1MiB, or bytes (default: 10KiB)",
    )
    add(
        "--from",
        dest="sender",
        default="bench@example.net",
        metavar="ADDRESS",
        help="the sender (default: %(default)s)",
    )
    add("--rcpt", action="append", metavar="ADDRESS", help=f"a recipient; again for more (default: {_RCPT})")
    add(
        "--client",
        type=_ip_address,
        default="192.0.2.1",
        metavar="ADDRESS",
        help="address of the client that a milter is told (default: %(default)s)",
    )
    add(
        "--helo",
        default="client.example.net",
        metavar="NAME",
        help="what is said in EHLO (default: %(default)s)",
    )
    add("mail", nargs="*", metavar="MAIL", help="use these messages in turn, not made-up ones")


def _wait(text: str) -> float:
    seconds = duration(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text}: nothing comes within no time; write 1s or more")
    return seconds


def _ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: no IP address") from None


def main(verb: str, argv: Sequence[str]) -> int:
    """Carry it out; the exit code. Raises MmxError."""
    known = parser(verb)
    options = known.parse_args(argv)
    if len(options.to or options.smtp or ()) > MOST_TARGETS:
        known.error("at most two targets can be compared")
    if options.smtp and not options.rcpt:
        known.error("--smtp needs --rcpt: messages are delivered, so name an address whose mail goes nowhere")
    load = Load(options.messages, options.sessions, options.per_session)
    mail, what = _mail(options)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        targets = runner.run(_targets(options, mail))
        measured = Measured([Tally() for _ in targets])
        try:
            with Progress("messages", load.messages * len(targets)) as progress:
                runner.run(measure(targets, load, measured, partial(_show, progress, perf_counter())))
        finally:
            _tell([target.name for target in targets], load, what, measured, as_json=options.json)
    failed = any(tally.failures for tally in measured.tallies)
    return EX_UNAVAILABLE if failed else EX_OK


def _show(progress: Progress, began: float, done: int) -> None:
    progress.show(done, f"{done / (perf_counter() - began):.0f}/s")


def _mail(options: argparse.Namespace) -> tuple[Mail, str]:
    """What is sent, and how that is told. Raises MmxError."""
    recipients = tuple(map(Address.parse, options.rcpt or [_RCPT]))
    envelope = Envelope(Address.parse(options.sender), recipients)
    client = Client(options.client, options.helo, helo=options.helo)
    if options.mail:
        messages = from_files(options.mail)
        return Mail(client, envelope, messages), f"messages from files: {len(messages)}, in turn"
    header = [address.inside.decode("utf-8", "replace") for address in (envelope.sender, recipients[0])]
    messages = made_up(options.size, *header)
    return Mail(client, envelope, messages), f"messages of {options.size}"


async def _targets(options: argparse.Namespace, mail: Mail) -> list[Target]:
    """What is to be loaded; each has been reached. Raises MmxError."""
    if options.smtp:
        return [await _smtp_target(at, mail, options) for at in options.smtp]
    endpoints = options.to or [load_leniently(options.config).listeners[0].endpoint]
    return [await _milter_target(endpoint, mail, options) for endpoint in endpoints]


async def _milter_target(endpoint: Endpoint, mail: Mail, options: argparse.Namespace) -> Target:
    waits = dict.fromkeys(("connect_timeout", "command_timeout", "content_timeout"), options.timeout)
    places: Sequence[Endpoint] = [endpoint]
    if isinstance(endpoint, InetEndpoint):
        places = await addresses_of(endpoint, allow_remote=options.allow_remote)
    return await _first(
        str(endpoint), [MilterTarget(str(endpoint), place, mail, Terms(**waits)) for place in places]
    )


async def _smtp_target(at: InetEndpoint, mail: Mail, options: argparse.Namespace) -> Target:
    name = f"smtp:{at.host}:{at.port}"
    places = await addresses_of(at, allow_remote=options.allow_remote)
    return await _first(name, [SmtpTarget(name, place, mail, options.timeout) for place in places])


async def _first(name: str, targets: Sequence[Target]) -> Target:
    """The first that can be reached."""
    why = None
    for target in targets:
        why = await reached(target)
        if why is None:
            return target
    raise UnavailableError(f"{name} cannot be loaded: {why}")


def _tell(names: Sequence[str], load: Load, what: str, measured: Measured, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(as_object(names, load, what, measured)))
    else:
        print("\n".join(report(names, load, what, measured)))
