"""`mmx trace`: what travels between Postfix, mmx and each child, live.

As a ladder, one line an event:

    16:40:01.000123 1f00c3a7 Postfix -> mmx                    MAIL <s@example.net>
    16:40:01.000201 1f00c3a7            mmx -> opendkim        MAIL <s@example.net>
    16:40:01.001456 1f00c3a7            mmx <- opendkim        CONTINUE

or with --json as one object a line, the very bytes among them. It ends after --count messages, or when it is
interrupted.
"""

import base64
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from mmx.errors import EX_OK
from mmx.observe.log import escape
from mmx.tools.arguments import Parser
from mmx.tools.control_client import ask, parser_for_daemon, socket_path
from mmx.tools.frame_text import command_text, reply_text

_TEXT: Final = "Show what travels between Postfix, mmx and each child, as it happens."
_MORE: Final = (
    "Bodies are left out, headers and addresses are not. Filters may be joined. What is not read in time is\n"
    "left out, and the number of events lost told: mail never waits for a trace."
)
_EXAMPLES: Final = (
    ("mmx trace --client 192.0.2.0/24 --count 1", "the next message of that network, as a ladder"),
    ("mmx trace --child opendkim --json", "all that opendkim is told and says, bytes included"),
)
_WIDTH: Final = 20
_LONGEST: Final = 300


def main(verb: str, argv: Sequence[str]) -> int:
    """Carry it out; the exit code. Raises MmxError."""
    options = parser(verb).parse_args(argv)
    request = {"do": "trace", "client": options.client, "queue_id": options.queue_id, "child": options.child}
    request |= {"count": options.count, "body": options.bodies}
    show: Callable[[dict[str, Any]], str] = as_object if options.json else rung
    with suppress(KeyboardInterrupt):
        ask(socket_path(options), request, lambda event: print(show(event), flush=True), waits=True)
    return EX_OK


def parser(verb: str) -> Parser:
    """The options."""
    made = parser_for_daemon(verb, _TEXT, _EXAMPLES, _MORE)
    made.add_argument("--client", metavar="NET", help="only clients of this address or network")
    made.add_argument("--queue-id", metavar="ID", help="only the message with this queue id")
    made.add_argument("--child", metavar="CHILD", help="of the children only this one")
    made.add_argument("--count", type=int, metavar="N", help="end after N messages")
    made.add_argument("--json", action="store_true", help="one JSON object a line, with the bytes in base64")
    made.add_argument(
        "--bodies", type=int, default=0, metavar="BYTES", help="so many bytes of each piece of a body"
    )
    return made


def as_object(event: dict[str, Any]) -> str:
    """The event as it came, and what its frame says."""
    return json.dumps({**event, "shape": shape(event)} if "data" in event else event)


def shape(event: dict[str, Any]) -> str:
    """A frame in words."""
    frame = base64.b64decode(event["data"])
    from_mta = (event["what"] == "in") is (event["child"] == "")
    return (command_text if from_mta else reply_text)(frame, event["left_out"])


def rung(event: dict[str, Any]) -> str:
    """One line of the ladder."""
    if "lost" in event:
        return f"... {event['lost']} events lost: this end did not read them in time"
    at = datetime.fromtimestamp(event["at"]).astimezone().strftime("%H:%M:%S.%f")
    return f"{at} {event['session']} {_sides(event):<{11 + 7 + _WIDTH}} {_told(event)}".rstrip()


def _sides(event: dict[str, Any]) -> str:
    child, what = event["child"], event["what"]
    if child:
        return f"{'':11}mmx {_ARROWS.get(what, '--')} {child}"
    return f"Postfix {_ARROWS.get(_OTHER_WAY.get(what, what), '--')} mmx"


def _told(event: dict[str, Any]) -> str:
    if "data" in event:
        return shape(event)
    text = escape(event.get("text", ""), _LONGEST)
    return f"({_WORDS.get(event['what'], event['what'])}{f' {text}' if text else ''})"


_ARROWS: Final = {"out": "->", "dial": "->", "in": "<-", "up": "<-"}
_OTHER_WAY: Final = {"in": "out", "out": "in"}
_WORDS: Final = {
    "begin": "connected",
    "end": "session over",
    "dial": "connecting to",
    "up": "connected",
    "lost": "connection lost,",
    "close": "closing",
    "verdict": "message:",
}
