"""`mmx status` and `mmx sessions`: what a running mmx does, as text for a terminal or as JSON.

What is wrong comes first, in the words of the status page. With --watch the terminal is drawn anew every few
seconds until it is interrupted.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from mmx.errors import EX_OK
from mmx.observe.problems import problems
from mmx.observe.status import DISABLED, DOWN, DRAINING, ChildStatus, Status
from mmx.observe.status_json import from_json
from mmx.observe.wording import clock, period, plural, size, stamp, wait
from mmx.tools.arguments import Parser
from mmx.tools.columns import columns
from mmx.tools.control_client import ask, parser_for_daemon, socket_path

_TOLD: Final = {
    "status": "Tell what the running mmx does: problems, children, sessions, messages.",
    "sessions": "List the open sessions of the running mmx, the oldest first, and what each waits for.",
}
_EXAMPLES: Final = {
    "status": (
        ("mmx status", "what is wrong, if anything, and how each child does"),
        ("mmx status --watch 5", "the same every five seconds, until Ctrl-C"),
    ),
    "sessions": (
        ("mmx sessions", "every open session"),
        ("mmx sessions --count 10", "the ten oldest, and which child each waits for"),
    ),
}
_EVERY: Final = 2.0
_CLEAR: Final = "\x1b[H\x1b[2J"
_CHILD: Final = ("child", "state", "messages", "verdicts", "failures", "p50", "p95", "endpoint")
_SESSION: Final = ("session", "age", "stage", "queue id", "client", "waits for")
_ERRORS: Final = 3
"""Last errors of each child that are shown."""
_LOCAL: Final = str.maketrans({"\u202f": " "})


def main(verb: str, argv: Sequence[str]) -> int:
    """Carry out `status` or `sessions`; the exit code. Raises MmxError."""
    options = parser(verb).parse_args(argv)
    return _status(options) if verb == "status" else _list_sessions(options)


def parser(verb: str) -> Parser:
    """The options of one of them."""
    made = parser_for_daemon(verb, _TOLD[verb], _EXAMPLES[verb])
    if verb == "status":
        _add_status_options(made)
    else:
        made.add_argument("--json", action="store_true", help="one JSON object a session, each on one line")
        made.add_argument("--count", type=int, metavar="N", help="the N oldest only")
    return made


def _add_status_options(made: Parser) -> None:
    made.add_argument("--json", action="store_true", help="one JSON object, on one line")
    made.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=_EVERY,
        metavar="SECONDS",
        help=f"again every so many seconds, {_EVERY:g} if none are given",
    )


def _status(options: argparse.Namespace) -> int:
    path = socket_path(options)
    with suppress(KeyboardInterrupt):
        while True:
            answer = ask(path, {"do": "status"})
            text = json.dumps(answer) if options.json else status_text(from_json(answer))
            clear = _CLEAR if options.watch and not options.json and sys.stdout.isatty() else ""
            print(f"{clear}{text}", flush=True)
            if options.watch is None:
                break
            time.sleep(options.watch)
    return EX_OK


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: not a number of seconds from 0.1 to 3600")
    return value


def status_text(status: Status) -> str:
    """The whole text, plain ASCII but for what the settings hold."""
    parts = [_head(status), problems(status), _children(status), list(_errors(status)), _left_out(status)]
    return "\n\n".join("\n".join(part) for part in parts if part).translate(_LOCAL)


def _head(status: Status) -> list[str]:
    stages = ", ".join(f"{count} {stage}" for stage, count in status.sessions.items() if count)
    sessions = f"{status.session_count} of {status.max_sessions}" + (f" ({stages})" if stages else "")
    verdicts = ", ".join(f"{count} {word}" for word, count in status.history.verdicts.items())
    facts = {
        "mmx": f"{status.version}, since {stamp(status.started)} ({period(status.at - status.started)})",
        "settings": status.settings_path,
        "listening": ", ".join(status.listeners),
        "sessions": sessions,
        "messages": verdicts or "none yet",
        "spool": f"{size(status.spool_used)} of {size(status.spool_limit)}",
        "reload": _last_reload(status),
    }
    return [f"{name:<10} {value}" for name, value in facts.items()]


def _last_reload(status: Status) -> str:
    if not status.history.reloads:
        return "none yet"
    last = status.history.reloads[0]
    word = "" if last.succeeded else "failed: "
    return f"{clock(last.at, status.at)} {word}" + last.text.replace("\n", "\n" + " " * 11)


def _children(status: Status) -> list[str]:
    rows = [
        _CHILD,
        *(
            (
                child.name,
                _state(child, status.at),
                str(child.history.hour.messages),
                _counts(child.history.verdicts),
                _counts(child.history.failures),
                wait(child.history.hour.p50) if child.history.hour.messages else "-",
                wait(child.history.hour.p95) if child.history.hour.messages else "-",
                f"{child.endpoint} ({child.origin})" if child.origin else child.endpoint,
            )
            for child in status.children
        ),
    ]
    if len(rows) == 1:
        return []
    return [*columns(rows), "(in chain order; messages, p50 and p95 are those of the last hour)"]


def _state(child: ChildStatus, now: float) -> str:
    if child.state == DOWN:
        return f"down {period(now - child.since)}"
    if child.state in (DISABLED, DRAINING):
        until = f"until {clock(child.until, now)}" if child.until else "until reload"
        return f"{child.state} {until}"
    state = "slow" if child.slow else child.state
    return f"{state}, observes" if child.observes else state


def _counts(counts: Any) -> str:
    return " ".join(f"{word}={count}" for word, count in counts.items()) or "-"


def _errors(status: Status) -> Iterator[str]:
    for child in status.children:
        if child.state in (DISABLED, DRAINING):
            yield f"{child.name}: {child.why}, {clock(child.since, status.at)}"
        for error in child.history.errors[:_ERRORS]:
            taken = f", default action {error.action}" if error.action else ""
            yield (
                f"{child.name}: {clock(error.at, status.at)} failed at {error.step} ({error.reason}: "
                f"{error.detail}){taken}"
            )


def _left_out(status: Status) -> list[str]:
    return [f"not in the chain: {name}: {why}" for name, why in status.left_out]


def _list_sessions(options: argparse.Namespace) -> int:
    request = {"do": "sessions", "count": options.count}
    if options.json:
        ask(socket_path(options), request, _print_json)
        return EX_OK
    found: list[dict[str, Any]] = []
    total = ask(socket_path(options), request, found.append)
    for line in columns([_SESSION, *map(_session_row, found)]) if found else []:
        print(line)
    print(f"{plural(total['open'], 'session')} open, {total['most']} at most".translate(_LOCAL))
    return EX_OK


_print_json: Final[Callable[[Any], None]] = lambda event: print(json.dumps(event), flush=True)  # noqa: E731


def _session_row(told: dict[str, Any]) -> tuple[str, ...]:
    waits = ", ".join(f"{name} ({wait(seconds)})" for name, seconds in told["waits_for"])
    return (
        told["name"],
        period(told["age"]),
        told["stage"],
        told["queue_id"] or "-",
        told["client"] or "-",
        waits or "-",
    )
