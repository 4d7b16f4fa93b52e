"""The steps of a script's rules: words, their values, and the events at which each may stand.

    continue, accept, reject, tempfail, discard, skip, shutdown, conn_fail      the answer to the event
    reply: TEXT | [LINE, ...] | one of these words   an SMTP reply, as the client gets it
    progress                                         asks the MTA for patience
    silence                                          no answer to this event
    delay: DURATION
    add_header: {name, value}            insert_header: {index, name, value}
    change_header: {name, value, index}  delete_header: {name, index}
    add_recipient, change_sender: ADDRESS | {address, parameters}
    delete_recipient: ADDRESS            replace_body: TEXT            quarantine: REASON
    close, reset                         the connection ends, with FIN or with RST
    hang                                 it stays, and nothing is answered any more
    garbage: BYTES                       bytes that are no frame
    frame: {code: CHARACTER, data: BYTES}            any frame at any time, right or wrong

An edit may stand at end of message only, and a reply must be one that an MTA takes: who wants it wrong writes
a frame. In BYTES each character stands for the byte of its number, so that "\\0" and "\\xff" can be written.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from mmx.settings import values
from mmx.settings.document import Items, Node, Scalar, Table
from mmx.settings.values import Reader, collect, did_you_mean, integer, refusal
from mmx.tools.filter.script import ANSWERED, EVENTS, Deed, Garbage, Pause, Say, SayHeader, Step
from mmx.wire import command, payload, reply, smtp_reply
from mmx.wire.framing import MAX_DATA, frame
from mmx.wire.header import is_valid_name

Steps = tuple[Step, ...]

VERDICTS: Final = {
    reply.NAMES[code].lower(): code
    for code in (
        *(reply.CONTINUE, reply.ACCEPT, reply.REJECT, reply.TEMPFAIL),
        *(reply.DISCARD, reply.SKIP, reply.SHUTDOWN, reply.CONN_FAIL),
    )
}
_MOST_BODY: Final = 1 << 20
_LAST_INDEX: Final = (1 << 32) - 1
_EOM: Final = frozenset({command.EOM})
_ANY: Final = frozenset(EVENTS.values())


def steps_reader(events: frozenset[int]) -> Reader[Steps]:
    """Reads the steps of a rule for these events."""

    def read(node: Node) -> Steps:
        nodes = node.items if isinstance(node, Items) else (node,)
        return tuple(step for steps in collect(("", read_entry, each) for each in nodes) for step in steps)

    def read_entry(node: Node) -> Steps:
        if not isinstance(node, Table):
            return read_word(node)
        jobs = ((word, partial(read_valued, word), value) for word, value in node.entries.items())
        return tuple(step for steps in collect(jobs) for step in steps)

    def read_word(node: Node) -> Steps:
        word = values.text(node)
        if word in _VALUED:
            raise refusal(node, f"{word} needs a value", f"write {{{word}: ...}}")
        if word not in _WORDS:
            raise refusal(node, "unknown step", did_you_mean(word, (*_WORDS, *_VALUED)))
        allowed, step = _WORDS[word]
        _check_events(node, word, events, allowed)
        return (step,)

    def read_valued(word: str, node: Node) -> Steps:
        if word not in _VALUED:
            known = did_you_mean(word, _VALUED)
            raise refusal(node, "this step has no value" if word in _WORDS else "unknown step", known)
        allowed, read_value = _VALUED[word]
        _check_events(node, word, events, allowed)
        return read_value(node)

    return read


def _check_events(node: Node, word: str, events: frozenset[int], allowed: frozenset[int]) -> None:
    wrong = [name for name, code in EVENTS.items() if code in events - allowed]
    if wrong:
        right = ", ".join(name for name, code in EVENTS.items() if code in allowed)
        raise refusal(node, f"{word} cannot stand at {', '.join(wrong)}", f"it may at {right}; or use frame")


# Values.


def _reply(node: Node) -> Steps:
    if isinstance(node, Scalar) and node.text in VERDICTS:
        return (Say(frame(VERDICTS[node.text])),)
    lines = values.one_or_list_of(values.text)(node)
    text = "\r\n".join(lines).encode().replace(b"%", b"%%")
    if not smtp_reply.is_valid(text):
        remedy = (
            f"write {', '.join(VERDICTS)}, or a 4xx or 5xx reply such as "
            '"550 5.7.1 No"; of several lines each but the last has a dash: "550-5.7.1 No"'
        )
        raise refusal(node, "no reply that an MTA takes", remedy)
    return (Say(frame(reply.REPLYCODE, text + b"\0")),)


def _delay(node: Node) -> Steps:
    return (Pause(values.duration()(node)),)


def _header_edit(code: int, keys: tuple[str, ...], default_index: int, node: Node) -> Steps:
    fields = _fields(node, keys)
    name = values.text(fields["name"]).encode()
    if not is_valid_name(name):
        raise refusal(fields["name"], "no header name", "write it without its colon")
    value = _text(fields["value"]) if "value" in fields else b""
    index = integer(0, _LAST_INDEX)(fields["index"]) if "index" in fields else default_index
    return (SayHeader(code, index, name, value),)


def _address_edit(plain: int, with_parameters: int, node: Node) -> Steps:
    if not isinstance(node, Table):
        return (Say(frame(plain, payload.encode_strings(_text(node)))),)
    fields = _fields(node, ("address", "parameters"))
    strings = _text(fields["address"]), _text(fields["parameters"])
    return (Say(frame(with_parameters, payload.encode_strings(*strings))),)


def _string(code: int, node: Node) -> Steps:
    return (Say(frame(code, payload.encode_strings(_text(node)))),)


def _body(node: Node) -> Steps:
    text = _text(node).replace(b"\n", b"\r\n")
    if len(text) > _MOST_BODY:
        raise refusal(node, f"longer than {_MOST_BODY >> 20} MiB", "shorten it")
    pieces = range(0, len(text), MAX_DATA) if text else (0,)
    return tuple(Say(frame(reply.REPLBODY, text[at : at + MAX_DATA])) for at in pieces)


def _garbage(node: Node) -> Steps:
    return (Garbage(_bytes(node)),)


def _frame(node: Node) -> Steps:
    fields = _fields(node, ("code", "data"), optional=("data",))
    code = _bytes(fields["code"])
    if len(code) != 1:
        raise refusal(fields["code"], "not one character", 'write the code of a reply, such as "c"')
    return (Say(frame(code[0], _bytes(fields["data"]) if "data" in fields else b"")),)


def _fields(node: Node, keys: tuple[str, ...], optional: tuple[str, ...] = ("index",)) -> dict[str, Node]:
    """The entries of a map that has these keys, all but the optional ones."""
    form = f"write {{{', '.join(f'{key}: ...' for key in keys)}}}"
    if not isinstance(node, Table):
        raise refusal(node, "a map is wanted here", form)
    for key in node.entries:
        if key not in keys:
            raise refusal(node.entries[key], f"unknown key {key}", did_you_mean(key, keys))
    for key in keys:
        if key not in node.entries and key not in optional:
            raise refusal(node, f"{key} is missing", form)
    return node.entries


def _text(node: Node) -> bytes:
    """Any text, also of several lines, also an empty one between quotes."""
    if not isinstance(node, Scalar) or node.kind != "str":
        return values.text(node).encode()
    if "\0" in node.text:
        raise refusal(node, "a NUL, which would end it", "remove it; or use frame")
    return node.text.encode()


def _bytes(node: Node) -> bytes:
    if not isinstance(node, Scalar) or node.kind != "str":
        return values.text(node).encode()
    try:
        return node.text.encode("latin-1")
    except UnicodeEncodeError:
        raise refusal(node, "a character that is no byte", r'write bytes above 7f as "\xNN"') from None


_WORDS: Final[dict[str, tuple[frozenset[int], Step]]] = {
    **{word: (ANSWERED, Say(frame(code))) for word, code in VERDICTS.items()},
    "progress": (ANSWERED, Say(frame(reply.PROGRESS))),
    Deed.SILENCE.value: (ANSWERED | {command.OPTNEG}, Deed.SILENCE),
    **{deed.value: (_ANY, deed) for deed in (Deed.CLOSE, Deed.RESET, Deed.HANG)},
}
_VALUED: Final[dict[str, tuple[frozenset[int], Callable[[Node], Steps]]]] = {
    "reply": (ANSWERED, _reply),
    "delay": (_ANY, _delay),
    "add_header": (_EOM, partial(_header_edit, reply.ADDHEADER, ("name", "value"), 0)),
    "insert_header": (_EOM, partial(_header_edit, reply.INSHEADER, ("index", "name", "value"), 0)),
    "change_header": (_EOM, partial(_header_edit, reply.CHGHEADER, ("index", "name", "value"), 1)),
    "delete_header": (_EOM, partial(_header_edit, reply.CHGHEADER, ("index", "name"), 1)),
    "add_recipient": (_EOM, partial(_address_edit, reply.ADDRCPT, reply.ADDRCPT_PAR)),
    "delete_recipient": (_EOM, partial(_string, reply.DELRCPT)),
    "change_sender": (_EOM, partial(_address_edit, reply.CHGFROM, reply.CHGFROM)),
    "replace_body": (_EOM, _body),
    "quarantine": (_EOM, partial(_string, reply.QUARANTINE)),
    "garbage": (_ANY, _garbage),
    "frame": (_ANY, _frame),
}
