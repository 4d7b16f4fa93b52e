"""`mmx reload`, `mmx disable`, `mmx enable`, `mmx drain`: change a running mmx.

What has been done goes to standard output, what is wrong to standard error; the exit code is that of the
daemon's answer.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from mmx.errors import EX_OK, EX_TEMPFAIL
from mmx.tools.arguments import Parser
from mmx.tools.control_client import ask, duration, parser_for_daemon, socket_path

_TEXTS: Final = {
    "reload": (
        "Have mmx read its settings again and look for milters; wait until that is done.",
        (
            "Prints what changed. If the settings are wrong every problem is printed, the exit status is 78\n"
            "and the former settings stay in force. Ends `disable` and `drain`."
        ),
    ),
    "disable": (
        "Take a child out of the chain.",
        (
            "Each session does without it from its next MAIL on; a message under way is finished with it.\n"
            "Holds until `mmx enable`, for the time given, and at the longest until the next reload or\n"
            "restart."
        ),
    ),
    "enable": (
        "Put a child back that was disabled or drained.",
        "Each session has it again from its next MAIL on.",
    ),
    "drain": (
        "Take a child out of the chain and wait until it has no message left.",
        (
            "As `disable`; then waits until every message that the child still sees is done. After that the\n"
            "milter can be stopped and no mail notices. Exit status 75 if messages are left when the wait\n"
            "ends: the child stays out all the same."
        ),
    ),
}
_EXAMPLES: Final = {
    "reload": (
        ("mmx reload", "what changed, or every problem in the settings"),
        ("mmx reload && mmx status", "and how the children do then"),
    ),
    "disable": (
        ("mmx disable clamav-milter --for 10m", "no scan for viruses for the next ten minutes"),
        ("mmx disable opendkim", "until the next reload"),
    ),
    "enable": (
        ("mmx enable clamav-milter", "scan again"),
        ("mmx enable opendkim", "sign and verify again"),
    ),
    "drain": (
        ("mmx drain rspamd && systemctl restart rspamd", "restart a milter, and no message notices"),
        ("mmx drain rspamd --wait 30s", "wait half a minute at most"),
    ),
}


def main(verb: str, argv: Sequence[str]) -> int:
    """Carry out one of the commands; the exit code. Raises MmxError."""
    options = parser(verb).parse_args(argv)
    return _CARRY_OUT[verb](socket_path(options), options)


def parser(verb: str) -> Parser:
    """The options of one of them."""
    told, more = _TEXTS[verb]
    made = parser_for_daemon(verb, told, _EXAMPLES[verb], more)
    if verb == "reload":
        return made
    made.add_argument("child", metavar="CHILD", help="its name in the chain")
    if verb in ("disable", "drain"):
        made.add_argument(
            *("--for",), dest="seconds", type=duration, metavar="TIME", help="enable it again then, as in 10m"
        )
    if verb == "drain":
        made.add_argument("--wait", type=duration, metavar="TIME", help="wait no longer (default: 10m)")
    return made


def _reload(path: str, _options: argparse.Namespace) -> int:
    outcome = ask(path, {"do": "reload"}, waits=True)
    failed = outcome["status"] != EX_OK
    for warning in outcome["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    for problem in outcome["problems"]:
        print(problem, file=sys.stderr)
    for change in outcome["changes"]:
        print(change if failed else f"reloaded: {change}", file=sys.stderr if failed else sys.stdout)
    return int(outcome["status"])


def _disable(path: str, options: argparse.Namespace) -> int:
    answer = ask(path, {"do": "disable", "child": options.child, "seconds": options.seconds})
    print(f"{options.child} is disabled {_until(answer)}: new messages pass without it")
    return EX_OK


def _enable(path: str, options: argparse.Namespace) -> int:
    answer = ask(path, {"do": "enable", "child": options.child})
    print(f"{options.child} is enabled {'again' if answer['was_out'] else 'already'}")
    return EX_OK


def _drain(path: str, options: argparse.Namespace) -> int:
    request = {"do": "drain", "child": options.child, "seconds": options.seconds, "wait": options.wait}
    answer = ask(path, request, _tell_left, waits=True)
    if answer["messages"]:
        print(
            f"{options.child} is out of the chain, and {answer['messages']} messages with it are still under "
            "way: mmx sessions",
            file=sys.stderr,
        )
        return EX_TEMPFAIL
    print(f"{options.child} is drained {_until(answer)}: no message with it is under way")
    return EX_OK


def _tell_left(event: Any) -> None:
    print(f"waiting for {event['messages']} messages", file=sys.stderr)


def _until(answer: dict[str, Any]) -> str:
    if answer["until"] is None:
        return "until the next reload"
    return f"until {datetime.fromtimestamp(answer['until']).astimezone():%Y-%m-%d %H:%M:%S}"


_CARRY_OUT: Final[dict[str, Callable[[str, argparse.Namespace], int]]] = {
    "reload": _reload,
    "disable": _disable,
    "enable": _enable,
    "drain": _drain,
}
