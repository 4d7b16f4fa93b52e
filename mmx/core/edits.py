"""The edits of one child at end of message: checked as they arrive, held until its verdict (X3), then merged
(X4).

A malformed edit is a protocol error of the child (trap 51). One that is well formed but useless or never
negotiated is dropped with a remark (E7, E13). Header values are held in the form agreed with the MTA (X5).
The replaced body is held in normal form (E8), as the next child and the MTA get it.
"""

from collections.abc import Callable
from typing import Final

from mmx.core.content import Content, Revision
from mmx.core.header_list import HeaderEdit, HeaderList, reindex
from mmx.core.plan import OVERHEAD
from mmx.core.spool import Spool
from mmx.errors import ProtocolError
from mmx.wire import header, option, payload, reply
from mmx.wire.body import LineEndings
from mmx.wire.framing import CODE, DATA

_HEADER_EDITS: Final = frozenset({reply.ADDHEADER, reply.INSHEADER, reply.CHGHEADER})


class NoRoomError(Exception):
    """The replaced body does not fit into the spool."""


class Edits:
    """What one child asked for, in its order; its body apart."""

    __slots__ = ("_endings", "_leading_space", "_new_spool", "body", "requests", "size")

    def __init__(self, new_spool: Callable[[], Spool], *, add_leading_space: bool) -> None:
        self._new_spool = new_spool
        self._leading_space = add_leading_space
        self._endings = LineEndings()
        self.requests: list[bytes | HeaderEdit] = []
        """Frames as they go to the MTA, and header edits, which may need another index first."""
        self.body: Spool | None = None
        self.size = 0
        """Bytes held in `requests`, with what each costs beside its bytes."""

    @property
    def changes_content(self) -> bool:
        """True if a later child would see another message."""
        return self.body is not None or self.edits_headers

    @property
    def edits_headers(self) -> bool:
        """True if any header edit is held."""
        return any(isinstance(request, HeaderEdit) for request in self.requests)

    @property
    def holds(self) -> bool:
        """True if the child asked for quarantine."""
        return any(not isinstance(r, HeaderEdit) and r[CODE] == reply.QUARANTINE for r in self.requests)

    @property
    def hold_reason(self) -> bytes:
        """What it said of its last wish for quarantine; Postfix keeps that one."""
        asked = [r for r in self.requests if not isinstance(r, HeaderEdit) and r[CODE] == reply.QUARANTINE]
        return payload.decode_one_string(asked[-1][DATA:]) if asked else b""

    def add(self, received: bytes, actions: int) -> str:
        """Take an edit; the remark says why it was dropped, "" if it was not.

        Raises `ProtocolError` if it is malformed and `NoRoomError` if the body does not fit.
        """
        code = received[CODE]
        data = received[DATA:]
        edit = _READERS[code](code, data, self._leading_space)
        if not option.ACTION_OF_EDIT[code] & actions:
            return f"{reply.NAMES[code]} dropped: that action was not negotiated"
        if isinstance(edit, str):
            return f"{reply.NAMES[code]} dropped: {edit}"
        if code == reply.REPLBODY:
            self._replace_body(data)
            return ""
        self.requests.append(received if edit is None else edit)
        self.size += len(received) + OVERHEAD
        return ""

    def counts(self) -> tuple[tuple[str, int], ...]:
        """Names of edits and how many of each are held; a replaced body counts once."""
        codes = [one.code if isinstance(one, HeaderEdit) else one[CODE] for one in self.requests]
        if self.body is not None:
            codes.append(reply.REPLBODY)
        return tuple((reply.NAMES[code], codes.count(code)) for code in sorted(set(codes)))

    def release(self) -> None:
        """The child's QUARANTINE does not count; its other edits do."""
        self.requests = [r for r in self.requests if isinstance(r, HeaderEdit) or r[CODE] != reply.QUARANTINE]

    def finish(self) -> None:
        """The verdict is given: end the last line of a replaced body."""
        if self.body is not None:
            self._append_body(self._endings.finish())

    def drop(self) -> None:
        """The child refused or failed: nothing of it may reach the MTA."""
        self.requests.clear()
        if self.body is not None:
            self.body.close()
            self.body = None

    def _replace_body(self, data: bytes) -> None:
        if self.body is None:
            self.body = self._new_spool()
        self._append_body(self._endings.feed(data))

    def _append_body(self, data: bytes) -> None:
        if data and self.body is not None and not self.body.append(data):
            raise NoRoomError


def _read_header(code: int, data: bytes, leading_space: bool) -> HeaderEdit | str:
    if code == reply.ADDHEADER:
        position = 0
        name, value = payload.decode_header(data)
    else:
        position, name, value = payload.decode_indexed_header(data)
    if not header.is_valid_name(name):
        return f"{name!r} is no header name"
    if leading_space and (value or code != reply.CHGHEADER):
        value = header.with_leading_space(value)
    return HeaderEdit(code, position, name, value)


def _read_address(code: int, data: bytes, leading_space: bool) -> None:
    most = 1 if code in (reply.ADDRCPT, reply.DELRCPT) else 2
    if not 1 <= len(payload.strings(data)) <= most:
        raise ProtocolError(f"{reply.NAMES[code]} with a wrong number of strings")


def _read_quarantine(code: int, data: bytes, leading_space: bool) -> None:
    payload.decode_one_string(data)


def _read_body(code: int, data: bytes, leading_space: bool) -> None:
    """Any bytes are a body."""


_READERS: Final[dict[int, Callable[[int, bytes, bool], HeaderEdit | str | None]]] = {
    reply.ADDHEADER: _read_header,
    reply.INSHEADER: _read_header,
    reply.CHGHEADER: _read_header,
    reply.ADDRCPT: _read_address,
    reply.ADDRCPT_PAR: _read_address,
    reply.DELRCPT: _read_address,
    reply.CHGFROM: _read_address,
    reply.QUARANTINE: _read_quarantine,
    reply.REPLBODY: _read_body,
}
KINDS: Final = tuple(reply.NAMES[code] for code in _READERS)
"""Names of all edits."""


def merge(shares: list[tuple[Edits, bool]], content: Content) -> tuple[list[bytes], Spool | None]:
    """All edits in chain order as frames for the MTA, bodies apart, and the last replaced body (X4).

    A share is a child's edits and whether it saw the original message. Requests go out verbatim and in
    order, because Postfix applies them one by one to the list the children saw; only a child that saw the
    original message behind one that edited it needs other indexes.
    """
    body = next((edits.body for edits, _ in reversed(shares) if edits.body is not None), None)
    frames: list[bytes] = []
    headers = _Headers(content)
    editors = [number for number, (edits, _) in enumerate(shares) if edits.edits_headers]
    last_moved = max((number for number in editors[1:] if shares[number][1]), default=-1)
    for number, (edits, original) in enumerate(shares):
        requests = headers.follow(edits, original=original, needed=number <= last_moved)
        frames += [edit.frame if isinstance(edit, HeaderEdit) else edit for edit in requests]
    return frames, body


def revise(shares: list[tuple[Edits, bool]], content: Content) -> Revision:
    """The message as these children left it."""
    headers = _Headers(content)
    for edits, original in shares:
        headers.follow(edits, original=original, needed=True)
    body = next((edits.body for edits, _ in reversed(shares) if edits.body is not None), None)
    return Revision(headers.actual.visible(), content if body is None else body)


class _Headers:
    """The header block while the edits of one child after another are applied to it."""

    __slots__ = ("_content", "_edited", "_lists")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._lists: tuple[HeaderList, HeaderList] | None = None
        self._edited = False

    def _both(self) -> tuple[HeaderList, HeaderList]:
        """The header block as Postfix sent it and as it has become, read only when somebody asks."""
        if self._lists is None:
            original = HeaderList.of(self._content.headers)
            self._lists = (original, original.twin())
        return self._lists

    @property
    def actual(self) -> HeaderList:
        """The header block as it has become."""
        return self._both()[1]

    def follow(self, edits: Edits, *, original: bool, needed: bool) -> list[bytes | HeaderEdit]:
        """Apply one child's header edits if that is `needed`; its requests as they go to the MTA."""
        if not needed or not edits.edits_headers:
            return edits.requests
        sent, actual = self._both()
        first, self._edited = not self._edited, True
        if first or not original:
            for edit in edits.requests:
                if isinstance(edit, HeaderEdit):
                    actual.apply(edit)
            return edits.requests
        seen = sent.twin()
        moved = [reindex(e, seen, actual) if isinstance(e, HeaderEdit) else e for e in edits.requests]
        return [edit for edit in moved if edit is not None]
