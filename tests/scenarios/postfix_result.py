"""What a Postfix 3.7 makes of mmx's answers: the SMTP reply, and the message that it delivers."""

import re
from collections.abc import Iterable
from typing import Final

from mmx.wire import command, framing, header, payload, reply
from tests.integration.sink import Delivery

ACCEPTED: Final = {
    command.MAIL: rb"250 2\.1\.0 .*",
    command.RCPT: rb"250 2\.1\.5 .*",
    command.DATA: rb"354 .*",
    command.EOM: rb"250 2\.0\.0 .* queued as \w+",
    command.HELO: rb"250.*",
    command.UNKNOWN: rb"50[02] 5\.5\.[12] .*",
    command.QUIT: rb"221 .*",
}
"""How Postfix says yes to each command; to one that it does not know it never does."""

PLAIN: Final = {
    reply.REJECT: re.escape(b"550 5.7.1") + rb".*Command rejected",
    reply.TEMPFAIL: re.escape(b"451 4.7.1") + rb".*Service unavailable - try again later",
}


def expected_reply(last: int, frame: bytes) -> bytes:
    """A regular expression for what the client is told when mmx answers `frame` to the command `last`."""
    code = frame[framing.CODE]
    if code in PLAIN:
        return PLAIN[code]
    if code == reply.REPLYCODE:
        return _text(payload.decode_one_string(frame[framing.DATA :]))
    return ACCEPTED[last]


def _text(text: bytes) -> bytes:
    """Postfix undoes doubled percent signs and drops single ones (W15), and adds the address it speaks of."""
    plain = re.sub(rb"%(%?)", rb"\1", text)
    status = rb"(\d{3}[ -](?:\d\.\d+\.\d+ )?)(.*)"
    lines = []
    for line in plain.split(b"\r\n"):
        match = re.fullmatch(status, line, re.DOTALL)
        assert match, line
        lines.append(re.escape(match.group(1)) + rb"(?:<[^>]*>: )?" + rb".*?" + re.escape(match.group(2)))
    return rb"\r\n".join(lines)


def check_edits(edits: Iterable[bytes], deliveries: tuple[Delivery, ...]) -> str:
    """What is wrong with the delivered message after these edits, or ""."""
    edits = list(edits)
    if not deliveries:
        return ""
    message = deliveries[0]
    head, _, body = message.content.partition(b"\r\n\r\n")
    for number, frame in enumerate(edits):
        if not any(_replaces(later, frame) for later in edits[number + 1 :]):
            wrong = _check_edit(frame, message, head + b"\r\n")
            if wrong:
                return wrong
    bodies = [frame[framing.DATA :] for frame in edits if frame[framing.CODE] == reply.REPLBODY]
    if bodies and b"".join(bodies) != body:
        return f"the body is {body[:200]!r}"
    return ""


def _replaces(later: bytes, edit: bytes) -> bool:
    """Whether a later edit may undo this one."""
    if later[framing.CODE] == reply.CHGFROM:
        return edit[framing.CODE] == reply.CHGFROM
    return later[framing.CODE] == reply.CHGHEADER and _header_name(later) == _header_name(edit)


def _header_name(frame: bytes) -> bytes:
    code, data = frame[framing.CODE], frame[framing.DATA :]
    if code == reply.ADDHEADER:
        return payload.decode_header(data)[0].lower()
    if code in (reply.INSHEADER, reply.CHGHEADER):
        return payload.decode_indexed_header(data)[1].lower()
    return b""


def _check_edit(frame: bytes, message: Delivery, head: bytes) -> str:
    code, data = frame[framing.CODE], frame[framing.DATA :]
    if code in (reply.ADDHEADER, reply.INSHEADER, reply.CHGHEADER):
        return _check_header(code, data, head)
    if code in (reply.ADDRCPT, reply.ADDRCPT_PAR, reply.DELRCPT):
        address = _bare(payload.decode_address(data)[0])
        if address and (address in message.recipients) == (code == reply.DELRCPT):
            return f"the recipients are {message.recipients}"
    if code == reply.CHGFROM and message.sender != _bare(payload.decode_address(data)[0]):
        return f"the sender is {message.sender}"
    return ""


def _check_header(code: int, data: bytes, head: bytes) -> str:
    if code == reply.ADDHEADER:
        name, value = payload.decode_header(data)
    else:
        _, name, value = payload.decode_indexed_header(data)
    if code == reply.CHGHEADER and not value:
        return ""
    line = name + b":" + header.as_written(value).replace(b"\n", b"\r\n") + b"\r\n"
    return "" if line in head else f"no {line!r} in {head!r}"


def _bare(address: bytes) -> str:
    return address.decode("latin-1").removeprefix("<").removesuffix(">")
