"""`mmx filter`: a milter that does what a script says, to see what an MTA or a chain makes of it.

It tells what it sees and says as it happens, one line each, or with --json one object a line:

    16:40:01.000123 1    MAIL <s@example.net>
    16:40:01.000201 1    -> REPLYCODE 550 5.7.1 No (line 12)

It runs until it is interrupted or told to end, or for --sessions connections. Whoever reads its output may
go away: then it ends too.
"""

import asyncio
import base64
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mmx.aio.listener import Access, Listener, open_listener
from mmx.errors import EX_OK
from mmx.observe.log import escape
from mmx.settings.endpoint import Endpoint, parse_endpoint
from mmx.settings.model import Listener as ListenerSettings
from mmx.settings.units import parse_mode
from mmx.tools.arguments import Parser, number, typed
from mmx.tools.filter.reader import read_script
from mmx.tools.filter.script import Script
from mmx.tools.filter.session import ACT, BEGIN, END, IN, LISTENING, OUT, Happening, Session
from mmx.tools.frame_text import command_text, reply_text

MOST_SESSIONS: Final = 1000
"""At once; more wait to be accepted."""
_BACKLOG: Final = 1024
_LONGEST_TEXT: Final = 300

_TEXT: Final = "Be a milter that does what a script says: replies, delays, edits and deaths at any event."
_MORE: Final = """\
A script:

  rules:
    - at: rcpt
      when: {recipient: "nobody@*"}
      do: {reply: "550 5.1.1 No such user here"}
    - at: eom
      do: {delay: 2s, add_header: {name: X-Seen, value: "by a test"}}

What has no rule is answered "continue". All words are in docs/reference/filter-script.md."""
_EXAMPLES: Final = (
    ("mmx filter script.yaml --listen unix:/run/test.sock", "be that milter, and print what is seen"),
    ("mmx filter script.yaml --listen inet:127.0.0.1:9900 --json", "the same, one object a line"),
    ("mmx filter script.yaml --check", "only tell what is wrong with the script"),
)

Show = Callable[[Happening], str]


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(verb, _TEXT, _EXAMPLES, _MORE)
    made.add_argument("script", type=Path, metavar="SCRIPT.yaml", help="what to do")
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--listen", type=typed(parse_endpoint), metavar="ENDPOINT", help="unix:PATH or inet:HOST:PORT"
    )
    what.add_argument("--check", action="store_true", help="read the script, tell what is wrong, and end")
    made.add_argument(
        "--mode",
        type=typed(parse_mode),
        default=0o660,
        metavar="MODE",
        help="who may use a unix socket (default: 0660)",
    )
    made.add_argument("--group", metavar="NAME", help="group of a unix socket, such as postfix")
    made.add_argument("--sessions", type=number(1), metavar="N", help="end after so many connections")
    told = made.add_mutually_exclusive_group()
    told.add_argument("--json", action="store_true", help="one JSON object a line, with the bytes in base64")
    told.add_argument("-q", "--quiet", action="store_true", help="print nothing")
    return made


def main(verb: str, argv: Sequence[str]) -> int:
    """Carry it out; the exit code. Raises MmxError."""
    options = parser(verb).parse_args(argv)
    script, warnings = read_script(options.script)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if options.check:
        print(f"{options.script}: valid, rules: {len(script.rules)}")
        return EX_OK
    tell = _quietly if options.quiet else _printing(as_object if options.json else line)
    access = Access(options.mode, options.group, "--group")
    asyncio.run(_serve(script, options.listen, access, options.sessions, tell))
    return EX_OK


def line(happening: Happening) -> str:
    """For people."""
    at = datetime.fromtimestamp(time.time()).astimezone().strftime("%H:%M:%S.%f")
    if happening.what == LISTENING:
        return f"{at} listening on {happening.text}"
    rule = f" (line {happening.rule.line})" if happening.rule else ""
    return f"{at} {happening.session:<4} {_told(happening)}{rule}"


def as_object(happening: Happening) -> str:
    """For programs."""
    made: dict[str, Any] = {"at": time.time(), "session": happening.session, "message": happening.message}
    made["what"] = happening.what
    if happening.frame:
        made |= {"shape": _shape(happening), "data": base64.b64encode(happening.frame).decode()}
    if happening.text:
        made["text"] = happening.text
    if happening.rule:
        made |= {"rule": happening.rule.number, "line": happening.rule.line}
    return json.dumps(made)


def _shape(happening: Happening) -> str:
    return (command_text if happening.what == IN else reply_text)(happening.frame)


def _told(happening: Happening) -> str:
    text = escape(happening.text, _LONGEST_TEXT)
    if happening.what == IN:
        return f"{_shape(happening)} ({text})" if text else _shape(happening)
    if happening.what == OUT:
        return f"-> {_shape(happening)}"
    return {BEGIN: "connected", ACT: f"-- {text}", END: f"session over: {text}"}[happening.what]


def _printing(show: Show) -> Callable[[Happening], None]:
    return lambda happening: print(show(happening), flush=True)


def _quietly(happening: Happening) -> None:
    pass


# Serving.


class _Service:
    """The sessions of a filter. `over` is done when it is to end."""

    def __init__(self, script: Script, limit: int | None, tell: Callable[[Happening], None]) -> None:
        self._script = script
        self._limit = limit
        self._tell = tell
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: Listener | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def listen(self, listener: Listener) -> None:
        """Accept connections; raises MmxError."""
        self._listener = listener
        listener.serve(self._protocol, _BACKLOG, lambda: len(self._tasks) < MOST_SESSIONS)

    def _protocol(self, _listener: str) -> asyncio.BaseProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._begin)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._script, self._next_number, reader, writer, self._tell)
        task = asyncio.get_running_loop().create_task(session.run(), name="session")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _next_number(self) -> int | None:
        if self._count == self._limit:
            return None
        self._count += 1
        if self._count == self._limit:
            self._close_listener()
        return self._count

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def stop(self, error: BaseException | None = None) -> None:
        """Let it end, for this reason."""
        if not self.over.done():
            self.over.set_exception(error) if error else self.over.set_result(None)

    async def close(self) -> None:
        """Accept no more, and end the sessions there are."""
        self._close_listener()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error)
        if self._count == self._limit and not self._tasks:
            self.stop()


async def _serve(
    script: Script,
    endpoint: Endpoint,
    access: Access,
    limit: int | None,
    tell: Callable[[Happening], None],
) -> None:
    service = _Service(script, limit, tell)
    listener = await open_listener(ListenerSettings(str(endpoint), endpoint), access, setting="--listen")
    try:
        service.listen(listener)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, service.stop)
        tell(Happening(0, 0, LISTENING, text=str(endpoint)))
        await service.over
    finally:
        await service.close()
