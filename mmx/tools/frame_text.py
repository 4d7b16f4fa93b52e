"""One frame in words, on one line: `MAIL <s@example.net> SIZE=1000`. What came with mail is escaped."""

from collections.abc import Callable
from typing import Final

from mmx.errors import ProtocolError
from mmx.observe.log import escape
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA

_STAGES: Final = ("CONNECT", "HELO", "MAIL", "RCPT", "DATA", "EOM", "EOH")


def command_text(frame: bytes, left_out: int = 0) -> str:
    """A frame that an MTA sends."""
    return _text(frame, left_out, command.NAMES, _COMMANDS)


def reply_text(frame: bytes, left_out: int = 0) -> str:
    """A frame that a milter sends."""
    return _text(frame, left_out, reply.NAMES, _REPLIES)


Decoder = Callable[[bytes], str]


def _text(frame: bytes, left_out: int, names: dict[int, str], decoders: dict[int, Decoder]) -> str:
    if len(frame) <= CODE:
        return "no frame"
    code, data = frame[CODE], frame[DATA:]
    name = names.get(code, f"unknown code {code:#04x}")
    if code in (command.BODY, reply.REPLBODY):
        shown = f" {escape(data)}" if data else ""
        return f"{name} {len(data) + left_out} bytes{shown}"
    try:
        told = decoders.get(code, escape)(data)
    except ProtocolError as error:
        told = f"{escape(data)} ({error})"
    return f"{name} {told}".rstrip()


def _options(data: bytes) -> str:
    options = payload.decode_options(data)
    actions = [name for bit, name in enumerate(option.ACTION_NAMES) if options.actions >> bit & 1]
    lists = [f"{_STAGES[stage]}: {_words(*names)}" for stage, names in options.macros.items()]
    told = [f"version {options.version}", " ".join(actions) or "no action", f"protocol {options.protocol:#x}"]
    return ", ".join([*told, *lists])


def _macros(data: bytes) -> str:
    code, pairs = payload.decode_macros(data)
    of = command.NAMES.get(code, f"{code:#04x}")
    return " ".join([of, *(f"{escape(name)}={escape(value)}" for name, value in pairs)])


def _connection(data: bytes) -> str:
    told = payload.decode_connection(data)
    return f"{escape(told.hostname)} [{escape(told.address)}] port {told.port}"


def _header(data: bytes) -> str:
    name, value = payload.decode_header(data)
    return f"{escape(name)}: {escape(value).lstrip()}"


def _indexed_header(data: bytes) -> str:
    index, name, value = payload.decode_indexed_header(data)
    return f"{index} {escape(name)}: {escape(value).lstrip()}"


def _strings(data: bytes) -> str:
    return _words(*payload.strings(data))


def _words(*words: bytes) -> str:
    return " ".join(map(escape, words))


_COMMANDS: Final[dict[int, Decoder]] = {
    command.OPTNEG: _options,
    command.MACRO: _macros,
    command.CONNECT: _connection,
    command.HELO: _strings,
    command.MAIL: _strings,
    command.RCPT: _strings,
    command.UNKNOWN: _strings,
    command.HEADER: _header,
}
_REPLIES: Final[dict[int, Decoder]] = {
    reply.OPTNEG: _options,
    reply.REPLYCODE: _strings,
    reply.QUARANTINE: _strings,
    reply.ADDRCPT: _strings,
    reply.ADDRCPT_PAR: _strings,
    reply.DELRCPT: _strings,
    reply.CHGFROM: _strings,
    reply.ADDHEADER: _header,
    reply.INSHEADER: _indexed_header,
    reply.CHGHEADER: _indexed_header,
}
