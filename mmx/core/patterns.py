"""Names against lists of names: exact ones, suffixes, and patterns with wildcards.

    example.com       this name
    .example.com      every name below it, not itself (domains only)
    *.example.com     the same
    mail*.example.?   `*` stands for any characters, also none and also dots, `?` for one; no other is special

Exact names and suffixes lie in sets, so ten thousand cost what one does: one look-up for the name and one for
each of its dots, as far to the left as the longest suffix reaches. Only patterns with other wildcards are
tried one by one. A pattern is split at its `*`: the first piece must stand at the beginning, the last at the
end, each other at the first place behind the one before, which is right because a piece has a fixed length.
So a name is read once for each piece, whatever it looks like.

Everything is compared without regard to the case of ASCII letters.
"""

import re
from collections.abc import Iterable
from typing import Final

_WILDCARDS: Final = re.compile(rb"[*?]")
_BLANKS: Final = b" \t\r\n"


def plain(name: bytes) -> bytes:
    """A name as it is compared: small letters, no blanks around, no dot at the end."""
    return name.strip(_BLANKS).lower().rstrip(b".")


class Glob:
    """One pattern with wildcards."""

    __slots__ = ("_first", "_last", "_middle", "_shortest", "_tail", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        pieces = text.split(b"*")
        self._shortest = sum(map(len, pieces))
        self._first = _piece(pieces[0])
        self._middle = tuple(_piece(piece) for piece in pieces[1:-1] if piece)
        self._tail = len(pieces[-1])
        self._last = _piece(pieces[-1]) if len(pieces) > 1 else None

    def matches(self, name: bytes) -> bool:
        """`name` must be in the form in which it is compared."""
        if self._last is None:
            return self._first.fullmatch(name) is not None
        begin = self._first.match(name)
        end = len(name) - self._tail
        if begin is None or len(name) < self._shortest or not self._last.match(name, end):
            return False
        at = begin.end()
        for piece in self._middle:
            found = piece.search(name, at, end)
            if found is None:
                return False
            at = found.end()
        return True


def _piece(text: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(text).replace(rb"\?", b"."), re.DOTALL)


class Patterns:
    """A list of names and patterns. `domains`: a dot in front, or `*.`, stands for every name below."""

    __slots__ = ("_exact", "_globs", "_longest", "_suffixes")

    def __init__(self, entries: Iterable[bytes], *, domains: bool = False) -> None:
        exact: set[bytes] = set()
        suffixes: set[bytes] = set()
        globs: dict[bytes, Glob] = {}
        for entry in entries:
            text = plain(entry) if domains else entry.strip(_BLANKS).lower()
            below = text.removeprefix(b"*") if domains else b""
            if below[:1] == b"." and not _WILDCARDS.search(below):
                suffixes.add(below)
            elif _WILDCARDS.search(text):
                globs[text] = Glob(text)
            else:
                exact.add(text)
        self._exact = frozenset(exact)
        self._suffixes = frozenset(suffixes)
        self._longest = max(map(len, suffixes), default=0)
        self._globs = tuple(globs.values())

    def __bool__(self) -> bool:
        return bool(self._exact or self._suffixes or self._globs)

    def find(self, name: bytes) -> bytes | None:
        """The entry that the name satisfies; `name` must be in the form in which it is compared."""
        if name in self._exact:
            return name
        if self._longest:
            at = name.find(b".", max(0, len(name) - self._longest))
            while at >= 0:
                if at and name[at:] in self._suffixes:
                    return name[at:]
                at = name.find(b".", at + 1)
        for glob in self._globs:
            if glob.matches(name):
                return glob.text
        return None
