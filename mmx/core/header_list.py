"""The header block as Postfix's cleanup(8) sees it, and each edit's effect on it (E1 to E6).

The list begins with Postfix's own Received, which no milter is shown: INSHEADER counts it, CHGHEADER does
not (E3, E5). A header keeps its identity while others come and go around it, and a twin list shares
identities. That is how the index of a child which saw the original message is translated to the message as
it has become (`reindex`).
"""

from bisect import bisect_left
from operator import attrgetter
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


class Field:
    """One header. `identity` stays with it through every change and is the same in two lists of one
    message.
    """

    __slots__ = ("gone", "identity", "name", "order", "value")

    def __init__(self, identity: object, name: bytes, value: bytes) -> None:
        self.identity = identity
        self.name = name
        self.value = value
        self.order = 0
        """Grows from header to header of a list."""
        self.gone = False
        """Deleted; the list drops it when somebody asks for positions."""


def _new(name: bytes, value: bytes) -> Field:
    return Field(object(), name, value)


_order = attrgetter("order")


def _place(same: list[Field], field: Field) -> int:
    """Where the header stands, or belongs, among those of its name."""
    return bisect_left(same, field.order, key=_order)


def _read_back(field: Field) -> bytes:
    return header.as_written(field.value)[: max(_MOST_READ_BACK - len(field.name) - 1, 0)]


class HeaderList:
    """Headers in order, Postfix's own Received first.

    A mail may carry thousands of headers that a child deletes one by one, so finding one by name and deleting
    it take no walk over all of them. Inserting does: no child inserts more than a few.
    """

    __slots__ = ("_any_gone", "_by_identity", "_by_name", "_fields")

    def __init__(self, fields: list[Field]) -> None:
        self._fields = fields
        self._any_gone = False
        self._by_identity: dict[object, Field] = {}
        self._by_name: dict[bytes, list[Field]] = {}
        """Lower-case name to the headers of that name in order, Postfix's own Received left out."""
        for order, field in enumerate(fields):
            field.order = order
            self._by_identity[field.identity] = field
            if field.identity is not _OWN_RECEIVED:
                self._named(field.name).append(field)

    @classmethod
    def of(cls, headers: list[tuple[bytes, bytes]]) -> Self:
        """The list for a message as the MTA sent it."""
        return cls([Field(_OWN_RECEIVED, b"Received", b""), *(_new(name, value) for name, value in headers)])

    def twin(self) -> "HeaderList":
        """A list of the same headers, edited separately."""
        return HeaderList([Field(f.identity, f.name, f.value) for f in self._present()])

    def visible(self) -> list[tuple[bytes, bytes]]:
        """What a milter is shown, values as they stand in the queue file."""
        return [(f.name, _read_back(f)) for f in self._present() if f.identity is not _OWN_RECEIVED]

    def apply(self, edit: HeaderEdit) -> None:
        """Do what cleanup(8) does for the edit."""
        if edit.code == reply.ADDHEADER:
            self.append(_new(edit.name, edit.value))
        elif edit.code == reply.INSHEADER:
            self.insert(edit.position, _new(edit.name, edit.value))
        elif (field := self.find(edit.name, edit.position)) is not None:
            self.change(field, edit)
        elif edit.value:
            self.append(_new(edit.name, edit.value))

    def append(self, field: Field) -> None:
        """Put a header at the end."""
        field.order = self._fields[-1].order + 1
        self._fields.append(field)
        self._named(field.name).append(field)
        self._by_identity[field.identity] = field

    def insert(self, position: int, field: Field) -> None:
        """Put a header at an INSHEADER position; beyond the end is the end."""
        fields = self._present()
        fields.insert(position, field)
        for order, one in enumerate(fields):
            one.order = order
        same = self._named(field.name)
        same.insert(_place(same, field), field)
        self._by_identity[field.identity] = field

    def change(self, field: Field, edit: HeaderEdit) -> None:
        """Give a header of this list its new name and value, or delete it if the value is empty."""
        if edit.value:
            field.name, field.value = edit.name, edit.value
        else:
            same = self._named(field.name)
            del same[_place(same, field)]
            field.gone = self._any_gone = True

    def find(self, name: bytes, number: int) -> Field | None:
        """The header that CHGHEADER means: the number-th of that name, 0 meaning 1 (E5)."""
        same = self._named(name)
        number = max(number, 1)
        return same[number - 1] if number <= len(same) else None

    def twin_of(self, field: Field) -> Field | None:
        """The header of this list that is `field` of another one, None if it is not here any more."""
        twin = self._by_identity.get(field.identity)
        return None if twin is None or twin.gone else twin

    def number_of(self, field: Field) -> int:
        """The CHGHEADER index of a header of this list."""
        return _place(self._named(field.name), field) + 1

    def preceding(self, position: int) -> list[object]:
        """The identities of the headers that an INSHEADER at `position` goes below."""
        return [field.identity for field in self._present()[:position]]

    def place_below(self, preceding: list[object]) -> int:
        """The INSHEADER position below the last of `preceding` that is still here, 0 if none is."""
        here = {field.identity: place for place, field in enumerate(self._present())}
        survivor = next((identity for identity in reversed(preceding) if identity in here), None)
        return 0 if survivor is None else here[survivor] + 1

    def _present(self) -> list[Field]:
        """The headers without those that are gone."""
        if self._any_gone:
            self._fields = [field for field in self._fields if not field.gone]
            self._any_gone = False
        return self._fields

    def _named(self, name: bytes) -> list[Field]:
        return self._by_name.setdefault(name.lower(), [])


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
    seen.change(target, edit)
    twin = actual.twin_of(target)
    if twin is not None:
        number = actual.number_of(twin)
        actual.change(twin, edit)
        return edit._replace(position=number)
    if not edit.value:
        return None
    actual.append(Field(target.identity, edit.name, edit.value))
    return edit._replace(code=reply.ADDHEADER, position=0)


def _append(edit: HeaderEdit, field: Field, seen: HeaderList, actual: HeaderList) -> HeaderEdit:
    seen.append(field)
    actual.append(Field(field.identity, field.name, field.value))
    return edit._replace(code=reply.ADDHEADER, position=0)


def _insert(edit: HeaderEdit, seen: HeaderList, actual: HeaderList) -> HeaderEdit:
    field = _new(edit.name, edit.value)
    place = actual.place_below(seen.preceding(edit.position))
    seen.insert(edit.position, field)
    actual.insert(place, Field(field.identity, field.name, field.value))
    return edit._replace(position=place)
