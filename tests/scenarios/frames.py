"""A scenario's words to milter frames and back.

One table for commands, one for replies: code -> (encode, decode) of the words behind the name. What does not
decode is shown as `frame CODE data`, which encodes to the same bytes: nothing that mmx sends is unprintable.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mmx.errors import ProtocolError
from mmx.wire import command, framing, option, payload, reply

U32 = struct.Struct(">I")

BIT_NAMES: Final[tuple[tuple[int, str], ...]] = tuple(
    (value, name)
    for name, value in vars(option).items()
    if isinstance(value, int)
    and not name.startswith(("STAGE_", "ALL_", "LAST_", "CHANGES_", "VERSION", "OLDEST", "_"))
)
ACTION_NAMES: Final = {
    name: value
    for value, name in BIT_NAMES
    if name
    in {
        "ADDHDRS",
        "CHGBODY",
        "ADDRCPT",
        "DELRCPT",
        "CHGHDRS",
        "QUARANTINE",
        "CHGFROM",
        "ADDRCPT_PAR",
        "SETSYMLIST",
    }
}
PROTOCOL_NAMES: Final = {name: value for value, name in BIT_NAMES if name not in ACTION_NAMES}


class LineError(ValueError):
    """Words that make no frame; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the words behind a name become the data of a frame, and back (ProtocolError: they do not)."""

    encode: Callable[[Sequence[bytes]], bytes]
    decode: Callable[[bytes], list[bytes]]


def parse_bits(text: str, names: Mapping[str, int], everything: int) -> int:
    """Bits written as a number, as ALL, as NONE or as names with commas."""
    if text in ("ALL", "NONE"):
        return everything if text == "ALL" else 0
    try:
        return int(text, 0)
    except ValueError:
        pass
    bits = 0
    for name in text.split(","):
        if name not in names:
            raise LineError(f"{name!r} is no bit; known are {', '.join(names)}")
        bits |= names[name]
    return bits


def show_bits(bits: int, names: Mapping[str, int], everything: int) -> str:
    """Bits as names where every one has a name."""
    if bits == everything:
        return "ALL"
    if bits & ~everything:
        return hex(bits)
    return ",".join(name for name, value in names.items() if bits & value) or "NONE"


def parse_actions(text: str) -> int:
    return parse_bits(text, ACTION_NAMES, option.ALL_ACTIONS)


def parse_protocol(text: str) -> int:
    return parse_bits(text, PROTOCOL_NAMES, option.ALL_PROTOCOL)


def parse_macro_list(text: str) -> tuple[int, tuple[bytes, ...]]:
    """`3:{rcpt_addr},i` as (3, names)."""
    stage, colon, names = text.partition(":")
    if not colon or not stage.isdigit():
        raise LineError(f"{text!r} is no macro list; write STAGE:NAME,NAME")
    return int(stage), tuple(name.encode() for name in names.split(",") if name)


def _count(words: Sequence[bytes], least: int, most: int | None = None) -> None:
    if len(words) < least or (most is not None and len(words) > most):
        raise LineError(f"{len(words)} words behind the name, {least} to {most or 'any number'} are due")


def _encode_none(words: Sequence[bytes]) -> bytes:
    _count(words, 0, 0)
    return b""


def _decode_none(data: bytes) -> list[bytes]:
    if data:
        raise ProtocolError("data where none is due")
    return []


def _strings(least: int, most: int | None) -> Shape:
    """NUL-terminated strings, so many."""

    def encode(words: Sequence[bytes]) -> bytes:
        _count(words, least, most)
        return payload.encode_strings(*words)

    def decode(data: bytes) -> list[bytes]:
        values = payload.strings(data)
        if len(values) < least or (most is not None and len(values) > most):
            raise ProtocolError("another number of strings")
        return values

    return Shape(encode, decode)


def _encode_bytes(words: Sequence[bytes]) -> bytes:
    _count(words, 1, 1)
    return words[0]


def _encode_rest(words: Sequence[bytes]) -> bytes:
    _count(words, 0, 1)
    return words[0] if words else b""


def _encode_indexed(words: Sequence[bytes]) -> bytes:
    _count(words, 3, 3)
    return payload.encode_indexed_header(int(words[0], 0), words[1], words[2])


def _decode_indexed(data: bytes) -> list[bytes]:
    index, name, value = payload.decode_indexed_header(data)
    return [str(index).encode() if index < 0x80000000 else hex(index).encode(), name, value]


def _encode_connect(words: Sequence[bytes]) -> bytes:
    _count(words, 2, 4)
    if len(words) == 4:
        return payload.encode_connection(words[0], words[1], int(words[2]), words[3])
    return payload.encode_strings(words[0]) + words[1]


def _decode_connect(data: bytes) -> list[bytes]:
    known = payload.decode_connection(data)
    if known.family == b"U":
        if not data.endswith(b"\0U"):
            raise ProtocolError("data behind family U")
        return [known.hostname, b"U"]
    return [known.hostname, known.family, str(known.port).encode(), known.address]


def _encode_options(words: Sequence[bytes]) -> bytes:
    _count(words, 3)
    version, actions, protocol, *lists = (word.decode() for word in words)
    data = struct.pack(">III", int(version), parse_actions(actions), parse_protocol(protocol))
    for text in lists:
        stage, names = parse_macro_list(text)
        data += U32.pack(stage) + b" ".join(names) + b"\0"
    return data


def _decode_options(data: bytes) -> list[bytes]:
    options = payload.decode_options(data)
    lists = [f"{stage}:".encode() + b",".join(names) for stage, names in options.macros.items()]
    return [
        str(options.version).encode(),
        show_bits(options.actions, ACTION_NAMES, option.ALL_ACTIONS).encode(),
        show_bits(options.protocol, PROTOCOL_NAMES, option.ALL_PROTOCOL).encode(),
        *lists,
    ]


def _encode_macros(words: Sequence[bytes]) -> bytes:
    _count(words, 1)
    name = words[0].decode()
    if name not in COMMAND_CODES:
        raise LineError(f"{name} is no command that macros may belong to")
    pairs = []
    for word in words[1:]:
        macro, equals, value = word.partition(b"=")
        if not equals:
            raise LineError(f"macro {macro!r} has no value; write NAME=VALUE")
        pairs.append((macro, value))
    return payload.encode_macros(COMMAND_CODES[name], pairs)


def _decode_macros(data: bytes) -> list[bytes]:
    code, pairs = payload.decode_macros(data)
    if code not in command.NAMES:
        raise ProtocolError("macros of an unknown command")
    return [command.NAMES[code].encode(), *(name + b"=" + value for name, value in pairs)]


NOTHING: Final = Shape(_encode_none, _decode_none)
BYTES: Final = Shape(_encode_bytes, lambda data: [data])
REST: Final = Shape(_encode_rest, lambda data: [data] if data else [])
INDEXED: Final = Shape(_encode_indexed, _decode_indexed)
OPTIONS: Final = Shape(_encode_options, _decode_options)
ONE: Final = _strings(1, 1)
TWO: Final = _strings(2, 2)
ADDRESS: Final = _strings(1, 2)

COMMAND_CODES: Final = {name: code for code, name in command.NAMES.items()}
REPLY_CODES: Final = {name: code for code, name in reply.NAMES.items()}

COMMANDS: Final[dict[int, Shape]] = {
    command.OPTNEG: OPTIONS,
    command.MACRO: Shape(_encode_macros, _decode_macros),
    command.CONNECT: Shape(_encode_connect, _decode_connect),
    command.HELO: ONE,
    command.MAIL: _strings(1, None),
    command.RCPT: _strings(1, None),
    command.DATA: NOTHING,
    command.HEADER: TWO,
    command.EOH: NOTHING,
    command.BODY: BYTES,
    command.EOM: REST,
    command.ABORT: NOTHING,
    command.QUIT: NOTHING,
    command.QUIT_NC: NOTHING,
    command.UNKNOWN: ONE,
}
REPLIES: Final[dict[int, Shape]] = {
    **dict.fromkeys(reply.WITHOUT_DATA | {reply.CONN_FAIL}, NOTHING),
    reply.OPTNEG: OPTIONS,
    reply.REPLYCODE: ONE,
    reply.QUARANTINE: ONE,
    reply.ADDHEADER: TWO,
    reply.INSHEADER: INDEXED,
    reply.CHGHEADER: INDEXED,
    reply.ADDRCPT: ONE,
    reply.ADDRCPT_PAR: ADDRESS,
    reply.DELRCPT: ONE,
    reply.CHGFROM: ADDRESS,
    reply.REPLBODY: BYTES,
}


def encode(words: Sequence[bytes], *, from_mta: bool) -> bytes:
    """The frame that the words name; `raw` gives bytes that need be no frame."""
    name = words[0].decode()
    rest = words[1:]
    if name == "raw":
        _count(rest, 1, 1)
        return rest[0]
    if name == "frame":
        _count(rest, 1, 2)
        if len(rest[0]) != 1:
            raise LineError("a code is one byte")
        return framing.frame(rest[0][0], rest[1] if len(rest) == 2 else b"")
    codes, shapes = (COMMAND_CODES, COMMANDS) if from_mta else (REPLY_CODES, REPLIES)
    if name not in codes:
        raise LineError(f"{name} is no {'command' if from_mta else 'reply'}")
    return framing.frame(codes[name], shapes[codes[name]].encode(rest))


def decode(frame: bytes, *, from_mta: bool) -> list[bytes]:
    """The words of a frame, in the form that `encode` turns into the same bytes."""
    code, data = frame[framing.CODE], frame[framing.DATA :]
    names, shapes = (command.NAMES, COMMANDS) if from_mta else (reply.NAMES, REPLIES)
    if code in shapes:
        try:
            words = [names[code].encode(), *shapes[code].decode(data)]
            if encode(words, from_mta=from_mta) == frame:
                return words
        except (ProtocolError, LineError):
            pass
    return [b"frame", bytes((code,)), data]
