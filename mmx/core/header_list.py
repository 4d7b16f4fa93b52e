"""The header block as Postfix's cleanup(8) sees it, and each edit's effect on it (E1 to E6).

The list begins with Postfix's own Received, which no milter is shown: INSHEADER counts it, CHGHEADER does
not (E3, E5). A header keeps its identity while others come and go around it, and a twin list shares
identities. That is how the index of a child which saw the original message is translated to the message as
it has become (`reindex`).
"""

from typing import Final, NamedTuple, Self

from mmx.wire import header, payload, reply
from mmx.wire.framing import frame

_OWN_RECEIVED: Final = object()
"""Identity of the Received header that Postfix adds itself and hides from milters (E2)."""

_MOST_READ_BACK: Final = 60000
"""Bytes of a header, name and colon included, that Postfix hands to a milter (W11)."""


class HeaderEdit(NamedTuple):
    """ADDHEADER, INSHEADER or CHGHEADER, its value in the form agreed with the MTA. ADDHEADER has no
    index.
    """

    code: int
    position: int
    name: bytes
    value: bytes

    @property
    def frame(self) -> bytes:
        """The edit as a frame for the MTA."""
        if self.code == reply.ADDHEADER:
            return frame(self.code, payload.encode_strings(self.name, self.value))
        return frame(self.code, payload.encode_indexed_header(self.position, self.name, self.value))


class Field(NamedTuple):
    """One header. `identity` stays with it through every change and is the same in two lists of one
    message.
    """

    identity: object
    name: bytes
    value: bytes


def _read_back(field: Field) -> bytes:
    return header.as_written(field.value)[: max(_MOST_READ_BACK - len(field.name) - 1, 0)]


def _new(name: bytes, value: bytes) -> Field:
    return Field(object(), name, value)


class HeaderList:
    """Headers in order, Postfix's own Received first."""

    __slots__ = ("_fields",)

    def __init__(self, fields: list[Field]) -> None:
        self._fields = fields

    @classmethod
    def of(cls, headers: list[tuple[bytes, bytes]]) -> Self:
        """The list for a message as the MTA sent it."""
        return cls([Field(_OWN_RECEIVED, b"Received", b""), *(_new(name, value) for name, value in headers)])

    def twin(self) -> "HeaderList":
        """A list of the same headers, edited separately."""
        return HeaderList(self._fields.copy())

    def visible(self) -> list[tuple[bytes, bytes]]:
        """What a milter is shown, values as they stand in the queue file."""
        return [(f.name, _read_back(f)) for f in self._fields if f.identity is not _OWN_RECEIVED]

    def apply(self, edit: HeaderEdit) -> None:
        """Do what cleanup(8) does for the edit."""
        if edit.code == reply.ADDHEADER:
            self.append(_new(edit.name, edit.value))
        elif edit.code == reply.INSHEADER:
            self._fields.insert(min(edit.position, len(self._fields)), _new(edit.name, edit.value))
        elif (field := self.find(edit.name, edit.position)) is not None:
            self.change(field.identity, edit)
        elif edit.value:
            self.append(_new(edit.name, edit.value))

    def append(self, field: Field) -> None:
        """Put a header at the end."""
        self._fields.append(field)

    def change(self, identity: object, edit: HeaderEdit) -> None:
        """Give a header its new name and value, or delete it if the value is empty."""
        place = self._place(identity)
        if edit.value:
            self._fields[place] = Field(identity, edit.name, edit.value)
        else:
            del self._fields[place]

    def find(self, name: bytes, index: int) -> Field | None:
        """The header that CHGHEADER means: the index-th of that name, 0 meaning 1 (E5)."""
        same = self._named(name)
        number = max(index, 1)
        return same[number - 1] if number <= len(same) else None

    def index_of(self, identity: object) -> int:
        """The CHGHEADER index of a header, 0 if it is not in the list any more."""
        field = next((f for f in self._fields if f.identity is identity), None)
        return 0 if field is None else self._named(field.name).index(field) + 1

    def insert(self, index: int, field: Field) -> None:
        """Put a header at an INSHEADER index."""
        self._fields.insert(index, field)

    def preceding(self, index: int) -> list[object]:
        """The identities of the headers that an INSHEADER at `index` goes below."""
        return [field.identity for field in self._fields[:index]]

    def place_below(self, preceding: list[object]) -> int:
        """The INSHEADER index below the last of `preceding` that is still here, 0 if none is."""
        here = {id(field.identity): place for place, field in enumerate(self._fields)}
        survivor = next((identity for identity in reversed(preceding) if id(identity) in here), None)
        return 0 if survivor is None else here[id(survivor)] + 1

    def _named(self, name: bytes) -> list[Field]:
        lower = name.lower()
        return [f for f in self._fields if f.name.lower() == lower and f.identity is not _OWN_RECEIVED]

    def _place(self, identity: object) -> int:
        return next(place for place, field in enumerate(self._fields) if field.identity is identity)


def reindex(edit: HeaderEdit, seen: HeaderList, actual: HeaderList) -> HeaderEdit | None:
    """The edit as it must reach the MTA when the child saw `seen` and the message is `actual` by now.

    Both lists are brought up to date. None: the edit has become nothing. A change of a header meanwhile
    deleted becomes an add at the end, a deletion of it nothing; a change of a header that the original lacks
    is an add.
    """
    if edit.code == reply.ADDHEADER:
        return _append(edit, _new(edit.name, edit.value), seen, actual)
    if edit.code == reply.INSHEADER:
        return _insert(edit, seen, actual)
    target = seen.find(edit.name, edit.position)
    if target is None:
        return _append(edit, _new(edit.name, edit.value), seen, actual) if edit.value else None
    seen.change(target.identity, edit)
    index = actual.index_of(target.identity)
    if index:
        actual.change(target.identity, edit)
        return edit._replace(position=index)
    if not edit.value:
        return None
    actual.append(Field(target.identity, edit.name, edit.value))
    return edit._replace(code=reply.ADDHEADER, position=0)


def _append(edit: HeaderEdit, field: Field, seen: HeaderList, actual: HeaderList) -> HeaderEdit:
    seen.append(field)
    actual.append(field)
    return edit._replace(code=reply.ADDHEADER, position=0)


def _insert(edit: HeaderEdit, seen: HeaderList, actual: HeaderList) -> HeaderEdit:
    field = _new(edit.name, edit.value)
    place = actual.place_below(seen.preceding(edit.position))
    seen.insert(edit.position, field)
    actual.insert(place, field)
    return edit._replace(position=place)
